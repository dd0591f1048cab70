import NetCore

/// One real packet, asked of the source's own kernel, and how long its answer is waited for.
public struct Probe: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable {
        case tcp, udp, icmp
    }
    /// Name of the node that sends.
    public var source: String
    public var address: IPAddress
    /// 0 for ICMP.
    public var port: UInt16
    public var kind: Kind
    /// What UDP and ICMP carry, besides a marker that is unique; what TCP carries when its handshake is done.
    public var payload: String
    public var waitsForReply: Bool
    /// How long at most, in milliseconds.
    public var milliseconds: Int

    public init(
        source: String, address: IPAddress, port: UInt16, kind: Kind, payload: String = "", waitsForReply: Bool = true,
        milliseconds: Int = 1500
    ) {
        self.source = source
        self.address = address
        self.port = port
        self.kind = kind
        self.payload = payload
        self.waitsForReply = waitsForReply
        self.milliseconds = milliseconds
    }

    /// "ADDR:PORT", "ADDR:PORT/udp", "ADDR/icmp", "[ADDR6]:PORT"; throws with what is expected.
    public init(source: String, to text: String) throws(TraceError) {
        let wrong = TraceError.badProbe(
            "\"\(text)\" is no destination: ADDRESS:PORT, ADDRESS:PORT/udp or ADDRESS/icmp is expected, "
                + "[ADDRESS] for IPv6")
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count <= 2, let kind = Kind(rawValue: parts.count == 2 ? parts[1] : "tcp") else { throw wrong }
        var host = parts[0]
        var port: UInt16 = 0
        if kind != .icmp {
            guard let colon = host.lastIndex(of: ":"), let number = UInt16(host[host.index(after: colon)...]),
                number > 0
            else { throw wrong }
            port = number
            host = String(host[..<colon])
            if host.contains(":") && !host.hasPrefix("[") { throw wrong }
        }
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard let address = IPAddress(host) else { throw wrong }
        self.init(source: source, address: address, port: port, kind: kind)
    }

    /// The most that a probe carries: each of its packets is told of at every hook.
    public static let mostBytes = 100_000

    /// Digits alone are a number of bytes, those of the marker among them; all else is the text itself. Throws when the number is too small or large.
    public mutating func carry(_ wish: String) throws(TraceError) {
        guard !wish.isEmpty, wish.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            guard wish.utf8.count <= Probe.mostBytes else {
                throw TraceError.badProbe("a text of at most \(Probe.mostBytes) bytes is expected")
            }
            payload = wish
            return
        }
        let marker = kind == .tcp ? 0 : ProbeSocket.markerLength
        guard let bytes = Int(wish), (max(marker, 1)...Probe.mostBytes).contains(bytes) else {
            throw TraceError.badProbe(
                "\(max(marker, 1)) to \(Probe.mostBytes) bytes are expected"
                    + (marker > 0 ? ", of which \(marker) are those by which the packet is known" : ""))
        }
        payload = String(repeating: "x", count: bytes - marker)
    }

    /// "198.51.100.2:8080/tcp".
    public var destination: String {
        "\(PacketHeaders.endpoint(address, kind == .icmp ? nil : port))/\(kind.rawValue)"
    }

    var protocolNumber: UInt8 {
        switch kind {
        case .tcp: 6
        case .udp: 17
        case .icmp: address.family == .v4 ? 1 : 58
        }
    }
}
