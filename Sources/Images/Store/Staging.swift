import Glibc
import NetCore

/// A directory below `tmp` where something is made before it is moved to its place. It is locked as long as its maker lives;
/// what nobody holds any more was left by one that was killed, and is swept by the next.
final class Staging {
    let path: String
    /// A maker was killed: what it had moved already may belong to no image.
    let hasSwept: Bool
    private let lock: FileLock
    private var count = 0

    init(_ store: ImageStore) throws(ImageError) {
        try store.prepare()
        let path = "\(store.temporary)/\(getpid())-\(Staging.unique())"
        self.path = path
        var own: FileLock?
        var hasSwept = false
        try store.locked(.exclusive) { () throws(ImageError) in
            for name in try kernel({ () throws(KernelError) in try Files.names(in: store.temporary) }) {
                guard let stale = try Staging.abandoned("\(store.temporary)/\(name)") else { continue }
                try Removal.remove(path: "\(store.temporary)/\(name)")
                stale.release()
                hasSwept = true
            }
            own = try kernel { () throws(KernelError) in
                try Files.makeDirectories(path, mode: 0o700)
                return try FileLock(directory: path, .exclusive, seconds: 0)
            }
        }
        lock = own.take()!
        self.hasSwept = hasSwept
    }

    deinit {
        // What cannot be removed now is swept later.
        do throws(ImageError) { try Removal.remove(path: path) } catch { return }
    }

    /// One for this store. What a killed maker had moved to its place before it could say whose it is goes, too.
    static func begun(_ store: ImageStore) throws(ImageError) -> Staging {
        let staging = try Staging(store)
        if staging.hasSwept {
            try store.locked(.exclusive) { () throws(ImageError) in try store.collect(into: staging) }
        }
        return staging
    }

    /// A path in it that is not taken.
    func place(_ kind: String) -> String {
        count += 1
        return "\(path)/\(kind)-\(count)"
    }

    /// Nil when its maker lives, or it has just gone.
    private static func abandoned(_ path: String) throws(ImageError) -> FileLock? {
        do throws(KernelError) {
            return try FileLock(directory: path, .exclusive, seconds: 0)
        } catch {
            switch error.errno.rawValue {
            case ETIMEDOUT, ENOENT: return nil
            case ENOTDIR:
                unlink(path)
                return nil
            default: throw ImageError(error)
            }
        }
    }

    static func unique() -> String {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return String(UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec), radix: 36)
            + String(UInt32.random(in: 0...UInt32.max), radix: 36)
    }
}
