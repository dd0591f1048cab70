import CKernel
import Glibc
import NetCore
import NetPlan

/// `berth-firewalld`: speaks to firewalld for berth's plugins. It reads a request (NetPlan's FirewalldRequest) from standard
/// input and writes lines to standard output; a refusal is one line, "errno TAB what was attempted TAB explanation", and exit
/// code 1. A program of its own because libdbus cannot be linked statically
/// (docs/adr/0011-firewalld.md).
@main
struct Program {
    static func main() {
        berth_die_with_parent()
        do throws(KernelError) {
            let bytes = try Files.read(STDIN_FILENO, limit: 1 << 20, operation: "read the request")
            guard let request = FirewalldRequest(reading: String(decoding: bytes, as: UTF8.self)) else {
                throw KernelError(
                    "read the request", .invalidArgument,
                    "it is look, add or remove, then lines of a zone, a space and a source")
            }
            let lines = try Firewalld().answer(request)
            write(lines.map { $0 + "\n" }.joined(), to: STDOUT_FILENO)
        } catch {
            // One line, whatever the other side said.
            let said = [error.operation, error.explanation ?? ""].map { text in
                String(text.map { $0 == "\t" || $0.isNewline ? " " : $0 })
            }
            write("\(error.errno.rawValue)\t\(said[0])\t\(said[1])\n", to: STDOUT_FILENO)
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
