/// One entry of a tar archive (POSIX.1-2017 pax, GNU's long names).
struct TarEntry {
    enum Kind { case file, hardLink, symbolicLink, characterDevice, blockDevice, directory, pipe }

    var kind = Kind.file
    var name: Name
    /// What a link points to.
    var target: Name = []
    /// The permission bits, with setuid, setgid and sticky.
    var mode: UInt32 = 0o644
    var user: UInt32 = 0
    var group: UInt32 = 0
    /// Of a file's content.
    var size: Int64 = 0
    var seconds: Int64 = 0
    var nanoseconds: UInt32 = 0
    var major: UInt32 = 0
    var minor: UInt32 = 0
    /// Extended attributes.
    var attributes: [(key: Name, value: [UInt8])] = []
}

/// What an archive may ask for at most.
struct ArchiveLimits {
    var entries = 2_000_000
    /// All content together.
    var bytes: Int64 = 64 << 30
    /// Directories in each other.
    var depth = 256
    /// A name's or a link's bytes: what the kernel takes.
    static let name = 4095
    /// What one entry may carry besides its content: extended attributes, names.
    static let extensions: Int64 = 1 << 20
}

extension TarEntry {
    /// The parts of a name without "." and empty ones; what is absolute starts at the root. Throws 400 for what leads out of it.
    static func parts(_ name: Name, depth: Int) throws(ImageError) -> [Name] {
        guard !name.isEmpty, name.count <= ArchiveLimits.name else {
            throw ImageError(
                400, "the archive has a name of \(name.count) bytes; 1 to \(ArchiveLimits.name) are allowed")
        }
        guard !name.contains(0) else { throw ImageError(400, "the archive has a name with a NUL: \(name.shown)") }
        var parts: [Name] = []
        for part in name.split(separator: UInt8(ascii: "/")) {
            if part.elementsEqual([UInt8(ascii: ".")]) { continue }
            guard !part.elementsEqual([UInt8(ascii: "."), UInt8(ascii: ".")]) else {
                throw ImageError(400, "the archive has the name \(name.shown), which leads upwards: it is refused")
            }
            guard part.count <= 255 else {
                throw ImageError(
                    400, "the archive has a name with a part of \(part.count) bytes; 255 are allowed: \(name.shown)")
            }
            parts.append(Array(part))
        }
        guard parts.count <= depth else {
            throw ImageError(400, "the archive has \(parts.count) directories in each other; \(depth) are allowed")
        }
        return parts
    }
}
