import Glibc
import Images
import JSON
import MiniRuntime
import NetCore
import Networks

extension Containers {
    /// A thread waits for the container's end. `isRecovering`: it was over before this daemon began, which starts it anew where its policy
    /// says so, unless a person stops it meanwhile.
    func watch(_ container: Container, isRecovering: Bool = false) {
        let wasStopped = container.now.isStopped
        Threads.start { [self] in
            defer { if isRecovering, container.now.isStopped == wasStopped { comeBackByPolicy(container) } }
            do throws(KernelError) {
                let connection = try ShimConnection(container.socket)
                do throws(ShimError) {
                    if let record = ExitRecord(try connection.request(["op": "wait"], seconds: nil)) {
                        // The shim removes it from its runtime meanwhile.
                        container.alone { ended(container, record) { _ = connection.waitForEnd(seconds: 5) } }
                        return
                    }
                } catch {}
            } catch {}
            let record = buried(container)
            container.alone { ended(container, record) }
        }
    }

    /// A shim that was killed takes its container with it: what is known of its end.
    private func buried(_ container: Container) -> ExitRecord {
        bury(container)
        do throws(KernelError) {
            return try ExitRecord(reading: "\(container.directory)/exit.json")
        } catch {
            return ExitRecord(exitCode: 137, signal: SIGKILL, error: "its end is not known: \(error)")
        }
    }

    /// It is over: what it had is given back, and its policies decide what comes. The caller is alone with the container.
    /// `settled` returns when its runtime has forgotten it.
    func ended(_ container: Container, _ record: ExitRecord, _ settled: () -> Void = {}) {
        let before = container.now
        guard !before.isGone, before.isAlive || before.status == .restarting else { return settled() }
        endHealth(container)
        clean(container, settled)
        container.state.change {
            $0.exitCode = Int64(record.exitCode)
            $0.isKilledByOOM = record.oom
            $0.finishedAt = record.finishedAt
            if let error = record.error { $0.error = error }
            $0.pid = 0
            $0.isHeld = false
        }
        // As Docker: an exec that nobody has started belongs to this life.
        forgetExecs(of: container.id) { !$0.isStarted }
        if record.oom { tell("oom", container) }
        tell("die", container, [("exitCode", "\(record.exitCode)")])
        // Decided and told at once: who stops it meanwhile either is heard, or finds it restarting.
        let delay = container.state.change { state -> Int? in
            let delay = Containers.restartDelay(state, lasted: Moment(record.finishedAt))
            state.status = delay == nil ? .exited : .restarting
            state.ends += 1
            return delay
        }
        keep(container)
        if let delay {
            restart(container, after: delay)
        } else if before.host["AutoRemove"]?.bool == true {
            do throws(APIError) { try discard(container, volumes: true) } catch {}
        }
    }

    /// Networks, mounts and namespace of a container that does not run are gone.
    func clean(_ container: Container, _ settled: () -> Void = {}) {
        for attached in container.now.attached.reversed() { detach(container, attached) }
        settled()
        // Its shim has told the end, and was killed before the runtime had forgotten the container.
        if Files.exists("\(home.run)/oci/\(container.id)") { bury(container) }
        do throws(ImageError) { try ContainerRoot(container.directory).unmount() } catch {
            container.state.change { $0.error = error.description }
        }
        forgetNamespaces(container)
        SharedMemory.remove(container)
        unlinkTree(container.runtime)
        sweepTemporaries(container)
        if container.now.attached.isEmpty { container.state.change { $0.pendingDelete = "" } }
    }

    // MARK: stop, kill, wait, remove

