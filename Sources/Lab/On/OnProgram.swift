import CContainer
import CKernel
import Glibc
import JSON
import NetCore

/// `on NODE [COMMAND…]` in a shell of a world: the command runs in another node, with this one's streams, terminal and signals. A
/// node's processes cannot enter another node's, so the world's first process starts the command (`OnService`).
public enum OnProgram {
    /// Where the world has berth's program, as `berth` and as `on`; first in the PATH of its commands.
    static let folder = "/run/berth/bin"
    static let socket = "/run/berth/on"

    /// The exit code, when the program was called as `on`; else nil. The process must have one thread.
    public static func run(_ arguments: [String]) -> Int32? {
        guard let name = arguments.first?.split(separator: "/").last, name == "on" else { return nil }
        do throws(LabError) {
            return try ask(Array(arguments.dropFirst()))
        } catch {
            let text = error.description
            _ = write(STDERR_FILENO, text, text.utf8.count)
            return error.exitCode
        }
    }

    static func ask(_ words: [String]) throws(LabError) -> Int32 {
        guard let node = words.first, !node.hasPrefix("-") else {
            let nodes = (try? Files.names(in: "/run/netns"))?.sorted().joined(by: ", ") ?? ""
            let text =
                "usage: on NODE [COMMAND…]   runs it in another node; without a command, a shell\nnodes: \(nodes)\n"
            _ = write(STDERR_FILENO, text, text.utf8.count)
            return 2
        }
        let connection = try connected()
        let hasTerminal = isatty(0) == 1 && isatty(1) == 1
        let terminal = hasTerminal ? try during("make a terminal") { () throws(KernelError) in try OnTerminal() } : nil
        let line = OnLine(connection)
        try during("ask the world for node \(node)") { () throws(KernelError) in
            try line.ask(node, Array(words.dropFirst()), terminal)
        }
        terminal?.begin()
        defer { terminal?.end() }
        return line.follow(terminal)
    }

    private static func connected() throws(LabError) -> Int32 {
        let number = Glibc.socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0, OnService.address(socket, { connect(number, $0, $1) }) == 0 else {
            throw LabError(
                .missing, "there is no world here", cause: "on works in the lab's shells (\(socket): \(Errno.current))",
                fix: "go into one: berth lab shell host; from outside: berth lab exec NODE -- COMMAND")
        }
        return number
    }
}

/// The client's end of the conversation.
struct OnLine {
    private let connection: Int32

    init(_ connection: Int32) { self.connection = connection }

    /// A command, with this process's directory, environment and streams, of which a terminal's take its own place.
    func ask(_ node: String, _ command: [String], _ terminal: OnTerminal?) throws(KernelError) {
        let request: JSON = [
            "node": .string(node), "command": .array(command.map { .string($0) }),
            "directory": .string(String(cString: getcwd(nil, 0) ?? strdup("/"))),
            "environment": .array(OnLine.environment().map { .string($0) }), "terminal": .bool(terminal != nil),
        ]
        let file = OwnedDescriptor(taking: try check("make a file in memory") { berth_memory_file("berth-on") })
        let number = file.number
        try Files.write(request.bytes, to: number, operation: "write the request")
        try send(number, "request")
        for stream: Int32 in 0...2 {
            let isReplaced = stream < 2 || isatty(2) == 1
            try send(isReplaced ? terminal?.peer ?? stream : stream, "stream")
        }
    }

    private static func environment() -> [String] {
        var found: [String] = []
        guard var next = berth_environment() else { return found }
        while let one = next.pointee {
            found.append(String(cString: one))
            next += 1
        }
        return found
    }

    private func send(_ descriptor: Int32, _ name: String) throws(KernelError) {
        try check("hand over the \(name)") { berth_send_descriptor(connection, descriptor, name) }
    }

    private func forward(_ signal: Int32) {
        var byte = UInt8(truncatingIfNeeded: signal)
        Glibc.send(connection, &byte, 1, Int32(MSG_NOSIGNAL))
    }

    /// Until the command has ended; gives its exit code, 125 when the world ended instead.
    func follow(_ terminal: OnTerminal?) -> Int32 {
        let signals = berth_signal_descriptor()
        var readsInput = terminal != nil
        while true {
            var polled = [
                pollfd(fd: connection, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
                pollfd(fd: terminal?.master ?? -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: readsInput ? 0 : -1, events: Int16(POLLIN), revents: 0),
            ]
            _ = poll(&polled, 4, -1)
            if polled[2].revents != 0 { terminal?.show() }
            if polled[3].revents != 0 { readsInput = terminal?.type() ?? false }
            var signal = berth_read_signal(signals)
            while signal != 0 {
                answer(signal, terminal)
                signal = berth_read_signal(signals)
            }
            guard polled[0].revents != 0 else { continue }
            var code: UInt8 = 125
            let count = recv(connection, &code, 1, 0)
            // What the command wrote last is still in the terminal.
            terminal?.show()
            return count == 1 ? Int32(code) : 125
        }
    }

    private func answer(_ signal: Int32, _ terminal: OnTerminal?) {
        switch signal {
        case SIGWINCH: terminal?.resize()
        case SIGTSTP, SIGTTIN, SIGTTOU:
            // The command has no parent in its session who could let it go on: this process stops for both.
            forward(SIGSTOP)
            kill(getpid(), SIGSTOP)
            forward(SIGCONT)
        case SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM: forward(signal)
        default: break
        }
    }
}
