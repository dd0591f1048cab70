import Foundation

/// Speaks what passes between `berth view` and its page (docs/lab/view.md), on 127.0.0.1, from a saved state: for what a real world cannot be
/// made to do on demand. What is asked of it is kept.
final class FixtureServer: @unchecked Sendable {
    /// What `/state.json` and the first event say.
    var state = Data()
    /// Answers by path; of `/probe` the journey.
    var answers: [String: Data] = [:]
    /// Written to each reader of `/events`, again and again, until `quiet`.
    private var flood: (Data, Int)?
    /// It holds its connections and says nothing.
    var hangs = false
    private let lock = NSLock()
    private var asked: [(path: String, body: String)] = []
    private var readers: [Int32] = []
    private var listener: Int32 = -1
    private(set) var port: UInt16 = 0
    private let page: String
    static let token = "fixture-token"

    /// `page` is the file's text. Throws `Failure` when it may not listen.
    init(page: String) throws {
        self.page = page
        try listen(at: 0)
    }

    var address: String { "http://127.0.0.1:\(port)/#t=\(FixtureServer.token)" }
    var requests: [(path: String, body: String)] { lock.withLock { asked } }
    func forget() { lock.withLock { asked = [] } }

    private func listen(at wanted: UInt16) throws {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var on: Int32 = 1
        setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, 4)
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = wanted.bigEndian
        place.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                bind(socket, raw, length) == 0 && Glibc.listen(socket, 64) == 0
                    && getsockname(socket, raw, &length) == 0
            }
        }
        guard bound else { throw Failure("listen at 127.0.0.1:\(wanted): \(String(cString: strerror(errno)))") }
        port = UInt16(bigEndian: place.sin_port)
        listener = socket
        Thread { [self] in
            while true {
                let client = accept(socket, nil, nil)
                guard client >= 0 else { return }
                Thread { self.serve(client) }.start()
            }
        }.start()
    }

    /// Everything is closed, as when a process is killed.
    func die() {
        lock.withLock {
            shutdown(listener, Int32(SHUT_RDWR))
            close(listener)
            for reader in readers { shutdown(reader, Int32(SHUT_RDWR)) }
            readers = []
        }
    }

    func comeBack() throws { try listen(at: port) }

    /// One event to every reader.
    func tell(_ name: String, _ data: Data) {
        let frame = Data("event: \(name)\ndata: ".utf8) + data + Data("\n\n".utf8)
        lock.withLock { for reader in readers { FixtureServer.write(reader, frame) } }
    }

    /// `name` once for each of `values`, round and round, so many a second for so long; returns how many were written.
    func flood(_ name: String, _ values: [Data], perSecond: Int, seconds: Double) -> Int {
        let reader = lock.withLock { readers.last ?? -1 }
        let frames = values.map { Data("event: \(name)\ndata: ".utf8) + $0 + Data("\n\n".utf8) }
        let start = now()
        var written = 0
        while now() - start < seconds {
            let due = Int((now() - start) * Double(perSecond))
            while written < due, now() - start < seconds {
                // Between two of them others may write.
                lock.withLock { FixtureServer.write(reader, frames[written % frames.count]) }
                written += 1
            }
            usleep(1000)
        }
        return written
    }

    // MARK: a connection

    private static func write(_ client: Int32, _ data: Data) {
        data.withUnsafeBytes { raw in
            var sent = 0
            while sent < raw.count {
                let count = send(client, raw.baseAddress! + sent, raw.count - sent, Int32(MSG_NOSIGNAL))
                if count <= 0 { return }
                sent += count
            }
        }
    }

    private func serve(_ client: Int32) {
        defer { close(client) }
        var text = Data()
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        let mark = Data("\r\n\r\n".utf8)
        while true {
            guard let end = text.range(of: mark) else {
                let count = recv(client, &chunk, chunk.count, 0)
                if count <= 0 { return }
                text.append(contentsOf: chunk[0..<count])
                continue
            }
            let head = String(decoding: text[text.startIndex..<end.lowerBound], as: UTF8.self)
            let lines = head.components(separatedBy: "\r\n")
            let headers = lines.dropFirst().reduce(into: [String: String]()) { found, line in
                let parts = line.split(separator: ":", maxSplits: 1)
                if parts.count == 2 { found[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces) }
            }
            let length = Int(headers["content-length"] ?? "0") ?? 0
            while text.count - (end.upperBound - text.startIndex) < length {
                let count = recv(client, &chunk, chunk.count, 0)
                if count <= 0 { return }
                text.append(contentsOf: chunk[0..<count])
            }
            let body = String(decoding: text[end.upperBound..<(end.upperBound + length)], as: UTF8.self)
            text = Data(text[(end.upperBound + length)...])
            let path = lines[0].split(separator: " ").dropFirst().first.map(String.init) ?? "/"
            lock.withLock { asked.append((path, body)) }
            if !answer(client, path, headers["x-berth-token"] == FixtureServer.token) { return }
        }
    }

    /// False: the connection ends.
    private func answer(_ client: Int32, _ path: String, _ isAllowed: Bool) -> Bool {
        if path == "/" || path.hasPrefix("/?still=") {
            reply(client, "text/html", Data(whole(path).utf8), nonce: true)
        } else if !isAllowed {
            reply(client, "application/json", Data(#"{"error":"no token","fix":""}"#.utf8), status: "403 Forbidden")
        } else if path == "/events" {
            FixtureServer.write(
                client,
                Data(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
                        .utf8))
            lock.withLock { readers.append(client) }
            while true {
                usleep(300_000)
                let isThere = lock.withLock { () -> Bool in
                    guard readers.contains(client) else { return false }
                    if hangs { return true }
                    FixtureServer.write(client, Data("event: ping\ndata: {\"time\":\"14:03:22\"}\n\n".utf8))
                    return true
                }
                if !isThere { return false }
            }
        } else if let body = answers[path] ?? (path.hasPrefix("/state.json") ? state : nil) {
            reply(client, "application/json", body)
        } else {
            reply(
                client, "application/json", Data(#"{"error":"not in this fixture","fix":""}"#.utf8),
                status: "404 Not Found")
        }
        return true
    }

    private func whole(_ path: String) -> String {
        var text = page.replacingOccurrences(of: "BERTH-NONCE", with: "f1x7ure")
        guard path.hasPrefix("/?still="), let saved = answers[path] else { return text }
        let told = String(decoding: saved, as: UTF8.self).replacingOccurrences(of: "</", with: "<\\/")
        if let place = text.range(of: #"id="berth-still">null<"#) {
            text.replaceSubrange(place, with: "id=\"berth-still\">\(told)<")
        }
        return text
    }

    private func reply(_ client: Int32, _ type: String, _ body: Data, status: String = "200 OK", nonce: Bool = false) {
        let policy =
            nonce
            ? "Content-Security-Policy: default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'nonce-f1x7ure'; connect-src 'self'; img-src data:\r\n"
            : ""
        FixtureServer.write(
            client,
            Data(
                "HTTP/1.1 \(status)\r\nContent-Type: \(type); charset=utf-8\r\n\(policy)Content-Length: \(body.count)\r\n\r\n"
                    .utf8) + body)
    }
}
