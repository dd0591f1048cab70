import Glibc
import NetCore

extension ShimProcess {
    /// Ends what somebody who was killed left on its way: shims and runtimes that were started for the container and may not have written
    /// down yet that they are there, as a shim before its lock, or a runtime whose shim is gone. True when none is left.
    public static func endStrays(_ id: String) -> Bool {
        for _ in 0..<200 {
            let found = strays(id)
            if found.isEmpty { return true }
            for pid in found { kill(pid, SIGKILL) }
            usleep(5000)
        }
        return false
    }

    private static func strays(_ id: String) -> [pid_t] {
        let names: [String]
        do throws(KernelError) { names = try Files.names(in: "/proc") } catch { return [] }
        return names.compactMap { pid_t($0) }.filter { pid in
            guard pid > 1, pid != getpid() else { return false }
            let line: [UInt8]
            // It has ended meanwhile; one that is not waited for yet has no words any more.
            do throws(KernelError) { line = try Files.read("/proc/\(pid)/cmdline", limit: 1 << 20) } catch {
                return false
            }
            let words = line.split(separator: 0)
            guard let program = words.first?.split(separator: UInt8(ascii: "/")).last else { return false }
            return (program.elementsEqual("berth-shim".utf8) || program.elementsEqual("berth-oci".utf8))
                && words.contains { $0.elementsEqual(id.utf8) }
        }
    }
}
