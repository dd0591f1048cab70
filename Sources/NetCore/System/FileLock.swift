import CKernel
import Glibc

/// A BSD lock on a file (man 2 flock), held until the value goes.
public struct FileLock: ~Copyable {
    private let file: OwnedDescriptor

    public enum Mode: Sendable { case shared, exclusive }

    /// Opens (O_CREAT|O_RDONLY, `permissions`; O_RDWR where the file also holds something) and locks; waits at most
    /// `seconds`, then throws ETIMEDOUT.
    public init(
        _ path: String, _ mode: Mode, seconds: Int = 30, permissions: UInt32 = 0o600, isWritten: Bool = false
    ) throws(KernelError) {
        let file = try OwnedDescriptor(
            open: path, (isWritten ? O_RDWR : O_RDONLY) | O_CREAT, mode: permissions)
        try self.init(file, path, mode, seconds: seconds)
    }

    /// Locks a directory that exists; ENOENT where it does not.
    public init(directory: String, _ mode: Mode, seconds: Int = 30) throws(KernelError) {
        let file = try OwnedDescriptor(open: directory, O_RDONLY | O_DIRECTORY)
        try self.init(file, directory, mode, seconds: seconds)
    }

    private init(_ file: consuming OwnedDescriptor, _ path: String, _ mode: Mode, seconds: Int) throws(KernelError) {
        let operation = (mode == .shared ? LOCK_SH : LOCK_EX) | LOCK_NB
        // Short naps, growing to 1 ms: a lock is held for a millisecond, and a bounded wait needs no signal handler.
        var waited = 0
        var nap: UInt32 = 50
        while flock(file.number, operation) != 0 {
            let code = Errno.current
            guard code == .wouldBlock || code == .interrupted else { throw KernelError("lock \(path)", code) }
            guard waited < seconds * 1_000_000 else {
                throw KernelError("lock \(path)", .timedOut, "another process has held it for \(seconds) seconds")
            }
            usleep(nap)
            waited += Int(nap)
            nap = min(nap * 2, 1000)
        }
        self.file = file
    }

    /// Lets go now rather than at the end of the value's life.
    public consuming func release() {}

    /// The descriptor, for a child that must hold the lock too.
    public var descriptor: Int32 { file.number }
}
