import CKernel
import Glibc
import NetCore
import NetPlan

/// `berth-iptables`: changes the tables of iptables-legacy for berth's plugins. It reads a request (NetPlan's IptablesRequest)
/// from standard input and writes lines to standard output (HelperAnswer); a refusal is one line, "errno TAB what was attempted TAB
/// explanation", and exit code 1. A program of its own because libiptc is GPL (LICENSES.md).
@main
struct Program {
    static func main() {
        berth_die_with_parent()
        // While the plugin that has started this still looks what is to be asked. A refusal is told when a table of the family is.
        _ = try? Libiptc.of(.v4)
        do throws(KernelError) {
            let bytes = try Files.read(STDIN_FILENO, limit: 8 << 20, operation: "read the request")
            let request: IptablesRequest
            do throws(IptablesRule.Mistake) {
                request = try IptablesRequest(reading: String(decoding: bytes, as: UTF8.self))
            } catch {
                throw KernelError("read the request", .invalidArgument, error.description)
            }
            HelperAnswer.give(try LegacyTables.answer(request))
        } catch {
            HelperAnswer.refuse(error)
        }
    }
}
