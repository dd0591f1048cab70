import CContainer
import Glibc
import JSON
import NetCore

/// Where init waits until it may become the user's program.
enum StartGate {
    /// A pipe with a name, open by O_PATH.
    case pipe(Int32)
    /// The talk with its maker.
    case channel
}

/// A container's first process, from birth to the user's program. All that it needs was decided and opened before it was born.
struct ContainerInit: ~Copyable {
    let spec: BundleSpec
    let launch: ProcessLaunch
    let sources: BindSources
    let channel: InitChannel
    let places: CgroupPlaces
    let gate: StartGate
    /// Connected; -1 without a terminal.
    let console: Int32
    let keyring: String?
    let pivots: Bool
    let state: JSONObject

    /// Never returns.
    func run() -> Never {
        do throws(OCIError) {
            // The host's /proc is out of sight later.
            let descriptors = try kernel { () throws(KernelError) in
                try OwnedDescriptor(open: "/proc/self/fd", O_RDONLY | O_DIRECTORY)
            }
            let program = try becomeContainer()
            channel.say(.ready)
            let end = try waitForStart(descriptors.number)
            try spec.hooks.run(.startContainer, state)
            tell(launch.execute(program.path, program.environment), end)
        } catch {
            channel.say(error)
        }
        _exit(1)
    }

    private func becomeContainer() throws(OCIError) -> (path: String, environment: [String]) {
        guard try channel.hear() == .proceed else { _exit(1) }
        let isInUserNamespace = spec.linux.has(.user)
        try kernel { () throws(KernelError) in
            try places.enter()
            setsid()
            if let keyring {
                _ = try ignoring(Errno(ENOSYS), Errno(EDQUOT)) { () throws(KernelError) in
                    try check("join a session keyring") { berth_join_session_keyring(keyring) }
                }
            }
            // Now that this process is in the container's control group, that is the root of the namespace.
            if spec.linux.makes(.cgroup) {
                try check("make a cgroup namespace") {
                    berth_unshare_kinds(Int32(truncatingIfNeeded: NamespaceSpec.Kind.cgroup.flag))
                }
            }
            try setNames()
        }
        if spec.linux.has(.mount) {
            try makeRoot(isInUserNamespace)
        } else {
            try kernel { () throws(KernelError) in
                try setSysctls()
                try check("enter \(spec.root)") { chroot(spec.root) }
                try check("enter \(spec.root)") { chdir("/") }
            }
        }
        return try launch.prepare()
    }

    private func setNames() throws(KernelError) {
        if let name = spec.hostname { try check("set the host name \(name)") { berth_sethostname(name) } }
        if let name = spec.domainName { try check("set the domain name \(name)") { berth_setdomainname(name) } }
    }

    /// Through the host's /proc, which shows the namespaces of whoever opens a file. The domain name's file there belongs to the
    /// host's root alone, so that the root of a user namespace has only the call.
    private func setSysctls() throws(KernelError) {
        for one in spec.linux.sysctls {
            if one.name == LinuxSpec.domainName {
                try check("set the domain name \(one.value)") { berth_setdomainname(one.value) }
                continue
            }
            try Sysctl.write(String(one.name.map { $0 == "." ? "/" : $0 }), one.value)
        }
    }

    private func makeRoot(_ isInUserNamespace: Bool) throws(OCIError) {
        let root = try kernel { () throws(KernelError) -> RootDirectory in
            try check("keep mounts from the host") { mount("", "/", "", UInt(MS_SLAVE | MS_REC), nil) }
            let place = try OwnedDescriptor(open: spec.root, Int32(berth_o_path()))
            let tree = OwnedDescriptor(taking: sources.root.tree)
            try Mounting.attach(tree.number, place.number, spec.root)
            if isInUserNamespace {
                try check("become root of the user namespace") { berth_set_group(0) }
                try check("become root of the user namespace") { berth_set_groups([], 0) }
                try check("become root of the user namespace") { berth_set_user(0) }
            }
            return RootDirectory(tree)
        }
        let terminal = try fill(root, isInUserNamespace)
        if !spec.hooks.at(.prestart).isEmpty || !spec.hooks.at(.createRuntime).isEmpty {
            channel.say(.mounted)
            guard try channel.hear() == .proceed else { _exit(1) }
        }
        try spec.hooks.run(.createContainer, state)
        try kernel { () throws(KernelError) in
            try close(root)
            try setSysctls()
            try become(root)
            if let terminal { try terminal.take(console) }
        }
    }

