#if Daemon
    import Synchronization

    /// What must wait until the daemon knows its containers again: it is listened to before, and answers later.
    final class Gate: Sendable {
        /// Nil once it is open.
        private let waiting = Mutex<[@Sendable () -> Void]?>([])

        /// `body` runs now where the gate is open, else when it opens, on the thread that opens it.
        func pass(_ body: @escaping @Sendable () -> Void) {
            let isOpen = waiting.withLock { waiting in
                waiting?.append(body)
                return waiting == nil
            }
            if isOpen { body() }
        }

        /// Who waits goes on, in the order in which they came.
        func open() {
            let bodies = waiting.withLock { waiting in
                defer { waiting = nil }
                return waiting ?? []
            }
            for body in bodies { body() }
        }
    }
#endif
