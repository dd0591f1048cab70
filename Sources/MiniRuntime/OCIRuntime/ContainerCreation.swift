import CContainer
import Glibc
import JSON
import NetCore

/// What `create` and `run` are asked for.
struct CreationRequest {
    var id: String
    var root: String
    var bundle: String
    var pidFile: String?
    var consoleSocket: String?
    var pivots = true
    var hasNewKeyring = true
    var preserved = 0
    /// How many of those are sockets that systemd hands on (man 3 sd_listen_fds).
    var listeners = 0
    /// The maker stays, starts it by word of mouth and shows its terminal.
    var isForeground = false
}

/// A container whose init waits for its start.
struct CreatedContainer: ~Copyable {
    let record: ContainerRecord
    let spec: BundleSpec
    let cgroup: Cgroup
    let process: NewProcess
    let channel: InitChannel
    /// A foreground container's own terminal, to be received from here; else -1.
    let console: Int32
}

/// Makes a container: everything is judged first, and what was made is gone when a later step fails.
struct ContainerCreation {
    let request: CreationRequest
    private let spec: BundleSpec
    private let launch: ProcessLaunch
    private let text: [UInt8]
    private let directory: String
    private let cgroup: Cgroup

    init(_ request: CreationRequest) throws(OCIError) {
        self.request = request
        directory = try ContainerRecord.directory(request.id, in: request.root)
        do throws(KernelError) {
            text = try Files.read("\(request.bundle)/config.json")
        } catch {
            throw OCIError(
                "read \(request.bundle)/config.json: \(error.errno): name the bundle's directory with --bundle")
        }
        spec = try BundleSpec(parsing: text, bundle: request.bundle)
        guard var process = spec.process else {
            throw OCIError("config.json: process is missing: name what the container runs")
        }
        if request.listeners > 0 { process.environment += ["LISTEN_FDS=\(request.listeners)", "LISTEN_PID=1"] }
        cgroup = try CgroupBinding.cgroup(spec, request.id)
        try ContainerCreation.judge(process, spec, request)
        launch = try ProcessLaunch(
            process, spec.linux.seccomp, root: request.root, preserved: request.preserved)
    }

    private static func judge(_ process: ProcessSpec, _ spec: BundleSpec, _ request: CreationRequest) throws(OCIError) {
        var found = stat()
        guard stat(spec.root, &found) == 0 else {
            throw OCIError("config.json: root.path is \(spec.root): \(Errno.current): name a directory that exists")
        }
        guard found.st_mode & S_IFMT == S_IFDIR else {
            throw OCIError("config.json: root.path is \(spec.root), which is no directory")
        }
        if process.terminal && !request.isForeground && request.consoleSocket == nil {
            throw OCIError(
                "config.json: process.terminal needs somebody who takes the terminal: name a --console-socket")
        }
        if !process.terminal && request.consoleSocket != nil {
            throw OCIError("--console-socket is given, but process.terminal is false: set it, or leave the socket out")
        }
        for one in spec.linux.namespaces {
            guard let path = one.path else { continue }
            guard access(path, R_OK) == 0 else {
                throw OCIError("config.json: the \(one.kind.rawValue) namespace \(path): \(Errno.current)")
            }
        }
    }

