import CKernel
import Glibc
import NetCore

/// A packet as it is at one place of its way. What nobody can know before it is sent (its own ports as a client, the kernel's
/// numbers) is left open.
struct Packet: Hashable, Sendable {
    var source: IPAddress
    var destination: IPAddress
    /// IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP or IPPROTO_ICMPV6.
    var proto: UInt8
    /// Nil: of ICMP, or one that the kernel chooses.
    var sourcePort: UInt16?
    var destinationPort: UInt16?
    var ttl = 64
    var mark: UInt32 = 0
    /// Bytes; 0: as small as can be.
    var size = 0
    /// ICMP's.
    var type: UInt8 = 8
    var isReset = false
    var isAnswer = false
    /// Of an ICMP error: the packet that it is about, turned as an answer to it would be.
    var inner: Tuple?

    var family: AddressFamily { destination.family }
    var isICMP: Bool { proto == UInt8(IPPROTO_ICMP) || proto == UInt8(IPPROTO_ICMPV6) }

    var to: String { Packet.endpoint(destination, isICMP ? nil : destinationPort) }
    var from: String { Packet.endpoint(source, isICMP ? nil : sourcePort) }

    static func endpoint(_ address: IPAddress, _ port: UInt16?) -> String {
        guard let port else { return "\(address)" }
        return address.family == .v6 ? "[\(address)]:\(port)" : "\(address):\(port)"
    }

    /// The header of IP, byte by byte; nil what is not known.
    var networkHeader: [UInt8?] {
        if family == .v4 {
            var header: [UInt8?] = [0x45, 0, nil, nil, nil, nil, 0x40, 0, UInt8(ttl), proto, nil, nil]
            header += source.bytes.map { $0 }
            header += destination.bytes.map { $0 }
            return header
        }
        var header: [UInt8?] = [0x60, 0, nil, nil, nil, nil, proto, UInt8(ttl)]
        header += source.bytes.map { $0 }
        header += destination.bytes.map { $0 }
        return header
    }

    var transportHeader: [UInt8?] {
        let port = { (number: UInt16?) -> [UInt8?] in
            guard let number else { return [nil, nil] }
            return [UInt8(number >> 8), UInt8(number & 0xff)]
        }
        if isICMP { return [type, 0] + [UInt8?](repeating: nil, count: 6) }
        var header = port(sourcePort) + port(destinationPort)
        if proto == UInt8(IPPROTO_TCP) {
            header += [UInt8?](repeating: nil, count: 8)
            // Ten words, and SYN; SYN and ACK; RST and ACK.
            header += [0xa0, isReset ? 0x14 : isAnswer ? 0x12 : 0x02]
            header += [UInt8?](repeating: nil, count: 26)
        } else {
            header += [UInt8?](repeating: nil, count: 4)
        }
        return header
    }
}

/// Both ends of a packet as conntrack knows them.
struct Tuple: Hashable, Sendable {
    var source: IPAddress
    var destination: IPAddress
    var sourcePort: UInt16?
    var destinationPort: UInt16?

    init(_ packet: Packet) {
        (source, destination) = (packet.source, packet.destination)
        (sourcePort, destinationPort) = packet.isICMP ? (nil, nil) : (packet.sourcePort, packet.destinationPort)
    }

    init(_ flow: FlowTuple) {
        (source, destination) = (flow.source, flow.destination)
        (sourcePort, destinationPort) = (flow.sourcePort, flow.destinationPort)
    }

    var turned: Tuple {
        var other = self
        (other.source, other.destination) = (destination, source)
        (other.sourcePort, other.destinationPort) = (destinationPort, sourcePort)
        return other
    }
}

/// What conntrack of one namespace knows of the packet's flow.
final class Flow {
    let proto: UInt8
    let original: Tuple
    var reply: Tuple
    /// One that stood before the packet came.
    let isKnown: Bool
    /// A packet came back by it.
    var isAnswered = false
    var hasDestination = false
    var hasSource = false
    var mark: UInt32 = 0

    init(_ packet: Packet) {
        (proto, original, reply, isKnown) = (packet.proto, Tuple(packet), Tuple(packet).turned, false)
    }

    init(known flow: ConntrackFlow, mark: UInt32) {
        proto = flow.original.protocolNumber
        (original, reply, isKnown) = (Tuple(flow.original), Tuple(flow.reply), true)
        (hasDestination, hasSource, self.mark) = (true, true, mark)
    }

    var rewritesDestination: Bool {
        reply.source != original.destination || reply.sourcePort != original.destinationPort
    }
    var rewritesSource: Bool { reply.destination != original.source || reply.destinationPort != original.sourcePort }
}
