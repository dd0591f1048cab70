import Glibc
import JSON
import NetCore

// A container's health checks, from its start to its end; each is an exec.
extension Containers {
    /// It has just been started: what its checks said before is forgotten, but for the log.
    func beginHealth(_ container: Container) {
        let check = HealthCheck.judged(container.now.config)
        container.state.change {
            let log = $0.health?.log ?? []
            $0.health = check == nil ? nil : Health()
            $0.health?.log = log
        }
        goOnWithHealth(container)
    }

    /// It is checked from now on, and is what it was until a check says something else.
    func goOnWithHealth(_ container: Container) {
        let now = container.now
        guard now.status == .running, let check = HealthCheck.judged(now.config) else { return }
        let health = now.health ?? Health()
        container.state.change { $0.health = health }
        let age = Moment(now.startedAt).map { Moment.now.nanoseconds(since: $0) } ?? 0
        // A daemon that comes back does not begin to count anew.
        let since = min(age, health.log.last.map { Moment.now.nanoseconds(since: $0.end) } ?? age)
        healthSchedule.begin(container, check, after: check.pause(after: age, health.status) - max(0, since)) {
            [self] in
            probe($0)
        }
    }

    /// It is checked no more. As Docker has it, a container whose checks have ended is not well. `milliseconds`: how long the end of a check
    /// that runs may be waited for.
    func endHealth(_ container: Container, milliseconds: Int = 0) {
        healthSchedule.stop(container, milliseconds: milliseconds)
        container.state.change { $0.health?.status = .unhealthy }
    }

    private func probe(_ probe: HealthProbe) {
        let container = probe.container
        let result = run(probe)
        var change: Health.Status?
        var isCounted = false
        healthSchedule.finish(probe) {
            let now = container.now
            // Its end was seen while its checks were begun.
            guard now.status == .running else { return nil }
            let startedAt = Moment(now.startedAt)
            if let result {
                isCounted = true
                change = container.state.change {
                    let before = $0.health?.status
                    $0.health?.take(result, probe.check, startedAt: startedAt)
                    return $0.health?.status == before ? nil : $0.health?.status
                }
            }
            let age = startedAt.map { Moment.now.nanoseconds(since: $0) } ?? 0
            return probe.check.pause(after: age, container.now.health?.status ?? .starting)
        }
        guard isCounted else { return }
        keep(container)
        if let change { tell("health_status: \(change.rawValue)", container) }
    }

    /// Nil when it says nothing: it was broken off, or the container ended with it.
    private func run(_ probe: HealthProbe) -> Health.Result? {
        let container = probe.container
        let id = Names.newID()
        let start = Moment.now
        let body: JSONObject = [
            "Cmd": .array(probe.check.arguments.map { .string($0) }), "AttachStdout": true, "AttachStderr": true,
        ]
        let words = probe.check.arguments.joined(separator: " ")
        var state = ExecState(container: container.id, body: body)
        state.isStarted = true
        execs.change { $0[id] = state }
        defer { execs.change { $0[id] = nil } }
        tell("exec_create: \(words)", container, [("execID", id)])
        var output = HealthOutput()
        var isOutOfTime = false
        do throws(APIError) {
            let (descriptor, answer) = try stream(
                container,
                [
                    "op": "exec", "exec": .string(id), "process": .object(try process(container, body, false)),
                    "stdin": false, "stdout": true, "stderr": true, "detach": false,
                    // A daemon that is killed leaves no check behind, which nobody would end.
                    "leash": true,
                ])
            healthSchedule.hasStarted(probe)
            execs.change {
                $0[id]?.isRunning = true
                $0[id]?.pid = answer["pid"]?.integer ?? 0
            }
            tell("exec_start: \(words)", container, [("execID", id)])
            _ = probe.reading(descriptor) {
                isOutOfTime = !output.read(descriptor, nanoseconds: probe.check.timeout)
            }
            close(descriptor)
            if isOutOfTime || probe.isCancelled { kill(container, exec: id) }
            let code = try ask(container, ["op": "wait", "exec": .string(id)], seconds: 10)["exitCode"]?.integer ?? -1
            tell("exec_die", container, [("execID", id), ("exitCode", "\(code)")])
            if probe.isCancelled || code != 0 && !isRunning(container) { return nil }
            let text =
                isOutOfTime
                ? "Health check exceeded timeout (\(HealthCheck.words(probe.check.timeout)))"
                    + (output.text.isEmpty ? "" : ": \(output.text)") : output.text
            return Health.Result(start: start, end: Moment.now, exitCode: isOutOfTime ? -1 : code, output: text)
        } catch {
            if probe.isCancelled || !isRunning(container) { return nil }
            return Health.Result(start: start, end: Moment.now, exitCode: -1, output: error.description)
        }
    }

    /// With all that it started and that is still of its process group.
    private func kill(_ container: Container, exec id: String) {
        let signal: JSONObject = ["op": "kill", "exec": .string(id), "signal": .integer(Int64(SIGKILL)), "group": true]
        // It has ended meanwhile.
        do throws(APIError) { _ = try ask(container, signal, seconds: 5) } catch {}
    }

    /// As its shim has it, which knows of an end before this daemon does.
    private func isRunning(_ container: Container) -> Bool {
        do throws(APIError) {
            return try ask(container, ["op": "state"], seconds: 5)["status"]?.string == "running"
        } catch {
            return false
        }
    }
}

extension HealthCheck {
    /// Of a configuration that was judged when the container was made.
    static func judged(_ config: JSONObject) -> HealthCheck? {
        do throws(APIError) { return try HealthCheck(config) } catch { return nil }
    }
}

/// What a check says on its two streams, which come as Docker's frames: the first of it.
struct HealthOutput {
    private var bytes: [UInt8] = []
    private var header: [UInt8] = []
    /// Of the frame that is being read.
    private var rest = 0
    private var isCut = false

    /// Until the stream ends; false when that takes longer.
    mutating func read(_ descriptor: Int32, nanoseconds: Int64) -> Bool {
        let begin = HealthSchedule.now
        var room = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let left = nanoseconds - (HealthSchedule.now - begin)
            guard left > 0 else { return false }
            var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&polled, 1, Int32(clamping: left / 1_000_000 + 1))
            if ready < 0, errno != EINTR { return true }
            guard ready > 0 else { continue }
            let count = Glibc.read(descriptor, &room, room.count)
            if count > 0 { take(room[..<count]) } else if count == 0 || errno != EINTR { return true }
        }
    }

    mutating func take(_ chunk: ArraySlice<UInt8>) {
        var chunk = chunk
        while !chunk.isEmpty {
            if rest == 0 {
                let head = chunk.prefix(8 - header.count)
                header += head
                chunk = chunk.dropFirst(head.count)
                guard header.count == 8 else { return }
                rest = header[4...].reduce(0) { $0 << 8 | Int($1) }
                header = []
            } else {
                let part = chunk.prefix(rest)
                let kept = part.prefix(Health.Result.kept - bytes.count)
                bytes += kept
                if kept.count < part.count { isCut = true }
                rest -= part.count
                chunk = chunk.dropFirst(part.count)
            }
        }
    }

    var text: String { String(decoding: bytes, as: UTF8.self) + (isCut ? "..." : "") }
}
