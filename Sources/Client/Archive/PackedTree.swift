import Glibc
import NetCore

/// A file or directory of this machine as a tar archive, made piece by piece.
public final class PackedTree {
    private var waiting: [(path: String, name: String)]
    private var pending: [UInt8] = []
    private var file: Int32 = -1
    private var left: Int64 = 0
    private var padding = 0
    private var isEnded = false
    private let followsFirst: Bool
    private var isFirst = true

    /// `name`: what `path` is called in the archive; nil leaves the directory itself out, its content stands at the top.
    public init(_ path: String, as name: String?, followsLink: Bool) {
        waiting = [(path, name ?? ".")]
        followsFirst = followsLink
    }

    deinit { if file >= 0 { close(file) } }

    /// The next bytes; at the end none.
    public func next() throws(ClientError) -> [UInt8] {
        while true {
            if file >= 0 { return try content() }
            guard let (path, name) = waiting.popLast() else {
                if isEnded { return [] }
                isEnded = true
                return [UInt8](repeating: 0, count: 1024)
            }
            if let bytes = try member(path, name) { return bytes }
        }
    }

    /// Nil: it is nothing that an archive takes (a socket), or is gone.
    private func member(_ path: String, _ name: String) throws(ClientError) -> [UInt8]? {
        var found = stat()
        let follows = isFirst && followsFirst
        isFirst = false
        guard (follows ? stat(path, &found) : lstat(path, &found)) == 0 else {
            throw ClientError(KernelError("read \(path)", .current))
        }
        let kind: TarHeader.Kind
        var link = ""
        switch found.st_mode & S_IFMT {
        case S_IFREG: kind = .file
        case S_IFDIR: kind = .directory
        case S_IFIFO: kind = .pipe
        case S_IFLNK:
            kind = .symbolicLink
            var room = [CChar](repeating: 0, count: Int(PATH_MAX))
            let count = readlink(path, &room, room.count)
            guard count >= 0 else { throw ClientError(KernelError("read the link \(path)", .current)) }
            link = String(decoding: room[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
        default:
            Output.tell("berth: warning: \(path) is a device or a socket, and is left out\n")
            return nil
        }
        let header = TarHeader(
            name: kind == .directory ? name + "/" : name, kind: kind, mode: UInt32(found.st_mode), user: found.st_uid,
            group: found.st_gid, size: kind == .file ? Int64(found.st_size) : 0, modified: Int64(found.st_mtim.tv_sec),
            link: link)
        if kind == .file {
            file = open(path, O_RDONLY | O_CLOEXEC | (follows ? 0 : O_NOFOLLOW))
            guard file >= 0 else { throw ClientError(KernelError("open \(path)", .current)) }
            left = header.size
            padding = TarHeader.padding(header.size)
        } else if kind == .directory {
            do throws(KernelError) {
                for entry in try Files.names(in: path).sorted().reversed() {
                    waiting.append(("\(path)/\(entry)", "\(name)/\(entry)"))
                }
            } catch {
                throw ClientError(error)
            }
        }
        return header.blocks
    }

    /// As many bytes as the header said, whatever became of the file meanwhile.
    private func content() throws(ClientError) -> [UInt8] {
        if left > 0 {
            var count = 0
            let room = Int(min(left, 1 << 18))
            let bytes = [UInt8](unsafeUninitializedCapacity: room) { buffer, filled in
                count = read(file, buffer.baseAddress, room)
                filled = max(count, 0)
            }
            if count < 0 { throw ClientError(KernelError("read a file that is copied", .current)) }
            if count == 0 {
                throw ClientError("a file became shorter while it was copied", fix: "copy it when nobody writes it")
            }
            left -= Int64(count)
            return bytes
        }
        close(file)
        file = -1
        return padding > 0 ? [UInt8](repeating: 0, count: padding) : try next()
    }
}
