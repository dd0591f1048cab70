import CContainer
import Glibc
import NetCore

/// The control groups as the container sees them: its own group is the root of each hierarchy.
extension RootDirectory {
    private struct Hierarchy {
        /// What mount(2) takes; empty for version 2.
        let options: String
        let name: String
        /// The caller's own group.
        let group: String
    }

    func makeCgroups(_ mount: MountSpec, _ place: Int32, hasCgroupNamespace: Bool) throws(KernelError) {
        let all = try RootDirectory.hierarchies()
        let flags = mount.flags & ~UInt(MS_RDONLY)
        guard all.contains(where: { !$0.options.isEmpty }) else {
            try makeHierarchy(all.first, mount.destination, place, mount.flags, hasCgroupNamespace)
            return
        }
        try Mounting.new("tmpfs", place, "tmpfs", flags, "mode=755,size=1m", mount.destination)
        for one in all {
            let path = "\(mount.destination)/\(one.name)"
            let directory = try makeDirectory(path)
            // A hierarchy that this host does not let us mount is not shown.
            _ = try ignoring(.notPermitted, .busy, .invalidArgument, .noSuchFile) { () throws(KernelError) in
                try makeHierarchy(one, path, directory.number, mount.flags, hasCgroupNamespace)
            }
            try makeLinks(one, mount.destination)
        }
        if mount.flags & UInt(MS_RDONLY) != 0 { try makeReadOnly(mount.destination) }
    }

    /// cpu and cpuacct lead to cpu,cpuacct.
    private func makeLinks(_ one: Hierarchy, _ path: String) throws(KernelError) {
        let parts = one.name.split(separator: ",")
        guard parts.count > 1, let directory = try find(path) else { return }
        for part in parts where symlinkat(one.name, directory.number, String(part)) != 0 && errno != EEXIST {
            throw KernelError("link \(path)/\(part)", .current)
        }
    }

    private func makeHierarchy(
        _ one: Hierarchy?, _ path: String, _ place: Int32, _ flags: UInt, _ hasCgroupNamespace: Bool
    ) throws(KernelError) {
        guard let one else { return }
        let type = one.options.isEmpty ? "cgroup2" : "cgroup"
        try Mounting.new(
            "cgroup", place, type, hasCgroupNamespace ? flags : flags & ~UInt(MS_RDONLY), one.options, path)
        guard !hasCgroupNamespace, one.group != "/", let top = try find(path) else { return }
        // The whole hierarchy is mounted: only the own group's part of it stays.
        guard let own = try find(path + one.group) else { return }
        let tree = try Mounting.clone(own.number, path)
        if flags & UInt(MS_RDONLY) != 0 { try Mounting.change(tree.number, UInt64(MOUNT_ATTR_RDONLY), 0, path, 0) }
        try check("unmount \(path)") { umount2("/proc/self/fd/\(top.number)", Int32(MNT_DETACH)) }
        try Mounting.attach(tree.number, place, path)
    }

    /// The host's. A v2 that nobody uses there is not shown: where it is mounted by no one, the first mount takes the kernel
    /// ten milliseconds.
    private static func hierarchies() throws(KernelError) -> [Hierarchy] {
        let members = try CgroupHierarchy.memberships()
        let isMounted = try CgroupHierarchy.mounts().contains { $0.version == .v2 }
        let isHidden = !isMounted && CgroupMembership.isUnifiedIdle(members)
        return members.filter { $0.version == .v1 || !isHidden }.map { member in
            let options = member.controllers.joined(by: ",")
            let isNamed = options.utf8.starts(with: "name=".utf8)
            let name = member.version == .v2 ? "unified" : isNamed ? String(options.dropFirst(5)) : options
            return Hierarchy(options: isNamed ? "none,\(options)" : options, name: name, group: member.path)
        }
    }
}
