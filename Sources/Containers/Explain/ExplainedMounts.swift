import CContainer
import Glibc
import Images
import MiniRuntime
import NetCore

extension ExplainedBundle {
    /// The mounts of the bundle in their order.
    func tellMounts(_ group: CgroupPlan, _ told: inout Told) throws(KernelError) {
        for (index, mount) in spec.mounts.enumerated() {
            let place = place(of: mount, before: spec.mounts[..<index])
            if mount.isBind {
                tellBind(mount, place, &told)
            } else if mount.type == "cgroup" || mount.type == "cgroup2" {
                try tellCgroups(mount, place, &told)
            } else {
                var commands = ["mkdir -p \(word(place))"]
                let isFilledLater = mount.isDevices && mount.flags & UInt(MS_RDONLY) != 0
                let flags = isFilledLater ? mount.flags & ~UInt(MS_RDONLY) : mount.flags
                commands.append(
                    MountWords.command(mount.type, flags, mount.data, mount.source, place))
                commands += propagations(mount.propagation, place)
                told.step(reason(mount), commands)
            }
        }
    }

    /// Below the root, "./proc"; no link of the image's leads out of it.
    private func place(of mount: MountSpec, before: ArraySlice<MountSpec>) -> String {
        let isCovered = before.contains { mount.destination.hasPrefix($0.destination + "/") }
        return "." + (isCovered ? mount.destination : view.resolve(mount.destination))
    }

    private func reason(_ mount: MountSpec) -> String {
        switch mount.destination {
        case "/proc": "processes, as its pid namespace has them"
        case "/dev": "devices: an empty place, in memory"
        case "/dev/pts": "terminals of its own"
        case "/sys": "the kernel's view of the machine"
        case "/dev/mqueue": "message queues of its IPC namespace"
        case "/dev/shm": "shared memory"
        default: mount.type == "tmpfs" ? "a place in memory" : "a mount of type \(mount.type)"
        }
    }

    // MARK: binds

    private func tellBind(_ mount: MountSpec, _ place: String, _ told: inout Told) {
        let parent = word(Files.directory(of: place))
        var commands = [
            isFile(mount.source)
                ? "mkdir -p \(parent) && touch \(word(place))" : "mkdir -p \(word(place))",
            "mount --\(mount.isRecursive ? "rbind" : "bind") \(word(mount.source)) \(word(place))",
        ]
        let isShared = mount.propagation.contains { $0 & UInt(MS_SHARED) != 0 }
        commands += propagations((isShared ? [] : [UInt(MS_SLAVE | MS_REC)]) + mount.propagation, place)
        let top = MountWords.attributes(mount.set, mount.clear)
        if !top.isEmpty { commands.append("mount -o remount,bind,\(top.joined(separator: ",")) \(word(place))") }
        let below = MountWords.attributes(mount.setBelow, mount.clearBelow)
        if !below.isEmpty {
            commands.append(
                "mount -o remount,bind,\(below.map { "\($0)=recursive" }.joined(separator: ",")) \(word(place))")
        }
        told.step(
            mount.source.hasPrefix(own + "/") ? "a file of berth's over the image's" : "a place of the host", commands)
    }

    private func isFile(_ path: String) -> Bool {
        if path.hasPrefix(own + "/") { return true }
        var found = stat()
        return stat(path, &found) == 0 && found.st_mode & S_IFMT != S_IFDIR
    }

    private func propagations(_ kinds: [UInt], _ place: String) -> [String] {
        kinds.map { "mount --make-\(MountWords.propagation($0)) \(word(place))" }
    }

    // MARK: control groups

