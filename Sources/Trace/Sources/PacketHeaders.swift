import NetCore

/// The headers of an IP packet, as far as a source gave them: a capture all, a trace event 40 bytes of network and 20
/// of transport.
public struct PacketHeaders: Hashable, Sendable {
    public var source: IPAddress
    public var destination: IPAddress
    public var ttl: UInt8
    /// Bytes of the whole packet.
    public var length: Int
    /// 0 where the sender sets none (a SYN-ACK of Linux). Of IPv6, which has none, the lower 16 bits of the flow label: no router or
    /// NAT changes it either.
    public var identification: UInt16
    public var protocolNumber: UInt8
    /// Bytes of the network header.
    public var headerLength: Int
    /// The first of the transport's bytes, at most `transportLimit`.
    public var transport: [UInt8]

    /// What a trace event carries (NFT_TRACETYPE_TRANSPORT_HSIZE in the kernel), and so all that both sources share.
    static let transportLimit = 20

    /// Of a packet from its network header on; nil when it is no whole IP header.
    public init?(packet: ArraySlice<UInt8>) {
        self.init(network: packet, transport: nil)
        transport = Array(packet.dropFirst(headerLength).prefix(64))
    }

    /// Of a network header and, when it was found, a transport header.
    public init?(network bytes: ArraySlice<UInt8>, transport: ArraySlice<UInt8>?) {
        let bytes = Array(bytes.prefix(60))
        guard let first = bytes.first else { return nil }
        self.transport = transport.map(Array.init) ?? []
        let word = { (place: Int) in UInt16(bytes[place]) << 8 | UInt16(bytes[place + 1]) }
        switch first >> 4 {
        case 4:
            guard bytes.count >= 20, first & 15 >= 5, let from = IPAddress(bytes: bytes[12..<16]),
                let to = IPAddress(bytes: bytes[16..<20])
            else { return nil }
            headerLength = Int(first & 15) * 4
            length = Int(word(2))
            identification = word(4)
            ttl = bytes[8]
            protocolNumber = bytes[9]
            source = from
            destination = to
        case 6:
            guard bytes.count >= 40, let from = IPAddress(bytes: bytes[8..<24]),
                let to = IPAddress(bytes: bytes[24..<40])
            else { return nil }
            headerLength = 40
            length = Int(word(4)) + 40
            identification = word(2)
            protocolNumber = bytes[6]
            ttl = bytes[7]
            source = from
            destination = to
        default: return nil
        }
    }

    func word(_ place: Int) -> UInt16? {
        transport.count >= place + 2 ? UInt16(transport[place]) << 8 | UInt16(transport[place + 1]) : nil
    }
    func long(_ place: Int) -> UInt32? {
        guard let high = word(place), let low = word(place + 2) else { return nil }
        return UInt32(high) << 16 | UInt32(low)
    }

    public var isTCP: Bool { protocolNumber == 6 }
    public var isUDP: Bool { protocolNumber == 17 }
    public var isICMP: Bool { protocolNumber == 1 || protocolNumber == 58 }
    public var hasPorts: Bool { isTCP || isUDP || protocolNumber == 132 }
    public var sourcePort: UInt16? { hasPorts ? word(0) : nil }
    public var destinationPort: UInt16? { hasPorts ? word(2) : nil }
    public var sequence: UInt32? { isTCP ? long(4) : nil }
    public var acknowledgement: UInt32? { isTCP ? long(8) : nil }
    /// Bytes that TCP carries.
    var dataLength: Int? {
        guard isTCP, transport.count > 12 else { return nil }
        return length - headerLength - Int(transport[12] >> 4) * 4
    }
    /// Bytes that the sender takes, where no scale was agreed on: 0 says none in any case.
    var window: UInt16? { isTCP ? word(14) : nil }
    /// FIN 1, SYN 2, RST 4, PSH 8, ACK 16.
    public var flags: UInt8? { isTCP && transport.count > 13 ? transport[13] : nil }
    public var icmpType: UInt8? { isICMP ? transport.first : nil }
    public var icmpCode: UInt8? { isICMP && transport.count > 1 ? transport[1] : nil }
    public var icmpID: UInt16? { isEcho ? word(4) : nil }
    public var icmpSequence: UInt16? { isEcho ? word(6) : nil }
    private var isEcho: Bool { icmpType.map { [0, 8, 128, 129].contains($0) } ?? false }
    /// Destination unreachable, redirect, time exceeded …: with the packet that it is about inside.
    public var isICMPError: Bool {
        guard let type = icmpType else { return false }
        return protocolNumber == 1 ? [3, 4, 5, 11, 12].contains(type) : (1...4).contains(type)
    }

