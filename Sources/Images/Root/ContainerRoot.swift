import CFiles
import Glibc
import JSON
import NetCore

/// A container's copy-on-write root: `layers` below, `directory`/layer/{upper,work} above, mounted at `directory`/rootfs.
public struct ContainerRoot: Sendable {
    public let directory: String
    /// The container's ids, where they are not the host's.
    let map: IDMap?
    public init(_ directory: String, map: IDMap? = nil) {
        self.directory = directory
        self.map = map
    }

    var upper: String { "\(directory)/layer/upper" }
    var work: String { "\(directory)/layer/work" }
    /// Where layers with mapped owners are mounted until the overlay has them.
    var lower: String { "\(directory)/lower" }
    /// Where the root is mounted.
    public var path: String { "\(directory)/rootfs" }

    /// The root is mounted; where it is already nothing changes. With a map, `userNamespace` is open and has that map: files of the
    /// image belong to its users, and stay on the disk as they are. Throws 500 where `directory` lies on an overlay, or the layers
    /// on a file system whose owners the kernel does not map.
    public func mount(over layers: [String], userNamespace: Int32 = -1) throws(ImageError) {
        guard !layers.isEmpty else { throw ImageError(400, "the image has no layer: a container cannot run on it") }
        if isMounted { return }
        let isNew = !Files.exists(upper)
        try kernel { () throws(KernelError) in
            for place in [upper, work, path] { try Files.makeDirectories(place, mode: 0o755) }
        }
        // The overlay's root has the upper directory's mode and owner: at first those of the image.
        if isNew { try takeAttributes(of: layers[layers.count - 1]) }
        var stage: UnsafePointer<CChar>?
        var places = Array(layers.reversed())
        if map != nil { places = try mapped(places, userNamespace) }
        let outcome = ContainerRoot.withPointers(to: places) {
            berth_overlay_mount($0, Int32(places.count), upper, work, path, &stage)
        }
        let code = Errno.current
        if map != nil { forgetMapped() }
        guard outcome == 0 else { throw refused(code, stage.map { String(cString: $0) } ?? "mount", layers.count) }
    }

