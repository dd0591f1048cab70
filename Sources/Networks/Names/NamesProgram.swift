import Glibc
import NetCore

/// `berth-names --names FILE --listen ADDRESS… --netns PATH? --pid-file FILE` (docs/runtime/parts.md): becomes a daemon, and has
/// answered its caller with 0 when it listens. Only for a process of one thread.
public enum NamesProgram {
    struct Invocation {
        var names = ""
        var listen: [IPAddress] = []
        var namespace: String?
        var pidFile = ""
    }

    static let usage =
        "usage: berth-names --names FILE --listen ADDRESS [--listen ADDRESS] [--netns PATH] --pid-file FILE\n"

    /// 0, 1 with a sentence on standard error, 2 with the usage.
    public static func run(_ arguments: [String]) -> Int32 {
        guard let invocation = read(arguments) else {
            complain(usage)
            return 2
        }
        do throws(KernelError) {
            try start(invocation)
            return 0
        } catch {
            complain("berth-names: \(error)\n")
            return 1
        }
    }

    static func read(_ arguments: [String]) -> Invocation? {
        var invocation = Invocation()
        var rest = arguments[...]
        while let option = rest.popFirst() {
            guard let value = rest.popFirst(), !value.isEmpty else { return nil }
            switch option {
            case "--names": invocation.names = value
            case "--listen":
                guard let address = IPAddress(value) else { return nil }
                invocation.listen.append(address)
            case "--netns": invocation.namespace = value
            case "--pid-file": invocation.pidFile = value
            default: return nil
            }
        }
        return invocation.names.isEmpty || invocation.listen.isEmpty || invocation.pidFile.isEmpty ? nil : invocation
    }

    private static func start(_ invocation: Invocation) throws(KernelError) {
        // Who holds the file's lock is the responder; one is enough.
        let lock: FileLock
        do throws(KernelError) {
            lock = try FileLock(invocation.pidFile, .exclusive, seconds: 0, isWritten: true)
        } catch  where error.errno == .timedOut {
            return
        }
        if let path = invocation.namespace { try NetworkNamespace(open: path).enter() }
        raiseDescriptorLimit()
        var bound: [(address: IPAddress, datagrams: Int32, connections: Int32)] = []
        for address in invocation.listen {
            let listener = try NameResponder.Listener(address)
            bound.append((address, try copy(listener.datagrams.number), try copy(listener.connections.number)))
        }
        var ends: [Int32] = [-1, -1]
        try check("make a pipe") { pipe(&ends) }
        let (reader, writer) = (ends[0], ends[1])
        let descriptor = lock.descriptor
        let kept = bound.flatMap { [$0.datagrams, $0.connections] } + [descriptor]
        try DetachedChild.run(inheriting: kept + [writer]) {
            // Twice, so that the daemon is no session's leader and never gets a terminal.
            do throws(KernelError) {
                try DetachedChild.run(inheriting: kept + [writer]) {
                    serve(invocation, bound, lock: descriptor, ready: writer)
                }
            } catch {
                // The writing end closes unsaid.
            }
        }
        close(writer)
        var byte: UInt8 = 0
        let count = try check("wait for the responder") { Glibc.read(reader, &byte, 1) }
        close(reader)
        // The one between has done its part: no orphan is left to be reaped.
        waitpid(-1, nil, 0)
        guard count == 1 else {
            throw KernelError("start the responder", .badMessage, "it ended before it listened")
        }
    }

    private static func serve(
        _ invocation: Invocation, _ bound: [(address: IPAddress, datagrams: Int32, connections: Int32)], lock: Int32,
        ready: Int32
    ) {
        signal(SIGPIPE, SIG_IGN)
        let pid = Array("\(getpid())\n".utf8)
        guard ftruncate(lock, 0) == 0, pwrite(lock, pid, pid.count, 0) == pid.count else { return }
        var byte: UInt8 = 1
        write(ready, &byte, 1)
        close(ready)
        NameResponder(names: invocation.names, bound).run()
    }

    private static func copy(_ descriptor: Int32) throws(KernelError) -> Int32 {
        try check("keep a socket") { fcntl(descriptor, F_DUPFD_CLOEXEC, 3) }
    }

    /// A socket for each query under way.
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(7), &limit) == 0, limit.rlim_cur < 4096 else { return }
        limit.rlim_cur = min(limit.rlim_max, 4096)
        setrlimit(__rlimit_resource_t(7), &limit)
    }

    private static func complain(_ text: String) {
        write(STDERR_FILENO, text, text.utf8.count)
    }
}
