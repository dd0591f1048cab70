import CKernel
import Glibc
import NetCore
import NetPlan

/// `berth-firewalld`: speaks to firewalld for berth's plugins. It reads a request (NetPlan's FirewalldRequest) from standard
/// input and writes lines to standard output (HelperAnswer); a refusal is one line, "errno TAB what was attempted TAB explanation", and exit
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
            HelperAnswer.give(try Firewalld().answer(request))
        } catch {
            HelperAnswer.refuse(error)
        }
    }
}