    private func tellCgroups(_ mount: MountSpec, _ place: String, _ told: inout Told) throws(KernelError) {
        let all = try ShownCgroup.all()
        let hasNamespace = linux.has(.cgroup)
        guard all.contains(where: { !$0.options.isEmpty }) else {
            if let one = all.first { told.step("control groups", hierarchy(one, place, mount.flags, hasNamespace)) }
            return
        }
        let flags = mount.flags & ~UInt(MS_RDONLY)
        told.step(
            "control groups: a directory for each hierarchy", "mkdir -p \(word(place))",
            MountWords.command("tmpfs", flags, ["mode=755", "size=1m"], "tmpfs", place))
        for one in all {
            told.step(
                "the hierarchy \(one.name), where this host lets it be mounted",
                hierarchy(one, "\(place)/\(one.name)", mount.flags, hasNamespace)
                    + one.links.map { "ln -s \(word(one.name)) \(word("\(place)/\($0)"))" })
        }
        if mount.flags & UInt(MS_RDONLY) != 0 {
            told.step("nothing is made beside them", "mount -o remount,bind,ro \(word(place))")
        }
    }

    private func hierarchy(_ one: ShownCgroup, _ place: String, _ flags: UInt, _ hasNamespace: Bool) -> [String] {
        let type = one.options.isEmpty ? "cgroup2" : "cgroup"
        let used = hasNamespace ? flags : flags & ~UInt(MS_RDONLY)
        let mounted = MountWords.command(
            type, used, one.options.isEmpty ? [] : [one.options], "cgroup", place)
        var commands = ["mkdir -p \(word(place))", "\(mounted) 2>/dev/null || :"]
        if !hasNamespace {
            commands.append(
                "own=$(sed -n 's|^[0-9]*:\(one.options.split(separator: ",").last ?? ""):||p' /proc/self/cgroup); "
                    + "[ \"$own\" = / ] || mount --bind \(word(place))\"$own\" \(word(place))")
            if flags & UInt(MS_RDONLY) != 0 { commands.append("mount -o remount,bind,ro \(word(place)) || :") }
        }
        return commands
    }

    // MARK: devices

    func tellDevices(_ told: inout Told) {
        let isOfHost = spec.mounts.contains { $0.isDevices && $0.isBind }
        if !isOfHost {
            var commands: [String] = []
            for device in StandardDevices.with(linux.devices) {
                let place = word("." + device.path)
                if linux.has(.user) {
                    // A user namespace may make no device: the host's own are bound.
                    let parent = word("." + Files.directory(of: device.path))
                    commands.append(
                        "mkdir -p \(parent) && touch \(place) && mount --bind \(word(device.path)) \(place)")
                    continue
                }
                let kind = device.kind == mode_t(S_IFBLK) ? "b" : device.kind == mode_t(S_IFIFO) ? "p" : "c"
                let numbers = kind == "p" ? "" : " \(device.major) \(device.minor)"
                commands.append(
                    "[ -e \(place) ] || mknod -m \(String(device.mode, radix: 8)) \(place) \(kind)\(numbers)")
                if device.user != 0 || device.group != 0 {
                    commands.append("chown \(device.user):\(device.group) \(place)")
                }
            }
            for (name, target) in StandardDevices.links { commands.append("ln -s \(target) ./dev/\(name)") }
            if spec.mounts.contains(where: { $0.destination == "/dev/pts" }) {
                commands.append("ln -sf pts/ptmx ./dev/ptmx")
            }
            told.step("the devices that it has", commands)
        }
        guard spec.process?.terminal == true else { return }
        told.step(
            "its terminal: the first of its own, which is /dev/console too; the other end goes to the shim",
            ["exec 3<>./dev/pts/ptmx", "chown \(spec.process?.user ?? 0) ./dev/pts/0"]
                + (isOfHost ? [] : ["touch ./dev/console && mount --bind ./dev/pts/0 ./dev/console"]))
    }

    // MARK: covers