    /// False: it did not run (304). Nil seconds: the container's own StopTimeout, else 10.
    public func stop(_ reference: String, signal: String?, seconds: Int?) throws(APIError) -> Bool {
        let container = try find(reference)
        let name = signal ?? container.now.config["StopSignal"]?.string ?? ""
        let number = try SignalName.asked(name.isEmpty ? "SIGTERM" : name)
        let now = giveUp(container)
        guard now.isAlive else { return false }
        let ends = now.ends
        try send(number, container)
        // No more than a year: what is longer is no time that anybody waits.
        let patience = min(seconds ?? Int(now.config["StopTimeout"]?.integer ?? 10), 366 * 86_400)
        let isOver = { (state: inout ContainerState) -> Bool? in state.ends != ends || !state.isAlive ? true : nil }
        if patience < 0 {
            while container.state.wait(milliseconds: 60_000, isOver) == nil {}
        } else if container.state.wait(milliseconds: patience * 1000, isOver) == nil {
            try send(SIGKILL, container)
            guard container.state.wait(milliseconds: 15_000, isOver) != nil else {
                throw APIError(
                    500,
                    "container \(container.shortID) did not end within 15 seconds of SIGKILL: its processes hang in the kernel"
                )
            }
        }
        tell("stop", container)
        return true
    }

    /// Somebody wants it to end: no policy starts it from here on. Gives what it was; a start that is under way has come to its end first,
    /// or it would run in spite of it. The word is written down before it ends: a daemon that is killed meanwhile does not bring it
    /// back. On a full disk it ends all the same.
    private func giveUp(_ container: Container) -> ContainerState {
        let flag = { (state: inout ContainerState) in
            let before = state
            state.isStopped = true
            if state.status == .restarting { state.status = .exited }
            return before
        }
        var now = container.state.change { $0.isAlive ? flag(&$0) : $0 }
        if !now.isAlive { now = container.alone { container.state.change(flag) } }
        // Also of one whose start has failed: the next daemon would start it.
        if !now.isStopped || now.status == .restarting { keep(container) }
        return now
    }

    public func restart(_ reference: String, signal: String?, seconds: Int?) throws(APIError) {
        _ = try stop(reference, signal: signal, seconds: seconds)
        _ = try start(reference)
        tell("restart", try find(reference))
    }

    public func kill(_ reference: String, signal: String?) throws(APIError) {
        let container = try find(reference)
        let number = try SignalName.asked(signal.flatMap { $0.isEmpty ? nil : $0 } ?? "SIGKILL")
        var now = container.now
        // A start that is under way has come to its end first.
        if !now.isAlive { now = container.alone { container.now } }
        let isRestarting = now.status == .restarting
        guard now.isAlive || isRestarting else {
            throw APIError(409, "cannot kill container: \(reference): container \(container.id) is not running")
        }
        if number == SIGKILL || isRestarting { now = giveUp(container) }
        // Between two lives there is nothing to be sent to: it does not get another.
        if now.isAlive { try send(number, container) }
        tell("kill", container, [("signal", "\(number)")])
    }

    private func send(_ signal: Int32, _ container: Container) throws(APIError) {
        let ends = container.now.ends
        do throws(APIError) {
            _ = try ask(container, ["op": "kill", "signal": .integer(Int64(signal))])
        } catch {
            // It has ended, and that is being written down; or its shim was killed, and with it the container is on its way.
            if hasEnded(container) {
                _ = container.state.wait(milliseconds: 15_000) { $0.isAlive && $0.ends == ends ? nil : true }
            }
            guard container.now.isAlive, container.now.ends == ends else { return }
            throw error
        }
        // A frozen process of v1 does not die of SIGKILL until it is let go.
        if container.now.status == .paused, signal == SIGKILL || signal == SIGTERM {
            do throws(KernelError) { try Cgroup(path: container.cgroupPath(container.now.host)).thaw() } catch {}
        }
    }

    private func hasEnded(_ container: Container) -> Bool {
        guard ShimProcess.find(run: container.runtime) != nil else { return true }
        do throws(APIError) { return try ask(container, ["op": "state"], seconds: 5)["status"] == "stopped" } catch {
            // One that is being killed closes its socket a moment before its lock.
            for _ in 0..<100 where ShimProcess.find(run: container.runtime) != nil { usleep(5000) }
            return ShimProcess.find(run: container.runtime) == nil
        }
    }

