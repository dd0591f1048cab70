import CContainer
import CKernel
import Glibc
import JSON
import MiniRuntime
import NetCore

/// The world's first process: it makes the nodes, builds, and then only reaps, until the holder is gone. With it the kernel ends
/// every process of the world, and with these go its namespaces and mounts.
struct WorldRoot {
    private let description: WorldDescription
    private let networks: NetworkGuard
    private let mounts: NetworkNamespace.Identity?
    private let lines: Lines
    private let directory: LabDirectory
    private let lock: Int32
    private let holder: Int32
    /// Of a world with containers.
    private let group: LabGroup?
    /// Where this program's file is: the runtime's are beside it.
    private let programs: String

    init(
        _ description: WorldDescription, _ networks: NetworkGuard, _ mounts: NetworkNamespace.Identity?, _ lines: Lines,
        _ directory: LabDirectory, lock: Int32, holder: Int32, group: LabGroup?
    ) {
        (self.description, self.networks, self.mounts, self.lines) = (description, networks, mounts, lines)
        (self.directory, self.lock, self.holder) = (directory, lock, holder)
        self.group = group
        programs = OwnProgram.folder
    }

    /// In the forked child.
    func run() -> Never {
        lines.closeHolders()
        // A directory of its own opening: the holder's lock must not live on here.
        let place = berth_openat(lock, ".", O_RDONLY | O_DIRECTORY, 0)
        let above = berth_open_cloexec(Files.directory(of: directory.path), O_RDONLY | O_DIRECTORY, 0)
        close(lock)
        let null = berth_open_cloexec("/dev/null", O_RDWR, 0)
        for number: Int32 in 0...2 { dup2(null, number) }
        Title.set("berth-world")
        let signals = berth_signal_descriptor()
        var service: OnService?
        do throws(LabError) {
            try settle()
            try build()
            service = try populate()
            say(Array("stands".utf8))
        } catch {
            say(error.json.bytes)
        }
        close(lines.answer.world)
        close(lines.nodes.world)
        while !isLet(go: signals, service) { Reaping.all() }
        // While somebody is there to remove what namespaces do not end with.
        if let group { end(group) }
        if place >= 0 { tidy(place, above) }
        _exit(0)
    }

    /// The world's own mounts: nothing of them reaches the host's, what the host unmounts goes here too; a fresh /run and /proc.
    private func settle() throws(LabError) {
        try during("look at the world's network") { () throws(KernelError) in try NetworkNamespace.current() }.checked(
            networks)
        guard let mounts, let now = NetworkNamespace.Identity(path: "/proc/self/ns/mnt"), now != mounts else {
            throw LabError(
                .guarded, "refused to mount: nothing was changed",
                cause: "the process is still among the starter's mounts",
                fix: "this is an error of berth's: please report it with the kernel's version (uname -r)")
        }
        try during("make the world's mounts") { () throws(KernelError) in
            try Mounts.mount("none", "/", nil, MS_REC | MS_SLAVE)
            try Mounts.mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
            let program = try OwnProgram()
            try Mounts.mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
            try program.place(in: OnProgram.folder, alsoAs: "on")
            try Files.makeDirectories("/run/lock")
            try check("name the world") { berth_sethostname("lab") }
        }
    }

    private func build() throws(LabError) {
        for node in description.nodes {
            _ = try during("make node \(node.name)") { () throws(KernelError) in try NamedNamespace.add(node.name) }
        }
        let builder = try WorldBuilder(description, guard: networks) { "\(NamedNamespace.directory)/\($0)" }
        try builder.build()
    }

    /// Somebody is at home in every node, and commands can go from one to the other.
    private func populate() throws(LabError) -> OnService {
        var nodes: [(name: String, handle: Int32)] = []
        for node in description.nodes {
            let containers = node.hasContainers ? group.map { ContainerNode($0, programs: programs) } : nil
            if let containers { try containers.mustHavePrograms() }
            let handle = try during("start node \(node.name)") { () throws(KernelError) in
                try NodeRoot.start(node.name, containers: containers)
            }
            _ = try during("tell of node \(node.name)") { () throws(KernelError) in
                try check("send a pidfd") { berth_send_descriptor(lines.nodes.world, handle, node.name) }
            }
            nodes.append((node.name, handle))
        }
        try during("start the world's recorder") { () throws(KernelError) in
            try Recorder.start(description.nodes.map(\.name))
        }
        return try during("listen to the world's shells") { () throws(KernelError) in
            let service = try OnService(nodes, world: description.name)
            // The holder's, who is outside.
            let held = OwnedDescriptor(taking: try OnService.listening(at: HeldProgram.place))
            let number = held.number
            try check("send a socket") { berth_send_descriptor(lines.nodes.world, number, "holder") }
            return service
        }
    }

    /// Waits for the holder's end, a child's, or a call from a shell; true for the first.
    private func isLet(go signals: Int32, _ service: OnService?) -> Bool {
        var polled = [
            pollfd(fd: lines.leash.world, events: Int16(POLLIN), revents: 0),
            pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
            pollfd(fd: service?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
        ]
        _ = poll(&polled, 3, -1)
        while berth_read_signal(signals) != 0 {}
        if polled[2].revents != 0 { service?.accept() }
        return polled[0].revents != 0
    }

    /// No other process of the world is there, paused containers' neither, and no control group.
    private func end(_ group: LabGroup) {
        guard getpid() == 1 else { return }
        for _ in 0..<500 {
            // All of this namespace of processes, but for its first.
            let isAlone = kill(-1, SIGKILL) != 0
            Reaping.all()
            if isAlone { break }
            group.thaw()
            usleep(10_000)
        }
        group.remove()
    }

    /// The holder's state file goes, and the directory unless another world takes it already.
    private func tidy(_ place: Int32, _ above: Int32) {
        let name = LabDirectory.name(holder)
        unlinkat(place, name, 0)
        unlinkat(place, "\(name).new", 0)
        guard above >= 0, flock(place, LOCK_EX | LOCK_NB) == 0 else { return }
        let last = directory.path.utf8.lastIndex(of: UInt8(ascii: "/")).map {
            String(directory.path[directory.path.utf8.index(after: $0)...])
        }
        unlinkat(above, last ?? directory.path, AT_REMOVEDIR)
    }

    private func say(_ bytes: [UInt8]) {
        do throws(KernelError) {
            try Files.write(bytes, to: lines.answer.world, operation: "answer the holder")
        } catch {
            // The holder is gone: the leash tells it.
        }
    }
}

extension NetworkNamespace {
    fileprivate consuming func checked(_ networks: NetworkGuard) throws(LabError) { try networks.permit(self) }
}
