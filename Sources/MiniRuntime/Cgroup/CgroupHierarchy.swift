import CContainer
import Glibc
import NetCore

/// A tree of control groups as this process reaches it.
public struct CgroupHierarchy: Sendable {
    public let version: CgroupVersion
    /// "memory", "cpu", …; "name=systemd" for a v1 hierarchy without any.
    public let controllers: [String]
    /// Where its root is, as far as this process sees: a mount point, or /proc/self/fd/N of a mount that no one else sees.
    public let mountPoint: String
    /// The caller's own group, as /proc/self/cgroup has it.
    public let own: String
    /// What of the hierarchy the mount shows as its root.
    let root: String
    let held: DetachedMount?

    /// The directory of a group.
    public func directory(_ path: String) -> String { path == "/" ? mountPoint : mountPoint + path }

    /// Whether the group exists here.
    func has(_ path: String) -> Bool { Files.exists("\(directory(path))/cgroup.procs") }

    func has(_ path: String, file: String) -> Bool { Files.exists("\(directory(path))/\(file)") }

    /// A file of a group, without the final newline. Throws what the kernel said.
    func read(_ path: String, _ file: String) throws(KernelError) -> String {
        let bytes = try Files.read("\(directory(path))/\(file)", limit: 4 << 20)
        return String(decoding: bytes.last == 0x0a ? bytes.dropLast() : bytes[...], as: UTF8.self)
    }

    /// As above; nil for a file that cannot be read.
    func text(_ path: String, _ file: String) -> String? {
        do throws(KernelError) { return try read(path, file) } catch { return nil }
    }

    /// One write(2) of the whole value, as the kernel wants it.
    func write(_ path: String, _ file: String, _ value: String) throws(KernelError) {
        let name = "\(directory(path))/\(file)"
        do throws(KernelError) {
            let descriptor = try OwnedDescriptor(open: name, O_WRONLY)
            let bytes = Array(value.utf8)
            try check("write") { Glibc.write(descriptor.number, bytes, bytes.count) }
        } catch {
            throw KernelError("write \"\(value)\" to \(name)", error.errno)
        }
    }

    /// The group and all below it, each before the one that it is in.
    func subtree(_ path: String) -> [String] {
        let directory = directory(path)
        // One name for itself, one for its own ".": no group is below (the kernel counts them so, and its files not).
        var top = stat()
        guard lstat(directory, &top) == 0 else { return [] }
        if top.st_nlink == 2 { return [path] }
        var groups: [String] = []
        do throws(KernelError) {
            for name in try Files.names(in: directory) {
                var found = stat()
                guard lstat("\(directory)/\(name)", &found) == 0, found.st_mode & S_IFMT == S_IFDIR else { continue }
                groups += subtree("\(path == "/" ? "" : path)/\(name)")
            }
        } catch {
            return []
        }
        return groups + [path]
    }

    /// The caller's hierarchies: each through its mount where statfs(2) there says that it is one (a fresh sysfs hides the
    /// mounts, not their lines), else through a mount of its own that is nowhere in the tree. What cannot be mounted
    /// is left out, and so is a v2 that nobody mounted on a host whose v1 has all that limits a container: the kernel takes
    /// milliseconds to take a mount away.
    static func all() throws(KernelError) -> [CgroupHierarchy] {
        if let kept, kept.allSatisfy({ berth_is_cgroup($0.mountPoint, $0.version == .v2) }) { return kept }
        keptMounts = nil
        let found = try discover()
        if keeps { kept = found }
        return found
    }

    /// A process of one thread that lives with one container says so once: what is found stays found, also for its children, while
    /// each is still mounted there.
    static func keep() { keeps = true }
    nonisolated(unsafe) private static var keeps = false
    nonisolated(unsafe) private static var kept: [CgroupHierarchy]?
    nonisolated(unsafe) private static var keptMounts: [CgroupMount]?

    private static func discover() throws(KernelError) -> [CgroupHierarchy] {
        let mounts = try mounts()
        let members = try memberships()
        let isUnifiedIdle = !mounts.contains { $0.version == .v2 } && CgroupMembership.isUnifiedIdle(members)
        return members.compactMap { member in
            if let mount = member.mount(among: mounts, isReachable: isReachable) {
                return CgroupHierarchy(member, at: mount.point, root: mount.root, held: nil)
            }
            if member.version == .v2, isUnifiedIdle { return nil }
            guard let held = DetachedMount(member) else { return nil }
            return CgroupHierarchy(member, at: held.path, root: "/", held: held)
        }
    }

    /// What this mount namespace shows, hidden or not.
    static func mounts() throws(KernelError) -> [CgroupMount] {
        if let keptMounts { return keptMounts }
        let found = CgroupMount.list(inside: try Files.read("/proc/thread-self/mountinfo"))
        if keeps { keptMounts = found }
        return found
    }

    /// The caller's groups.
    static func memberships() throws(KernelError) -> [CgroupMembership] {
        CgroupMembership.list(String(decoding: try Files.read("/proc/thread-self/cgroup"), as: UTF8.self))
    }

    private init(_ member: CgroupMembership, at point: String, root: String, held: DetachedMount?) {
        version = member.version
        mountPoint = point
        own = member.path
        self.root = root
        self.held = held
        switch member.version {
        case .v1: controllers = member.controllers
        case .v2: controllers = CgroupHierarchy.words("\(point)/cgroup.controllers")
        }
    }

    private static func words(_ file: String) -> [String] {
        do throws(KernelError) {
            return String(decoding: try Files.read(file), as: UTF8.self).split { $0 == " " || $0 == "\n" }
                .map(String.init)
        } catch {
            return []
        }
    }

    private static func isReachable(_ mount: CgroupMount) -> Bool {
        berth_is_cgroup(mount.point, mount.version == .v2)
    }
}

/// A hierarchy mounted for this process alone: it has a descriptor and no place in the tree, and ends with its owner.
final class DetachedMount: Sendable {
    private let descriptor: Int32

    /// Nil when the kernel does not let us.
    init?(_ member: CgroupMembership) {
        let type = member.version == .v2 ? "cgroup2" : "cgroup"
        descriptor = berth_mount_detached(type, member.controllers.joined(by: ","))
        if descriptor < 0 { return nil }
    }

    var path: String { "/proc/self/fd/\(descriptor)" }

    deinit { close(descriptor) }
}
