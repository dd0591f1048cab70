public import JSON

/// The daemon as its clients see it: Docker's Engine API over HTTP/1.1, a connection a request.
public struct Daemon: Sendable {
    public let endpoint: Endpoint
    /// Who opens connections; nil: this module's own sockets.
    let connector: Connector?
    /// Seconds that may pass without a byte; 0: any number.
    var patience = 0
    /// A version that every daemon of Docker's since 20.10 speaks, and ours.
    static let version = "v1.41"

    public init(_ endpoint: Endpoint, through connector: Connector? = nil) {
        self.endpoint = endpoint
        self.connector = connector
    }

    /// The same, and an answer that does not come within so many seconds is an error.
    public func waiting(seconds: Int) -> Daemon {
        var daemon = self
        daemon.patience = seconds
        return daemon
    }

    /// What is sent with a request.
    public enum Body {
        case none
        case json(JSON)
        /// Bytes as they come, of one type; the closure gives none at the end.
        case stream(type: String, next: () throws(ClientError) -> [UInt8])
    }

    /// The answer to a request that was accepted. Throws the daemon's refusal.
    /// A path that begins with `/berth/` is our own, every other one Docker's; one with a version keeps it.
    public func request(
        _ method: String, _ path: String, _ query: [(String, String)] = [], _ body: Body = .none
    ) throws(ClientError) -> Response {
        let connection = try Connection(self)
        var head = head(method, path, query)
        switch body {
        case .none:
            if method != "GET" && method != "HEAD" { head += "Content-Length: 0\r\n" }
            _ = try connection.send((head + "Connection: close\r\n\r\n").utf8)
        case .json(let value):
            let bytes = value.bytes
            head += "Content-Type: application/json\r\nContent-Length: \(bytes.count)\r\nConnection: close\r\n\r\n"
            _ = try connection.send(Array(head.utf8) + bytes)
        case .stream(let type, let next):
            head += "Content-Type: \(type)\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
            var isHeard = try connection.send(head.utf8)
            while isHeard {
                let bytes = try next()
                let size = Array("\(String(bytes.count, radix: 16))\r\n".utf8)
                isHeard = try connection.send(size + bytes + Array("\r\n".utf8))
                if bytes.isEmpty { break }
            }
        }
        let response = try Response(connection, from: endpoint, hasBody: method != "HEAD")
        try accept(response)
        return response
    }

    /// A connection that has become a stream both ways (attach, exec). Throws the daemon's refusal.
    public func hijack(_ path: String, _ query: [(String, String)] = [], _ body: JSON? = nil) throws(ClientError)
        -> Connection
    {
        let connection = try Connection(self)
        let bytes = body?.bytes ?? []
        var head = head("POST", path, query)
        if body != nil { head += "Content-Type: application/json\r\n" }
        head += "Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: \(bytes.count)\r\n\r\n"
        _ = try connection.send(Array(head.utf8) + bytes)
        let response = try Response(connection, from: endpoint, hasBody: true)
        if response.status != 101 { try accept(response) }
        return connection
    }

    /// The JSON of an answer.
    @discardableResult
    public func json(_ method: String, _ path: String, _ query: [(String, String)] = [], _ body: JSON? = nil)
        throws(ClientError) -> JSON
    {
        try request(method, path, query, body.map { .json($0) } ?? .none).json()
    }

    private func head(_ method: String, _ path: String, _ query: [(String, String)]) -> String {
        let pairs = query.map { "\($0.0)=\($0.1.percentEncoded)" }.joined(separator: "&")
        let prefix = path.hasPrefix("/berth/") || path.hasPrefix("/v1.") ? "" : "/\(Self.version)"
        return
            "\(method) \(prefix)\(path)\(pairs.isEmpty ? "" : "?\(pairs)") HTTP/1.1\r\nHost: berth\r\nUser-Agent: berth\r\n"
    }

    private func accept(_ response: Response) throws(ClientError) {
        guard response.status >= 400 else { return }
        let body = try response.bytes(limit: 1 << 20)
        let message = (try? JSON(parsing: body))?["message"]?.string
        let text = message ?? String(decoding: body.prefix(200), as: UTF8.self)
        throw Refusal.error(text.isEmpty ? "the daemon refused" : text, status: response.status, endpoint)
    }
}

extension String {
    /// As a part of a query (RFC 3986): everything but unreserved characters is escaped.
    public var percentEncoded: String { escaped(keeping: "") }

    /// As a part of a path: an image's name keeps its slashes and colons.
    public var pathEncoded: String { escaped(keeping: "/:@+") }

    private func escaped(keeping others: StaticString) -> String {
        let kept = UnsafeBufferPointer(start: others.utf8Start, count: others.utf8CodeUnitCount)
        var text = ""
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                text.unicodeScalars.append(UnicodeScalar(byte))
            case _ where kept.contains(byte): text.unicodeScalars.append(UnicodeScalar(byte))
            default: text += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
        return text
    }
}
