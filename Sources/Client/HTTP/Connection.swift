import Glibc
import NetCore

/// One connection to the daemon, with what was read ahead. Closed when nobody holds it.
public final class Connection {
    private let wire: Wire
    private let endpoint: Endpoint
    private var ahead: [UInt8] = []
    private var position = 0

    init(_ daemon: Daemon) throws(ClientError) {
        endpoint = daemon.endpoint
        if let connect = daemon.connector {
            wire = try connect(daemon.endpoint)
        } else {
            wire = Wire(try daemon.endpoint.connect())
        }
        if daemon.patience > 0 {
            var limit = timeval(tv_sec: daemon.patience, tv_usec: 0)
            let size = socklen_t(MemoryLayout<timeval>.size)
            for option in [SO_RCVTIMEO, SO_SNDTIMEO] { setsockopt(number, SOL_SOCKET, option, &limit, size) }
        }
    }

    public var number: Int32 { wire.descriptor.number }
    /// Why it ended, where something below the socket knows.
    var failure: ClientError? { wire.failure() }
    /// Bytes that are here already: poll(2) does not tell of them.
    var hasAhead: Bool { position < ahead.count }

    /// False: the daemon does not listen any more (it may have answered before).
    func send(_ bytes: some Collection<UInt8>) throws(ClientError) -> Bool {
        let bytes = Array(bytes)
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(number, $0.baseAddress! + done, $0.count - done, Int32(MSG_NOSIGNAL))
            }
            if count >= 0 {
                done += count
            } else if errno == EPIPE || errno == ECONNRESET {
                return false
            } else if errno != EINTR {
                throw broken(Errno.current)
            }
        }
        return true
    }

    /// What can be sent without waiting; 0 when nothing, nil when the other side is gone.
    func sendSome(_ bytes: ArraySlice<UInt8>) -> Int? {
        let count = bytes.withUnsafeBytes {
            Glibc.send(number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        }
        if count >= 0 { return count }
        return errno == EAGAIN || errno == EINTR ? 0 : nil
    }

    /// The other side reads to the end.
    func closeWriting() { shutdown(number, Int32(SHUT_WR)) }

    /// Some bytes, at most `limit`; none at the end. Waits for the first.
    public func read(limit: Int = 65536) throws(ClientError) -> ArraySlice<UInt8> {
        if position < ahead.count {
            let end = min(ahead.count, position + limit)
            defer { position = end }
            return ahead[position..<end]
        }
        ahead = try chunk()
        position = min(ahead.count, limit)
        return ahead[..<position]
    }

    private func chunk() throws(ClientError) -> [UInt8] {
        var outcome = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: 65536) { room, filled in
            repeat {
                outcome = recv(number, room.baseAddress, room.count, 0)
            } while outcome < 0 && errno == EINTR
            filled = max(outcome, 0)
        }
        if outcome < 0 && errno != ECONNRESET { throw broken(Errno.current) }
        return bytes
    }

    /// A line without its end; nil when the stream ended before one.
    func line() throws(ClientError) -> String? {
        var line: [UInt8] = []
        while line.count < 1 << 20 {
            if position == ahead.count {
                ahead = try chunk()
                position = 0
                if ahead.isEmpty { return nil }
            }
            if let end = ahead[position...].firstIndex(of: 0x0a) {
                line += ahead[position..<end]
                position = end + 1
                if line.last == 0x0d { line.removeLast() }
                return String(decoding: line, as: UTF8.self)
            }
            line += ahead[position...]
            position = ahead.count
        }
        throw ClientError("\(endpoint) sends a line without an end", by: "it does not speak HTTP")
    }

    func broken(_ code: Errno) -> ClientError {
        failure
            ?? ClientError(
                "the connection to \(endpoint) broke", by: code.description, fix: "see whether the daemon still runs")
    }
}
