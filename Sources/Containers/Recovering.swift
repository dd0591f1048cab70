import Glibc
import JSON
import MiniRuntime
import NetCore
import Networks

extension Containers {
    /// How many containers are looked after at once: each waits most of the time for its shim, its plugins or its runtime.
    private static let recoveries = 16

    /// Every container of before is known again: what runs is watched, what ended meanwhile is told, what was half made is gone; what a
    /// policy brings back is started afterwards, on threads of its own. Once, at the start: until it returns nothing else may be asked.
    public func recover() throws(APIError) {
        isRecovering.change { $0 = true }
        defer { isRecovering.change { $0 = false } }
        let names = Parallel { [networks] () -> NetworkError? in
            do throws(NetworkError) { try networks.resume() } catch { return error }
            return nil
        }
        var faults: [String] = []
        do throws(APIError) { try recoverContainers() } catch { faults.append(error.description) }
        if let error = names.value { faults.append(error.description) }
        guard faults.isEmpty else { throw APIError(500, faults.joined(by: "; ")) }
    }

    private func recoverContainers() throws(APIError) {
        let directory = "\(home.root)/containers"
        var names: [String] = []
        try Faults.kernel("read the containers of before") { () throws(KernelError) in
            try Files.makeDirectories(directory, mode: 0o711)
            try Files.makeDirectories(home.run, mode: 0o711)
            names = try Files.names(in: directory)
        }
        var found: [Container] = []
        var half: [Container] = []
        volumeStore.sweep()
        var faults: [String] = []
        for id in names {
            do throws(APIError) {
                var isWhole = false
                if let container = try Container(home, reading: id, isWhole: &isWhole) {
                    if isWhole { found.append(container) } else { half.append(container) }
                } else {
                    let nameless = ContainerState(name: id)
                    half.append(
                        Container(home, id: id, created: Moment.never, imageID: "", imageName: "", nameless))
                }
            } catch {
                faults.append(error.description)
            }
        }
        for container in found.sorted(by: { $0.created < $1.created }) {
            table.change { table in
                do throws(APIError) { try table.reserve(container.now.name, for: container.id) } catch {}
                table.insert(container)
            }
        }
        // A volume of theirs that somebody has stays.
        Threads.each(half, most: Containers.recoveries) { [self] in sweep($0) }
        Threads.each(found, most: Containers.recoveries) { [self] in resume($0) }
        guard faults.isEmpty else {
            throw APIError(
                500, faults.joined(by: "; ") + ": left as they are: mend or remove these files, then start again")
        }
    }

    /// What a create or a remove that was cut left.
    private func sweep(_ half: Container) {
        guard Names.isHexadecimal(half.id) else { return }
        bury(half)
        clean(half)
        removeAnonymousVolumes(half)
        unlinkTree(half.directory)
    }

    /// What a writer that was killed, a daemon or a shim, had not renamed to its place is gone. The caller is alone with the container.
    func sweepTemporaries(_ container: Container) {
        for directory in [container.directory, "\(container.directory)/bundle"] {
            do throws(KernelError) {
                for name in try Files.names(in: directory)
                where name.split(separator: ".").last?.hasPrefix("tmp-") == true {
                    unlink("\(directory)/\(name)")
                }
            } catch {}
        }
    }

    private func isFrozen(_ container: Container) -> Bool {
        do throws(KernelError) { return try Cgroup(path: container.cgroupPath(container.now.host)).isFrozen } catch {
            return false
        }
    }

    /// A commit that was cut held it still: it goes on. False when the kernel does not let it.
    private func letGo(_ container: Container) -> Bool {
        do throws(KernelError) {
            try Cgroup(path: container.cgroupPath(container.now.host)).thaw()
            return true
        } catch {
            return false
        }
    }

    private func resume(_ container: Container) {
        let now = container.now
        container.alone { sweepTemporaries(container) }
        if ShimProcess.find(run: container.runtime) != nil {
            do throws(APIError) {
                let answer = try ask(container, ["op": "state"], seconds: 5)
                if answer["status"]?.string == "running" {
                    // A pause may have been cut before it was written down: the kernel knows.
                    var isPaused = isFrozen(container)
                    if isPaused, now.isHeld { isPaused = !letGo(container) }
                    container.state.change { [isPaused] in
                        if !isPaused { $0.isHeld = false }
                        $0.status = isPaused ? .paused : .running
                        $0.pid = answer["pid"]?.integer ?? $0.pid
                        if $0.startedAt == Moment.never { $0.startedAt = Moment.now.text }
                    }
                    goOnWithHealth(container)
                    // A connect that was cut.
                    for cut in container.now.attached where cut.endpointID.isEmpty {
                        detach(container, cut)
                        container.state.change { disconnected(&$0, from: cut.network) }
                    }
                    keep(container)
                    return watch(container)
                }
            } catch {}
            // Its end is being written down, or its start was cut.
            if now.isAlive { return watch(container, isRecovering: true) }
            bury(container)
        }
        let wasHalf = now.status == .created || now.status == .exited || now.status == .dead || now.status == .removing
        if now.isAlive {
            bury(container)
            do throws(KernelError) {
                let record = try ExitRecord(reading: "\(container.directory)/exit.json")
                container.alone { ended(container, record) }
            } catch {
                container.alone {
                    ended(container, ExitRecord(exitCode: 137, signal: SIGKILL, error: "it ended with the host"))
                }
            }
            comeBackByPolicy(container)
        } else if now.status == .restarting {
            container.alone {
                bury(container)
                clean(container)
            }
            restart(container, after: 0)
        } else if wasHalf {
            // A start that was cut: its shim may not be seen yet.
            if Files.exists(container.runtime) || Files.exists("\(home.run)/oci/\(container.id)") { bury(container) }
            clean(container)
            keep(container)
            if now.host["AutoRemove"]?.bool == true, now.status == .exited {
                do throws(APIError) {
                    try container.alone { () throws(APIError) in try discard(container, volumes: true) }
                } catch {}
            } else {
                comeBackByPolicy(container)
            }
        }
    }

    /// Of a container that does not run: also of one whose end the last daemon did not come to write down.
    func comeBackByPolicy(_ container: Container) {
        if Containers.comesBackWithDaemon(container.now) { comeBack(container) }
    }

    /// Once all are known again it is started, unless somebody was quicker, or stopped it.
    private func comeBack(_ container: Container) {
        let wasStopped = container.now.isStopped
        Threads.start { [self] in
            waitForRecovery()
            container.alone {
                let now = container.now
                guard now.status == .exited, now.isStopped == wasStopped else { return }
                // It says itself why it could not start: State.Error.
                do throws(APIError) { try startAnew(container) } catch {
                    if Faults.isFull(error) { restartWhenThereIsRoom(container) }
                }
            }
        }
    }

    /// Returns when every container of before is known again.
    func waitForRecovery() {
        while isRecovering.wait(milliseconds: 60_000, { $0 ? nil : true }) == nil {}
    }

    /// Whether a policy starts a container that does not run when the daemon starts: `always` even one that a person has stopped.
    static func comesBackWithDaemon(_ now: ContainerState) -> Bool {
        guard now.status == .exited, now.startedAt != Moment.never else { return false }
        let policy = now.host["RestartPolicy"]?.object ?? [:]
        switch policy["Name"]?.string ?? "" {
        case "always": return true
        case "unless-stopped": return !now.isStopped
        case "on-failure":
            let most = policy["MaximumRetryCount"]?.integer ?? 0
            return !now.isStopped && now.exitCode != 0 && (most == 0 || now.restarts < most)
        default: return false
        }
    }
}
