import CKernel
import Glibc

/// Tells when somebody has let go of a lock file (man 7 inotify), whether it exists already or not.
struct LockWatch: ~Copyable {
    private let queue: OwnedDescriptor
    private let name: [UInt8]

    /// From now on nothing is missed. Throws what the kernel said; ENOENT where the file's folder is not there.
    init(_ path: String) throws(KernelError) {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let folder = slash == path.startIndex ? "/" : String(path[..<slash])
        name = Array(path[path.index(after: slash)...].utf8)
        let number = try check("watch \(path)") { inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC)) }
        let queue = OwnedDescriptor(taking: number)
        try check("watch \(folder)") {
            inotify_add_watch(number, folder, UInt32(IN_CLOSE_WRITE | IN_CLOSE_NOWRITE))
        }
        self.queue = queue
    }

    var descriptor: Int32 { queue.number }

    /// Was it let go of since the last call?
    borrowing func drain() -> Bool {
        var found = false
        var bytes = [UInt8](repeating: 0, count: 16 << 10)
        for _ in 0..<10_000 {
            let count = read(queue.number, &bytes, bytes.count)
            guard count > 0 else { break }
            var rest = bytes[..<count]
            // struct inotify_event: watch, mask, cookie, length of the name, the name with zeros behind it.
            while rest.count >= 16 {
                let start = rest.startIndex
                let mask = (0..<4).reduce(UInt32(0)) { $0 | UInt32(rest[start + 4 + $1]) << (8 * UInt32($1)) }
                let length = (0..<4).reduce(0) { $0 | Int(rest[start + 12 + $1]) << (8 * $1) }
                guard rest.count >= 16 + length else { break }
                let text = rest[(start + 16)..<(start + 16 + length)].prefix { $0 != 0 }
                if text.elementsEqual(name) || mask & UInt32(IN_Q_OVERFLOW) != 0 { found = true }
                rest = rest.dropFirst(16 + length)
            }
        }
        return found
    }
}
