#if Daemon
    import Containers

    /// Where the daemon listens: `unix:///run/berth/berth.sock`, `tcp://127.0.0.1:2375`.
    public enum ListenAddress: Sendable, CustomStringConvertible {
        case unix(String)
        case tcp(host: String, port: Int)

        public init(_ text: String) throws(APIError) {
            if text.hasPrefix("unix://") {
                let path = String(text.dropFirst(7))
                guard path.hasPrefix("/"), path.utf8.count < 108 else {
                    throw APIError(400, "-H \(text): an absolute path of at most 107 bytes is wanted after unix://")
                }
                self = .unix(path)
                return
            }
            guard text.hasPrefix("tcp://"), let colon = text.lastIndex(of: ":"),
                let port = Int(text[text.index(after: colon)...]),
                (0...65535).contains(port)
            else { throw APIError(400, "-H \(text): unix:///path or tcp://address:port is wanted") }
            var host = text[text.index(text.startIndex, offsetBy: 6)..<colon]
            if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
            guard !host.isEmpty else {
                throw APIError(400, "-H \(text): the address to listen on is missing, as in tcp://127.0.0.1:\(port)")
            }
            self = .tcp(host: String(host), port: port)
        }

        /// Only this machine reaches it.
        var isLoopback: Bool {
            switch self {
            case .unix: true
            case .tcp(let host, _): host == "localhost" || host == "::1" || ListenAddress.isLoopback4(host)
            }
        }
        private static func isLoopback4(_ host: String) -> Bool {
            let numbers = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
            return numbers.count == 4 && numbers[0] == 127 && !numbers.contains(nil)
        }

        public var description: String {
            switch self {
            case .unix(let path): "unix://\(path)"
            case .tcp(let host, let port): host.contains(":") ? "tcp://[\(host)]:\(port)" : "tcp://\(host):\(port)"
            }
        }
    }
#endif
