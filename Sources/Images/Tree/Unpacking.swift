import CFiles
import Glibc
import NetCore

/// A tar archive becomes files below one directory. The archive is hostile: nothing is made, changed or followed outside.
struct Unpacking {
    enum Purpose {
        /// An image's layer: `.wh.` names become an overlay's whiteouts. `below` are the layers under it, the highest first.
        case layer(below: [String])
        /// Files for a container, as `docker cp` brings them.
        case copy(noOverwriteDirNonDir: Bool)
    }

    let root: Int32
    let scope: (root: Int32, path: [Name])
    let purpose: Purpose
    var limits = ArchiveLimits()
    /// The container's ids, where they are not the host's.
    var map: IDMap?
    /// Bytes of all files.
    var size: Int64 = 0
    /// The directory that the last entry went to: archives name one directory's entries together.
    var parent: (path: [Name], descriptor: Int32)?
    /// Set at the end: what comes after a directory changes its time.
    var times: [(path: [Name], seconds: Int64, nanoseconds: UInt32)] = []

    /// `scope`: links start at that directory, in which `root` has that path; else at `root`.
    init(
        root: Int32, purpose: Purpose, limits: ArchiveLimits = ArchiveLimits(),
        scope: (root: Int32, path: [Name])? = nil
    ) {
        self.root = root
        self.scope = scope ?? (root, [])
        self.purpose = purpose
        self.limits = limits
    }

    /// Everything that the archive holds is there, and it was read to its end. Throws 400, 500; what was made then stays.
    mutating func unpack(_ reader: inout TarReader) throws(ImageError) {
        defer { forgetParent() }
        while var entry = try reader.next() {
            if let map { entry = try map.outsideEntry(entry) }
            let path = try TarEntry.parts(entry.name, depth: limits.depth)
            do throws(ImageError) {
                try unpack(entry, at: path, &reader)
            } catch {
                if error.status != 500 { throw error }
                throw ImageError(500, "unpack \(entry.name.shown): \(error)", isFull: error.isFull)
            }
        }
        try reader.finish()
        for (path, seconds, nanoseconds) in times {
            guard let place = try resolved(path) else { continue }
            try attempt("set the time of \(shown(path))") {
                berth_file_touch(place.number, [0], seconds, nanoseconds)
            }
        }
    }

    private mutating func unpack(_ entry: TarEntry, at path: [Name], _ reader: inout TarReader) throws(ImageError) {
        guard let name = path.last else {
            guard entry.kind == .directory else {
                throw ImageError(400, "the archive has its root as something else than a directory: it is refused")
            }
            if case .layer = purpose {
                try dress(root, entry)
                times.append((path, entry.seconds, entry.nanoseconds))
            }
            return
        }
        if case .layer(let below) = purpose, name.starts(with: Whiteout.prefix) {
            let directory = try directory(Array(path.dropLast()))
            if !below.isEmpty { try Whiteout.make(name, in: directory) }
            return
        }
        let directory = try directory(Array(path.dropLast()))
        switch entry.kind {
        case .directory: try makeDirectory(entry, path, directory)
        case .file:
            try makeFile(entry, name, directory, &reader)
        case .symbolicLink:
            let target = entry.target
            guard !target.isEmpty, target.count <= ArchiveLimits.name, !target.contains(0) else {
                throw ImageError(400, "the archive has \(entry.name.shown) as a link to nowhere")
            }
            try make(entry, name, directory) { berth_file_symlink(target.terminated, directory, name.terminated) }
            try attempt("set the owner of \(name.shown)") {
                berth_file_chown(directory, name.terminated, entry.user, entry.group)
            }
            try dressLink(directory, name, entry)
        case .hardLink: try makeHardLink(entry, path, directory)
        case .characterDevice, .blockDevice, .pipe: try makeNode(entry, name, directory)
        }
    }
}

// MARK: owner, mode, attributes

extension Unpacking {
    /// In this order: a change of the owner takes setuid and capabilities away.
    func dress(_ descriptor: Int32, _ entry: TarEntry) throws(ImageError) {
        try attempt("set the owner of \(entry.name.shown)") {
            berth_file_chown(descriptor, [0], entry.user, entry.group)
        }
        try attempt("set the mode of \(entry.name.shown)") { berth_file_chmod(descriptor, entry.mode) }
        try setAttributes(descriptor, [], entry)
    }

