#if Daemon
    import Containers
    import Glibc
    import NIOCore
    import NIOHTTP1
    import NIOPosix
    import NIOSSL
    import NetCore

    /// Certificates of a listener that strangers reach: its own, its key, and the authority that clients' certificates must come from.
    public struct TLSFiles: Sendable {
        public var authority: String
        public var certificate: String
        public var key: String
        public init(authority: String, certificate: String, key: String) {
            self.authority = authority
            self.certificate = certificate
            self.key = key
        }
    }

    /// Binds addresses and puts each connection's handlers in place.
    struct Listener {
        let group: MultiThreadedEventLoopGroup
        let service: Service
        let rest: Rest

        func listen(_ address: ListenAddress, tls: TLSFiles?, group name: String, isInsecureAllowed: Bool) throws
            -> any Channel
        {
            switch address {
            case .unix(let path):
                try Listener.clear(path)
                let before = umask(0o177)
                defer { umask(before) }
                let channel = try bootstrap(nil).bind(unixDomainSocketPath: path).wait()
                if let owner = getgrnam(name) {
                    try check("give \(path) to group \(name)") { chown(path, 0, owner.pointee.gr_gid) }
                }
                try check("set the mode of \(path)") { chmod(path, 0o660) }
                return channel
            case .tcp(let host, let port):
                if let tls { return try bootstrap(try Listener.context(tls)).bind(host: host, port: port).wait() }
                guard address.isLoopback, isInsecureAllowed else {
                    throw APIError(
                        400,
                        "-H \(address) is refused: whoever reaches this port is root on this host. Give --tlsverify with --tlscacert, --tlscert and --tlskey, so that clients prove who they are"
                            + (address.isLoopback ? ", or --insecure-loopback for every user of this host" : ""))
                }
                return try bootstrap(nil).bind(host: host, port: port).wait()
            }
        }

        /// A socket file that nobody listens on any more is removed. Throws when a daemon answers there, or when it is no socket. A child
        /// that a killed daemon was about to start holds its socket until it has become another program: two seconds are waited for that.
        private static func clear(_ path: String) throws {
            var found = stat()
            guard lstat(path, &found) == 0 else { return }
            guard found.st_mode & S_IFMT == S_IFSOCK else {
                throw APIError(
                    409,
                    "listen on \(path): something that is no socket has that name; remove it or choose another with -H")
            }
            for _ in 0..<200 {
                guard try isListened(path) else { return try Files.remove(path) }
                usleep(10_000)
            }
            throw APIError(
                409, "listen on \(path): a daemon answers there already; stop it, or choose another socket with -H")
        }

        private static func isListened(_ path: String) throws(KernelError) -> Bool {
            let socket = OwnedDescriptor(
                taking: try check("make a socket") {
                    Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
                })
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8).prefix(107)) }
            let connected = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(socket.number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            return connected == 0
        }

        private static func context(_ files: TLSFiles) throws -> NIOSSLContext {
            do {
                var configuration = TLSConfiguration.makeServerConfiguration(
                    certificateChain: try NIOSSLCertificate.fromPEMFile(files.certificate).map { .certificate($0) },
                    privateKey: .privateKey(try NIOSSLPrivateKey(file: files.key, format: .pem)))
                configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(files.authority))
                configuration.certificateVerification = .noHostnameVerification
                configuration.minimumTLSVersion = .tlsv12
                return try NIOSSLContext(configuration: configuration)
            } catch {
                throw APIError(
                    400,
                    "the certificates \(files.authority), \(files.certificate) and key \(files.key) cannot be used: \(error)"
                )
            }
        }

        private func bootstrap(_ tls: NIOSSLContext?) -> ServerBootstrap {
            ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 1024)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelOption(.maxMessagesPerRead, value: 4)
                .childChannelInitializer { [service] channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls)) }
                        var framing = HTTPResponseEncoder.Configuration()
                        framing.automaticallySetFramingHeaders = false
                        try pipeline.addHandler(HTTPResponseEncoder(configuration: framing))
                        try pipeline.addHandler(
                            ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes)))
                        try pipeline.addHandler(ConnectionHandler(service, rest))
                    }
                }
        }
    }
#endif