    /// What a router says of a packet that the next link does not take: how much that takes, in bytes.
    var smallerMTU: Int? {
        switch (protocolNumber, icmpType, icmpCode) {
        case (1, 3?, 4?): Int(word(6) ?? 0)
        case (58, 2?, _): Int(long(4) ?? 0)
        default: nil
        }
    }

    /// "203.0.113.10:57236", "[2001:db8::1]:80", or the address alone.
    var from: String { PacketHeaders.endpoint(source, sourcePort) }
    var to: String { PacketHeaders.endpoint(destination, destinationPort) }

    static func endpoint(_ address: IPAddress, _ port: UInt16?) -> String {
        guard let port else { return "\(address)" }
        return address.family == .v6 ? "[\(address)]:\(port)" : "\(address):\(port)"
    }

    public var flagLetters: String? {
        flags.map { flags in
            let letters: [(UInt8, String)] = [(2, "S"), (16, "A"), (1, "F"), (4, "R"), (8, "P")]
            return letters.filter { flags & $0.0 != 0 }.map(\.1).joined(by: "")
        }
    }

    /// Of the packet that an ICMP error is about, which has a header of its own from byte 8 on.
    var innerIdentification: UInt16? { word(protocolNumber == 1 ? 12 : 10) }
    var innerProtocol: UInt8? {
        let place = protocolNumber == 1 ? 17 : 14
        return transport.count > place ? transport[place] : nil
    }
    /// Captures reach it, trace events do not.
    var innerSourcePort: UInt16? { word(protocolNumber == 1 ? 28 : 48) }

    var network: Journey.Network {
        Journey.Network(source: "\(source)", destination: "\(destination)", ttl: Int(ttl), length: length)
    }
    var transportWords: Journey.Transport {
        let names: [UInt8: String] = [1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6", 132: "sctp"]
        var kind: String?
        if let type = icmpType, let code = icmpCode { kind = "\(type)/\(code)" }
        return Journey.Transport(
            name: names[protocolNumber] ?? "\(protocolNumber)", sourcePort: sourcePort.map(Int.init),
            destinationPort: destinationPort.map(Int.init), flags: flagLetters, kind: kind)
    }
}

/// What neither NAT nor routing changes of a packet: the same at every place that it passes. A trace id is no such thing
/// (it is the buffer's address, used again at once).
public struct PacketIdentity: Hashable, Sendable {
    private let protocolNumber: UInt8
    private let identification: UInt16
    private let length: Int
    /// TCP: sequence, acknowledgement, flags. UDP: the first bytes of the payload. ICMP: type, code, sequence; of an
    /// error the identification of the packet that it is about.
    private let words: [UInt32]

    public init(_ headers: PacketHeaders) {
        protocolNumber = headers.protocolNumber
        identification = headers.identification
        // A router may take options away, NAT none: the payload's length is what stays.
        length = headers.length - headers.headerLength
        if headers.isTCP {
            words = [headers.sequence ?? 0, headers.acknowledgement ?? 0, UInt32(headers.flags ?? 0)]
        } else if headers.isICMPError {
            let inner = UInt32(headers.innerIdentification ?? 0)
            words = [UInt32(headers.icmpType ?? 0), UInt32(headers.icmpCode ?? 0), inner]
        } else if headers.isICMP {
            words = [UInt32(headers.icmpType ?? 0), UInt32(headers.icmpCode ?? 0), UInt32(headers.icmpSequence ?? 0)]
        } else {
            words = [8, 12, 16].map { headers.long($0) ?? 0 }
        }
    }
}
