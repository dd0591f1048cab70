#if Daemon
    import Glibc
    import NIOCore
    import NIOPosix
    import NIOSSL
    import NIOTLS
    import NetCore
    import Synchronization

    /// The client's side of TLS: a plain socket for who speaks without an event loop, joined to a connection that is not plain.
    public struct TLSLink: Sendable {
        /// Who signs the other's certificate (nil: anybody is believed), and our own certificate with its key, both or none.
        public struct Files: Sendable {
            public var authority: String?
            public var own: (certificate: String, key: String)?
            public init(authority: String?, own: (certificate: String, key: String)?) {
                self.authority = authority
                self.own = own
            }
        }

        /// How long a host may take to answer, and then to shake hands.
        static let patience = TimeAmount.seconds(20)
        private let files: Files
        private let context: NIOSSLContext

        /// Reads the files. Throws which of them cannot be used.
        public init(_ files: Files) throws(TLSRefusal) {
            self.files = files
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.minimumTLSVersion = .tlsv12
            if let authority = files.authority {
                configuration.trustRoots = .certificates(try TLSLink.certificates(authority))
            } else {
                configuration.certificateVerification = .none
            }
            if let own = files.own {
                configuration.certificateChain = try TLSLink.certificates(own.certificate).map { .certificate($0) }
                do {
                    configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: own.key, format: .pem))
                } catch {
                    throw TLSRefusal(
                        "\(own.key) holds no private key", by: "a key in PEM without a passphrase is wanted")
                }
            }
            do {
                context = try NIOSSLContext(configuration: configuration)
            } catch {
                guard let own = files.own else { throw TLSRefusal("TLS cannot be prepared", by: "\(error)") }
                throw TLSRefusal("\(own.key) is not the key of \(own.certificate)", by: nil)
            }
        }

        private static func certificates(_ path: String) throws(TLSRefusal) -> [NIOSSLCertificate] {
            let found = (try? NIOSSLCertificate.fromPEMFile(path)) ?? []
            guard !found.isEmpty else {
                throw TLSRefusal("\(path) holds no certificate", by: "one in PEM is wanted")
            }
            return found
        }

        /// A socket whose other end is `host`'s port through TLS, the caller's to close, and a closure that says what ended it,
        /// if it was TLS. The end of writing is passed on both ways. Throws who does not answer, or why hands were not shaken.
        public func connect(host: String, port: Int) throws(TLSRefusal) -> (
            number: Int32, failure: @Sendable () -> TLSRefusal?
        ) {
            let why = TLSFailure(host: host, port: port, files: files)
            do {
                let remote = try open(host, port, why)
                var pair: [Int32] = [-1, -1]
                try check("make a pair of sockets") {
                    socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair)
                }
                let ours = OwnedDescriptor(taking: pair[0])
                try Glue.join(remote, pair[1])
                return (ours.release(), { why.known })
            } catch {
                throw why.refusal(error)
            }
        }

        private func open(_ host: String, _ port: Int, _ why: TLSFailure) throws -> any Channel {
            let isAddress = (try? SocketAddress(ipAddress: host, port: port)) != nil
            let shaken = TLSLink.loop.makePromise(of: Void.self)
            let channel: any Channel
            do {
                channel = try ClientBootstrap(group: TLSLink.loop)
                    .channelOption(.allowRemoteHalfClosure, value: true)
                    .connectTimeout(TLSLink.patience)
                    .channelInitializer { [context, files] channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandlers(
                                NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : host),
                                Handshake(shaken, why, name: isAddress || files.authority == nil ? nil : host))
                        }
                    }
                    .connect(host: host, port: port).wait()
            } catch {
                shaken.fail(error)
                throw error
            }
            do {
                try shaken.futureResult.wait()
            } catch {
                channel.close(promise: nil)
                throw error
            }
            return channel
        }

        /// One thread for all connections of this process, begun with the first. No signal is delivered to it: who waits for
        /// one waits on the thread of the command.
        private static let loop: any EventLoop = {
            var all = sigset_t()
            var before = sigset_t()
            sigfillset(&all)
            pthread_sigmask(SIG_SETMASK, &all, &before)
            defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
            return MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        }()
    }

    /// Waits for the handshake, and keeps what went wrong then or later.
    private final class Handshake: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private var shaken: EventLoopPromise<Void>?
        private let why: TLSFailure
        private let name: String?
        private var timer: Scheduled<Void>?

        /// `name`: what has to stand in the certificate, when it is a name.
        init(_ shaken: EventLoopPromise<Void>, _ why: TLSFailure, name: String?) {
            self.name = name
            self.shaken = shaken
            self.why = why
        }

        private func end(_ error: (any Error)?) {
            timer?.cancel()
            if let error { shaken?.fail(error) } else { shaken?.succeed() }
            shaken = nil
        }

        func channelActive(context: ChannelHandlerContext) {
            let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
            timer = context.eventLoop.scheduleTask(in: TLSLink.patience) { bound.value.end(TLSFailure.Silence()) }
            context.fireChannelActive()
        }
        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case .handshakeCompleted = event as? TLSUserEvent {
                do {
                    let pipeline = context.pipeline.syncOperations
                    if let name, try pipeline.nioSSL_peerCertificate()?.names(host: name) != true {
                        throw NIOSSLExtraError.failedToValidateHostname
                    }
                    why.isShaken = true
                    // From here on nothing is lost that comes before the other side is there.
                    try pipeline.addHandler(Glue())
                    end(nil)
                } catch {
                    why.note(error)
                    end(error)
                }
            }
            context.fireUserInboundEventTriggered(event)
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            why.note(error)
            end(error)
            context.fireErrorCaught(error)
            if context.channel.isActive { context.close(promise: nil) }
        }
        func channelInactive(context: ChannelHandlerContext) {
            end(ChannelError.eof)
            context.fireChannelInactive()
        }
        func handlerRemoved(context: ChannelHandlerContext) { end(ChannelError.eof) }
    }
#endif
