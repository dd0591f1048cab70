import Glibc
import JSON
import MiniRuntime
import NetCore
import Synchronization

/// One `exec` in a container.
struct ExecState: Sendable {
    let container: String
    let body: JSONObject
    /// Counts up: which of two is older.
    var number = 0
    var isStarted = false
    var isRunning = false
    var exitCode: Int64?
    var pid: Int64 = 0

    /// The command as events have it.
    static func words(_ body: JSONObject) -> String {
        Wish.texts(body, "Cmd").joined(separator: " ")
    }
}

extension Containers {
    public func createExec(_ reference: String, _ body: JSONObject) throws(APIError) -> String {
        let container = try find(reference)
        guard container.now.status != .paused else {
            throw APIError(409, "Container \(reference) is paused, unpause the container before exec")
        }
        guard container.now.isAlive else { throw APIError(409, "container \(container.id) is not running") }
        let asked = Body(body)
        guard try !asked.texts("Cmd", orOne: true).isEmpty else { throw APIError(400, "No exec command specified") }
        _ = try asked.texts("Env")
        for key in ["User", "WorkingDir", "DetachKeys"] { _ = try asked.text(key) }
        for key in ["Tty", "AttachStdin", "AttachStdout", "AttachStderr", "Privileged"] { _ = try asked.flag(key) }
        let directory = try asked.text("WorkingDir")
        guard directory.isEmpty || directory.hasPrefix("/") else {
            throw APIError(400, "WorkingDir is \(directory): it has to be an absolute path in the container")
        }
        let id = Names.newID()
        execs.change { all in
            // What ended long ago is forgotten.
            if all.count > 256 { for (old, state) in all where state.exitCode != nil { all[old] = nil } }
            // Of those that nobody started a container keeps so many: the oldest makes room.
            let unstarted = all.filter { !$0.value.isStarted && $0.value.container == container.id }
            if unstarted.count >= Containers.unstartedExecs,
                let oldest = unstarted.min(by: { $0.value.number < $1.value.number })
            {
                all[oldest.key] = nil
            }
            let number = Containers.execNumber.add(1, ordering: .relaxed).newValue
            all[id] = ExecState(container: container.id, body: body, number: number)
        }
        // It ended meanwhile: who forgets its execs may have come before this one.
        if !container.now.isAlive { forgetExecs(of: container.id) { !$0.isStarted } }
        tell("exec_create: \(ExecState.words(body))", container, [("execID", id)])
        return id
    }

    private static let unstartedExecs = 256
    private static let execNumber = Atomic(0)

    /// Those of a container are not known any more.
    func forgetExecs(of container: String, _ isForgotten: (ExecState) -> Bool) {
        execs.change { all in
            for (id, state) in all where state.container == container && isForgotten(state) { all[id] = nil }
        }
    }

    /// Nil when it was detached.
    public func startExec(_ id: String, detach: Bool, tty: Bool) throws(APIError) -> ContainerStream? {
        let state = try exec(id)
        let container = try running(state.container)
        let claimed = execs.change { all -> Bool in
            guard all[id]?.isStarted == false else { return false }
            all[id]?.isStarted = true
            return true
        }
        guard claimed else { throw APIError(409, "Error: Exec command \(id) is already running") }
        let isTerminal = state.body["Tty"]?.bool ?? tty
        let request: JSONObject = [
            "op": "exec", "exec": .string(id), "process": .object(try process(container, state.body, isTerminal)),
            "stdin": state.body["AttachStdin"] ?? false, "stdout": state.body["AttachStdout"] ?? false,
            "stderr": state.body["AttachStderr"] ?? false, "detach": .bool(detach),
        ]
        do throws(APIError) {
            let (descriptor, answer) = try stream(container, request)
            execs.change {
                $0[id]?.isRunning = true
                $0[id]?.pid = answer["pid"]?.integer ?? 0
            }
            tell("exec_start: \(ExecState.words(state.body))", container, [("execID", id)])
            Threads.start { [self] in
                var code: Int64 = 137
                do throws(APIError) {
                    code =
                        try ask(container, ["op": "wait", "exec": .string(id)], seconds: nil)["exitCode"]?.integer ?? 0
                } catch {}
                execs.change {
                    $0[id]?.isRunning = false
                    $0[id]?.exitCode = code
                }
                tell("exec_die", container, [("execID", id), ("exitCode", "\(code)")])
            }
            let owned = OwnedDescriptor(taking: try Pump.lasting(descriptor))
            return detach ? nil : ContainerStream(descriptor: owned, isTerminal: isTerminal)
        } catch {
            let code = Faults.exitCode(error)
            execs.change { $0[id]?.exitCode = code == 128 ? 126 : code }
            guard code != 128, !detach else { throw error }
            // As Docker: the client has its stream, which says why, and asks for the exit code afterwards.
            return ContainerStream(
                descriptor: OwnedDescriptor(taking: try words(error.description + "\r\n", isTerminal)),
                isTerminal: isTerminal)
        }
    }

