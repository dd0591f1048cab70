import CContainer
import CKernel
import Glibc
import JSON
import NetCore

/// The process that a world lives by: when it ends, by whatever, everything of the world ends. Fresh, with one thread; it stays in
/// the starter's namespaces but for the user namespace, and does nothing to them.
enum Holder {
    /// Minutes without a command after which a world ends that is not kept.
    static let idleMinutes = 30

    /// `DIRECTORY keep|leave`, standard input being the world's description as JSON, standard output being the starter's pipe: a line "ready", or an error as JSON.
    static func run(_ words: [String]) -> Int32 {
        guard words.count == 2 else { return 2 }
        _ = berth_close_range(3, .max)
        setsid()
        chdir("/")
        umask(0o022)
        berth_set_name("berth-lab")
        do throws(LabError) {
            let held = try make(LabDirectory(words[0]), keep: words[1] == "keep")
            say("ready")
            watch(held)
            return 0
        } catch {
            say(error.json.text)
            return error.exitCode
        }
    }

    private struct Held {
        /// Of a world with containers.
        let group: LabGroup?
        let file: String
        let root: Int32
        let calls: HeldService
        let keep: Bool
    }

    private static func make(_ directory: LabDirectory, keep: Bool) throws(LabError) -> Held {
        let text = try during("read the world's description") { () throws(KernelError) in
            try Files.read(STDIN_FILENO, limit: 1 << 20, operation: "read standard input")
        }
        guard let description = (try? JSON(parsing: text)).flatMap({ WorldDescription($0) }) else {
            throw LabError(.name, "the world's description cannot be read", fix: "start it by berth lab start")
        }
        let name = description.name
        let networks = try NetworkGuard()
        let own = getpid()
        guard let identity = ProcessIdentity(pid: own) else {
            throw LabError(.kernel, "cannot find this process in /proc", fix: "mount /proc: mount -t proc proc /proc")
        }
        let lock = try directory.lock()
        WorldState.sweep(directory)
        if description.hasContainers { LabGroup.sweep() }
        try OwnUserNamespace.make()
        let lines = try Lines.open()
        let group = description.hasContainers ? LabGroup(holder: own) : nil
        let mounts = NetworkNamespace.Identity(path: "/proc/self/ns/mnt")
        var root: Int32 = -1
        let kinds = UInt64(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS)
        let pid = try during("make the world's namespaces") { () throws(KernelError) in
            try check("make a process in new namespaces") { berth_clone(kinds, -1, &root) }
        }
        if pid == 0 {
            WorldRoot(
                description, networks, mounts, lines, directory, lock: lock, holder: own, group: group
            ).run()
        }
        lines.closeRoots()
        try lines.answer(seconds: 20)
        var nodes: [WorldState.Node] = []
        for node in description.nodes {
            guard let process = lines.process() else {
                throw LabError(
                    .kernel, "node \(node.name) has no process", fix: "start it again: berth lab start \(name)")
            }
            nodes.append(WorldState.Node(name: node.name, process: process))
        }
        let calls = HeldService(lines.calls(), directory)
        guard let first = ProcessIdentity(pid: pid) else {
            throw LabError(.kernel, "the world ended as it began", fix: "start it again: berth lab start \(name)")
        }
        let state = WorldState(
            description, holder: identity, root: first, nodes: nodes, keep: keep)
        let file = directory.file(own)
        try during("write \(file)") { () throws(KernelError) in
            try Files.replace(file, with: state.json.bytes, temporary: "\(file).new")
        }
        return Held(group: group, file: file, root: root, calls: calls, keep: keep)
    }

    /// Until somebody says stop, the world's first process is gone, or nobody has used it for long.
    private static func watch(_ held: Held) {
        let null = berth_open_cloexec("/dev/null", O_RDWR, 0)
        for number: Int32 in 0...2 { dup2(null, number) }
        let signals = berth_signal_descriptor()
        while true {
            var polled = [
                pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
                pollfd(fd: held.root, events: Int16(POLLIN), revents: 0),
                pollfd(fd: held.calls.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            let ready = poll(&polled, 3, 30_000)
            if polled[1].revents != 0 {
                unlink(held.file)
                // The world's first process was killed, and could not.
                held.group?.remove()
                return
            }
            var signal = berth_read_signal(signals)
            while signal != 0 {
                if signal == SIGTERM || signal == SIGINT { return }
                signal = berth_read_signal(signals)
            }
            Reaping.all()
            if polled[2].revents != 0 { held.calls.accept() }
            if ready == 0, !held.keep, isIdle(held.file) { return }
        }
    }

    /// Commands touch the state file, and hold a lock on it while they run.
    private static func isIdle(_ file: String) -> Bool {
        let number = berth_open_cloexec(file, O_RDONLY, 0)
        guard number >= 0 else { return false }
        defer { close(number) }
        var found = stat()
        guard fstat(number, &found) == 0, time(nil) - found.st_mtim.tv_sec > idleMinutes * 60 else { return false }
        return flock(number, LOCK_EX | LOCK_NB) == 0
    }

    private static func say(_ text: String) {
        let line = text + "\n"
        _ = write(STDOUT_FILENO, line, line.utf8.count)
    }
}
