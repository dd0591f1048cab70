import CContainer
import Glibc
import NetCore

/// The source of a bind mount, taken as a mount of its own before there is a container: its owner may reach what the
/// container's root may not.
struct BindSource {
    /// Closed by BindSources.
    let tree: Int32
    let isDirectory: Bool

    private static let empty = UInt32(berth_at_empty_path())
    private static let recursive = UInt32(berth_at_recursive())

    init(_ path: String, isRecursive: Bool, propagation: [UInt]) throws(KernelError) {
        let flags = UInt32(OPEN_TREE_CLONE) | (isRecursive ? BindSource.recursive : 0)
        let number = try check("bind \(path)") { berth_open_tree(AT_FDCWD, path, flags) }
        let tree = OwnedDescriptor(taking: number)
        var found = stat()
        try check("look at \(path)") { fstat(number, &found) }
        isDirectory = found.st_mode & S_IFMT == S_IFDIR
        // Without a wish for sharing, what is mounted inside never shows on the host.
        let isShared = propagation.contains { $0 & UInt(MS_SHARED) != 0 }
        for kind in (isShared ? [] : [UInt(MS_SLAVE | MS_REC)]) + propagation {
            let depth = kind & UInt(MS_REC) != 0 ? BindSource.recursive : 0
            try check("set the propagation of \(path)") {
                berth_mount_setattr(number, "", BindSource.empty | depth, 0, 0, UInt64(kind & ~UInt(MS_REC)))
            }
        }
        self.tree = tree.release()
    }

    /// The mount has these attributes, `below` also what is mounted in it.
    func change(_ mount: MountSpec) throws(KernelError) {
        try Mounting.change(tree, mount.set, mount.clear, mount.source, 0)
        try Mounting.change(tree, mount.setBelow, mount.clearBelow, mount.source, BindSource.recursive)
    }
}

/// The steps that mounts have in common.
enum Mounting {
    static func change(_ tree: Int32, _ set: UInt64, _ clear: UInt64, _ name: String, _ depth: UInt32)
        throws(KernelError)
    {
        guard set != 0 || clear != 0 else { return }
        let times = UInt64(MOUNT_ATTR__ATIME)
        let cleared = set & times != 0 || clear & times != 0 ? clear | times : clear
        try check("change the mount of \(name)") {
            berth_mount_setattr(tree, "", UInt32(berth_at_empty_path()) | depth, set, cleared & ~(set & ~times), 0)
        }
    }

    /// The detached mount stands on what `place` is open for.
    static func attach(_ tree: Int32, _ place: Int32, _ name: String) throws(KernelError) {
        try check("mount on \(name)") {
            berth_move_mount(tree, "", place, "", UInt32(MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH))
        }
    }

    static func clone(_ place: Int32, _ name: String, isRecursive: Bool = false) throws(KernelError) -> OwnedDescriptor
    {
        let depth = isRecursive ? UInt32(berth_at_recursive()) : 0
        let number = try check("clone the mount of \(name)") {
            berth_open_tree(place, "", UInt32(OPEN_TREE_CLONE) | UInt32(berth_at_empty_path()) | depth)
        }
        return OwnedDescriptor(taking: number)
    }

    static func new(
        _ source: String, _ place: Int32, _ type: String, _ flags: UInt, _ data: String, _ name: String
    ) throws(KernelError) {
        try check("mount \(type) on \(name)") { mount(source, "/proc/self/fd/\(place)", type, flags, data) }
    }
}
