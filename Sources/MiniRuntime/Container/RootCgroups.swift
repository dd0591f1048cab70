import CContainer
import Glibc
import NetCore

/// The control groups as the container sees them: its own group is the root of each hierarchy.
extension RootDirectory {
    func makeCgroups(_ mount: MountSpec, _ place: Int32, hasCgroupNamespace: Bool) throws(KernelError) {
        let all = try ShownCgroup.all()
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
    private func makeLinks(_ one: ShownCgroup, _ path: String) throws(KernelError) {
        let links = one.links
        guard !links.isEmpty, let directory = try find(path) else { return }
        for part in links where symlinkat(one.name, directory.number, part) != 0 && errno != EEXIST {
            throw KernelError("link \(path)/\(part)", .current)
        }
    }

    private func makeHierarchy(
        _ one: ShownCgroup?, _ path: String, _ place: Int32, _ flags: UInt, _ hasCgroupNamespace: Bool
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
}
