import CFiles
import Glibc
import NetCore

/// How a layer says that something below it is deleted: `.wh.NAME` in its archive, an overlay's device 0:0 on the disk.
enum Whiteout {
    static let prefix = Array(".wh.".utf8)
    static let opaqueName = Array(".wh..wh..opq".utf8)
    private static let otherPrefix = Array(".wh..wh.".utf8)

    /// What the archive's name asks for. A whiteout is about the layers below: what this layer has itself stays.
    static func make(_ name: Name, in directory: Int32) throws(ImageError) {
        if name == opaqueName { return try hideBelow(directory) }
        // Others of these are aufs's own and say nothing about files.
        if name.starts(with: otherPrefix) { return }
        let hidden = Array(name.dropFirst(prefix.count))
        guard !hidden.isEmpty, hidden != [0x2e], hidden != [0x2e, 0x2e] else {
            throw ImageError(400, "the archive has the name \(name.shown), which deletes no file: it is refused")
        }
        if berth_file_mknod(directory, hidden.terminated, S_IFCHR, 0, 0) == 0 { return }
        let code = Errno.current
        guard code == .alreadyExists else {
            throw refused(KernelError("mark \(hidden.shown) as deleted", code), directory)
        }
        let own = berth_file_open(directory, hidden.terminated, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
        guard own >= 0 else { return }
        let made = OwnedDescriptor(taking: own)
        try hideBelow(made.number)
    }

    /// Nothing of the layers below shows through the directory.
    static func hideBelow(_ directory: Int32) throws(ImageError) {
        let value: [UInt8] = [UInt8(ascii: "y")]
        let outcome = berth_file_set_attribute(directory, [0], Array(text: Directory.opaque).terminated, value, 1)
        if outcome != 0 { throw refused(KernelError("mark a directory as opaque", .current), directory) }
    }

    private static func refused(_ error: KernelError, _ directory: Int32) -> ImageError {
        guard berth_file_system_is_overlay(directory) == 1 || error.errno == .notPermitted else {
            return ImageError(error)
        }
        return ImageError(
            500,
            "\(error): the image store lies on an overlay file system (or berth is confined), where layers cannot mark what they delete: put --root on a disk or a tmpfs (mount -t tmpfs tmpfs DIR)"
        )
    }
}

/// A directory of the layers below, whose mode, owner and time one that the archive does not tell about gets.
enum LowerDirectory {
    /// Its time, which is to be set when nothing more is made in it; nil when no layer has the directory.
    static func copyAttributes(
        of path: [Name], in layers: [String], to directory: Int32
    ) throws(ImageError) -> (seconds: Int64, nanoseconds: UInt32)? {
        let joined = Array(path.joined(separator: [UInt8(ascii: "/")]))
        for layer in layers {
            guard let found = try Lower(layer).entry(joined, Directory.pathOnly),
                let facts = try Directory.facts(found.number, [])
            else { continue }
            guard facts.isDirectory else { return nil }
            try attempt("set the owner of \(joined.shown)") {
                berth_file_chown(directory, [0], facts.found.user, facts.found.group)
            }
            try attempt("set the mode of \(joined.shown)") { berth_file_chmod(directory, facts.found.mode & 0o7777) }
            return (facts.found.seconds, facts.found.nanoseconds)
        }
        return nil
    }
}
