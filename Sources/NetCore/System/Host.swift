import CKernel
import Glibc

/// What tells one run of this machine, and one caller, from another.
public enum Host {
    /// 36 characters that no other boot has (man 4 random); nil where /proc does not tell.
    public static let bootID: String? = text("/proc/sys/kernel/random/boot_id").map { String($0.prefix(36)) }

    /// The name of the program that started this one, at most 15 bytes (man 5 proc, comm); nil when it has gone.
    public static var callingProgram: String? { text("/proc/\(getppid())/comm") }

    /// This program's file: the path that it was executed by, and /proc/self/exe where that was none from the root. (A process'
    /// first way through /proc takes 0.03 ms.)
    public static var programFile: String { berth_program_path().map { String(cString: $0) } ?? "/proc/self/exe" }

    private static func text(_ path: String) -> String? {
        do throws(KernelError) {
            let bytes = try Files.read(path, limit: 4096)
            return String(decoding: bytes.prefix { $0 != 0x0a }, as: UTF8.self)
        } catch {
            return nil
        }
    }
}
