#if Daemon
    import Glibc
    import Synchronization

    /// Where blocking work is done: a thread each, with a small stack, as many as a limit allows; none while nothing is asked.
    /// A wait or a stream that lasts hours takes none from those who want an answer at once: they have limits of their own.
    enum Threads {
        enum Kind { case answer, stream }
        static let answers = 256
        static let streams = 1024
        private static let busy = Mutex((answers: 0, streams: 0))

        /// False, and nothing is done, when too many run already or the kernel gives no thread.
        static func run(_ kind: Kind, _ body: @escaping @Sendable () -> Void) -> Bool {
            let isAllowed = busy.withLock { busy in
                switch kind {
                case .answer where busy.answers < answers: busy.answers += 1
                case .stream where busy.streams < streams: busy.streams += 1
                default: return false
                }
                return true
            }
            guard isAllowed else { return false }
            let work = Unmanaged.passRetained(
                Work {
                    body()
                    leave(kind)
                })
            var attributes = pthread_attr_t()
            pthread_attr_init(&attributes)
            defer { pthread_attr_destroy(&attributes) }
            pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
            pthread_attr_setstacksize(&attributes, 1 << 20)
            var thread = pthread_t()
            let code = pthread_create(
                &thread, &attributes,
                { argument in
                    Unmanaged<Work>.fromOpaque(argument!).takeRetainedValue().body()
                    return nil
                }, work.toOpaque())
            guard code == 0 else {
                work.release()
                leave(kind)
                return false
            }
            return true
        }

        private static func leave(_ kind: Kind) {
            busy.withLock { busy in
                switch kind {
                case .answer: busy.answers -= 1
                case .stream: busy.streams -= 1
                }
            }
        }

        private final class Work: Sendable {
            let body: @Sendable () -> Void
            init(_ body: @escaping @Sendable () -> Void) { self.body = body }
        }
    }
#endif
