import CKernel
import Glibc
import NetCore

/// The transports that ports are published for. SCTP is spoken by raw packets: many kernels have no SCTP sockets.
public enum Transport: String, Sendable, CaseIterable {
    case tcp, udp, sctp
    public var number: Int32 { self == .tcp ? 6 : self == .udp ? 17 : 132 }
}

/// An address and a port.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    public let address: IPAddress
    public let port: UInt16
    public init(_ address: IPAddress, _ port: UInt16) {
        self.address = address
        self.port = port
    }
    /// `[::1]:80` as ("::1", 80); traps on what is no address, for tests write literals.
    public init(_ address: String, _ port: UInt16) { self.init(IPAddress(address)!, port) }
    public var description: String { address.family == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)" }
}

extension PrivateHost {
    /// Says a word from namespace `client` to `target` while namespace `server` listens at `listener`, and back again.
    /// Gives the client as the server saw it; nil when no answer came. A namespace nil is the host itself. All sockets
    /// belong to this thread: a socket stays in the namespace that it was opened in. A datagram is sent again every
    /// `resend` milliseconds, for a link's first packets may be lost; 0 sends it once.
    public func converse(
        _ transport: Transport, from client: String?, source: Endpoint? = nil, to target: Endpoint,
        at server: String?, listening listener: Endpoint, milliseconds: Int32 = 3000, resend: Int32 = 100
    ) throws -> Endpoint? {
        let listening = try within(server) { () throws -> Socket in
            let socket = try Socket(transport, listener.address.family)
            try socket.bind(listener)
            return socket
        }
        let calling = try within(client) { () throws -> Socket in
            let socket = try Socket(transport, target.address.family)
            if let source { try socket.bind(source) }
            return socket
        }
        switch transport {
        case .tcp: return try tcp(calling, target, listening, milliseconds)
        case .udp: return udp(calling, target, listening, milliseconds, resend)
        case .sctp: return sctp(calling, target, listening, listener.port, milliseconds, resend)
        }
    }

    /// Sends one datagram and waits for nothing.
    public func datagram(from client: String?, source: Endpoint, to target: Endpoint) throws {
        let socket = try within(client) { () throws -> Socket in
            let socket = try Socket(.udp, target.address.family)
            try socket.bind(source)
            return socket
        }
        _ = socket.send("ping", to: target)
    }

    /// Offers the network 2001:db8:bad::/64 and a way out to all on `link`, as a router does (RFC 4861 section 4.2).
    /// False while the link has no usable address or no carrier yet.
    @discardableResult
    public func advertiseRouter(from namespace: String?, link: String) throws -> Bool {
        try within(namespace) {
            let header: [UInt8] = [134, 0, 0, 0, 64, 0, 0x07, 0x08] + [UInt8](repeating: 0, count: 8)
            // Prefix information (section 4.6.2): on link, autonomous, for an hour.
            let prefix: [UInt8] =
                [3, 4, 64, 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10, 0, 0, 0, 0]
                + IPAddress("2001:db8:bad::")!.bytes
            return try Socket.sendToAllNodes(header + prefix, link: link)
        }
    }

    func within<Value>(_ namespace: String?, _ body: () throws -> Value) throws -> Value {
        guard let namespace else { return try body() }
        return try inside(namespace, body)
    }

    private func tcp(_ calling: Socket, _ target: Endpoint, _ listening: Socket, _ milliseconds: Int32) throws
        -> Endpoint?
    {
        try check("listen") { listen(listening.number, 8) }
        guard calling.connect(target), listening.wait(POLLIN, milliseconds) else { return nil }
        guard let (accepted, seen) = listening.accept() else { return nil }
        guard calling.wait(POLLOUT, milliseconds), calling.send("ping"), accepted.wait(POLLIN, milliseconds) else {
            return nil
        }
        guard accepted.receive()?.0 == Array("ping".utf8), accepted.send("pong") else { return nil }
        guard calling.wait(POLLIN, milliseconds), calling.receive()?.0 == Array("pong".utf8) else { return nil }
        return seen
    }

    private func udp(
        _ calling: Socket, _ target: Endpoint, _ listening: Socket, _ milliseconds: Int32, _ resend: Int32
    ) -> Endpoint? {
        // Connected: an answer from another address than the one called is no answer.
        guard calling.connect(target) else { return nil }
        let deadline = Deadline(milliseconds)
        repeat {
            _ = calling.send("ping")
        } while !listening.wait(POLLIN, deadline.left(atMost: resend)) && deadline.left() > 0
        guard let (bytes, seen) = listening.receive(), bytes == Array("ping".utf8), listening.send("pong", to: seen)
        else { return nil }
        guard calling.wait(POLLIN, milliseconds), calling.receive()?.0 == Array("pong".utf8) else { return nil }
        return seen
    }

    /// An INIT chunk arrives at the listener's port; the INIT ACK comes back from the port that was called.
    private func sctp(
        _ calling: Socket, _ target: Endpoint, _ listening: Socket, _ port: UInt16, _ milliseconds: Int32,
        _ resend: Int32
    ) -> Endpoint? {
        let callerPort: UInt16 = 40_000 + UInt16.random(in: 0..<20_000)
        let tag = UInt32.random(in: 1 ... .max)
        let first = SCTP.initiation(1, from: callerPort, to: target.port, verification: 0, tag: tag)
        let deadline = Deadline(milliseconds)
        var seen: Endpoint?
        repeat {
            _ = calling.send(first, to: Endpoint(target.address, 0))
            while seen == nil, listening.wait(POLLIN, deadline.left(atMost: resend)) {
                guard let (bytes, from) = listening.receive() else { break }
                let packet = SCTP.payload(bytes, target.address.family)
                guard let ports = SCTP.ports(packet), ports.destination == port, SCTP.tag(packet) == tag else {
                    continue
                }
                seen = Endpoint(from.address, ports.source)
            }
        } while seen == nil && deadline.left() > 0
        guard let seen else { return nil }
        let answer = SCTP.initiation(2, from: port, to: seen.port, verification: tag, tag: .random(in: 1 ... .max))
        guard listening.send(answer, to: Endpoint(seen.address, 0)) else { return nil }
        while calling.wait(POLLIN, deadline.left()) {
            guard let (bytes, from) = calling.receive() else { break }
            let packet = SCTP.payload(bytes, target.address.family)
            guard let ports = SCTP.ports(packet) else { continue }
            if ports.source == target.port, ports.destination == callerPort, from.address == target.address {
                return seen
            }
        }
        return nil
    }
}

/// A point in time that waiting must not pass.
struct Deadline {
    private let end: Double
    init(_ milliseconds: Int32) { end = RunningChild.now() + Double(milliseconds) / 1000 }
    /// Milliseconds until then, never negative; a limit of 0 is none.
    func left(atMost limit: Int32 = 0) -> Int32 {
        let left = Int32(max(0, (end - RunningChild.now()) * 1000))
        return limit > 0 ? min(left, limit) : left
    }
}
