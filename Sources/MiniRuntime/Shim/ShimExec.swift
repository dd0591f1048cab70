import Glibc
import JSON
import NetCore

/// One more process in the container.
final class ShimExec {
    let id: String
    let streams: ShimStreams
    var waiters: [RequestConnection] = []
    private unowned let shim: Shim
    private let request: JSONObject
    private let rest: [UInt8]
    private let isDetached: Bool
    /// It does not live longer than who asked for it.
    private let isLeashed: Bool
    private var connection: RequestConnection?
    private var console: TerminalListener?
    private var child: ShimChild?
    private var runtimeIsDone = false
    private var endedWith: Int32?
    private var hasFailed = false

    init(_ shim: Shim, _ request: JSONObject, _ connection: RequestConnection, _ rest: [UInt8]) throws(ShimError) {
        guard let id = request["exec"]?.string, !id.isEmpty, id.utf8.count <= 128,
            id.utf8.allSatisfy({
                $0 == 0x2d || $0 == 0x5f || UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0
                    || UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= $0
            })
        else { throw ShimError("exec: exec is an id of letters, digits, - and _") }
        guard !shim.execs.contains(where: { $0.id == id }) else {
            throw ShimError("exec: there is an exec \(id) already")
        }
        guard let process = request["process"]?.object else { throw ShimError("exec: process is an OCI process") }
        let isDetached = request["detach"]?.bool ?? false
        self.id = id
        self.shim = shim
        self.request = request.removing("process")
        self.rest = rest
        self.connection = connection
        self.isDetached = isDetached
        isLeashed = request["leash"]?.bool ?? false
        let terminal = process["terminal"]?.bool ?? false
        let input = !isDetached && (request["stdin"]?.bool ?? false)
        let folder = shim.options.run
        streams = try attempt { () throws(KernelError) in
            try Files.replace("\(folder)/exec-\(id).json", with: JSON.object(process).bytes)
            return try ShimStreams(shim.loop, log: nil, terminal: terminal, input: input, output: !isDetached)
        }
        streams.ended = { [unowned self] in tell() }
        if isLeashed { streams.left = { [unowned self] in endAlone() } }
    }

    var pid: pid_t? { child?.pid }
    var isOver: Bool { hasFailed || (endedWith != nil && streams.isOver) }
    var isBusy: Bool { !isOver || streams.isBusy }

    private func path(_ suffix: String) -> String { "\(shim.options.run)/exec-\(id).\(suffix)" }

    func start() throws(ShimError) {
        do throws(KernelError) {
            var verb = ["exec", "--detach", "--process", path("json"), "--pid-file", path("pid")]
            if streams.hasTerminal {
                let console = try TerminalListener(shim.loop, path("sock")) { [unowned self] terminal in
                    streams.receive(terminal: terminal)
                    begun()
                }
                self.console = console
                verb += ["--console-socket", console.address]
            }
            try shim.start(verb + [shim.options.id], standard: streams.standard, log: "exec-\(id).log") {
                [unowned self] call, status in
                guard status == 0 else { return fail(call.failure(status, saying: streams.takeWords())) }
                runtimeIsDone = true
                begun()
            }
        } catch {
            fail(ShimError(error))
        }
    }

    private func fail(_ error: ShimError) {
        hasFailed = true
        if let connection { shim.end(connection, JSONLine(error)) }
        connection = nil
        removeFiles()
        streams.finish()
        let shim = shim
        shim.loop.after(0) { [unowned shim, unowned self] in shim.execs.removeAll { $0 === self } }
    }

    private func removeFiles() {
        console?.close()
        console = nil
        for suffix in ["json", "pid", "log", "sock"] { unlink(path(suffix)) }
    }

    private func begun() {
        guard runtimeIsDone, child == nil, !hasFailed, !streams.hasTerminal || streams.terminal >= 0 else { return }
        streams.handedOver()
        do throws(KernelError) { child = try ShimChild(pidFile: path("pid")) } catch { return fail(ShimError(error)) }
        removeFiles()
        let answer = JSONLine.done(["pid": .integer(Int64(child!.pid)), "tty": .bool(streams.hasTerminal)])
        if isDetached {
            if let connection { shim.end(connection, answer) }
        } else if let connection, let client = shim.client(request, connection, terminal: streams.hasTerminal) {
            client.put(answer.bytes)
            streams.attach(client, first: rest)
        } else {
            streams.leaveInput()
            if isLeashed { endAlone() }
        }
        connection = nil
        streams.begin()
        if isDetached && !streams.hasTerminal { streams.finish() }
        shim.claim()
    }

    /// Its own end, as waitpid(2) tells it.
    func hasEnded(_ status: Int32) {
        endedWith = status
        streams.drain()
        tell()
    }

    private func tell() {
        guard let answer else { return }
        for waiter in waiters { shim.end(waiter, answer) }
        waiters = []
    }

    private var answer: JSONLine? {
        guard streams.isOver, let endedWith else { return nil }
        let signal = endedWith & 0x7f
        return .done(["exitCode": .integer(Int64(signal == 0 ? (endedWith >> 8) & 0xff : 128 + signal))])
    }

    /// Who asked for it has gone before its end.
    private func endAlone() {
        guard !streams.isOver else { return }
        // It has ended just now.
        do throws(KernelError) { try signal(SIGKILL, group: true) } catch {}
    }

    func wait(_ connection: RequestConnection) {
        if let answer { shim.end(connection, answer) } else { waiters.append(connection) }
    }

    /// `group`: with all that it started and that is still of its process group.
    func signal(_ number: Int32, group: Bool) throws(KernelError) {
        guard endedWith == nil, child != nil else {
            throw KernelError("send signal \(number) to exec \(id)", .noSuchProcess, "it has ended, or not begun")
        }
        // An exec begins as the leader of a group, whose number means no other one before it is waited for.
        if group, let pid, kill(-pid, number) == 0 { return }
        try child!.signal(number)
    }
}
