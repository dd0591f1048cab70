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

        /// What the bytes of a stream are called since API 1.42.
        static func type(isTerminal: Bool, version: Int) -> String {
            !isTerminal && version >= 42
                ? "application/vnd.docker.multiplexed-stream" : "application/vnd.docker.raw-stream"
        }

        private var head: String {
            let type = Hijack.type(isTerminal: isTerminal, version: call.request.version)
            guard call.request.headers.first(name: "Upgrade")?.lowercased() == "tcp" else {
                return "HTTP/1.1 200 OK\r\nContent-Type: \(type)\r\n\r\n"
            }
            return "HTTP/1.1 101 UPGRADED\r\nContent-Type: \(type)\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
        }

        /// The client is answered, and the connection is bytes from now on: what it sends waits until `join`.
        func begin() throws(Abandoned) {
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
                        try pipeline.addHandler(Glue(isInputClosed: http.isInputClosed))
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
            } catch {
                channel.close(promise: nil)
                throw Abandoned()
            }
            if call.request.headers.first(name: "User-Agent")?.hasPrefix("docker-sdk-python") == true {
                waitForReader(of: channel)
            }
        }

        /// docker-py reads the head through a buffer and the stream past it: what came together with the head is lost to it. A unix
        /// socket tells when its peer has read what was sent (SIOCOUTQ; at most a second), another one gets ten milliseconds.
        private func waitForReader(of channel: any Channel) {
            guard channel.localAddress?.protocol == .unix else {
                usleep(10_000)
                return
            }
            for _ in 0..<1000 {
                usleep(1000)
                let unread = try? channel.eventLoop.submit { () -> Int32? in
                    try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
                        of: NIOBSDSocket.Handle.self
                    ) { handle -> Int32 in
                        var count: Int32 = 0
                        return ioctl(handle, UInt(TIOCOUTQ), &count) == 0 ? count : 0
                    }
                }.wait()
                if (unread ?? 0) == 0 { return }
            }
        }

        /// The client's bytes go to the descriptor and its bytes to the client until both have ended.
        func join(_ descriptor: consuming OwnedDescriptor) throws(Abandoned) {
            try begin()
            let channel = exchange.channel
            do {
                try Glue.join(channel, descriptor.release())
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
