import CKernel
import Glibc

/// A bridge's port as the bridge tells it (`bridge -d link show`): a few hundred bytes, where the link itself has 1,500.
public struct BridgePort: Hashable, Sendable {
    public let index: Int32
    public let bridge: Int32
    public let mac: MACAddress?
    public let isUp: Bool
    /// BR_STATE_*: 3 is forwarding.
    public let state: UInt8?
    public let isIsolated: Bool

    /// Nil when the message is no bridge's port.
    public init?(_ reply: NetlinkReply) {
        // struct ifinfomsg: family, type, index at 4, flags at 8.
        guard reply.type == RTM_NEWLINK, reply.header(16)?.first == UInt8(AF_BRIDGE),
            let index = reply.field(4, Int32.self), let flags = reply.field(8, UInt32.self)
        else { return nil }
        self.index = index
        isUp = flags & UInt32(IFF_UP) != 0
        var (bridge, mac, state, isIsolated) = (Int32?.none, MACAddress?.none, UInt8?.none, false)
        Attribute.each(in: reply.payload.dropFirst(16)) { attribute in
            switch attribute.type {
            case IFLA_MASTER: bridge = attribute.u32.map { Int32(bitPattern: $0) }
            case IFLA_ADDRESS: mac = MACAddress(bytes: attribute.payload)
            case IFLA_PROTINFO:
                Attribute.each(in: attribute.payload) { one in
                    if one.type == IFLA_BRPORT_STATE { state = one.u8 }
                    if one.type == IFLA_BRPORT_ISOLATED { isIsolated = one.u8 ?? 0 != 0 }
                }
            default: break
            }
        }
        guard let bridge else { return nil }
        (self.bridge, self.mac, self.state, self.isIsolated) = (bridge, mac, state, isIsolated)
    }
}

extension NetlinkSocket {
    /// Every port of every bridge, in the order of their indexes.
    public mutating func bridgePorts() throws(KernelError) -> [BridgePort] {
        var header = ifinfomsg()
        header.ifi_family = UInt8(AF_BRIDGE)
        let request = try NetlinkRequest(
            "list the bridges' ports", type: RTM_GETLINK, flags: NLM_F_DUMP, header: header)
        // A card that is a bridge in itself tells of its port, too, after the bridge.
        var seen: Set<Int32> = []
        return try ask(request).compactMap(BridgePort.init).filter { seen.insert($0.index).inserted }
            .sorted { $0.index < $1.index }
    }
}
