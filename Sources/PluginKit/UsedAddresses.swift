import Glibc
import NetCore

/// Which addresses of a network were given to a container since the boot: only one that was has to be announced, because
/// neighbours may remember its last holder. An announcement is a broadcast that every container of the bridge receives,
/// 5 ms of an ADD at 1,000 of them. A byte an address, sparse, in the file of the network's lock.
public struct UsedAddresses: ~Copyable, Sendable {
    private let file: Int32
    /// An IPv6 network is larger: addresses that share a byte are announced once too often, no more.
    private static let size: UInt128 = 1 << 20

    /// `lock` must live as long.
    init(_ lock: borrowing FileLock) { file = lock.descriptor }

    /// The addresses count as used from now on. True when one of them was before, or when that cannot be told.
    public func use(_ addresses: [IPAddress]) -> Bool {
        var wereUsed = false
        for address in addresses {
            let place = Int(address.value % UsedAddresses.size)
            var mark: UInt8 = 0
            guard pread(file, &mark, 1, place) >= 0 else { return true }
            if mark != 0 { wereUsed = true }
            mark = 1
            guard pwrite(file, &mark, 1, place) == 1 else { return true }
        }
        return wereUsed
    }
}
