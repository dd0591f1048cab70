import CFiles
import Glibc
import JSON
import NetCore

/// tar archives out of and into a directory that is a container's root; no path leaves it, whatever its links say, also while the
/// container changes them. `map`: owners in archives are those that the container sees. For a running container `/proc/PID/root` shows its volumes too.
public enum RootArchive {
    /// What `docker cp` reads: `path` (its last component's name inside the archive), to `descriptor`. A link is read as itself,
    /// unless the path ends in "/" or "/.". Throws 404.
    public static func read(_ path: String, in root: String, to descriptor: Int32, map: IDMap? = nil) throws(ImageError)
    {
        let place = try RootPath(path, in: root)
        let parent = try place.openParent()
        var archive = TreeArchive(TarWriter(descriptor, "the archive of \(path)"), map: map)
        if place.name.isEmpty {
            try archive.add(parent.number, [0x2e], named: place.shownName)
        } else {
            guard try Directory.facts(parent.number, place.name) != nil else { throw place.missing() }
            try archive.add(parent.number, place.name, named: place.shownName)
        }
        try archive.finish()
    }

    /// `docker export`: everything in the root, names without a slash before them.
    public static func export(_ root: String, to descriptor: Int32, map: IDMap? = nil) throws(ImageError) {
        let open = try Directory.open(root)
        var archive = TreeArchive(TarWriter(descriptor, "the archive of \(root)"), map: map)
        try archive.addContent(of: open.number, named: [])
        try archive.finish()
    }

    /// An archive from `descriptor` is unpacked into the directory `path`. Throws 404, 400.
    public static func write(
        _ path: String, in root: String, from descriptor: Int32, noOverwriteDirNonDir: Bool, map: IDMap? = nil
    ) throws(ImageError) {
        let place = try RootPath(path, in: root)
        let directory = try place.openDirectory()
        // A link on the way of one of the archive's names is the container's: it starts at the container's root.
        var reader = TarReader(ByteSource(descriptor, "the archive"))
        var unpacking = Unpacking(
            root: directory.number, purpose: .copy(noOverwriteDirNonDir: noOverwriteDirNonDir),
            scope: (place.root.number, place.parts))
        unpacking.map = map
        try unpacking.unpack(&reader)
    }

    /// The names that an archive would write below a directory, nothing written. Throws 400 for what would be refused by its bytes.
    public static func names(from descriptor: Int32) throws(ImageError) -> [String] {
        var reader = TarReader(ByteSource(descriptor, "the archive"))
        var names: [String] = []
        while let entry = try reader.next() {
            let parts = try TarEntry.parts(entry.name, depth: ArchiveLimits().depth)
            names.append(String(decoding: Array(parts.joined(separator: [UInt8(ascii: "/")])), as: UTF8.self))
        }
        try reader.finish()
        return names
    }

    /// `X-Docker-Container-Path-Stat`: name, size, mode (Go's os.FileMode), mtime, linkTarget.
    public static func stat(_ path: String, in root: String) throws(ImageError) -> JSONObject {
        let place = try RootPath(path, in: root)
        let parent = try place.openParent(Directory.pathOnly)
        guard let facts = try Directory.facts(parent.number, place.name) else { throw place.missing() }
        var target = ""
        if facts.isLink { target = linkTarget(try Directory.target(parent.number, place.name), place) }
        return [
            "name": .string(String(decoding: place.shownName, as: UTF8.self)), "size": .integer(facts.found.size),
            "mode": .integer(goMode(facts.found.mode)), "mtime": .string(time(facts)), "linkTarget": .string(target),
        ]
    }

    /// As a path from the container's root. A link to a link is told as the first one's target: who asks follows it.
    private static func linkTarget(_ target: Name, _ place: RootPath) -> String {
        var parts: [Name] = []
        let start = target.first == UInt8(ascii: "/") ? [] : place.parent + [UInt8(ascii: "/")]
        for part in (start + target).split(separator: UInt8(ascii: "/")).map(Array.init) {
            if part == [0x2e] { continue }
            if part == [0x2e, 0x2e] { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + String(decoding: Array(parts.joined(separator: [UInt8(ascii: "/")])), as: UTF8.self)
    }

    /// Go's os.FileMode: the kind in the high bits (package io/fs).
    private static func goMode(_ mode: UInt32) -> Int64 {
        var value = mode & 0o777
        switch mode & S_IFMT {
        case S_IFDIR: value |= 1 << 31
        case S_IFLNK: value |= 1 << 27
        case S_IFBLK: value |= 1 << 26
        case S_IFCHR: value |= 1 << 26 | 1 << 21
        case S_IFIFO: value |= 1 << 25
        case S_IFSOCK: value |= 1 << 24
        default: break
        }
        if mode & S_ISUID != 0 { value |= 1 << 23 }
        if mode & S_ISGID != 0 { value |= 1 << 22 }
        if mode & S_ISVTX != 0 { value |= 1 << 20 }
        return Int64(value)
    }

    private static func time(_ facts: FileFacts) -> String {
        let text = UniversalTime.text(Int(facts.found.seconds))
        guard facts.found.nanoseconds > 0 else { return text }
        let digits = String(facts.found.nanoseconds)
        return text.dropLast() + "." + String(repeating: "0", count: 9 - digits.utf8.count) + digits + "Z"
    }
}
