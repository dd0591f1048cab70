import CContainer
import CKernel
import Glibc
import JSON
import NetCore

/// Starts commands in nodes for whoever types `on` in the world. It listens in the world's first process, which alone can enter
/// the processes of every node; each call has a child of its own.
struct OnService {
    private let listener: Int32
    /// Nodes and the pidfds of their first processes.
    private let nodes: [(name: String, handle: Int32)]
    private let world: String
    var descriptor: Int32 { listener }

    /// Listens where only the world's root may go.
    init(_ nodes: [(name: String, handle: Int32)], world: String) throws(KernelError) {
        self.nodes = nodes
        self.world = world
        try Files.makeDirectories(OnProgram.folder)
        listener = try OnService.listening(at: OnProgram.socket)
    }

    /// A socket that only the user of the world can connect to.
    static func listening(at path: String) throws(KernelError) -> Int32 {
        let number = try check("make a socket") {
            Glibc.socket(
                AF_UNIX,
                Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        }
        try check("bind \(path)") { OnService.address(path) { bind(number, $0, $1) } }
        chmod(path, 0o600)
        try check("listen at \(path)") { listen(number, 64) }
        return number
    }

    static func address(_ path: String, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { room in
            for (place, byte) in path.utf8.enumerated() { room[place] = byte }
        }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }

    /// Takes in whoever waits.
    func accept() {
        for _ in 0..<64 {
            let connection = berth_shim_accept(listener)
            guard connection >= 0 else { return }
            // The first process must reap, and wait for nobody.
            if fork() == 0 { serve(connection) }
            close(connection)
        }
    }

    struct Request {
        let node: String
        let command: [String]
        let directory: String
        let environment: [String]
        let hasTerminal: Bool
        let streams: [Int32]
    }

    private func serve(_ connection: Int32) -> Never {
        close(listener)
        Title.set("berth-on")
        berth_default_signals()
        signal(SIGPIPE, SIG_IGN)
        guard let request = OnService.request(connection) else { _exit(1) }
        var words = request.command
        var environment: [(String, String)] = []
        if words.isEmpty {
            words = World.shellWords
            environment = World.shellEnvironment(world, request.node)
        }
        guard let node = nodes.first(where: { $0.name == request.node }) else {
            let error = LabError(
                .name, "there is no node called \(request.node) in world \(world)",
                fix: "take one of these: \(nodes.map(\.name).joined(by: ", "))")
            let text = error.description
            _ = write(request.streams[2], text, text.utf8.count)
            OnService.answer(connection, 1)
        }
        // Only for children: this process stays where it can see the child's end.
        guard berth_setns_kinds(node.handle, Int32(CLONE_NEWPID)) == 0 else { OnService.answer(connection, 125) }
        let child = fork()
        if child == 0 {
            for (place, stream) in request.streams.enumerated() { dup2(stream, Int32(place)) }
            setsid()
            if request.hasTerminal { berth_controlling_terminal(0) }
            clearenv()
            for line in request.environment {
                let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                if parts.count == 2 { setenv(parts[0], parts[1], 1) }
            }
            for (key, value) in environment + [("BERTH_LAB_NODE", node.name)] { setenv(key, value, 1) }
            World.become(words, node.handle, node.name, request.directory, false)
        }
        for stream in request.streams { close(stream) }
        guard child > 0 else { OnService.answer(connection, 125) }
        _ = RecorderLine.ask(.began, at: RecorderLine.socket, seconds: 2)
        OnService.follow(child, connection)
    }

    /// The four descriptors that `on` hands over; nil when they do not come within five seconds.
    static func request(_ connection: Int32) -> Request? {
        var received: [Int32] = []
        for _ in 0..<4 {
            var polled = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
            guard poll(&polled, 1, 5000) > 0 else { return nil }
            let number = berth_receive_descriptor(connection)
            guard number >= 0 else { return nil }
            // Above the standard ones, which they will become.
            let high = fcntl(number, F_DUPFD_CLOEXEC, 10)
            close(number)
            received.append(high)
        }
        guard lseek(received[0], 0, SEEK_SET) == 0,
            let bytes = try? Files.read(received[0], limit: 8 << 20, operation: "read the request"),
            let json = try? JSON(parsing: bytes), let node = json["node"]?.string
        else { return nil }
        close(received[0])
        return Request(
            node: node, command: (json["command"]?.array ?? []).compactMap(\.string),
            directory: json["directory"]?.string ?? "/",
            environment: (json["environment"]?.array ?? []).compactMap(\.string),
            hasTerminal: json["terminal"]?.bool ?? false, streams: Array(received[1...]))
    }

    /// Signals go to the command and all that is in its group, its exit code comes back. Whoever asked and is gone takes it along,
    /// unless it `outlives` that.
    static func follow(_ child: pid_t, _ connection: Int32, outlives: Bool = false) -> Never {
        let handle = berth_pidfd_open(child)
        while true {
            var polled = [
                pollfd(fd: handle, events: Int16(POLLIN), revents: 0),
                pollfd(fd: connection, events: Int16(POLLIN), revents: 0),
            ]
            _ = poll(&polled, 2, -1)
            if polled[0].revents != 0 {
                var status: Int32 = 0
                guard berth_wait_child(child, &status) == child else { answer(connection, 125) }
                _ = RecorderLine.ask(.typed, at: RecorderLine.socket, seconds: 2)
                answer(connection, UInt8(truncatingIfNeeded: berth_exit_status(status)))
            }
            guard polled[1].revents != 0 else { continue }
            var number: UInt8 = 0
            let count = recv(connection, &number, 1, 0)
            if count != 1, outlives { _exit(0) }
            let signal = count == 1 ? Int32(number) : SIGKILL
            // Before it has a group of its own it has no children either.
            if kill(-child, signal) != 0 { kill(child, signal) }
            if count != 1 { _exit(1) }
        }
    }

    static func answer(_ connection: Int32, _ code: UInt8) -> Never {
        var code = code
        send(connection, &code, 1, Int32(MSG_NOSIGNAL))
        _exit(0)
    }
}
