#if Daemon
    import NIOCore
    import NIOHTTP1

    /// One who hears events (`GET /events`): what is newest of each kind, as fast as they read. Lives on their connection's event loop.
    final class Listening {
        private let channel: any Channel
        /// The newest of each kind that waits, but for journeys, which all are told.
        private var waiting: [(name: String, bytes: [UInt8])] = []
        private var isStuck = 0
        private var clock: RepeatedTask?

        private static let mostJourneys = 8
        /// Seconds in which nothing can be sent, after which nobody is there.
        private static let patience = 30

        init(_ channel: any Channel) { self.channel = channel }

        /// `clock` gives the time that each ping tells.
        func begin(clock time: @escaping @Sendable () -> String) {
            let bound = NIOLoopBound(self, eventLoop: channel.eventLoop)
            clock = channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .seconds(1)) { _ in
                let bytes = Array("{\"time\":\"\(time())\"}".utf8)
                bound.value.ping(bytes)
            }
        }

        func end() { clock?.cancel() }

        private func ping(_ bytes: [UInt8]) {
            isStuck = channel.isWritable ? 0 : isStuck + 1
            if isStuck > Listening.patience { return channel.close(promise: nil) }
            offer("ping", bytes)
        }

        func offer(_ name: String, _ bytes: [UInt8]) {
            if name == "journey" {
                if waiting.count(where: { $0.name == name }) >= Listening.mostJourneys,
                    let oldest = waiting.firstIndex(where: { $0.name == name })
                {
                    waiting.remove(at: oldest)
                }
            } else {
                waiting.removeAll { $0.name == name }
            }
            waiting.append((name, bytes))
            flush()
        }

        /// As much as goes without waiting.
        func flush() {
            guard channel.isWritable, !waiting.isEmpty else { return }
            var buffer = channel.allocator.buffer(capacity: waiting.reduce(0) { $0 + $1.bytes.count + 40 })
            for (name, bytes) in waiting {
                buffer.writeString("event: \(name)\ndata: ")
                buffer.writeBytes(bytes)
                buffer.writeString("\n\n")
            }
            waiting = []
            channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(buffer)), promise: nil)
        }
    }
#endif
