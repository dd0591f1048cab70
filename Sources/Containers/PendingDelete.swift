import Networks

// A network that could not be taken away is tried again, until it goes.
extension Containers {
    /// A DEL has failed: after a second, then after twice as long each time, at most a minute, it is tried again for as long as the
    /// container does not run. What was to go with its end goes then.
    func retryLater(_ container: Container) {
        let isFirst = container.state.change { state in
            defer { state.isRetrying = true }
            return !state.isRetrying
        }
        guard isFirst else { return }
        Threads.start { [self] in
            var pause = 1000
            var isOver = false
            while !isOver {
                // A container that is removed, or started again by a person, wakes nobody for nothing.
                let isGone = container.state.wait(milliseconds: pause) { $0.isGone ? true : nil } ?? false
                if isGone { break }
                pause = min(pause * 2, 60_000)
                isOver = container.alone { tryAgain(container) }
            }
            container.state.change { $0.isRetrying = false }
        }
    }

    /// An ADD failed, and so did the DEL after it: what there is of it stays written down, and its DEL is tried again.
    func keepHalfMade(_ container: Container, _ network: String, _ interface: String, _ why: String) {
        var half = AttachedNetwork()
        half.network = network
        half.interface = interface
        half.endpointID = "half-made"
        container.state.change { state in
            state.attached.removeAll { $0.interface == interface }
            state.attached.append(half)
            state.pendingDelete = why
        }
        retryLater(container)
    }

    /// True when there is nothing more to do. The caller is alone with the container.
    private func tryAgain(_ container: Container) -> Bool {
        let now = container.now
        // What runs is cleaned at its end, what is removed by who removes it.
        guard !now.isGone, !now.isAlive, now.status != .restarting, !now.attached.isEmpty else { return true }
        clean(container)
        guard container.now.attached.isEmpty else { return false }
        do throws(APIError) {
            // A start that failed takes a container of --rm away, too.
            if now.host["AutoRemove"]?.bool == true, now.status == .exited || !now.error.isEmpty {
                try discard(container, volumes: true)
            } else {
                keep(container)
            }
        } catch {}
        return true
    }
}
