#if Daemon
    import Containers
    import Glibc
    import NIOCore
    import NIOHTTP1
    import NIOPosix
    import NetCore

    /// A connection that stops being HTTP: Docker's attach and exec streams.
    struct Hijack {
        private let call: Call
        private let isTerminal: Bool
        private var exchange: Exchange { call.exchange }

        init(_ call: Call, isTerminal: Bool) {
            self.call = call
            self.isTerminal = isTerminal
        }

        private var head: String {
            let request = call.request
            let upgrade = request.headers.first(name: "Upgrade")?.lowercased()
            let type =
                !isTerminal && request.version >= 42
                ? "application/vnd.docker.multiplexed-stream" : "application/vnd.docker.raw-stream"
            guard upgrade == "tcp" else { return "HTTP/1.1 200 OK\r\nContent-Type: \(type)\r\n\r\n" }
            return
                "HTTP/1.1 101 UPGRADED\r\nContent-Type: \(type)\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
        }

        /// From now on the client reads bytes: what `write` says, then what the descriptor does. Nil: it ends after `write`.
        func join(_ descriptor: consuming OwnedDescriptor?, _ write: (any Channel) throws -> Void = { _ in }) throws {
            let channel = exchange.channel
            let loop = channel.eventLoop
            guard exchange.beginning(101) else { return }
            let text = head
            do {
                try loop.flatSubmit { () -> EventLoopFuture<Void> in
                    do {
                        let pipeline = channel.pipeline.syncOperations
                        let http = try pipeline.handler(type: ConnectionHandler.self)
                        let encoder = try pipeline.handler(type: HTTPResponseEncoder.self)
                        let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
                        try pipeline.addHandler(Glue())
                        let removals = [
                            pipeline.removeHandler(http), pipeline.removeHandler(encoder),
                            pipeline.removeHandler(decoder),
                        ]
                        return EventLoopFuture.andAllSucceed(removals, on: loop).flatMap {
                            channel.writeAndFlush(ByteBuffer(string: text))
                        }
                    } catch {
                        return loop.makeFailedFuture(error)
                    }
                }.wait()
                try write(channel)
            } catch {
                channel.close(promise: nil)
                throw Abandoned()
            }
            guard descriptor != nil else { return channel.close(promise: nil) }
            let number = descriptor.take()!.release()
            do {
                // The channel owns the descriptor from here on, whatever happens.
                try ClientBootstrap(group: loop)
                    .channelOption(.allowRemoteHalfClosure, value: true)
                    .channelOption(.autoRead, value: false)
                    .channelInitializer { peer in
                        peer.eventLoop.makeCompletedFuture { try peer.pipeline.syncOperations.addHandler(Glue()) }
                    }
                    .withConnectedSocket(number)
                    .flatMapThrowing { peer in
                        Glue.join(
                            try channel.pipeline.syncOperations.handler(type: Glue.self),
                            try peer.pipeline.syncOperations.handler(type: Glue.self))
                    }.wait()
            } catch {
                channel.close(promise: nil)
                throw Abandoned()
            }
        }
    }

    extension OwnedDescriptor {
        /// Another number for the same file or socket.
        func copy() throws(KernelError) -> OwnedDescriptor {
            OwnedDescriptor(taking: try check("copy a descriptor") { fcntl(number, F_DUPFD_CLOEXEC, 3) })
        }
    }
#endif
