import CFiles
import Glibc
import NetCore

/// What a name in a directory stands for: the entry itself, no link followed.
struct FileFacts {
    let found: berth_file
    var isDirectory: Bool { found.mode & S_IFMT == S_IFDIR }
    var isFile: Bool { found.mode & S_IFMT == S_IFREG }
    var isLink: Bool { found.mode & S_IFMT == S_IFLNK }
    /// An overlay's sign for "what lies below is deleted".
    var isWhiteout: Bool { found.mode & S_IFMT == S_IFCHR && found.major == 0 && found.minor == 0 }
}

/// Calls on directories that are open, so that no path is walked twice.
enum Directory {
    /// O_PATH, which the C library shows to GNU's sources only.
    static let pathOnly = Int32(BERTH_O_PATH)

    /// Opens a directory by an ordinary path.
    static func open(_ path: String, _ flags: Int32 = O_RDONLY) throws(ImageError) -> OwnedDescriptor {
        try kernel { () throws(KernelError) in try OwnedDescriptor(open: path, flags | O_DIRECTORY) }
    }

    /// Opens `path` as one sees it whose root is `root`: every link is resolved there, nothing leads out of it.
    static func resolve(_ root: Int32, _ path: Name, _ flags: Int32) throws(KernelError) -> OwnedDescriptor {
        let path = path.isEmpty ? [UInt8(ascii: ".")] : path
        let number = try check("open \(path.shown)") {
            berth_file_open_below(root, path.terminated, flags, 0, Int32(BERTH_IN_ROOT))
        }
        return OwnedDescriptor(taking: number)
    }

    /// Opens an entry of a directory; a link is ELOOP.
    static func entry(
        _ directory: Int32, _ name: Name, _ flags: Int32, mode: UInt32 = 0
    ) throws(KernelError) -> OwnedDescriptor {
        let number = try check("open \(name.shown)") {
            berth_file_open(directory, name.terminated, flags | O_NOFOLLOW, mode)
        }
        return OwnedDescriptor(taking: number)
    }

    /// Nil when there is nothing. With an empty name the descriptor itself.
    static func facts(_ directory: Int32, _ name: Name) throws(ImageError) -> FileFacts? {
        var found = berth_file()
        do throws(KernelError) {
            try check("look at \(name.shown)") { berth_file_stat(directory, name.terminated, &found) }
        } catch {
            if error.errno == .noSuchFile || error.errno.rawValue == ENOTDIR { return nil }
            throw ImageError(error)
        }
        return FileFacts(found: found)
    }

    /// The names in a directory, sorted, without "." and "..". The descriptor must be open for reading.
    static func names(_ directory: Int32) throws(ImageError) -> [Name] {
        let own = try attempt("list a directory") {
            berth_file_open(directory, [UInt8(ascii: "."), 0], O_RDONLY | O_DIRECTORY, 0)
        }
        guard let handle = fdopendir(own) else {
            let error = ImageError(KernelError("list a directory", .current))
            close(own)
            throw error
        }
        defer { closedir(handle) }
        var names: [Name] = []
        while let entry = readdir(handle) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name != [0x2e] && name != [0x2e, 0x2e] { names.append(name) }
        }
        return names.sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// Where a link points to.
    static func target(_ directory: Int32, _ name: Name) throws(ImageError) -> Name {
        var room = [UInt8](repeating: 0, count: 4096)
        let count = try kernel { () throws(KernelError) in
            try check("read the link \(name.shown)") { () -> Int in
                berth_file_readlink(directory, name.terminated, &room, room.count)
            }
        }
        return Array(room.prefix(count))
    }

    /// The value of an entry's attribute; nil without one.
    static func attribute(_ directory: Int32, _ name: Name, _ key: String) -> [UInt8]? {
        var room = [UInt8](repeating: 0, count: 65536)
        let count = berth_file_attribute(directory, name.terminated, Array(text: key).terminated, &room, room.count)
        return count < 0 ? nil : Array(room.prefix(count))
    }

    /// The keys of an entry's attributes.
    static func attributeKeys(_ directory: Int32, _ name: Name) -> [Name] {
        var room = [UInt8](repeating: 0, count: 65536)
        let count = berth_file_attributes(directory, name.terminated, &room, room.count)
        return count <= 0 ? [] : room.prefix(count).split(separator: 0).map(Array.init)
    }

    /// An overlay's sign on a directory: nothing of the one below shows through.
    static let opaque = "trusted.overlay.opaque"
}
