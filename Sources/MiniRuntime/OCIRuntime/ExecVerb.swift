import CContainer
import Glibc
import JSON
import NetCore

/// exec: a further process in a running container.
extension OCICommand {
    func exec(_ arguments: [String]) throws(OCIError) -> Int32 {
        let options = try Options(
            arguments,
            valued: [
                "process,p", "console-socket", "cwd", "env,e", "user,u", "additional-gids,g", "pid-file", "cap,c",
                "preserve-fds", "process-label", "apparmor", "cgroup",
            ], plain: ["tty,t", "detach,d", "no-new-privs", "ignore-paused"], verb: "exec")
        guard let id = options.words.first else { throw OCIError("exec takes the container's id and a command") }
        for flag in ["process-label", "apparmor", "cgroup"] where options.value(flag).map({ !$0.isEmpty }) ?? false {
            throw OCIError("exec: --\(flag) is not supported: leave it out")
        }
        let record = try ContainerRecord.load(id, in: root)
        switch record.status {
        case .stopped: throw OCIError("cannot exec a container that has stopped")
        case .paused where !options.has("ignore-paused"):
            throw OCIError("cannot exec in a paused container: resume it, or take --ignore-paused")
        default: break
        }
        let (spec, document) = try record.spec()
        let process = try OCICommand.process(options, Fields(document))
        let launch = try ProcessLaunch(
            process, spec.linux.seccomp, root: root, preserved: try options.number("preserve-fds") ?? 0)
        return try ExecutedProcess(
            record: record, spec: spec, launch: launch, consoleSocket: options.value("console-socket"),
            pidFile: options.value("pid-file"), isDetached: options.has("detach")
        ).run()
    }

    /// From a file, or the container's own process with what the command line changes.
    private static func process(_ options: Options, _ document: Fields) throws(OCIError) -> ProcessSpec {
        if let file = options.value("process") {
            let text = try kernel { () throws(KernelError) in try Files.read(file) }
            return try ProcessSpec(Fields(try BundleSpec.document(text)))
        }
        guard options.words.count > 1 else { throw OCIError("exec takes a command, or --process FILE") }
        guard let own = try document.fields("process") else { throw OCIError("the container has no process to go by") }
        var object = own.object.removing("terminal", "consoleSize")
        object["args"] = .array(options.words.dropFirst().map { .string($0) })
        var process = try ProcessSpec(Fields(object, "process"))
        process.terminal = options.has("tty")
        process.environment += options.all("env")
        if let directory = options.value("cwd") { process.directory = directory }
        if options.has("no-new-privs") { process.noNewPrivileges = true }
        if let user = options.value("user") {
            let parts = user.split(separator: ":", omittingEmptySubsequences: false).map { UInt32($0) }
            guard let uid = parts[0], parts.count <= 2, parts.last! != nil else {
                throw OCIError("--user \(user): it must be UID or UID:GID, in numbers")
            }
            process.user = uid
            if parts.count > 1, let gid = parts[1] { process.group = gid }
        }
        for text in options.all("additional-gids") {
            guard let gid = UInt32(text) else { throw OCIError("--additional-gids \(text): it must be a number") }
            process.groups.append(gid)
        }
        for name in options.all("cap") {
            guard let number = Capability.number(name) else { throw OCIError("--cap \(name): no kernel knows it") }
            var sets = process.capabilities ?? CapabilitySets()
            let bit = UInt64(1) << UInt64(number)
            sets.bounding |= bit
            sets.effective |= bit
            sets.permitted |= bit
            // As runc: ambient, so that a user other than root has it.
            sets.inheritable |= bit
            sets.ambient |= bit
            process.capabilities = sets
        }
        return process
    }
}

/// One such process.
struct ExecutedProcess {
    let record: ContainerRecord
    let spec: BundleSpec
    let launch: ProcessLaunch
    let consoleSocket: String?
    let pidFile: String?
    let isDetached: Bool

