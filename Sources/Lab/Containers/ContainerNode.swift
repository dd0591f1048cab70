import CContainer
import CKernel
import Glibc
import MiniRuntime
import NetCore

/// What a node has besides, in which berth's containers run: control groups of its own, and a daemon. All of it is done by the node's
/// first process, before anybody is at home there.
struct ContainerNode {
    let group: LabGroup
    /// Where berth-oci, berth-shim and berth-cni are.
    let programs: String
    /// As the daemon's clients have it by default.
    static let socket = "/run/berth/berth.sock"
    /// What stands below it lies in memory, and goes with the world.
    static let root = "/run/lab/containers"
    static let log = "/run/lab/daemon.log"

    init(_ group: LabGroup, programs: String) { (self.group, self.programs) = (group, programs) }

    /// Throws E-NAME where the daemon would find no runtime.
    func mustHavePrograms() throws(LabError) {
        for name in ["berth-oci", "berth-shim", "berth-cni"] where access("\(programs)/\(name)", X_OK) != 0 {
            throw LabError(
                .name, "there is no \(name) in \(programs), where this berth is", cause: "\(Errno.current)",
                fix: "install berth whole: make install; a world's own /run hides what is installed below /run")
        }
    }

    /// The process is in the world's group, and sees it as the root of every hierarchy.
    func enterGroup() throws(KernelError) {
        let group = try Cgroup(path: group.path)
        try group.make(nil)
        try group.add(getpid())
        try check("make a namespace of control groups") { berth_unshare_kinds(Int32(CLONE_NEWCGROUP)) }
    }

    /// /sys/fs/cgroup is as on a machine of that layout.
    func mountGroups() throws(KernelError) {
        let place = "/sys/fs/cgroup"
        let flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
        let all = try ShownCgroup.all()
        guard all.contains(where: { !$0.options.isEmpty }) else {
            try Mounts.mount("cgroup2", place, "cgroup2", flags)
            return
        }
        try Mounts.mount("tmpfs", place, "tmpfs", flags, "mode=755")
        for one in all {
            try Files.makeDirectories("\(place)/\(one.name)")
            // What this machine does not let us mount is not shown.
            _ = try ignoring(.notPermitted, .busy, .invalidArgument, .noSuchFile) { () throws(KernelError) in
                try Mounts.mount(
                    "cgroup", "\(place)/\(one.name)", one.options.isEmpty ? "cgroup2" : "cgroup", flags, one.options)
            }
            for link in one.links { symlink(one.name, "\(place)/\(link)") }
        }
    }

    /// A daemon begins in the node; it ends with it. When it listens `World.awaitDaemon` tells.
    func startDaemon() throws(KernelError) {
        try Files.makeDirectories(ContainerNode.root, mode: 0o700)
        let log = try OwnedDescriptor(open: ContainerNode.log, O_WRONLY | O_CREAT | O_APPEND, mode: 0o600)
        let words = [
            "berth", "daemon", "-H", "unix://\(ContainerNode.socket)", "--root", ContainerNode.root, "--run",
            "/run/berth", "--programs", programs,
        ]
        let child = try check("make a process for the daemon") { fork() }
        guard child == 0 else { return }
        setsid()
        berth_default_signals()
        let null = berth_open_cloexec("/dev/null", O_RDWR, 0)
        dup2(null, 0)
        for number: Int32 in 1...2 { dup2(log.number, number) }
        _ = berth_close_range(3, .max)
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        execv("\(OnProgram.folder)/berth", &arguments)
        let line = "berth: cannot execute \(OnProgram.folder)/berth: \(Errno.current)\n"
        _ = write(STDERR_FILENO, line, line.utf8.count)
        _exit(127)
    }
}
