import CKernel
import Glibc

/// A network link as the kernel tells it (RTM_NEWLINK, man 7 rtnetlink): what `ip -d link show` prints.
public struct Link: Hashable, Sendable {
    public let index: Int32
    public var name: String
    /// "bridge", "veth", …; nil for a device without a kind, such as a hardware one.
    public var kind: String?
    public var mac: MACAddress?
    public var mtu: Int
    public var flags: UInt32
    public var master: Int32?
    /// IF_OPER_*: 6 is up.
    public var operationalState: UInt8?
    public var alias: String?
    public var transmitQueueLength: Int
    /// Index of the other end of a veth pair, or of a macvlan's master, in the namespace where that is.
    public var peer: Int32?
    /// The number by which this namespace knows the one that `peer` counts in; nil where that is this one.
    public var peerNamespace: Int32?
    /// Something is plugged in. Unlike `isOperational` and IFF_RUNNING it is told at once; nil where the kernel does not tell.
    public var hasCarrier: Bool?
    /// Of a VLAN link.
    public var vlan: UInt16?
    /// The bridge port's flags when the master is a bridge.
    public var hairpin: Bool?
    public var isolated: Bool?
    public var learning: Bool?
    /// BR_STATE_*: 3 is forwarding.
    public var portState: UInt8?
    /// MACVLAN_MODE_*, and how many broadcasts may wait, of a macvlan.
    public var macvlanMode: UInt32?
    public var broadcastQueueLength: UInt32?
    /// net.ipv4.conf.NAME.route_localnet and net.ipv6.conf.NAME.accept_ra; nil where the kernel does not tell.
    public var routesLocalnet: UInt32?
    public var acceptsAdvertisements: UInt32?

    public var isUp: Bool { flags & UInt32(IFF_UP) != 0 }
    /// Carrier and queues are there: packets pass (RFC 2863 ifOperStatus up).
    public var isOperational: Bool { operationalState == 6 }
    public var isPromiscuous: Bool { flags & UInt32(IFF_PROMISC) != 0 }
    public var receivesAllMulticast: Bool { flags & UInt32(IFF_ALLMULTI) != 0 }
    public var isLoopback: Bool { flags & UInt32(IFF_LOOPBACK) != 0 }

    /// Nil when the message is no link.
    public init?(_ reply: NetlinkReply) {
        guard reply.type == RTM_NEWLINK, let header = reply.header(16) else { return nil }
        let word = { (offset: Int) in
            header.dropFirst(offset).prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        }
        index = Int32(bitPattern: word(4))
        flags = word(8)
        name = ""
        mtu = 0
        transmitQueueLength = 0
        // Sixty attributes come, of which these are asked for: no list of all is made.
        Attribute.each(in: reply.payload.dropFirst(16)) { attribute in
            switch attribute.type {
            case IFLA_IFNAME: name = attribute.text
            case IFLA_ADDRESS: mac = MACAddress(bytes: attribute.payload)
            case IFLA_MTU: mtu = Int(attribute.u32 ?? 0)
            case IFLA_OPERSTATE: operationalState = attribute.u8
            case IFLA_MASTER: master = attribute.u32.map { Int32(bitPattern: $0) }
            case IFLA_IFALIAS: alias = attribute.text
            case IFLA_TXQLEN: transmitQueueLength = Int(attribute.u32 ?? 0)
            case IFLA_LINK: peer = attribute.u32.map { Int32(bitPattern: $0) }
            case IFLA_CARRIER: hasCarrier = attribute.u8.map { $0 != 0 }
            case IFLA_LINK_NETNSID: peerNamespace = attribute.u32.map { Int32(bitPattern: $0) }
            case IFLA_LINKINFO: readKind(attribute.payload)
            case IFLA_AF_SPEC: readParameters(attribute.payload)
            default: break
            }
        }
        guard !name.isEmpty else { return nil }
    }

    private mutating func readKind(_ information: ArraySlice<UInt8>) {
        var isPort = false
        Attribute.each(in: information) { attribute in
            switch attribute.type {
            case IFLA_INFO_KIND: kind = attribute.text
            // The kernel tells the kind first.
            case IFLA_INFO_DATA where kind == "macvlan": readMacvlan(attribute.payload)
            case IFLA_INFO_DATA where kind == "vlan":
                vlan = attribute.nested[type: Int(IFLA_VLAN_ID)]?.u16
            case IFLA_INFO_SLAVE_KIND: isPort = attribute.text == "bridge"
            case IFLA_INFO_SLAVE_DATA where isPort: readPort(attribute.payload)
            default: break
            }
        }
    }

    private mutating func readMacvlan(_ data: ArraySlice<UInt8>) {
        Attribute.each(in: data) { attribute in
            switch attribute.type {
            case Int(IFLA_MACVLAN_MODE): macvlanMode = attribute.u32
            case Int(IFLA_MACVLAN_BC_QUEUE_LEN): broadcastQueueLength = attribute.u32
            default: break
            }
        }
    }

