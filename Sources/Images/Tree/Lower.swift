import CFiles
import Glibc
import NetCore

/// A layer below, open.
final class Lower {
    let root: OwnedDescriptor
    init(_ path: String) throws(ImageError) { root = try Directory.open(path) }

    /// The entry at a path of it, no link followed; nil without one.
    func entry(_ path: Name, _ flags: Int32) -> OwnedDescriptor? {
        let path = path.isEmpty ? [UInt8(ascii: ".")] : path
        let number = berth_file_open_below(
            root.number, path.terminated, flags | O_NOFOLLOW, 0, Int32(BERTH_NO_LINKS))
        return number < 0 ? nil : OwnedDescriptor(taking: number)
    }
}
