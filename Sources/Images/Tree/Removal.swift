import CFiles
import Glibc
import NetCore

/// `rm -rf` by descriptors: no link is followed, and no depth of directories is too deep.
struct Removal {
    /// Below this what lies deeper is moved up first: each level holds a descriptor.
    private static let depth = 64
    private let top: Int32
    private var moved = 0

    /// The entry and everything below it is gone; that it was not there is no failure.
    static func remove(_ directory: Int32, _ name: Name) throws(ImageError) {
        if try removed(directory, name) { return }
        let top: OwnedDescriptor
        do throws(KernelError) {
            top = try Directory.entry(directory, name, O_RDONLY | O_DIRECTORY)
        } catch {
            throw ImageError(error)
        }
        var removal = Removal(top: top.number)
        // Who writes into it meanwhile is outlasted, not for ever.
        for _ in 0..<100_000 {
            try removal.empty(top.number, level: 0)
            if berth_file_unlink(directory, name.terminated, 1) == 0 { return }
            let code = Errno.current
            if code == .noSuchFile { return }
            guard code.rawValue == ENOTEMPTY else { throw ImageError(KernelError("remove \(name.shown)", code)) }
        }
        throw ImageError(500, "remove \(name.shown): something writes into it all the time")
    }

    /// The tree at an ordinary path.
    static func remove(path: String) throws(ImageError) {
        let parent: OwnedDescriptor
        do throws(KernelError) {
            parent = try OwnedDescriptor(open: Files.directory(of: path), O_RDONLY | O_DIRECTORY)
        } catch {
            if error.errno == .noSuchFile { return }
            throw ImageError(error)
        }
        try remove(parent.number, Array(path.utf8.reversed().prefix { $0 != UInt8(ascii: "/") }.reversed()))
    }

    private init(top: Int32) { self.top = top }

    private mutating func empty(_ directory: Int32, level: Int) throws(ImageError) {
        for name in try Directory.names(directory) {
            if try Removal.removed(directory, name) { continue }
            if level >= Removal.depth {
                moved += 1
                let place = Array(text: ".berth-removed-\(moved)")
                if berth_file_rename(directory, name.terminated, top, place.terminated) == 0 { continue }
                throw ImageError(KernelError("remove \(name.shown)", .current))
            }
            let below: OwnedDescriptor
            do throws(KernelError) {
                below = try Directory.entry(directory, name, O_RDONLY | O_DIRECTORY)
            } catch {
                if error.errno == .noSuchFile || error.errno.rawValue == ENOTDIR || error.errno.rawValue == ELOOP {
                    continue
                }
                throw ImageError(error)
            }
            try empty(below.number, level: level + 1)
            if berth_file_unlink(directory, name.terminated, 1) != 0 {
                let code = Errno.current
                guard code == .noSuchFile || code.rawValue == ENOTEMPTY else {
                    throw ImageError(KernelError("remove \(name.shown)", code))
                }
            }
        }
    }

    /// True when the entry is gone; false when it is a directory.
    private static func removed(_ directory: Int32, _ name: Name) throws(ImageError) -> Bool {
        if berth_file_unlink(directory, name.terminated, 0) == 0 { return true }
        let code = Errno.current
        if code == .noSuchFile { return true }
        if code.rawValue == EISDIR { return false }
        throw ImageError(KernelError("remove \(name.shown)", code))
    }
}