    func dressLink(_ directory: Int32, _ name: Name, _ entry: TarEntry) throws(ImageError) {
        try setAttributes(directory, name, entry)
        try attempt("set the time of \(name.shown)") {
            berth_file_touch(directory, name.terminated, entry.seconds, entry.nanoseconds)
        }
    }

    /// The overlay's own attributes are not an archive's to set; what the file system has no room for is left out, as Docker does.
    private func setAttributes(_ directory: Int32, _ name: Name, _ entry: TarEntry) throws(ImageError) {
        for (key, value) in entry.attributes {
            if key.starts(with: Array("trusted.overlay.".utf8)) || key.contains(0) { continue }
            if berth_file_set_attribute(directory, name.terminated, key.terminated, value, value.count) == 0 {
                continue
            }
            let code = Errno.current
            let isUser = key.starts(with: Array("user.".utf8))
            if code == .notSupported || (code == .notPermitted && isUser) { continue }
            throw ImageError(KernelError("set the attribute \(key.shown) of \(entry.name.shown)", code))
        }
    }
}

// MARK: directories

extension Unpacking {
    mutating func forgetParent() {
        if let parent { close(parent.descriptor) }
        parent = nil
    }

    /// The directory of that path, made where it is missing. It stays open until another one is asked for.
    mutating func directory(_ path: [Name]) throws(ImageError) -> Int32 {
        if path.isEmpty { return root }
        if let parent, parent.path == path { return parent.descriptor }
        forgetParent()
        let found = try resolved(path)
        let descriptor: Int32
        switch consume found {
        case .some(let open): descriptor = open.release()
        case .none: descriptor = try makeParents(path)
        }
        parent = (path, descriptor)
        return descriptor
    }

    /// Nil when it, or a directory above it, is not there.
    func resolved(_ path: [Name]) throws(ImageError) -> OwnedDescriptor? {
        do throws(KernelError) {
            return try Directory.resolve(scope.root, joined(scope.path + path), Directory.pathOnly | O_DIRECTORY)
        } catch {
            switch error.errno.rawValue {
            case ENOENT: return nil
            case ENOTDIR:
                throw ImageError(400, "the archive has something below \(shown(path)), which is no directory")
            case ELOOP:
                throw ImageError(400, "the archive has something below \(shown(path)), whose links go in a circle")
            default: throw ImageError(error)
            }
        }
    }

    private mutating func makeParents(_ path: [Name]) throws(ImageError) -> Int32 {
        var above = dup(root)
        for count in 1...path.count {
            let here = Array(path.prefix(count))
            let name = path[count - 1]
            let outer = OwnedDescriptor(taking: above)
            if let found = try resolved(here) {
                above = found.release()
                continue
            }
            guard berth_file_mkdir(outer.number, name.terminated, 0o755) == 0 else {
                let code = Errno.current
                if code == .alreadyExists {
                    throw ImageError(400, "the archive has something below \(shown(here)), a link that leads nowhere")
                }
                throw ImageError(KernelError("make directory \(shown(here))", code))
            }
            let made = try kernel { () throws(KernelError) in
                try Directory.entry(outer.number, name, O_RDONLY | O_DIRECTORY)
            }
            if let root = map?.root {
                try attempt("set the owner of \(shown(here))") {
                    berth_file_chown(made.number, [0], root.user, root.group)
                }
            }
            try attempt("set the mode of \(shown(here))") { berth_file_chmod(made.number, 0o755) }
            if case .layer(let below) = purpose,
                let time = try LowerDirectory.copyAttributes(of: here, in: below, to: made.number)
            {
                times.append((here, time.seconds, time.nanoseconds))
            }
            above = made.release()
        }
        return above
    }

    private func joined(_ path: [Name]) -> Name { Array(path.joined(separator: [UInt8(ascii: "/")])) }
    func shown(_ path: [Name]) -> String { joined(path).shown }
}
