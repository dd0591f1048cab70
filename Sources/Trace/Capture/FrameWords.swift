import NetCore

extension Frame {
    /// What it is, in a line: "203.0.113.10:34194 > 10.88.0.2:80  tcp SYN  seq 7 len 60 ttl 62".
    public var words: String {
        let tag = vlan.map { "vlan \($0) " } ?? ""
        if let arp {
            switch arp.operation {
            case 1: return "\(tag)arp who has \(arp.target)? tell \(arp.sender)"
            case 2: return "\(tag)arp \(arp.sender) is at \(arp.senderMAC)"
            default: return "\(tag)arp operation \(arp.operation) from \(arp.sender)"
            }
        }
        guard let headers else {
            let type = type.map { "type 0x" + String($0, radix: 16) } ?? "a frame cut short"
            return "\(tag)\(type), \(length) bytes"
        }
        let size = "len \(headers.length) ttl \(headers.ttl)"
        if isLaterFragment {
            let name = PacketHeaders.protocolName(headers.protocolNumber)
            return
                "\(tag)\(headers.source) > \(headers.destination)  \(name) fragment  id \(headers.identification) \(size)"
        }
        let ends = "\(tag)\(headers.from) > \(headers.to)"
        switch headers.protocolNumber {
        case 6: return "\(ends)  tcp \(Frame.flags(headers))  \(Frame.numbers(headers))\(size)"
        case 1, 58: return "\(ends)  \(Frame.icmp(headers))  \(size)"
        default: return "\(ends)  \(PacketHeaders.protocolName(headers.protocolNumber))  \(size)"
        }
    }

    /// A fragment of an IPv4 packet behind its first: without the transport's header.
    public var isLaterFragment: Bool {
        guard let start = ipv4Start, bytes.count >= start + 8 else { return false }
        return (UInt16(bytes[start + 6]) << 8 | UInt16(bytes[start + 7])) & 0x1fff != 0
    }

    private static func flags(_ headers: PacketHeaders) -> String {
        guard let flags = headers.flags else { return "cut short" }
        let names: [(UInt8, String)] = [(2, "SYN"), (1, "FIN"), (4, "RST"), (8, "PSH"), (16, "ACK"), (32, "URG")]
        let found = names.filter { flags & $0.0 != 0 }.map(\.1)
        return found.isEmpty ? "no flags" : found.joined(by: ",")
    }

    private static func numbers(_ headers: PacketHeaders) -> String {
        guard let sequence = headers.sequence, let flags = headers.flags else { return "" }
        let acknowledged = flags & 16 != 0 ? headers.acknowledgement.map { "ack \($0) " } ?? "" : ""
        return "seq \(sequence) \(acknowledged)"
    }

    private static func icmp(_ headers: PacketHeaders) -> String {
        let isSix = headers.protocolNumber == 58
        guard let type = headers.icmpType, let code = headers.icmpCode else { return "icmp cut short" }
        let echoes: [UInt8: String] =
            isSix ? [128: "echo request", 129: "echo reply"] : [8: "echo request", 0: "echo reply"]
        let name = isSix ? "icmp6" : "icmp"
        if let echo = echoes[type], let id = headers.icmpID, let sequence = headers.icmpSequence {
            return "\(name) \(echo) id \(id) seq \(sequence)"
        }
        let names: [UInt8: String] =
            isSix
            ? [
                1: "unreachable", 2: "packet too big", 3: "time exceeded", 133: "router solicitation",
                134: "router advertisement", 135: "neighbour solicitation", 136: "neighbour advertisement",
                143: "multicast report",
            ] : [3: "unreachable", 5: "redirect", 11: "time exceeded", 12: "parameter problem"]
        return "\(name) \(names[type] ?? "type") \(type)/\(code)"
    }
}
