import CFiles
import Glibc
import NetCore

/// A path as a container's user writes it, in a root that is open: "/etc/", "etc/.", "/".
final class RootPath {
    let root: OwnedDescriptor
    let text: String
    /// Up to its last part, which is not followed when it is a link.
    let parent: Name
    /// Empty when the path ends in "/", "/." or is the root: then it means a directory.
    let name: Name
    /// What Docker calls it: the last part, "." after a dot, "/" for the root.
    let shownName: Name

    /// Throws 400 for a path that is none, 404 when the root is not there.
    init(_ path: String, in root: String) throws(ImageError) {
        guard !path.isEmpty, !path.utf8.contains(0), path.utf8.count <= ArchiveLimits.name else {
            throw ImageError(
                400, "the path \(Array(path.utf8).shown) is none: 1 to \(ArchiveLimits.name) bytes without a NUL are")
        }
        // Ways up are taken by name, as Docker does it: "/a/../b" is "/b" whatever /a is.
        var parts: [Name] = []
        for part in path.utf8.split(separator: UInt8(ascii: "/")) {
            switch String(decoding: Array(part), as: UTF8.self) {
            case ".": continue
            case "..": _ = parts.popLast()
            default: parts.append(Array(part))
            }
        }
        let bytes = Array(path.utf8)
        text = path
        self.root = try RootPath.opened(root)
        let last =
            bytes.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).last.map(Array.init) ?? []
        let endsInDot = last == [0x2e]
        let isDirectory = parts.isEmpty || last.isEmpty || endsInDot || last == [0x2e, 0x2e]
        name = isDirectory ? [] : parts[parts.count - 1]
        parent = Array((isDirectory ? parts : parts.dropLast()).joined(separator: [UInt8(ascii: "/")]))
        shownName = endsInDot && !parts.isEmpty ? [0x2e] : parts.last ?? [UInt8(ascii: "/")]
    }

    /// The directory in which the last part stands. Throws 404.
    func openParent(_ flags: Int32 = 0) throws(ImageError) -> OwnedDescriptor { try open(parent, flags) }

    /// The path with all links followed, as a directory. Throws 404; 400 when it is none.
    func openDirectory() throws(ImageError) -> OwnedDescriptor {
        try open(parent + (name.isEmpty ? [] : [UInt8(ascii: "/")] + name), 0)
    }

    /// The parts of what openDirectory() opens.
    var parts: [Name] {
        (parent + [UInt8(ascii: "/")] + name).split(separator: UInt8(ascii: "/")).map(Array.init)
    }

    func missing() -> ImageError { ImageError(404, "Could not find the file \(text) in the container") }

    private static func opened(_ root: String) throws(ImageError) -> OwnedDescriptor {
        do throws(KernelError) {
            return try OwnedDescriptor(open: root, Directory.pathOnly | O_DIRECTORY)
        } catch {
            if error.errno == .noSuchFile { throw ImageError(404, "the container's root is not there: \(error)") }
            throw ImageError(error)
        }
    }

    private func open(_ path: Name, _ flags: Int32) throws(ImageError) -> OwnedDescriptor {
        let open = try resolve(path, flags)
        // Docker's cp sees the root and its volumes; through /proc a container would have the daemon read and write for it.
        if berth_file_system_is_kernels(open.number) == 1 {
            throw ImageError(
                404,
                "\(missing()): what is below /proc and /sys is the kernel's and not copied, docker exec CONTAINER cat reads it"
            )
        }
        return open
    }

    private func resolve(_ path: Name, _ flags: Int32) throws(ImageError) -> OwnedDescriptor {
        do throws(KernelError) {
            let relative = Array(path.drop { $0 == UInt8(ascii: "/") })
            return try Directory.resolve(root.number, relative, (flags == 0 ? O_RDONLY : flags) | O_DIRECTORY)
        } catch {
            switch error.errno.rawValue {
            case ENOENT: throw missing()
            case ENOTDIR: throw ImageError(400, "\(text): not a directory")
            case ELOOP:
                throw ImageError(
                    400, "\(text): its links go in a circle, or leave the container's file systems by a link of /proc")
            default: throw ImageError(error)
            }
        }
    }
}
