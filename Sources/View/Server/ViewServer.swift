#if Daemon
    import CKernel
    import Glibc
    import NIOCore
    import NIOHTTP1
    import NIOPosix
    import NetCore

    /// `berth view`: serves the page until SIGINT or SIGTERM, or until the world ends with which it was started.
    public struct ViewServer {
        /// At most so many connections at once; a browser takes six.
        static let mostConnections = 64

        private let wish: EyeWish
        private var address: ViewAddress

        public init(_ wish: EyeWish, at address: ViewAddress) { (self.wish, self.address) = (wish, address) }

        /// `announce` is given the page's address, with its token, as soon as it is served. Throws when it cannot be. The process must
        /// have one thread.
        public mutating func run(announce: (String) throws -> Void) throws {
            signal(SIGPIPE, SIG_IGN)
            // Blocked before there is a second thread: whoever waits for them gets them.
            var signals = sigset_t()
            sigemptyset(&signals)
            for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, number) }
            pthread_sigmask(SIG_BLOCK, &signals, nil)

            let hub = Hub()
            let eye = EyeProcess(hub, wish)
            let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            let pool = NIOThreadPool(numberOfThreads: 4)
            pool.start()
            // The port is known when it is bound, and the names by which the page may be called with it.
            let bound = try bind(loops)
            let token = Token()
            let site = PageHandler.Site(
                door: Door(names: address.names, token: token), hub: hub, desk: Desk(hub, eye), eye: eye, pool: pool)
            let own = getpid()
            Background.run {
                eye.run()
                // The world has ended.
                kill(own, SIGTERM)
            }
            let channel = try ViewServer.listen(loops, bound, site)
            try announce("http://\(address)/#t=\(token.text)")
            var number: Int32 = 0
            sigwait(&signals, &number)
            eye.end()
            channel.close(promise: nil)
            // What is being done for a page is not waited for.
            exit(0)
        }

        /// A listening socket; the port is known afterwards.
        private mutating func bind(_ loops: MultiThreadedEventLoopGroup) throws -> Int32 {
            let socketAddress = try SocketAddress(ipAddress: address.host, port: address.port)
            let family = socketAddress.protocol == .inet6 ? AF_INET6 : AF_INET
            let number = try check("make a socket") {
                socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            }
            var one: Int32 = 1
            setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &one, 4)
            let code = socketAddress.withSockAddr { Glibc.bind(number, $0, socklen_t($1)) }
            guard code == 0, Glibc.listen(number, 128) == 0 else {
                let error = Errno.current
                close(number)
                guard error.rawValue == EADDRINUSE else {
                    throw ViewError(
                        .address, "cannot listen on \(address): \(error)", fix: "take another: --listen 127.0.0.1:0")
                }
                throw ViewError(
                    .inUse,
                    "port \(address.port) of \(address.host) is in use",
                    fix:
                        "another page may be served there already: end it, or choose another port: --listen 127.0.0.1:\(address.port + 1), or 127.0.0.1:0 for one that is free"
                )
            }
            var storage = sockaddr_storage()
            var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
            withUnsafeMutablePointer(to: &storage) {
                _ = $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(number, $0, &size) }
            }
            // The port stands at the same place in both families.
            let port = withUnsafeBytes(of: storage) { UInt16($0[2]) << 8 | UInt16($0[3]) }
            address.port = Int(port)
            return number
        }

        private static func listen(
            _ loops: MultiThreadedEventLoopGroup, _ socket: Int32, _ site: PageHandler.Site
        ) throws -> any Channel {
            let count = ConnectionCount(most: mostConnections)
            return try ServerBootstrap(group: loops)
                .childChannelOption(.maxMessagesPerRead, value: 4)
                .childChannelOption(
                    .writeBufferWaterMark,
                    value: ChannelOptions.Types.WriteBufferWaterMark(low: 64 << 10, high: 1 << 20)
                )
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        guard count.enter() else {
                            channel.close(promise: nil)
                            return
                        }
                        channel.closeFuture.whenComplete { _ in count.leave() }
                        try channel.pipeline.syncOperations.configureHTTPServerPipeline(
                            withPipeliningAssistance: true, withErrorHandling: true)
                        try channel.pipeline.syncOperations.addHandler(PageHandler(site))
                    }
                }
                .withBoundSocket(socket).wait()
        }
    }
#endif