    /// Arrays of 32-bit numbers, IPv4's counted from 1.
    private mutating func readParameters(_ families: ArraySlice<UInt8>) {
        let number = { (bytes: ArraySlice<UInt8>, place: Int) -> UInt32? in
            Attribute(type: 0, payload: bytes.dropFirst(4 * place)).u32
        }
        Attribute.each(in: families) { family in
            Attribute.each(in: family.payload) { attribute in
                switch (Int32(family.type), attribute.type) {
                case (AF_INET, Int(IFLA_INET_CONF)):
                    routesLocalnet = number(attribute.payload, Int(berth_ipv4_route_localnet()) - 1)
                case (AF_INET6, Int(IFLA_INET6_CONF)):
                    acceptsAdvertisements = number(attribute.payload, Int(berth_ipv6_accept_ra()))
                default: break
                }
            }
        }
    }

    private mutating func readPort(_ data: ArraySlice<UInt8>) {
        Attribute.each(in: data) { attribute in
            switch attribute.type {
            case IFLA_BRPORT_MODE: hairpin = attribute.u8.map { $0 != 0 }
            case IFLA_BRPORT_ISOLATED: isolated = attribute.u8.map { $0 != 0 }
            case IFLA_BRPORT_LEARNING: learning = attribute.u8.map { $0 != 0 }
            case IFLA_BRPORT_STATE: portState = attribute.u8
            default: break
            }
        }
    }
}

extension NetlinkSocket {
    /// The link of that name (`ip link show NAME`). Throws ENODEV when there is none.
    public mutating func link(_ name: String) throws(KernelError) -> Link {
        try oneLink(try NetlinkSocket.question(name))
    }

    /// Whether the socket's namespace has no link of that name (man 7 netdevice); false when the kernel does not say so, a name
    /// that is too long among them.
    public func lacks(_ name: String) -> Bool { berth_link_index(descriptor, name) == 0 }

    /// The index of the link of that name (man 7 netdevice); nil when there is none or the kernel does not tell it.
    public func index(ofLink name: String) -> Int32? {
        let index = berth_link_index(descriptor, name)
        return index > 0 ? index : nil
    }

    /// The MTU in bytes of the link with that index (man 7 netdevice); nil when the kernel does not tell it.
    public func mtu(ofLink index: Int32) -> Int? {
        let mtu = berth_link_mtu(descriptor, index)
        return mtu < 0 ? nil : Int(mtu)
    }

    /// The links of those names, asked in one send; nil where there is none.
    public mutating func links(named names: [String]) throws(KernelError) -> [Link?] {
        var questions: [NetlinkRequest] = []
        for name in names { questions.append(try NetlinkSocket.question(name)) }
        return try ask(each: questions).map { $0.flatMap(Link.init) }
    }

    private static func question(_ name: String) throws(KernelError) -> NetlinkRequest {
        try NetlinkRequest("look up link \(name)", type: RTM_GETLINK, flags: 0, header: ifinfomsg()) {
            $0.put(IFLA_IFNAME, name)
            // Counters, which nobody here reads, are half of the answer and summed up over all processors.
            $0.put(IFLA_EXT_MASK, UInt32(RTEXT_FILTER_SKIP_STATS))
        }
    }

    /// The link with that index. Throws ENODEV when there is none.
    public mutating func link(index: Int32) throws(KernelError) -> Link {
        var header = ifinfomsg()
        header.ifi_index = index
        let question = try NetlinkRequest("look up link \(index)", type: RTM_GETLINK, flags: 0, header: header) {
            $0.put(IFLA_EXT_MASK, UInt32(RTEXT_FILTER_SKIP_STATS))
        }
        return try oneLink(question)
    }

    private mutating func oneLink(_ request: NetlinkRequest) throws(KernelError) -> Link {
        guard let link = try ask(request).lazy.compactMap(Link.init).first else {
            throw KernelError(request.operation, .noSuchDevice)
        }
        return link
    }

    /// Every link, or the ports of one bridge (`ip link show [master BRIDGE]`): 12 ms at 2,000 links, so only where
    /// all are asked for. `bridgePorts` costs a third.
    public mutating func links(master: Int32? = nil) throws(KernelError) -> [Link] {
        let request = try NetlinkRequest("list links", type: RTM_GETLINK, flags: NLM_F_DUMP, header: ifinfomsg()) {
            if let master { $0.put(IFLA_MASTER, UInt32(bitPattern: master)) }
            $0.put(IFLA_EXT_MASK, UInt32(RTEXT_FILTER_SKIP_STATS))
        }
        return try ask(request).compactMap(Link.init)
    }
}

extension NetlinkSocket {
    /// Notifications of a group (RTNLGRP_*) arrive at this socket from now on: use one for nothing else.
    public mutating func join(group: Int32) throws(KernelError) {
        var number = group
        try check("listen to netlink group \(group)") {
            setsockopt(descriptor, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &number, 4)
        }
    }

    /// Indexes of the links whose removal the next notification tells. Lost ones (ENOBUFS) read as none.
    public func removals(_ operation: String) throws(KernelError) -> [Int32] {
        let replies = try ignoring(Errno(ENOBUFS)) { () throws(KernelError) in try receive(operation) } ?? []
        // Family 0: a bridge that loses a port tells RTM_DELLINK of family AF_BRIDGE, and the link stands still.
        return replies.filter { $0.type == RTM_DELLINK && $0.payload.first == 0 }.compactMap { reply in
            reply.header(16).map {
                Int32(bitPattern: $0.dropFirst(4).prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
            }
        }
    }
}
