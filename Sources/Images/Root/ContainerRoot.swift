import CFiles
import Glibc
import JSON
import NetCore

/// A container's copy-on-write root: `layers` below, `directory`/layer/{upper,work} above, mounted at `directory`/rootfs.
public struct ContainerRoot: Sendable {
    public let directory: String
    public init(_ directory: String) { self.directory = directory }

    var upper: String { "\(directory)/layer/upper" }
    private var work: String { "\(directory)/layer/work" }
    /// Where the root is mounted.
    public var path: String { "\(directory)/rootfs" }

    /// The root is mounted; where it is already nothing changes. Throws 500 where `directory` lies on an overlay.
    public func mount(over layers: [String]) throws(ImageError) {
        guard !layers.isEmpty else { throw ImageError(400, "the image has no layer: a container cannot run on it") }
        if isMounted { return }
        let isNew = !Files.exists(upper)
        try kernel { () throws(KernelError) in
            for place in [upper, work, path] { try Files.makeDirectories(place, mode: 0o755) }
        }
        // The overlay's root has the upper directory's mode and owner: at first those of the image.
        if isNew { try takeAttributes(of: layers[layers.count - 1]) }
        var stage: UnsafePointer<CChar>?
        let names = layers.reversed().map { strdup($0) }
        defer { for name in names { free(name) } }
        let pointers = names.map { UnsafePointer($0) }
        guard berth_overlay_mount(pointers, Int32(pointers.count), upper, work, path, &stage) == 0 else {
            throw refused(Errno.current, stage.map { String(cString: $0) } ?? "mount", layers.count)
        }
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
        var archive = TreeArchive(TarWriter(descriptor, "the layer"), style: .layer)
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
        try attempt("set the owner of \(upper)") {
            berth_file_chown(own.number, [0], facts.found.user, facts.found.group)
        }
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
        default: return ImageError(KernelError(operation, code, "dmesg says more"))
        }
    }
}
