import CKernel
public import NetCore

/// A frame that a device of a node received or sent, whole.
public struct Frame: Hashable, Sendable {
    /// PACKET_HOST … PACKET_OUTGOING (man 7 packet).
    public var kind: UInt8
    public var device: Int32
    /// Nanoseconds since 1970, by the kernel.
    public var time: Int64
    /// From the link's header on, the VLAN tag put back; from the network's where `linkType` is raw.
    public var bytes: [UInt8]
    /// Bytes that it had, even where not all could be read.
    public var length: Int
    public var linkType: PcapngWriter.LinkType

    public init(
        kind: UInt8, device: Int32, time: Int64, bytes: [UInt8], length: Int, linkType: PcapngWriter.LinkType
    ) {
        (self.kind, self.device, self.time, self.bytes) = (kind, device, time, bytes)
        (self.length, self.linkType) = (length, linkType)
    }

    public var isOutgoing: Bool { kind == 4 }
    public var direction: PcapngWriter.Direction { isOutgoing ? .outbound : .inbound }

    public var reception: PcapngWriter.Reception {
        switch kind {
        case 0: .unicast
        case 1: .broadcast
        case 2: .multicast
        case 3: .promiscuous
        default: .unspecified
        }
    }

    /// Where the network's header begins, and its kind (ETH_P_*); nil when the frame is too short to tell.
    private var network: (start: Int, type: UInt16)? {
        guard linkType == .ethernet else {
            guard let first = bytes.first else { return nil }
            return (0, first >> 4 == 6 ? 0x86dd : 0x0800)
        }
        var place = 12
        // Two tags at most: 802.1ad and 802.1Q.
        for _ in 0..<3 {
            guard bytes.count >= place + 2 else { return nil }
            let type = UInt16(bytes[place]) << 8 | UInt16(bytes[place + 1])
            guard type == 0x8100 || type == 0x88a8 else { return (place + 2, type) }
            place += 4
        }
        return nil
    }

    /// ETH_P_*; nil when the frame is too short to tell.
    public var type: UInt16? { network?.type }
    /// Of the innermost of its tags; nil without.
    public var vlan: UInt16? {
        guard linkType == .ethernet, let start = network?.start, start > 14 else { return nil }
        return (UInt16(bytes[start - 4]) << 8 | UInt16(bytes[start - 3])) & 0xfff
    }

    var ipv4Start: Int? { network?.type == 0x0800 ? network?.start : nil }

    /// Of an IP packet.
    public var headers: PacketHeaders? {
        guard let network, network.type == 0x0800 || network.type == 0x86dd else { return nil }
        return PacketHeaders(packet: bytes[network.start...])
    }

    /// Of Ethernet and IPv4.
    public struct ARP: Hashable, Sendable {
        /// 1 asks, 2 answers.
        public var operation: UInt16
        public var senderMAC: MACAddress
        public var sender: IPAddress
        public var target: IPAddress
    }

    public var arp: ARP? {
        guard let network, network.type == 0x0806, bytes.count >= network.start + 28 else { return nil }
        let data = Array(bytes[network.start..<(network.start + 28)])
        guard data[0..<6].elementsEqual([0, 1, 8, 0, 6, 4]), let mac = MACAddress(bytes: data[8..<14]),
            let sender = IPAddress(bytes: data[14..<18]), let target = IPAddress(bytes: data[24..<28])
        else { return nil }
        return ARP(operation: UInt16(data[6]) << 8 | UInt16(data[7]), senderMAC: mac, sender: sender, target: target)
    }
}
