import CContainer
import Glibc
import JSON
import NetCore

/// One container's keeper: its streams, its log, its end. One thread, one loop.
final class Shim {
    enum Status: String { case creating, created, starting, running, stopped }

    let options: ShimOptions
    let loop = ShimLoop()
    let streams: ShimStreams
    private let announcement: ShimDetachment.Announcement
    private let lock: OwnedDescriptor
    private var console: TerminalListener?
    private var socket: ShimLoop.Source?
    var connections: [ObjectIdentifier: RequestConnection] = [:]

    var status = Status.creating
    private var initial: ShimChild?
    var endedWith: Int32?
    var startedAt: String?
    var waiters: [RequestConnection] = []
    var record: ExitRecord?
    var isDeleted = false
    var isPastWaiting = false
    /// The record waits for room on the disk; the runtime knows nothing of the container any more.
    var isUnwritten = false
    var isRemoved = false

    var execs: [ShimExec] = []
    /// Runtime's verbs that are under way, and children that ended before anybody knew whose they were.
    private var calls: [(call: RuntimeCall, ended: (Int32) -> Void)] = []
    private var unclaimed: [pid_t: Int32] = [:]

    private var exitCode: Int32 = 0

    init(_ options: ShimOptions, _ announcement: ShimDetachment.Announcement) throws(ShimError) {
        self.options = options
        self.announcement = announcement
        // A create that is under way ends with the shim: nobody else would know of what it makes.
        setenv("BERTH_SHIM", "\(getpid())", 1)
        let loop = loop
        do throws(KernelError) {
            try Files.makeDirectories(options.run, mode: 0o700)
            try Files.remove(options.exit)
            let lock = try OwnedDescriptor(open: "\(options.run)/shim.pid", O_RDWR | O_CREAT, mode: 0o644)
            guard flock(lock.number, LOCK_EX | LOCK_NB) == 0 else {
                throw KernelError("lock \(options.run)/shim.pid", .current, "another shim keeps this container")
            }
            ftruncate(lock.number, 0)
            try Files.write(Array("\(getpid())\n".utf8), to: lock.number, operation: "write shim.pid")
            var log: LogWriter?
            if let path = options.log {
                log = try LogWriter(path: path, sizeLimit: options.logMaxSize, fileLimit: options.logMaxFile)
            }
            streams = try ShimStreams(loop, log: log, terminal: options.tty, input: options.stdin)
            try ExitRecord.reserve(options.exit)
            self.lock = lock
        } catch {
            throw ShimError(error)
        }
        let signals = try attempt { () throws(KernelError) in
            try check("watch for the end of children") { berth_shim_child_signal() }
        }
        _ = loop.add(signals, POLLIN) { [unowned self] _ in reap(signals) }
        streams.ended = { [unowned self] in finalize() }
    }

    /// Until the container has ended and everybody has been told; the exit code of the process.
    func run() -> Int32 {
        // Found here, they are known to each of the runtime's calls.
        do throws(KernelError) { _ = try CgroupHierarchy.all() } catch {}
        create()
        loop.run { [unowned self] in isDeleted && (isPastWaiting || !isBusy) }
        streams.finish()
        // The name of the socket goes last: whoever finds none finds all of it done.
        unlink("\(options.run)/init.pid")
        unlink("\(options.run)/runtime.log")
        unlink("\(options.run)/shim.pid")
        if let socket {
            unlink("\(options.run)/shim.sock")
            answerLatecomers(socket.descriptor)
        }
        return exitCode
    }

    /// Who connected before the name was gone is answered; who then says nothing for a twentieth of a second is not.
    private func answerLatecomers(_ listener: Int32) {
        for _ in 0..<256 { accept(listener) }
        guard connections.values.contains(where: { !$0.hasAsked }) else { return }
        var isLate = false
        loop.after(50) { isLate = true }
        loop.run { [unowned self] in isLate || !connections.values.contains { !$0.hasAsked } }
    }

    private var isBusy: Bool { streams.isBusy || execs.contains { $0.isBusy } }

    // MARK: children

    func start(
        _ verb: [String], standard: [Int32] = [], log: String = "runtime.log",
        ended: @escaping (RuntimeCall, Int32) -> Void
    )
        throws(KernelError)
    {
        let call = try RuntimeCall(
            options.runtime, root: options.ociRoot, log: "\(options.run)/\(log)", verb, standard: standard)
        calls.append((call, { ended(call, $0) }))
    }

    private func reap(_ signals: Int32) {
        var told = [UInt8](repeating: 0, count: 512)
        _ = read(signals, &told, told.count)
        var status: Int32 = 0
        while true {
            let pid = waitpid(-1, &status, WNOHANG)
            guard pid > 0 else { break }
            if let index = calls.firstIndex(where: { $0.call.pid == pid }) {
                calls.remove(at: index).ended(status)
            } else {
                unclaimed[pid] = status
            }
            claim()
        }
        if calls.isEmpty, self.status != .creating, execs.allSatisfy({ $0.pid != nil || $0.isOver }) { unclaimed = [:] }
    }

