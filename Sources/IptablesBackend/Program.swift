import CKernel
import Glibc
import NetCore
import NetPlan

/// `berth-iptables`: changes the tables of iptables-legacy for berth's plugins. It reads a request (NetPlan's IptablesRequest)
/// from standard input and writes lines to standard output; a refusal is one line, "errno TAB what was attempted TAB
/// explanation", and exit code 1. A program of its own because libiptc is GPL (LICENSES.md).
@main
struct Program {
    static func main() {
        berth_die_with_parent()
        do throws(KernelError) {
            let bytes = try Files.read(STDIN_FILENO, limit: 8 << 20, operation: "read the request")
            let request: IptablesRequest
            do throws(IptablesRule.Mistake) {
                request = try IptablesRequest(reading: String(decoding: bytes, as: UTF8.self))
            } catch {
                throw KernelError("read the request", .invalidArgument, error.description)
            }
            let lines = try LegacyTables.answer(request)
            write(lines.map { $0 + "\n" }.joined(), to: STDOUT_FILENO)
        } catch {
            write("\(error.errno.rawValue)\t\(error.operation)\t\(error.explanation ?? "")\n", to: STDOUT_FILENO)
            exit(1)
        }
    }

    private static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { return }
            rest = rest.dropFirst(max(count, 0))
        }
    }
}
