import CContainer
import CKernel
import Glibc
import NetCore

/// The mounts, devices and covers of a root, made from outside before it becomes the root.
extension RootDirectory {
    func make(_ mount: MountSpec, _ source: BindSource?, hasCgroupNamespace: Bool) throws(KernelError) {
        if let source {
            let place = try source.isDirectory ? makeDirectory(mount.destination) : makeFile(mount.destination)
            try source.change(mount)
            try Mounting.attach(source.tree, place.number, mount.destination)
            return
        }
        let place = try makeDirectory(mount.destination)
        if mount.type == "proc" || mount.type == "sysfs" { try judgePlain(mount) }
        if mount.type == "cgroup" || mount.type == "cgroup2" {
            try makeCgroups(mount, place.number, hasCgroupNamespace: hasCgroupNamespace)
            return
        }
        if mount.type == "mqueue" || mount.type == "proc" || mount.type == "sysfs" {
            try Mounting.new(mount.source, place.number, mount.type, mount.flags, "", mount.destination)
            return
        }
        // Files still come into /dev, and copies into a tmpfs that begins as what it covers.
        let isFilledLater = mount.flags & UInt(MS_RDONLY) != 0 && (mount.isDevices || mount.copiesUp)
        let flags = isFilledLater ? mount.flags & ~UInt(MS_RDONLY) : mount.flags
        let data = mount.data.joined(by: ",")
        try Mounting.new(mount.source, place.number, mount.type, flags, data, mount.destination)
        if mount.copiesUp && mount.type == "tmpfs", let top = try find(mount.destination, O_RDONLY | O_DIRECTORY) {
            try TreeCopy.copy(from: place.number, to: top.number, mount.destination)
            if isFilledLater { try Mounting.change(top.number, UInt64(MOUNT_ATTR_RDONLY), 0, mount.destination, 0) }
        }
        for kind in mount.propagation {
            guard let top = try find(mount.destination) else { continue }
            let depth = kind & UInt(MS_REC) != 0 ? UInt32(berth_at_recursive()) : 0
            try check("set the propagation of \(mount.destination)") {
                berth_mount_setattr(
                    top.number, "", UInt32(berth_at_empty_path()) | depth, 0, 0, UInt64(kind & ~UInt(MS_REC)))
            }
        }
    }

    /// What is masked and read-only is said by these names: an image's link would give it others (CVE-2023-27561).
    private func judgePlain(_ mount: MountSpec) throws(KernelError) {
        let how = RootDirectory.inside | UInt64(RESOLVE_NO_SYMLINKS)
        let number = berth_openat2(descriptor.number, mount.destination, Int32(berth_o_path()), 0, how)
        guard number >= 0 else {
            throw KernelError(
                "mount \(mount.type) at \(mount.destination)", .current,
                "\(mount.destination) of the image has to be an ordinary directory, no link")
        }
        close(number)
    }

    /// A mount's own attributes on what is mounted at the path by now.
    func makeReadOnly(_ path: String) throws(KernelError) {
        guard let top = try find(path) else { return }
        try Mounting.change(top.number, UInt64(MOUNT_ATTR_RDONLY), 0, path, 0)
    }

    /// Nobody inside sees what is there: /dev/null over a file, an empty directory over a directory.
    func hide(_ paths: [String], null: Int32) throws(KernelError) {
        for path in paths {
            guard let place = try find(path) else { continue }
            var found = stat()
            try check("look at \(path)") { fstat(place.number, &found) }
            if found.st_mode & S_IFMT == S_IFDIR {
                try Mounting.new("tmpfs", place.number, "tmpfs", UInt(MS_RDONLY), "size=0k,mode=755", path)
            } else {
                let cover = try Mounting.clone(null, "/dev/null")
                try Mounting.attach(cover.number, place.number, path)
            }
        }
    }

    func protect(_ paths: [String]) throws(KernelError) {
        for path in paths {
            guard let place = try find(path) else { continue }
            let tree = try Mounting.clone(place.number, path, isRecursive: true)
            try Mounting.change(tree.number, UInt64(MOUNT_ATTR_RDONLY), 0, path, UInt32(berth_at_recursive()))
            try Mounting.attach(tree.number, place.number, path)
        }
    }
}

extension MountSpec {
    public var isDevices: Bool { destination.split(separator: "/").elementsEqual(["dev"]) }
}