    func run() throws(OCIError) -> Int32 {
        if launch.process.terminal && isDetached && consoleSocket == nil {
            throw OCIError("a detached process with a terminal needs somebody who takes it: name a --console-socket")
        }
        var console: Int32 = -1
        var ownConsole: Int32 = -1
        if launch.process.terminal {
            if let consoleSocket {
                console = try kernel { () throws(KernelError) in try ConsoleSocket.connect(consoleSocket) }
            } else {
                (ownConsole, console) = try ExecutedProcess.pair()
            }
        }
        var foreground = isDetached ? nil : try Foreground()
        let (mine, its) = try ExecutedProcess.pair()
        let process = try begin(mine, its, console)
        close(its)
        if console >= 0 { close(console) }
        let channel = InitChannel(taking: mine)
        do throws(OCIError) {
            try kernel { () throws(KernelError) in
                if let score = launch.process.killScore {
                    try ContainerCreation.write("/proc/\(process.pid)/oom_score_adj", "\(score)")
                }
                if spec.linux.has(.user) { try launch.process.raiseLimits(of: process.pid) }
                StreamOwner.give(to: launch.process.user, in: record.pid)
                if let pidFile { try Files.replace(pidFile, with: Array("\(process.pid)".utf8), mode: 0o644) }
            }
            channel.say(.proceed)
            guard try channel.hear() == .ready else {
                throw OCIError("the process ended before it ran (wait status \(process.wait()))")
            }
            _ = try channel.hear()
        } catch {
            process.kill()
            _ = process.wait()
            throw error
        }
        guard foreground != nil else { return 0 }
        let terminal = try foreground!.receive(ownConsole)
        return foreground!.wait(process, terminal: terminal)
    }

    private static func pair() throws(OCIError) -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        try kernel { () throws(KernelError) in try check("make a pair of sockets") { berth_new_pair(&ends) } }
        return (ends[0], ends[1])
    }

    private func begin(_ mine: Int32, _ its: Int32, _ console: Int32) throws(OCIError) -> NewProcess {
        do throws(KernelError) {
            let handle = OwnedDescriptor(
                taking: try check("look at process \(record.pid)") { berth_pidfd_open(record.pid) })
            let own = try OwnedDescriptor(open: "/proc/self/ns/pid", O_RDONLY)
            let kind = Int32(truncatingIfNeeded: NamespaceSpec.Kind.pid.flag)
            let isElsewhere = spec.linux.has(.pid)
            var places = try CgroupPlaces(record.cgroup)
            defer { places.close() }
            if isElsewhere {
                try check("enter the container's pid namespace") { berth_setns_kinds(handle.number, kind) }
            }
            if let process = try born(&places) {
                if isElsewhere { try check("go back to the own pid namespace") { berth_setns_kinds(own.number, kind) } }
                return process
            }
            close(mine)
            inside(handle.number, InitChannel(taking: its), places, console)
        } catch {
            throw OCIError(error)
        }
    }

    /// Nil in the child. Where the container's group takes no processes, it is born beside the container's init.
    private func born(_ places: inout CgroupPlaces) throws(KernelError) -> NewProcess? {
        do throws(KernelError) {
            return try NewProcess.clone(0, places)
        } catch {
            guard error.errno == .busy, places.birth >= 0 else { throw error }
            try places.moveBirth(to: record.pid, in: record.cgroup)
            return try NewProcess.clone(0, places)
        }
    }

    /// Never returns.
    private func inside(_ handle: Int32, _ channel: consuming InitChannel, _ places: CgroupPlaces, _ console: Int32)
        -> Never
    {
        do throws(OCIError) {
            guard try channel.hear() == .proceed else { _exit(1) }
            try kernel { () throws(KernelError) in
                // Nothing of this process is to be read by those that it goes to.
                try check("hide from the container") { berth_set_dumpable(0) }
                try places.enter()
                try enter(handle)
                setsid()
                if console >= 0 {
                    let terminal = try ContainerTerminal(
                        in: RootDirectory(try OwnedDescriptor(open: "/", Int32(berth_o_path()))), launch.process)
                    try terminal.take(console)
                }
            }
            let program = try launch.prepare()
            channel.say(.ready)
            channel.say(launch.execute(program.path, program.environment))
        } catch {
            channel.say(error)
        }
        _exit(1)
    }

    private func enter(_ handle: Int32) throws(KernelError) {
        let root = try OwnedDescriptor(open: "/proc/\(record.pid)/root", Int32(berth_o_path()))
        var kinds: UInt64 = 0
        for one in spec.linux.namespaces where one.kind != .pid && one.kind != .user { kinds |= one.kind.flag }
        if kinds != 0 {
            try check("enter the container's namespaces") {
                berth_setns_kinds(handle, Int32(truncatingIfNeeded: kinds))
            }
        }
        if !spec.linux.has(.mount) {
            try check("enter the container's root") { fchdir(root.number) }
            try check("enter the container's root") { chroot(".") }
        }
        guard spec.linux.has(.user) else { return }
        try check("enter the container's user namespace") {
            berth_setns_kinds(handle, Int32(truncatingIfNeeded: NamespaceSpec.Kind.user.flag))
        }
        try check("become root of the user namespace") { berth_set_group(0) }
        try check("become root of the user namespace") { berth_set_groups([], 0) }
        try check("become root of the user namespace") { berth_set_user(0) }
    }
}
