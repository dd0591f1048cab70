import CKernel
import Glibc
import NetCore

/// A device of one namespace.
struct Device: Hashable, Sendable {
    var index: Int32
    var name: String
    var kind: String?
    var mac: MACAddress?
    var mtu: Int
    var isUp: Bool
    var hasCarrier: Bool
    var isLoopback: Bool
    var master: Int32?
    /// The other end of a cable: its index, and how this namespace numbers the other's (nil: this one).
    var peer: Int32?
    var peerNamespace: Int32?
    var hairpin = false
    var isIsolated = false
    /// BR_STATE_*: 3 forwards. Of a bridge's port.
    var portState: UInt8?
    var asksNeighbours = true
}

extension Device {
    init(_ link: Link) {
        self.init(
            index: link.index, name: link.name, kind: link.kind, mac: link.mac, mtu: link.mtu, isUp: link.isUp,
            hasCarrier: link.hasCarrier ?? true, isLoopback: link.isLoopback, master: link.master, peer: link.peer,
            peerNamespace: link.peerNamespace, hairpin: link.hairpin ?? false, isIsolated: link.isolated ?? false,
            portState: link.portState, asksNeighbours: link.flags & UInt32(IFF_NOARP) == 0)
    }
}

/// What a namespace's kernel says about a packet's next step.
struct RouteFound: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        case unicast, local, broadcast, none
        /// By a blackhole or prohibit route, or as no address that may be there.
        case refused
        /// rp_filter.
        case wrongWayBack
    }
    var kind: Kind
    /// Of what is refused: a blackhole, or an address that may not be there; the sender is not told.
    var isSilent = false
    var device: Int32?
    var gateway: IPAddress?
    var source: IPAddress?
}
