import Glibc
import NetCore

/// What the files below a directory hold, as `docker ps -s` counts it: bytes of each once, however many names it has. Directories
/// count nothing, nor does what lies more than 900 of them deep.
public struct TreeSize {
    private struct Key: Hashable {
        let device: UInt64
        let inode: UInt64
    }
    private var bytes: Int64 = 0
    /// Those with several names that are counted already.
    private var seen: Set<Key> = []

    /// 0 where nothing is. What goes away meanwhile is not counted.
    public static func bytes(below path: String) throws(ImageError) -> Int64 {
        let root = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard root >= 0 else {
            if errno == ENOENT { return 0 }
            throw ImageError(KernelError("count what \(path) holds", .current))
        }
        defer { close(root) }
        var size = TreeSize()
        try size.add(root, depth: 0)
        return size.bytes
    }

    private mutating func add(_ directory: Int32, depth: Int) throws(ImageError) {
        for name in try Directory.names(directory) {
            guard let facts = try Directory.facts(directory, name) else { continue }
            guard facts.isDirectory else {
                let key = Key(device: facts.found.device, inode: facts.found.inode)
                if facts.found.links > 1, !seen.insert(key).inserted { continue }
                bytes += facts.found.size
                continue
            }
            guard depth < 900 else { continue }
            do throws(KernelError) {
                let below = try Directory.entry(directory, name, O_RDONLY | O_DIRECTORY)
                do throws(ImageError) { try add(below.number, depth: depth + 1) } catch {
                    throw KernelError("count what \(name.shown) holds", Errno(EIO), error.description)
                }
            } catch {
                if error.errno == .noSuchFile || [ENOTDIR, ELOOP].contains(error.errno.rawValue) { continue }
                throw ImageError(error)
            }
        }
    }
}

extension ContainerRoot {
    /// Bytes that the container has written over its image.
    public func size() throws(ImageError) -> Int64 { try TreeSize.bytes(below: upper) }
}
