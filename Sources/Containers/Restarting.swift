import Glibc
import JSON

// What a restart policy decides at a container's end, and does.
extension Containers {
    /// Milliseconds until it comes back; nil when it does not.
    static func restartDelay(_ now: ContainerState, lasted end: Moment?) -> Int? {
        let policy = now.host["RestartPolicy"]?.object ?? [:]
        let wanted: Bool
        switch policy["Name"]?.string ?? "" {
        case "always", "unless-stopped": wanted = !now.isStopped
        case "on-failure":
            let most = policy["MaximumRetryCount"]?.integer ?? 0
            wanted = !now.isStopped && now.exitCode != 0 && (most == 0 || now.restarts < most)
        default: wanted = false
        }
        guard wanted else { return nil }
        // Ten seconds of life forgive what was before.
        if let end, let begin = Moment(now.startedAt), end.seconds - begin.seconds >= 10 { return 100 }
        return min(100 << min(now.restarts, 10), 60_000)
    }

    func restart(_ container: Container, after milliseconds: Int) {
        Threads.start { [self] in
            waitForRecovery()
            let stopped = container.state.wait(milliseconds: milliseconds) { $0.status == .restarting ? nil : true }
            guard stopped == nil else { return }
            container.alone {
                guard container.now.status == .restarting else { return }
                container.state.change { $0.restarts += 1 }
                do throws(APIError) {
                    try begin(container, isByPolicy: true)
                } catch {
                    guard !Faults.isFull(error) else {
                        // This one does not count.
                        container.state.change { $0.restarts -= 1 }
                        return restartWhenThereIsRoom(container)
                    }
                    container.state.change { $0.status = .exited }
                    keep(container)
                }
            }
        }
    }
}
