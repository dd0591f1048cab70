import Glibc

/// Where berth keeps what must not outlive a boot: attachment records and locks, below /run/berth or $BERTH_STATE_DIR.
public struct StateDirectory: Hashable, Sendable {
    public let path: String

    public init(_ path: String = "/run/berth") { self.path = path }

    public var attachments: String { "\(path)/attachments" }
    public var locks: String { "\(path)/locks" }

    /// Runs `body` under the lock that every process of this host takes for "look, then change our nftables table".
    public func withNetfilterLock<R>(_ body: () throws(KernelError) -> R) throws(KernelError) -> R {
        let lock = try lock("netfilter", .exclusive)
        let result: R
        do throws(KernelError) {
            result = try body()
        } catch {
            lock.release()
            throw error
        }
        lock.release()
        return result
    }

    /// That lock's file, for another program that takes it; its folder is there.
    public func netfilterLockFile() throws(KernelError) -> String {
        let file = "\(locks)/netfilter"
        if access(file, F_OK) != 0 { try Files.makeDirectories(locks, mode: 0o700) }
        return file
    }

    /// Shared by ADD and DEL of a network, exclusive for its GC (cni.md P-59). The file also keeps which addresses of the
    /// network were ever given (`UsedAddresses`).
    /// Waits at most `seconds`, then throws ETIMEDOUT.
    public func networkLock(_ network: String, _ mode: FileLock.Mode, seconds: Int = 30) throws(KernelError) -> FileLock
    {
        try lock("plugins-\(Attachment.networkTag(network))", mode, seconds: seconds, isWritten: true)
    }

    /// Held while it is decided whether an address stays a source of one of firewalld's zones. Waits at most 30 seconds, then
    /// throws ETIMEDOUT.
    public func zoneLock() throws(KernelError) -> FileLock { try lock("firewalld", .exclusive) }

    private func lock(
        _ name: String, _ mode: FileLock.Mode, seconds: Int = 30, isWritten: Bool = false
    ) throws(KernelError) -> FileLock {
        let file = "\(locks)/\(name)"
        do {
            return try FileLock(file, mode, seconds: seconds, isWritten: isWritten)
        } catch  where error.errno == .noSuchFile {
            try Files.makeDirectories(locks, mode: 0o700)
            return try FileLock(file, mode, seconds: seconds, isWritten: isWritten)
        }
    }
}