    /// `condition`: not-running, next-exit, removed. Gives StatusCode (and Error). `isAbandoned` is asked ten times a second.
    public func wait(_ reference: String, condition: String, isAbandoned: () -> Bool) throws(APIError) -> JSONObject {
        let container = try find(reference)
        let ends = container.now.ends
        let test: (inout ContainerState) -> Bool?
        switch condition {
        case "", "not-running": test = { $0.isAlive || $0.status == .restarting ? nil : true }
        case "next-exit": test = { $0.ends != ends || $0.isGone ? true : nil }
        case "removed":
            // Who waits for the end of a container of --rm does not wait for a network that cannot be taken away.
            test = {
                $0.isGone || $0.isRetrying && !$0.isAlive && $0.host["AutoRemove"]?.bool == true ? true : nil
            }
        default: throw APIError(400, "invalid condition: \"\(condition)\": it is not-running, next-exit or removed")
        }
        // Asked at once: whoever serves the request tells the client then that the wait has begun, and the client starts the container.
        if !isAbandoned() {
            while container.state.wait(milliseconds: 100, test) == nil {
                if isAbandoned() { break }
            }
        }
        let now = container.now
        var answer: JSONObject = ["StatusCode": .integer(now.exitCode)]
        if !now.error.isEmpty, now.exitCode != 0, now.ends == ends { answer["Error"] = ["Message": .string(now.error)] }
        return answer
    }

    public func remove(_ reference: String, force: Bool, volumes: Bool) throws(APIError) {
        let container = try find(reference)
        if container.now.isAlive {
            guard force else {
                throw APIError(
                    409,
                    "cannot remove container \"/\(container.now.name)\": container is running: stop the container before removing or force remove"
                )
            }
            container.state.change { $0.isStopped = true }
            let ends = container.now.ends
            do throws(APIError) { try send(SIGKILL, container) } catch {}
            _ = container.state.wait(milliseconds: 15_000) { $0.ends != ends || !$0.isAlive ? true : nil }
        }
        try container.alone { () throws(APIError) in
            if container.now.isGone { return }
            // A policy has started it meanwhile, or it does not die of SIGKILL.
            if container.now.isAlive {
                guard force else {
                    throw APIError(409, "container \(container.id) runs again: stop it first, or use force")
                }
                bury(container)
            }
            container.state.change { if $0.isAlive || $0.status == .restarting { $0.status = .exited } }
            try discard(container, volumes: volumes)
        }
    }

    /// Nothing of it is left. The caller is alone with it, and it does not run.
    func discard(_ container: Container, volumes: Bool) throws(APIError) {
        endHealth(container)
        clean(container)
        guard container.now.attached.isEmpty else {
            keep(container)
            throw APIError(
                500,
                "remove container \(container.shortID): its network could not be taken away: \(container.now.pendingDelete): try again"
            )
        }
        // From here on nothing writes it down again.
        container.state.change { $0.status = .removing }
        // What names it goes first: a daemon that is killed here finds a directory that is no container, and sweeps it, with the
        // volumes as long as container.json tells them.
        if volumes {
            unlink("\(container.directory)/state.json")
            removeAnonymousVolumes(container)
        }
        unlink("\(container.directory)/container.json")
        try Faults.image { () throws(ImageError) in try ContainerRoot(container.directory).remove() }
        try Faults.image { () throws(ImageError) in try FileTree.remove(container.directory) }
        table.change { $0.remove(container.id) }
        forgetExecs(of: container.id) { _ in true }
        for (descriptor, _) in pending.change({ $0.removeValue(forKey: container.id) }) ?? [] { close(descriptor) }
        tell("destroy", container)
        container.state.change { $0.isGone = true }
    }

    public func prune(filters: JSONObject) throws(APIError) -> JSONObject {
        let filter = try PruneFilter(filters, ["label", "label!", "until"])
        var gone: [JSON] = []
        var bytes: Int64 = 0
        for container in table.read({ $0.all }) where !container.now.isAlive && container.now.status != .restarting {
            guard filter.takes(labels: container.now.config["Labels"]?.object ?? [:], created: container.created) else {
                continue
            }
            do throws(APIError) {
                let size = try sizes(container).own
                try remove(container.id, force: false, volumes: false)
                gone.append(.string(container.id))
                bytes += size
            } catch {}
        }
        events.happened("container", "prune", "", [("reclaimed", "\(bytes)")])
        return ["ContainersDeleted": gone.isEmpty ? .null : .array(gone), "SpaceReclaimed": .integer(bytes)]
    }
}