    func create() throws(OCIError) -> CreatedContainer {
        try kernel { () throws(KernelError) in try Files.makeDirectories(request.root, mode: 0o711) }
        guard mkdir(directory, 0o711) == 0 else {
            let code = Errno.current
            guard code == .alreadyExists else { throw OCIError(KernelError("make \(directory)", code)) }
            throw OCIError("container \"\(request.id)\" already exists: delete it or take another id")
        }
        // A delete of what is being made waits for the making's end, however that comes.
        let lock = try kernel { () throws(KernelError) in try FileLock(directory: directory, .exclusive) }
        // The new process has the descriptor too, for a moment: closing it would not do.
        defer { flock(lock.descriptor, LOCK_UN) }
        do throws(OCIError) {
            try kernel { () throws(KernelError) in
                let file = try OwnedDescriptor(
                    open: "\(directory)/config.json", O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
                try Files.write(text, to: file.number, operation: "write \(directory)/config.json")
                try cgroup.make(spec.linux.resources)
            }
        } catch {
            StateFolder.remove(directory)
            throw error
        }
        do throws(OCIError) {
            return try begin(lock.descriptor)
        } catch {
            CgroupBinding.remove(cgroup)
            StateFolder.remove(directory)
            throw error
        }
    }

    private func begin(_ lock: Int32) throws(OCIError) -> CreatedContainer {
        let (console, ownConsole) = try terminalSocket()
        let gate = try startGate()
        let sources = try BindSources(spec, bundle: request.bundle)
        var ends: [Int32] = [-1, -1]
        try kernel { () throws(KernelError) in try check("make a pair of sockets") { berth_new_pair(&ends) } }
        let created = ContainerCreation.now()
        let places = try kernel { () throws(KernelError) in try CgroupPlaces(cgroup) }
        let process = try clone(sources, places, console, gate, ends, created, lock)
        sources.close()
        places.close()
        close(ends[1])
        if console >= 0 { close(console) }
        if case .pipe(let pipe) = gate { close(pipe) }
        let channel = InitChannel(taking: ends[0])
        let record = record(process.pid, created)
        do throws(OCIError) {
            try place(process.pid, record)
            try converse(channel, process, record)
            if let file = request.pidFile {
                try kernel { () throws(KernelError) in
                    try Files.replace(file, with: Array("\(process.pid)".utf8), mode: 0o644)
                }
            }
        } catch {
            process.kill()
            _ = process.wait()
            do throws(OCIError) { try spec.hooks.run(.poststop, record.describe(.stopped)) } catch let second {
                Said.warn(second.message)
            }
            throw error
        }
        return CreatedContainer(
            record: record, spec: spec, cgroup: cgroup, process: process, channel: channel, console: ownConsole)
    }

    private func clone(
        _ sources: BindSources, _ places: CgroupPlaces, _ console: Int32, _ gate: StartGate, _ ends: [Int32],
        _ created: String, _ lock: Int32
    ) throws(OCIError) -> NewProcess {
        var flags: UInt64 = 0
        for one in spec.linux.namespaces where one.path == nil && one.kind != .cgroup { flags |= one.kind.flag }
        let mountPath = spec.linux.namespaces.first { $0.kind == .mount }?.path
        do throws(KernelError) {
            var borrowed = try BorrowedNamespaces(spec.linux.namespaces)
            let joined = spec.linux.namespaces.first { $0.kind == .user }?.path
            let clone =
                if let joined { try NewProcess.clone(flags, places, userNamespace: joined) } else {
                    try NewProcess.clone(flags, places)
                }
            if let process = clone {
                try borrowed.giveBack()
                return process
            }
            // Held here too, it would outlast a maker that is killed.
            close(lock)
            close(ends[0])
            let channel = InitChannel(taking: ends[1])
            _ = berth_set_dumpable(0)
            if let mountPath {
                do throws(KernelError) {
                    let other = try OwnedDescriptor(open: mountPath, O_RDONLY)
                    try check("enter the mount namespace \(mountPath)") {
                        berth_setns_kinds(other.number, Int32(truncatingIfNeeded: NamespaceSpec.Kind.mount.flag))
                    }
                } catch {
                    channel.say(OCIError(error))
                    _exit(1)
                }
            }
            ContainerInit(
                spec: spec, launch: launch, sources: sources, channel: channel, places: places, gate: gate,
                console: console,
                keyring: request.hasNewKeyring ? "_ses.\(request.id)" : nil, pivots: request.pivots,
                state: record(getpid(), created).describe(.created)
            ).run()
        } catch {
            throw OCIError(error)
        }
    }

    private func record(_ pid: pid_t, _ created: String) -> ContainerRecord {
        ContainerRecord(
            directory: directory, id: request.id, pid: pid, start: ProcessStatus(pid)?.start ?? 0,
            bundle: request.bundle,
            root: spec.root, version: spec.version, created: created, cgroupPath: cgroup.path,
            annotations: spec.annotations)
    }

    /// Its ids and its place in the order of killing: before it does anything.
    private func place(_ pid: pid_t, _ record: ContainerRecord) throws(OCIError) {
        try kernel { () throws(KernelError) in
            if spec.linux.makes(.user) {
                for (file, mappings) in [("uid_map", spec.linux.userMappings), ("gid_map", spec.linux.groupMappings)] {
                    try ContainerCreation.write("/proc/\(pid)/\(file)", mappings.map(\.line).joined(by: ""))
                }
            }
            if let score = launch.process.killScore {
                try ContainerCreation.write("/proc/\(pid)/oom_score_adj", "\(score)")
            }
            if spec.linux.has(.user) { try launch.process.raiseLimits(of: pid) }
            StreamOwner.give(to: launch.process.user, in: pid)
            try record.save()
        }
    }

    private func converse(
        _ channel: borrowing InitChannel, _ process: borrowing NewProcess, _ record: ContainerRecord
    ) throws(OCIError) {
        channel.say(.proceed)
        while true {
            switch try channel.hear() {
            case .mounted:
                try spec.hooks.run(.prestart, record.describe(.created))
                try spec.hooks.run(.createRuntime, record.describe(.created))
                channel.say(.proceed)
            case .ready: return
            default:
                let status = process.wait()
                throw OCIError("the container's first process ended before it was ready (wait status \(status))")
            }
        }
    }

    static func write(_ path: String, _ text: String) throws(KernelError) {
        let file = try OwnedDescriptor(open: path, O_WRONLY)
        let bytes = Array(text.utf8)
        try check("write \(path)") { Glibc.write(file.number, bytes, bytes.count) }
    }

    private static func now() -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UniversalTime.text(time.tv_sec, milliseconds: time.tv_nsec / 1_000_000)
    }

    private func startGate() throws(OCIError) -> StartGate {
        if request.isForeground { return .channel }
        let path = "\(directory)/exec.fifo"
        return try kernel { () throws(KernelError) in
            let before = umask(0)
            defer { umask(before) }
            // A user of the container's choice writes to it, who reaches it by a descriptor alone.
            try check("make \(path)") { mkfifo(path, 0o622) }
            return .pipe(try OwnedDescriptor(open: path, Int32(berth_o_path())).release())
        }
    }

    /// Where init sends its terminal; for a foreground container the other end is kept here.
    private func terminalSocket() throws(OCIError) -> (Int32, Int32) {
        guard launch.process.terminal else { return (-1, -1) }
        if let path = request.consoleSocket {
            return (try kernel { () throws(KernelError) in try ConsoleSocket.connect(path) }, -1)
        }
        var ends: [Int32] = [-1, -1]
        try kernel { () throws(KernelError) in try check("make a pair of sockets") { berth_new_pair(&ends) } }
        return (ends[0], ends[1])
    }
}

/// The socket that somebody listens on for a container's terminal.
enum ConsoleSocket {
    static func connect(_ path: String) throws(KernelError) -> Int32 {
        let number = try check("make a socket") { socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw KernelError("connect to \(path)", Errno(ENAMETOOLONG))
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        try check("connect to the console socket \(path)") {
            withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
        }
        return number
    }
}