    /// What is hidden, what cannot be written: after everything has been made.
    func tellCovers(_ told: inout Told) {
        for mount in spec.mounts where mount.isDevices && !mount.isBind && mount.flags & UInt(MS_RDONLY) != 0 {
            told.step("nothing more is made there", "mount -o remount,bind,ro \(word("." + mount.destination))")
        }
        if !linux.readonlyPaths.isEmpty {
            told.step(
                "what it may read and not write, where it is there",
                "for path in \(linux.readonlyPaths.map { word("." + $0) }.joined(separator: " ")); do "
                    + "[ ! -e \"$path\" ] || { mount --rbind \"$path\" \"$path\" && mount -o remount,bind,ro \"$path\"; }; done"
            )
        }
        if !linux.maskedPaths.isEmpty {
            told.step(
                "what it does not see, where it is there: nothing over a file, an empty directory over a directory",
                "for path in \(linux.maskedPaths.map { word("." + $0) }.joined(separator: " ")); do "
                    + "if [ -d \"$path\" ]; then mount -t tmpfs -o ro,size=0k,mode=755 tmpfs \"$path\"; "
                    + "elif [ -e \"$path\" ]; then mount --bind /dev/null \"$path\"; fi; done")
        }
        if spec.isRootReadOnly { told.step("its root is read-only", "mount -o remount,bind,ro .") }
    }
}

/// Mounts in mount(8)'s words.
enum MountWords {
    private static let flags: [(UInt, String)] = [
        (UInt(MS_RDONLY), "ro"), (UInt(MS_NOSUID), "nosuid"), (UInt(MS_NODEV), "nodev"), (UInt(MS_NOEXEC), "noexec"),
        (UInt(MS_SYNCHRONOUS), "sync"), (UInt(MS_DIRSYNC), "dirsync"), (UInt(MS_NOATIME), "noatime"),
        (UInt(MS_NODIRATIME), "nodiratime"), (UInt(MS_RELATIME), "relatime"), (UInt(MS_STRICTATIME), "strictatime"),
        (1 << 25, "lazytime"), (256, "nosymfollow"),
    ]
    private static let attributes: [(UInt64, String, String)] = [
        (UInt64(MOUNT_ATTR_RDONLY), "ro", "rw"), (UInt64(MOUNT_ATTR_NOSUID), "nosuid", "suid"),
        (UInt64(MOUNT_ATTR_NODEV), "nodev", "dev"), (UInt64(MOUNT_ATTR_NOEXEC), "noexec", "exec"),
        (UInt64(MOUNT_ATTR_NOATIME), "noatime", "atime"), (UInt64(MOUNT_ATTR_STRICTATIME), "strictatime", "relatime"),
        (UInt64(MOUNT_ATTR_NODIRATIME), "nodiratime", "diratime"),
        (UInt64(MOUNT_ATTR_NOSYMFOLLOW), "nosymfollow", "symfollow"),
    ]

    /// `mount -t TYPE -o OPTIONS SOURCE PLACE`
    static func command(_ type: String, _ flags: UInt, _ data: [String], _ source: String, _ place: String) -> String {
        let options = MountWords.flags.filter { flags & $0.0 != 0 }.map(\.1) + data
        let said = options.isEmpty ? "" : "-o \(word(options.joined(separator: ","))) "
        return "mount -t \(word(type)) \(said)\(word(source)) \(word(place))"
    }

    /// What a bind mount is changed to.
    static func attributes(_ set: UInt64, _ clear: UInt64) -> [String] {
        attributes.compactMap { bit, name, opposite in
            set & bit != 0 ? name : clear & bit != 0 ? opposite : nil
        }
    }

    /// The end of an option --make-….
    static func propagation(_ kind: UInt) -> String {
        let has = { (flag: Int) in kind & UInt(flag) != 0 }
        let name =
            has(Int(MS_SHARED))
            ? "shared" : has(Int(MS_SLAVE)) ? "slave" : has(Int(MS_UNBINDABLE)) ? "unbindable" : "private"
        return (kind & UInt(MS_REC) != 0 ? "r" : "") + name
    }
}
