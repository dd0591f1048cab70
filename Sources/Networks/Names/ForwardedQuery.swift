import Glibc
import NetCore

/// A client's query on its way to the host's resolvers: one after the other, each for two seconds, by a socket of its own, so that
/// port and id are the kernel's chance (RFC 5452).
final class ForwardedQuery {
    enum Client {
        case datagram(listener: Int, SocketAddress)
        case connection(UInt64)
    }

    static let patience: UInt64 = 2_000_000_000

    let client: Client
    let query: DNSQuery
    private let bytes: [UInt8]
    private var servers: ArraySlice<IPAddress>
    private var server: IPAddress?
    private let id = UInt16.random(in: 0...UInt16.max)
    /// The socket; -1 without.
    private var number: Int32 = -1
    private var usesStream = false
    private var unsent: ArraySlice<UInt8> = []
    private var received: [UInt8] = []
    private(set) var deadline: UInt64 = 0

    init(_ query: DNSQuery, _ message: [UInt8], from client: Client, to servers: [IPAddress]) {
        self.client = client
        self.query = query
        self.servers = servers[...]
        var bytes = message
        bytes[0] = UInt8(id >> 8)
        bytes[1] = UInt8(id & 0xff)
        self.bytes = bytes
    }

    /// Where poll(2) looks, and for what.
    var polled: pollfd {
        pollfd(fd: number, events: Int16(unsent.isEmpty ? POLLIN : POLLOUT), revents: 0)
    }

    private func hangUp() {
        if number >= 0 { close(number) }
        number = -1
    }

    deinit { hangUp() }

    /// Asks the next resolver; false when none is left.
    func askNext(now: UInt64) -> Bool {
        while let next = servers.popFirst() {
            server = next
            if ask(next, byStream: false, now: now) { return true }
        }
        hangUp()
        return false
    }

    private func ask(_ server: IPAddress, byStream: Bool, now: UInt64) -> Bool {
        hangUp()
        usesStream = byStream
        received = []
        unsent = []
        deadline = now + ForwardedQuery.patience
        do throws(KernelError) {
            let opened = try SocketAddress.socket(server.family, byStream ? SOCK_STREAM : SOCK_DGRAM)
            let descriptor = opened.number
            let code = SocketAddress(server, 53).use { connect(descriptor, $0, $1) }
            guard code == 0 || (byStream && errno == EINPROGRESS) else { return false }
            number = opened.release()
            if byStream {
                unsent = ([UInt8(bytes.count >> 8), UInt8(bytes.count & 0xff)] + bytes)[...]
                return true
            }
            return send(number, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
        } catch {
            return false
        }
    }

    enum Progress {
        case waiting
        /// The answer, with the client's id.
        case answer([UInt8])
        /// Every resolver has failed.
        case failed
    }

    /// Something has come, or the time is over.
    func go(on events: Int16, now: UInt64, _ room: inout [UInt8]) -> Progress {
        if events != 0 {
            switch usesStream ? stream(&room) : datagram(&room) {
            case .answer(let answer):
                // Cut short, and the client can take it whole.
                let isCut = answer[2] & 2 != 0
                if isCut, !usesStream, case .connection = client, let server {
                    if ask(server, byStream: true, now: now) { return .waiting }
                    return askNext(now: now) ? .waiting : .failed
                }
                return .answer([UInt8(query.id >> 8), UInt8(query.id & 0xff)] + answer[2...])
            case .failed: return askNext(now: now) ? .waiting : .failed
            case .waiting: break
            }
        }
        if now >= deadline { return askNext(now: now) ? .waiting : .failed }
        return .waiting
    }

    private func datagram(_ room: inout [UInt8]) -> Progress {
        for _ in 0..<16 {
            let count = recv(number, &room, room.count, Int32(MSG_DONTWAIT))
            if count < 0 { return errno == EAGAIN || errno == EINTR ? .waiting : .failed }
            let bytes = Array(room[..<count])
            if DNSQuery.isAnswer(bytes, id: id, to: query.question) { return .answer(bytes) }
        }
        return .waiting
    }

    private func stream(_ room: inout [UInt8]) -> Progress {
        if !unsent.isEmpty {
            let count = unsent.withUnsafeBytes { send(number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count < 0 { return errno == EAGAIN || errno == EINTR ? .waiting : .failed }
            unsent = unsent.dropFirst(count)
            return .waiting
        }
        let count = recv(number, &room, room.count, Int32(MSG_DONTWAIT))
        if count < 0 { return errno == EAGAIN || errno == EINTR ? .waiting : .failed }
        guard count > 0 else { return .failed }
        received += room[..<count]
        guard let length = DNSWire.word(received, 0) else { return .waiting }
        guard received.count >= 2 + Int(length) else { return received.count > 2 + 65535 ? .failed : .waiting }
        let bytes = Array(received[2..<2 + Int(length)])
        return DNSQuery.isAnswer(bytes, id: id, to: query.question) ? .answer(bytes) : .failed
    }
}