    /// Who has ended is told, whichever came first: its end or its name.
    func claim() {
        if let pid = initial?.pid, let status = unclaimed.removeValue(forKey: pid) { endedWith = status }
        if endedWith != nil, status == .created || status == .running { initHasEnded() }
        for exec in execs {
            guard let pid = exec.pid, let status = unclaimed.removeValue(forKey: pid) else { continue }
            exec.hasEnded(status)
        }
    }

    // MARK: create

    private func create() {
        do throws(KernelError) {
            var verb = ["create", "--bundle", options.bundle, "--pid-file", "\(options.run)/init.pid"]
            if options.tty {
                let console = try TerminalListener(loop, "\(options.run)/console.sock") { [unowned self] terminal in
                    streams.receive(terminal: terminal)
                    created()
                }
                verb += ["--console-socket", console.address]
                self.console = console
            }
            try start(verb + [options.id], standard: streams.standard) { [unowned self] call, status in
                guard status == 0 else { return creationFailed(call.failure(status, saying: streams.takeWords())) }
                runtimeCreated = true
                created()
                if self.status == .creating {
                    loop.after(5000) { [unowned self] in
                        if self.status == .creating { creationFailed(ShimError("the runtime sent no terminal")) }
                    }
                }
            }
        } catch {
            creationFailed(ShimError(error))
        }
    }
    private var runtimeCreated = false

    private func created() {
        guard status == .creating, runtimeCreated, !options.tty || streams.terminal >= 0 else { return }
        console?.close()
        console = nil
        streams.handedOver()
        do throws(KernelError) {
            initial = try ShimChild(pidFile: "\(options.run)/init.pid")
            let listener = try ShimSocket.listen("\(options.run)/shim.sock").release()
            socket = loop.add(listener, POLLIN) { [unowned self] _ in accept(listener) }
        } catch {
            return creationFailed(ShimError(error))
        }
        status = .created
        if !announcement.say("ready", code: 0) {
            // Whoever wanted it was killed meanwhile, and its successor knows of none: nobody would ever start it.
            do throws(KernelError) { try initial?.signal(SIGKILL) } catch {}
        }
        claim()
    }

    private func creationFailed(_ error: ShimError) {
        status = .stopped
        console?.close()
        exitCode = error.code
        write(ExitRecord(exitCode: error.code, error: error.text))
        announcement.say(JSON.object(JSONLine(error).object).text, code: UInt8(clamping: error.code))
        delete()
    }

    private func accept(_ listener: Int32) {
        let number = berth_shim_accept(listener)
        guard number >= 0 else { return }
        guard connections.count < 256 else {
            close(number)
            return
        }
        let connection = RequestConnection(
            loop, number, received: { [unowned self] in answer($0, $1, $2) }, gone: { [unowned self] in forget($0) })
        connections[ObjectIdentifier(connection)] = connection
    }

    func forget(_ connection: RequestConnection) {
        connections[ObjectIdentifier(connection)] = nil
        waiters.removeAll { $0 === connection }
        for exec in execs { exec.waiters.removeAll { $0 === connection } }
    }

    // MARK: start

    func startContainer(_ answer: @escaping (JSONLine) -> Void) {
        guard status == .created else {
            return answer(JSONLine(ShimError("start container \(options.id): it is \(status.rawValue)")))
        }
        let moment = ExitRecord.now
        do throws(KernelError) {
            try start(["start", options.id]) { [unowned self] call, code in
                guard code == 0 else {
                    let error = call.failure(code)
                    startFailed(error)
                    return answer(JSONLine(error))
                }
                startedAt = moment
                status = .running
                streams.begin()
                answer(.done(["pid": .integer(Int64(pid)), "startedAt": .string(moment)]))
            }
            status = .starting
        } catch {
            answer(JSONLine(ShimError(error)))
        }
    }

    private func startFailed(_ error: ShimError) {
        status = .stopped
        write(ExitRecord(exitCode: error.code, error: error.text))
        _ = streams.takeWords()
        streams.finish()
        delete()
    }

    // MARK: what is asked about it

    var pid: pid_t { initial?.pid ?? 0 }

    func wait(_ connection: RequestConnection) {
        if let record {
            connection.answer(.done(record.object), keeping: true)
        } else {
            waiters.append(connection)
        }
    }

    func signal(_ number: Int32) throws(KernelError) {
        guard status != .stopped, initial != nil else {
            throw KernelError("send signal \(number) to container \(options.id)", .noSuchProcess, "it has ended")
        }
        try initial!.signal(number)
    }

    var state: JSONLine {
        var object: JSONObject = [
            "status": .string(status == .starting ? "created" : status.rawValue), "pid": .integer(Int64(pid)),
            "tty": .bool(options.tty),
        ]
        if let startedAt { object["startedAt"] = .string(startedAt) }
        return .done(object)
    }
}
