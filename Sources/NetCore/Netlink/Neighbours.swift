import CKernel
import Glibc

/// Who has an address on a link, as the kernel remembers it (`ip neigh`).
public struct Neighbour: Hashable, Sendable {
    /// Index of the link.
    public let link: Int32
    public let address: IPAddress
    /// Nil while nobody has answered.
    public let mac: MACAddress?
    /// NUD_* bits (linux/neighbour.h).
    public let state: UInt16

    public var isReachable: Bool { state & UInt16(NUD_REACHABLE) != 0 }

    /// As `ip neigh` writes it.
    public var stateName: String {
        let names: [(Int32, String)] = [
            (NUD_PERMANENT, "PERMANENT"), (NUD_NOARP, "NOARP"), (NUD_REACHABLE, "REACHABLE"), (NUD_STALE, "STALE"),
            (NUD_DELAY, "DELAY"), (NUD_PROBE, "PROBE"), (NUD_INCOMPLETE, "INCOMPLETE"), (NUD_FAILED, "FAILED"),
        ]
        return names.first { state & UInt16($0.0) != 0 }?.1 ?? "NONE"
    }

    /// Nil when the message is none of the IP families.
    public init?(_ reply: NetlinkReply) {
        guard reply.type == RTM_NEWNEIGH, let bytes = reply.header(12).map(Array.init) else { return nil }
        let attributes = reply.attributes(after: 12)
        guard AddressFamily(constant: bytes[0]) != nil,
            let address = attributes[type: Int(NDA_DST)].flatMap({ IPAddress(bytes: $0.payload) })
        else { return nil }
        self.address = address
        // struct ndmsg: family, padding, index at 4, state at 8.
        link = Int32(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[4 + $1]) << (8 * UInt32($1)) })
        state = UInt16(bytes[8]) | UInt16(bytes[9]) << 8
        mac = attributes[type: Int(NDA_LLADDR)].flatMap { MACAddress(bytes: $0.payload) }
    }
}

extension NetlinkSocket {
    /// Every neighbour that the kernel remembers, of both families.
    public mutating func neighbours() throws(KernelError) -> [Neighbour] {
        let request = try NetlinkRequest("list neighbours", type: RTM_GETNEIGH, flags: NLM_F_DUMP, header: ndmsg())
        return try ask(request).compactMap(Neighbour.init)
    }
}