    func process(_ container: Container, _ body: JSONObject, _ isTerminal: Bool) throws(APIError) -> JSONObject {
        let now = container.now
        let asked = Body(body)
        let who = try asked.text("User")
        let user = try ContainerUser(
            who.isEmpty ? now.config["User"]?.string ?? "" : who, in: "\(container.directory)/rootfs",
            extra: Wish.texts(now.host, "GroupAdd"))
        try Containers.judge(user, now.map)
        var environment = Wish.texts(now.config, "Env")
        for text in try asked.texts("Env") {
            let name = text.prefix { $0 != "=" }
            environment.removeAll { $0.prefix { $0 != "=" } == name }
            environment.append(text)
        }
        let hostname = now.config["Hostname"]?.string ?? ""
        for (name, value) in [
            ("HOSTNAME", hostname.isEmpty ? container.shortID : hostname), ("HOME", user.home),
            ("TERM", isTerminal ? "xterm" : ""),
        ]
        where !value.isEmpty && !environment.contains(where: { $0.hasPrefix(name + "=") }) {
            environment.append("\(name)=\(value)")
        }
        var directory = try asked.text("WorkingDir")
        if directory.isEmpty { directory = now.config["WorkingDir"]?.string ?? "" }
        let capabilities = try body["Privileged"]?.bool == true ? Rights.all : Rights.granted(now.host)
        var process = BundleDocument.process(
            arguments: try asked.texts("Cmd", orOne: true), environment: environment,
            directory: directory.isEmpty ? "/" : directory,
            user: user, capabilities: capabilities, terminal: isTerminal)
        process["noNewPrivileges"] = .bool(
            Wish.texts(now.host, "SecurityOpt").contains {
                $0.hasPrefix("no-new-privileges") && !$0.hasSuffix("false")
            })
        try BundleDocument.limit(&process, now.host)
        return process
    }

    /// A stream that says only this, on standard error.
    private func words(_ text: String, _ isTerminal: Bool) throws(APIError) -> Int32 {
        let (ours, theirs) = try Pump.pair()
        defer { close(theirs) }
        var bytes = Array(text.utf8)
        if !isTerminal {
            let count = bytes.count
            bytes = [2, 0, 0, 0] + [24, 16, 8, 0].map { UInt8(count >> $0 & 0xff) } + bytes
        }
        _ = bytes.withUnsafeBytes { send(theirs, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        return ours
    }

    private func exec(_ id: String) throws(APIError) -> ExecState {
        guard let state = execs.read({ $0[id] }) else { throw APIError(404, "No such exec instance: \(id)") }
        return state
    }

    public func resizeExec(_ id: String, rows: Int, columns: Int) throws(APIError) {
        let state = try exec(id)
        _ = try ask(
            try running(state.container),
            ["op": "resize", "exec": .string(id), "rows": .integer(Int64(rows)), "columns": .integer(Int64(columns))])
    }

    public func inspectExec(_ id: String) throws(APIError) -> JSONObject {
        var state = try exec(id)
        // A client asks as soon as its stream has ended, and the exit code comes right behind it.
        if state.isRunning {
            let isOver = { (all: inout [String: ExecState]) -> Bool? in all[id]?.isRunning == true ? nil : true }
            if execs.wait(milliseconds: 50, isOver) == nil, !ProcessStatus.goesOn(Int32(truncatingIfNeeded: state.pid))
            {
                _ = execs.wait(milliseconds: 5000, isOver)
            }
        }
        state = try exec(id)
        let arguments = Wish.texts(state.body, "Cmd")
        return [
            "ID": .string(id), "Running": .bool(state.isRunning),
            "ExitCode": state.exitCode.map { .integer($0) } ?? .null,
            "ProcessConfig": [
                "tty": state.body["Tty"] ?? false, "entrypoint": .string(arguments.first ?? ""),
                "arguments": .array(arguments.dropFirst().map { .string($0) }),
                "privileged": state.body["Privileged"] ?? false,
            ],
            "OpenStdin": state.body["AttachStdin"] ?? false, "OpenStdout": state.body["AttachStdout"] ?? false,
            "OpenStderr": state.body["AttachStderr"] ?? false, "CanRemove": false,
            "ContainerID": .string(state.container),
            "DetachKeys": "", "Pid": .integer(state.pid),
        ]
    }
}
