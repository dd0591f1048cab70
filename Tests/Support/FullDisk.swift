import Glibc
import NetCore

extension PrivateHost {
    /// Nothing more fits on the small disk of that file (a tmpfs of the test's own, of at most 1 MiB).
    public func fillDisk(_ path: String) throws {
        let file = try OwnedDescriptor(open: path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
        for _ in 0..<300 {
            do throws(KernelError) {
                try Files.write([UInt8](repeating: 0, count: 4096), to: file.number, operation: "fill \(path)")
            } catch {
                guard error.errno.isFull else { throw error }
                return
            }
        }
        throw HostRefused("the disk of \(path) is not full with 1 MiB")
    }
}
