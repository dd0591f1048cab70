import Glibc
import JSON
import MiniRuntime
import NetCore
import Networks

extension Containers {
    /// Every container of before is known again: what runs is watched, what ended meanwhile is told, what was half made is gone. Once, at the start.
    public func recover() throws(APIError) {
        do throws(NetworkError) { try networks.resume() } catch { throw APIError(error.status, error.description) }
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
        for container in half { sweep(container) }
        for container in found { resume(container) }
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

    private func isFrozen(_ container: Container) -> Bool {
        do throws(KernelError) { return try Cgroup(path: container.cgroupPath(container.now.host)).isFrozen } catch {
            return false
        }
    }

    private func resume(_ container: Container) {
        let now = container.now
        if ShimProcess.find(run: container.runtime) != nil {
            do throws(APIError) {
                let answer = try ask(container, ["op": "state"], seconds: 5)
                if answer["status"]?.string == "running" {
                    // A pause may have been cut before it was written down: the kernel knows.
                    let isPaused = isFrozen(container)
                    container.state.change {
                        $0.status = isPaused ? .paused : .running
                        $0.pid = answer["pid"]?.integer ?? $0.pid
                        if $0.startedAt == Moment.never { $0.startedAt = Moment.now.text }
                    }
                    goOnWithHealth(container)
                    // A connect that was cut.
                    for cut in container.now.attached where cut.endpointID.isEmpty {
                        detach(container, cut)
                        container.state.change { $0.endpoints[cut.network] = nil }
                    }
                    keep(container)
                    return watch(container)
                }
            } catch {}
            // Its end is being written down, or its start was cut.
            if now.isAlive { return watch(container) }
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
        } else if now.status == .restarting {
            container.alone {
                bury(container)
                clean(container)
                do throws(APIError) { try begin(container, isByPolicy: true) } catch {
                    guard !Faults.isFull(error) else { return restartWhenThereIsRoom(container) }
                    container.state.change { $0.status = .exited }
                }
            }
        } else if wasHalf {
            // A start that was cut: its shim may not be seen yet.
            if Files.exists(container.runtime) || Files.exists("\(home.run)/oci/\(container.id)") { bury(container) }
            clean(container)
            keep(container)
            if now.host["AutoRemove"]?.bool == true, now.status == .exited {
                do throws(APIError) {
                    try container.alone { () throws(APIError) in try discard(container, volumes: true) }
                } catch {}
            } else if Containers.comesBackWithDaemon(now) {
                Threads.start { [self] in
                    // It says itself why it could not start: State.Error.
                    do throws(APIError) { _ = try start(container.id) } catch {
                        guard Faults.isFull(error) else { return }
                        container.alone {
                            if container.now.status == .exited { restartWhenThereIsRoom(container) }
                        }
                    }
                }
            }
        }
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
