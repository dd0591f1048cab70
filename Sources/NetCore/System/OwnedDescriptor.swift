import CKernel
import Glibc

/// A file descriptor that is closed once, when its owner goes.
public struct OwnedDescriptor: ~Copyable {
    public let number: Int32

    /// Takes over an open descriptor.
    public init(taking number: Int32) { self.number = number }

    /// Opens a path with O_CLOEXEC (man 2 open). Throws what the kernel said.
    public init(open path: String, _ flags: Int32, mode: UInt32 = 0) throws(KernelError) {
        let number: Int32
        do throws(KernelError) {
            number = try check("open \(path)") { berth_open_cloexec(path, flags, mode) }
        } catch {
            throw KernelError.ofFile(error.operation, error.errno)
        }
        self.init(taking: number)
    }

    /// Gives the descriptor away without closing it.
    public consuming func release() -> Int32 {
        let number = number
        discard self
        return number
    }

    deinit { close(number) }
}
