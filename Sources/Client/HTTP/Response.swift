public import JSON

/// The daemon's answer: status and headers are here, the body is read as it comes.
public final class Response {
    private enum Length {
        case exactly(Int)
        case chunks(left: Int, isFirst: Bool)
        case untilEnd
        case ended
    }

    public let status: Int
    /// Names in lower case.
    public let headers: [String: String]
    /// What remains after the head: the stream itself after a 101.
    public let connection: Connection
    private var length: Length

    init(_ connection: Connection, from endpoint: Endpoint, hasBody: Bool) throws(ClientError) {
        self.connection = connection
        guard let first = try connection.line() else {
            throw connection.failure ?? Self.silence(endpoint)
        }
        let words = first.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw ClientError("\(endpoint) does not speak HTTP", by: "it said: \(first.prefix(60))")
        }
        self.status = status
        var headers: [String: String] = [:]
        while let line = try connection.line(), !line.isEmpty {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            headers[line[..<colon].lowercased()] = String(value)
        }
        self.headers = headers
        if !hasBody || status == 204 || status == 304 {
            length = .ended
        } else if headers["transfer-encoding"]?.lowercased() == "chunked" {
            length = .chunks(left: 0, isFirst: true)
        } else if let text = headers["content-length"], let count = Int(text), count >= 0 {
            length = .exactly(count)
        } else {
            length = .untilEnd
        }
    }

    /// Nothing was said. A daemon that speaks TLS alone does so to words in the clear, too.
    private static func silence(_ endpoint: Endpoint) -> ClientError {
        if case .loopback = endpoint {
            return ClientError(
                "\(endpoint) closed the connection without an answer",
                by: "it speaks TLS, or no HTTP, or the daemon ended",
                fix: "if it was started with --tlsverify, give --tlsverify; else see what its log says")
        }
        return ClientError(
            "\(endpoint) closed the connection without an answer",
            by: "the daemon ended, or does not speak HTTP here",
            fix: "see what its log says, and whether it still runs")
    }

    /// The next bytes of the body, at its end none. Throws when the daemon breaks off.
    public func read() throws(ClientError) -> ArraySlice<UInt8> {
        switch length {
        case .ended: return []
        case .untilEnd: return try connection.read()
        case .exactly(let left):
            if left == 0 { return [] }
            let bytes = try connection.read(limit: min(left, 65536))
            if bytes.isEmpty { throw cut }
            length = .exactly(left - bytes.count)
            return bytes
        case .chunks(var left, let isFirst):
            if left == 0 {
                if !isFirst { _ = try connection.line() }
                guard let line = try connection.line() else { throw cut }
                guard let size = Int(line.prefix { $0.isHexDigit }, radix: 16), size >= 0 else {
                    throw ClientError(
                        "the daemon's answer cannot be read", by: "\(line.prefix(40)) is no size of a chunk")
                }
                if size == 0 {
                    while let trailer = try connection.line(), !trailer.isEmpty {}
                    length = .ended
                    return []
                }
                left = size
            }
            let bytes = try connection.read(limit: min(left, 65536))
            if bytes.isEmpty { throw cut }
            length = .chunks(left: left - bytes.count, isFirst: false)
            return bytes
        }
    }

    /// Whether read() would not wait.
    var hasAhead: Bool { connection.hasAhead }

    private var cut: ClientError {
        connection.failure
            ?? ClientError(
                "the daemon broke off in the middle of an answer", fix: "see what its log says, and try again")
    }

    /// The whole body. Throws past `limit` bytes.
    public func bytes(limit: Int = 256 << 20) throws(ClientError) -> [UInt8] {
        var all: [UInt8] = []
        while true {
            let next = try read()
            if next.isEmpty { return all }
            all += next
            guard all.count <= limit else { throw ClientError("the daemon's answer is longer than \(limit) bytes") }
        }
    }

    /// The body as JSON; null when it is empty.
    public func json() throws(ClientError) -> JSON {
        let bytes = try bytes()
        if bytes.isEmpty { return .null }
        do throws(JSONError) {
            return try JSON(parsing: bytes)
        } catch {
            throw ClientError("the daemon's answer is not JSON", by: error.description)
        }
    }
}
