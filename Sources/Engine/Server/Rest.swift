#if Daemon
    import NIOCore
    import NetCore
    import Synchronization

    /// A daemon that nobody asked anything for a second gives memory back, once; then nothing wakes it.
    final class Rest: Sendable {
        private let loop: any EventLoop
        private let state = Mutex((isBusy: false, isPlanned: false))

        init(_ loop: any EventLoop) { self.loop = loop }

        /// Something is done now.
        func interrupt() {
            let isPlanned = state.withLock { state in
                defer { state = (true, true) }
                return state.isPlanned
            }
            if !isPlanned { plan() }
        }

        private func plan() { loop.scheduleTask(in: .seconds(1)) { self.look() } }

        private func look() {
            let wasBusy = state.withLock { state in
                defer { state = (false, state.isBusy) }
                return state.isBusy
            }
            if wasBusy { plan() } else { IdleMemory.giveBack() }
        }
    }
#endif
