import CKernel

/// Where a bridge sends the frames for a MAC address (man 8 bridge, fdb).
public enum ForwardingEntryRequest {
    /// `bridge fdb replace MAC dev PORT master static sticky`: frames for `mac` leave by that port, and none that comes in
    /// elsewhere moves it. Throws EMSGSIZE only.
    public static func stick(_ mac: MACAddress, to port: Int32, named name: String) throws(KernelError)
        -> NetlinkRequest
    {
        var header = ndmsg()
        header.ndm_family = UInt8(AF_BRIDGE)
        header.ndm_ifindex = port
        header.ndm_state = UInt16(NUD_NOARP | NUD_REACHABLE)
        header.ndm_flags = UInt8(NTF_MASTER | NTF_STICKY)
        return try NetlinkRequest(
            "add forwarding entry \(mac) of port \(name)", type: RTM_NEWNEIGH, flags: NLM_F_CREATE | NLM_F_REPLACE,
            header: header
        ) { $0.put(Int(NDA_LLADDR), bytes: mac.bytes) }
    }
}

/// struct ndmsg (man 7 rtnetlink): what a neighbour and an entry of a forwarding database begin with.
private struct NeighbourHeader {
    static let size = 12
    let family: UInt8
    /// Index of the link.
    let link: Int32
    /// NUD_*
    let state: UInt16
    /// NTF_*
    let flags: UInt8

    /// Nil when the message tells of no neighbour.
    init?(_ reply: NetlinkReply) {
        guard reply.type == RTM_NEWNEIGH, reply.payload.count >= NeighbourHeader.size,
            let family = reply.field(0, UInt8.self), let link = reply.field(4, Int32.self),
            let state = reply.field(8, UInt16.self), let flags = reply.field(10, UInt8.self)
        else { return nil }
        (self.family, self.link, self.state, self.flags) = (family, link, state, flags)
    }
}

/// An entry of a bridge's forwarding database as the kernel tells it.
public struct ForwardingEntry: Hashable, Sendable {
    /// Index of the port.
    public let port: Int32
    /// It stays where it is, whatever comes in elsewhere.
    public let isSticky: Bool
    /// It is an address of the host's own: frames for it go up, out of no port.
    public let isPermanent: Bool
}

extension NetlinkSocket {
    /// What the bridge of a port knows of a MAC address (`bridge fdb get MAC br BRIDGE`); nil when nothing.
    public mutating func forwardingEntry(_ mac: MACAddress, atBridgeOf port: Int32) throws(KernelError)
        -> ForwardingEntry?
    {
        var header = ndmsg()
        header.ndm_ifindex = port
        header.ndm_flags = UInt8(NTF_MASTER)
        return try forwardingEntry(mac, header, bridge: nil)
    }

    /// As above, by the bridge's own index.
    public mutating func forwardingEntry(_ mac: MACAddress, at bridge: Int32) throws(KernelError) -> ForwardingEntry? {
        try forwardingEntry(mac, ndmsg(), bridge: bridge)
    }

    private mutating func forwardingEntry(_ mac: MACAddress, _ wish: ndmsg, bridge: Int32?) throws(KernelError)
        -> ForwardingEntry?
    {
        var header = wish
        header.ndm_family = UInt8(AF_BRIDGE)
        let request = try NetlinkRequest(
            "look up forwarding entry \(mac)", type: RTM_GETNEIGH, flags: 0, header: header
        ) {
            $0.put(Int(NDA_LLADDR), bytes: mac.bytes)
            if let bridge { $0.put(Int(NDA_MASTER), UInt32(bitPattern: bridge)) }
        }
        let replies = try ignoring(.noSuchFile) { () throws(KernelError) in try ask(request) } ?? []
        guard let neighbour = replies.lazy.compactMap(NeighbourHeader.init).first else { return nil }
        return ForwardingEntry(
            port: neighbour.link, isSticky: Int32(neighbour.flags) & Int32(NTF_STICKY) != 0,
            isPermanent: neighbour.state & UInt16(NUD_PERMANENT) != 0)
    }
}

/// An entry as a list of all tells it (`bridge fdb show`).
public struct BridgeEntry: Hashable, Sendable {
    public let mac: MACAddress
    /// Index of the port, or of the bridge itself for its own address.
    public let port: Int32
    /// Index of the bridge.
    public let bridge: Int32
    public let vlan: UInt16?
    private let state: UInt16

    /// It is a port's own address.
    public var isPermanent: Bool { state & UInt16(NUD_PERMANENT) != 0 }
    /// It came from a frame, and goes by itself.
    public var isLearned: Bool { state & UInt16(NUD_PERMANENT | NUD_NOARP) == 0 }

    /// Nil when the message is no entry of a bridge's.
    public init?(_ reply: NetlinkReply) {
        guard let neighbour = NeighbourHeader(reply), Int32(neighbour.family) == AF_BRIDGE else { return nil }
        let attributes = reply.attributes(after: NeighbourHeader.size)
        guard let mac = attributes[type: Int(NDA_LLADDR)].flatMap({ MACAddress(bytes: $0.payload) }),
            let bridge = attributes[type: Int(NDA_MASTER)]?.u32
        else { return nil }
        self.mac = mac
        self.bridge = Int32(bitPattern: bridge)
        port = neighbour.link
        state = neighbour.state
        vlan = attributes[type: Int(NDA_VLAN)]?.u16
    }
}

extension NetlinkSocket {
    /// Every entry of every bridge's forwarding database.
    public mutating func bridgeEntries() throws(KernelError) -> [BridgeEntry] {
        var header = ndmsg()
        header.ndm_family = UInt8(AF_BRIDGE)
        let request = try NetlinkRequest(
            "list the forwarding databases", type: RTM_GETNEIGH, flags: NLM_F_DUMP, header: header)
        return try ask(request).compactMap(BridgeEntry.init)
    }
}
