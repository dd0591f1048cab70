#if Daemon
    import Containers
    import Glibc
    import Images
    import NIOCore
    import NIOPosix
    import NetCore
    import Networks

    /// The daemon: listens, serves until SIGTERM or SIGINT. Containers run on after it.
    public struct Daemon: Sendable {
        public var home: Home
        public var addresses: [ListenAddress] = []
        public var tls: TLSFiles?
        public var isInsecureLoopbackAllowed = false
        /// Who may use the socket besides root.
        public var group = "berth"
        /// Where plugins are looked for besides berth's own.
        public var pluginPath = ["/opt/cni/bin", "/usr/lib/cni"]
        public var isDebugging = false
        /// What containers' users are on the host; nil: themselves.
        public var remap: IDMap?

        public init(_ home: Home) { self.home = home }

        /// Ends when a signal says so. Throws what kept it from beginning, or from listening.
        public func run() throws {
            signal(SIGPIPE, SIG_IGN)
            // Blocked before there is a second thread: whoever waits for them gets them.
            var signals = sigset_t()
            sigemptyset(&signals)
            for number in [SIGTERM, SIGINT] { sigaddset(&signals, number) }
            pthread_sigmask(SIG_BLOCK, &signals, nil)

            try Files.makeDirectories(home.root, mode: 0o711)
            try Files.makeDirectories(home.run, mode: 0o755)
            let pidFile = try PidFile(home)
            defer { withExtendedLifetime(pidFile) {} }

            let events = EventLog()
            let images = ImageStore("\(home.root)/images")
            let networks = NetworkStore(
                root: home.root, run: home.run, pluginPath: [ownPlugins] + pluginPath)
            let containers = Containers(home, images, networks, events, remap: remap)
            // Said now rather than by every container.
            try containers.judgeRemap()
            let gate = Gate()
            let service = Service(
                Model(home: home, containers: containers, images: images, networks: networks, events: events),
                gate: gate, isDebugging: isDebugging)

            let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            let rest = Rest(loops.next())
            let listener = Listener(group: loops, service: service, rest: rest)
            var channels: [any Channel] = []
            for address in addresses {
                channels.append(
                    try listener.listen(
                        address, tls: tls, group: group, isInsecureAllowed: isInsecureLoopbackAllowed))
                StandardError.line("listening on \(address)")
            }
            Daemon.recover(containers, gate)
            rest.interrupt()
            var number: Int32 = 0
            sigwait(&signals, &number)
            StandardError.line("ending by signal \(number): containers run on")
            for channel in channels { try channel.close().wait() }
            for case .unix(let path) in addresses { try Files.remove(path) }
        }

        /// The containers of before are known again, some time later, and the gate is open. Nobody waits for it with the signals.
        private static func recover(_ containers: Containers, _ gate: Gate) {
            let work = { @Sendable in
                do throws(APIError) {
                    try containers.recover()
                } catch {
                    StandardError.line("containers of before are not all known again: \(error)")
                }
                gate.open()
            }
            if !Threads.run(.stream, work) { work() }
        }

        /// berth's own plugins: beside berth-core where that is installed, or in build/cni of a checkout.
        private var ownPlugins: String {
            var directory = home.programs
            if let core = realpath("\(home.programs)/berth-core", nil) {
                directory = Files.directory(of: String(cString: core))
                free(core)
            }
            let built = "\(directory)/../cni"
            return !Files.exists("\(directory)/bridge") && Files.exists("\(built)/bridge") ? built : directory
        }
    }

    /// The pid file, locked for the daemon's life: two on one root would spoil each other's work.
    private final class PidFile {
        private let lock: FileLock

        init(_ home: Home) throws {
            let path = "\(home.run)/berth.pid"
            lock = try PidFile.locked(path, home)
            try check("write \(path)") { ftruncate(lock.descriptor, 0) }
            try Files.write(Array("\(getpid())\n".utf8), to: lock.descriptor, operation: "write \(path)")
        }

        /// A child that was forked, and is not yet the program that it becomes, has the lock of a daemon that was killed just then: it is
        /// waited for, ten seconds at most.
        private static func locked(_ path: String, _ home: Home) throws -> FileLock {
            var pid = ""
            for _ in 0..<1000 {
                do throws(KernelError) {
                    return try FileLock(path, .exclusive, seconds: 0, permissions: 0o644, isWritten: true)
                } catch {
                    guard error.errno == .timedOut else { throw error }
                }
                pid = String(decoding: try Files.read(path, limit: 64), as: UTF8.self).filter { $0 != "\n" }
                if Int32(pid).map(ProcessStatus.goesOn) ?? false { break }
                usleep(10_000)
            }
            throw APIError(
                409,
                "a daemon runs already in \(home.run) (pid \(pid)): stop it, or give this one another --run and --root"
            )
        }
    }
#endif
