import CFiles
import Glibc
import NetCore

/// Directories and files, by descriptors, into a tar archive. What changes meanwhile does not break the archive.
struct TreeArchive {
    enum Style {
        case plain
        /// An overlay's upper directory: its whiteouts become `.wh.` names.
        case layer
    }

    private struct Identity: Hashable {
        let device: UInt64
        let inode: UInt64
    }

    private let writer: TarWriter
    private let style: Style
    /// The container's ids, where they are not the host's.
    private let map: IDMap?
    private var linked: [Identity: Name] = [:]
    private var depth = 0

    init(_ writer: TarWriter, style: Style = .plain, map: IDMap? = nil) {
        self.writer = writer
        self.map = map
        self.style = style
    }

    func finish() throws(ImageError) { try writer.finish() }

    /// An entry of a directory, under a name in the archive, with all that lies below.
    mutating func add(_ directory: Int32, _ name: Name, named archived: Name) throws(ImageError) {
        guard let facts = try Directory.facts(directory, name) else { return }
        if style == .layer, facts.isWhiteout {
            let slash = archived.lastIndex(of: UInt8(ascii: "/")).map { $0 + 1 } ?? 0
            return try writer.begin(
                TarEntry(name: Array(archived[..<slash]) + Whiteout.prefix + archived[slash...], mode: 0))
        }
        var entry = TreeArchive.entry(facts, archived)
        if let map { entry = map.insideEntry(entry) }
        switch facts.found.mode & S_IFMT {
        case S_IFDIR:
            let open: OwnedDescriptor
            do throws(KernelError) {
                open = try Directory.entry(directory, name, O_RDONLY | O_DIRECTORY)
            } catch {
                if [ENOENT, ENOTDIR, ELOOP].contains(error.errno.rawValue) { return }
                throw ImageError(error)
            }
            entry.attributes = attributes(open.number, [])
            try writer.begin(entry)
            if style == .layer, Directory.attribute(open.number, [], Directory.opaque) != nil {
                try writer.begin(TarEntry(name: entry.name + Whiteout.opaqueName, mode: 0))
            }
            try addContent(of: open.number, named: entry.name)
        case S_IFREG: try addFile(directory, name, entry, facts)
        case S_IFLNK:
            entry.target = try Directory.target(directory, name)
            entry.attributes = attributes(directory, name)
            try writer.begin(entry)
        case S_IFCHR, S_IFBLK, S_IFIFO: try writer.begin(entry)
        default: break  // a socket: no archive has them
        }
    }

    /// What a directory holds, each name after `prefix`.
    mutating func addContent(of directory: Int32, named prefix: Name) throws(ImageError) {
        depth += 1
        defer { depth -= 1 }
        // /proc and /sys are empty directories of the container's root, whatever is mounted there.
        if berth_file_system_is_kernels(directory) == 1 { return }
        guard depth <= 900 else { throw ImageError(400, "\(prefix.shown) has more than 900 directories in each other") }
        for name in try Directory.names(directory) { try add(directory, name, named: prefix + name) }
    }

    private mutating func addFile(
        _ directory: Int32, _ name: Name, _ entry: TarEntry, _ facts: FileFacts
    ) throws(ImageError) {
        var entry = entry
        if facts.found.links > 1 {
            let identity = Identity(device: facts.found.device, inode: facts.found.inode)
            if let first = linked[identity] {
                (entry.kind, entry.target) = (.hardLink, first)
                return try writer.begin(entry)
            }
            linked[identity] = entry.name
        }
        let file: OwnedDescriptor
        do throws(KernelError) {
            file = try Directory.entry(directory, name, O_RDONLY | O_NONBLOCK)
        } catch {
            // Gone, or a link now: somebody changes it while we read.
            if error.errno == .noSuchFile || error.errno.rawValue == ELOOP { return }
            throw ImageError(error)
        }
        guard let now = try Directory.facts(file.number, []), now.isFile else { return }
        entry.size = now.found.size
        entry.attributes = attributes(file.number, [])
        try writer.begin(entry)
        try writer.add(from: file.number, name: name)
    }

    /// Capabilities and the users' own: what another file system can keep.
    private func attributes(_ directory: Int32, _ name: Name) -> [(key: Name, value: [UInt8])] {
        var kept: [(key: Name, value: [UInt8])] = []
        for key in Directory.attributeKeys(directory, name).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            let text = String(decoding: key, as: UTF8.self)
            guard text == "security.capability" || (text.hasPrefix("user.") && !text.hasPrefix("user.overlay.")) else {
                continue
            }
            if let value = Directory.attribute(directory, name, text) {
                kept.append((key, map?.insideAttribute(key, value) ?? value))
            }
        }
        return kept
    }

    static func entry(_ facts: FileFacts, _ name: Name) -> TarEntry {
        var entry = TarEntry(
            name: name, mode: facts.found.mode & 0o7777, user: facts.found.user, group: facts.found.group,
            seconds: facts.found.seconds, major: facts.found.major, minor: facts.found.minor)
        switch facts.found.mode & S_IFMT {
        case S_IFDIR:
            entry.kind = .directory
            if entry.name.last != UInt8(ascii: "/") { entry.name.append(UInt8(ascii: "/")) }
        case S_IFLNK: entry.kind = .symbolicLink
        case S_IFCHR: entry.kind = .characterDevice
        case S_IFBLK: entry.kind = .blockDevice
        case S_IFIFO: entry.kind = .pipe
        default: entry.kind = .file
        }
        return entry
    }
}