    static func withPointers<Value>(to texts: [String], _ body: ([UnsafePointer<CChar>?]) -> Value) -> Value {
        let copies = texts.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies.map { UnsafePointer($0) })
    }

    /// Where the layers are mounted with their owners mapped.
    private func mapped(_ layers: [String], _ userNamespace: Int32) throws(ImageError) -> [String] {
        forgetMapped()
        try kernel { () throws(KernelError) in try Files.makeDirectories(lower, mode: 0o700) }
        var stage: UnsafePointer<CChar>?
        let outcome = ContainerRoot.withPointers(to: layers) {
            berth_layers_idmapped($0, Int32(layers.count), userNamespace, lower, &stage)
        }
        let code = Errno.current
        guard outcome == 0 else {
            forgetMapped()
            let said = stage.map { String(cString: $0) } ?? "mount"
            let operation = "mount the image's layers for a container whose root is not the host's (\(said))"
            guard said == "mount_setattr", [EINVAL, EPERM, ENOSYS].contains(code.rawValue) else {
                throw ImageError(KernelError(operation, code))
            }
            throw ImageError(
                500,
                "\(operation): \(code): the kernel maps no owners on the file system of \(layers[0]): put --root on ext4, xfs, btrfs or a tmpfs with Linux 5.19 or newer (tmpfs 6.3), or run the container with --userns=host"
            )
        }
        return layers.indices.map { "\(lower)/\($0)" }
    }

    /// Nothing is mounted there; done again it does nothing.
    private func forgetMapped() {
        guard Files.exists(lower) else { return }
        for _ in 0..<64 where umount2(lower, 8 | 2) != 0 { break }
        rmdir(lower)
    }

    /// Is something mounted there?
    public var isMounted: Bool {
        guard let parent = opened(directory) else { return false }
        let name = Array("rootfs".utf8)
        let number = berth_file_open_below(
            parent.number, name.terminated, Directory.pathOnly, 0, Int32(BERTH_NO_LINKS | BERTH_NO_MOUNTS))
        if number >= 0 {
            close(number)
            return false
        }
        return errno == EXDEV
    }

    /// Nothing is mounted there any more; done again it does nothing.
    public func unmount() throws(ImageError) {
        forgetMapped()
        for _ in 0..<64 {
            guard isMounted else { return }
            // UMOUNT_NOFOLLOW, and MNT_DETACH: somebody may still look into it.
            if umount2(path, 8 | 2) != 0 {
                let code = Errno.current
                if code == .invalidArgument || code == .noSuchFile { return }
                throw ImageError(KernelError("unmount \(path)", code))
            }
        }
        throw ImageError(500, "unmount \(path): something is mounted there again and again")
    }

    /// Unmounted, and the layer is gone.
    public func remove() throws(ImageError) {
        try unmount()
        try Removal.remove(path: "\(directory)/layer")
        // What is no mount any more is empty: nothing below it can be lost.
        if rmdir(path) != 0, errno != ENOENT { throw ImageError(KernelError("remove \(path)", .current)) }
    }

    /// What differs from the image, as `docker diff`: kind 0 modified, 1 added, 2 deleted. Sorted by path.
    public func changes(over layers: [String]) throws(ImageError) -> [(kind: Int, path: String)] {
        guard Files.exists(upper) else { return [] }
        var changes = RootChanges(try layers.reversed().map { path throws(ImageError) in try Lower(path) })
        let root = try Directory.open(upper)
        try changes.read(root.number, at: [], hidden: false)
        return changes.found
    }

    /// What has changed as a layer's archive, whiteouts as `.wh.` names.
    func writeLayer(to descriptor: Int32) throws(ImageError) {
        var archive = TreeArchive(TarWriter(descriptor, "the layer"), style: .layer, map: map)
        if Files.exists(upper) {
            let root = try Directory.open(upper)
            try archive.addContent(of: root.number, named: [])
        }
        try archive.finish()
    }

    private func opened(_ path: String) -> OwnedDescriptor? {
        do throws(KernelError) { return try OwnedDescriptor(open: path, Directory.pathOnly | O_DIRECTORY) } catch {
            return nil
        }
    }

    private func takeAttributes(of layer: String) throws(ImageError) {
        let lower = try Directory.open(layer, Directory.pathOnly)
        guard let facts = try Directory.facts(lower.number, []) else { return }
        let own = try Directory.open(upper)
        var owner = (user: facts.found.user, group: facts.found.group)
        if let map {
            owner.user = IDMap.outside(owner.user, map.users) ?? map.root.user
            owner.group = IDMap.outside(owner.group, map.groups) ?? map.root.group
        }
        try attempt("set the owner of \(upper)") { berth_file_chown(own.number, [0], owner.user, owner.group) }
        try attempt("set the mode of \(upper)") { berth_file_chmod(own.number, facts.found.mode & 0o7777) }
    }

    private func refused(_ code: Errno, _ stage: String, _ count: Int) -> ImageError {
        let operation = "mount an overlay of \(count) layers at \(path) (\(stage))"
        if let upper = opened(upper), berth_file_system_is_overlay(upper.number) == 1 {
            return ImageError(
                500,
                "\(operation): \(code): \(directory) lies on an overlay file system, which cannot be an overlay's upper layer: put --root on a disk or a tmpfs (mount -t tmpfs tmpfs DIR; berth daemon --root DIR)"
            )
        }
        switch code.rawValue {
        case ENODEV: return ImageError(500, "\(operation): this kernel has no overlay file system: modprobe overlay")
        case EPERM:
            return ImageError(
                500, "\(operation): \(code): berth needs CAP_SYS_ADMIN in its namespaces: run the daemon as root")
        case ENOSPC, EDQUOT: return ImageError(KernelError(operation, code))
        default: return ImageError(KernelError(operation, code, "dmesg says more"))
        }
    }
}