    private func fill(
        _ root: borrowing RootDirectory, _ isInUserNamespace: Bool
    ) throws(OCIError) -> ContainerTerminal? {
        do throws(KernelError) {
            for (index, mount) in spec.mounts.enumerated() {
                try root.make(mount, sources.mounts[index], hasCgroupNamespace: spec.linux.has(.cgroup))
            }
            let hasDevicesOfHost = spec.mounts.contains { $0.isDevices && $0.isBind }
            if !hasDevicesOfHost { try root.makeDevices(spec.linux.devices, isBound: isInUserNamespace) }
            guard launch.process.terminal, console >= 0 else { return nil }
            let terminal = try ContainerTerminal(in: root, launch.process)
            if !hasDevicesOfHost { try terminal.becomeConsole(in: root) }
            return terminal
        } catch {
            throw OCIError(error)
        }
    }

    /// What is hidden, what cannot be written: after everything has been made.
    private func close(_ root: borrowing RootDirectory) throws(KernelError) {
        for mount in spec.mounts where mount.isDevices && !mount.isBind && mount.flags & UInt(MS_RDONLY) != 0 {
            try root.makeReadOnly(mount.destination)
        }
        let null = try OwnedDescriptor(open: "/dev/null", Int32(berth_o_path()))
        try root.protect(spec.linux.readonlyPaths)
        try root.hide(spec.linux.maskedPaths, null: null.number)
        if spec.isRootReadOnly {
            try Mounting.change(root.descriptor.number, UInt64(MOUNT_ATTR_RDONLY), 0, "the root", 0)
        }
    }

    /// The root is the container's, and the host's is nowhere to be found.
    private func become(_ root: borrowing RootDirectory) throws(KernelError) {
        try check("enter the root") { fchdir(root.descriptor.number) }
        if pivots {
            try check("pivot to the root \(spec.root)") { berth_pivot_root(".", ".") }
            // The old root lies over the new one; its mounts stay on the host.
            try check("keep mounts from the host") { mount("", ".", "", UInt(MS_SLAVE | MS_REC), nil) }
            try check("leave the host's root") { umount2(".", Int32(MNT_DETACH)) }
        } else {
            try check("move the root over the host's") { mount(".", "/", "", UInt(MS_MOVE), nil) }
            try check("enter the root") { chroot(".") }
        }
        try check("enter the root") { chdir("/") }
        if let kind = spec.linux.rootPropagation {
            try check("set the root's propagation") { mount("", "/", "", kind, nil) }
        }
    }

    /// The descriptor that an error is told on, once somebody has said start.
    private func waitForStart(_ descriptors: Int32) throws(OCIError) -> Int32 {
        guard case .pipe(let pipe) = gate else {
            guard try channel.hear() == .proceed else { _exit(1) }
            return -1
        }
        let number = try kernel { () throws(KernelError) in
            try check("wait for start") { openat(descriptors, "\(pipe)", O_WRONLY | O_CLOEXEC) }
        }
        _ = write(number, "0", 1)
        return number
    }

    private func tell(_ error: OCIError, _ end: Int32) {
        if end < 0 {
            channel.say(error)
        } else {
            let bytes = [UInt8(truncatingIfNeeded: error.code)] + Array(error.message.utf8)
            _ = write(end, bytes, bytes.count)
        }
        _exit(1)
    }
}
