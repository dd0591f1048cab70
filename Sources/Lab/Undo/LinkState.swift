import CKernel
import Glibc
import NetCore

/// A link as it can be made again: what is set of it, not what it does just now.
struct LinkState: Hashable {
    let index: Int32
    var name = ""
    var kind: String?
    /// IFF_UP, IFF_NOARP, IFF_PROMISC, IFF_ALLMULTI, IFF_MULTICAST.
    var flags: UInt32
    var mac: [UInt8] = []
    var mtu: UInt32 = 0
    var queueLength: UInt32 = 0
    var alias = ""
    var master: Int32 = 0
    /// IFLA_LINK: the other end of a veth, the link below a VLAN.
    var below: Int32?
    /// The node in which `below` counts; nil where that is none of the world's.
    var belowNode: Int?
    /// What is set of its kind, and of it as a port of a bridge: attributes as the kernel takes them.
    var settings: [UInt8] = []
    var port: [UInt8] = []

    private static let bridgeSettings = Set(
        [
            IFLA_BR_FORWARD_DELAY, IFLA_BR_HELLO_TIME, IFLA_BR_MAX_AGE, IFLA_BR_AGEING_TIME, IFLA_BR_STP_STATE,
            IFLA_BR_PRIORITY, IFLA_BR_VLAN_FILTERING, IFLA_BR_VLAN_PROTOCOL, IFLA_BR_GROUP_FWD_MASK,
            IFLA_BR_MCAST_SNOOPING, IFLA_BR_NF_CALL_IPTABLES, IFLA_BR_NF_CALL_IP6TABLES, IFLA_BR_NF_CALL_ARPTABLES,
            IFLA_BR_VLAN_DEFAULT_PVID,
        ].map { Int($0) })
    private static let portSettings = Set(
        [
            IFLA_BRPORT_PRIORITY, IFLA_BRPORT_COST, IFLA_BRPORT_MODE, IFLA_BRPORT_GUARD, IFLA_BRPORT_PROTECT,
            IFLA_BRPORT_FAST_LEAVE, IFLA_BRPORT_LEARNING, IFLA_BRPORT_UNICAST_FLOOD, IFLA_BRPORT_PROXYARP,
            IFLA_BRPORT_MCAST_FLOOD, IFLA_BRPORT_MCAST_TO_UCAST, IFLA_BRPORT_VLAN_TUNNEL, IFLA_BRPORT_BCAST_FLOOD,
            IFLA_BRPORT_NEIGH_SUPPRESS, IFLA_BRPORT_ISOLATED,
        ].map { Int($0) })
    private static let setFlags = UInt32(IFF_UP | IFF_NOARP | IFF_PROMISC | IFF_ALLMULTI | IFF_MULTICAST)

    /// Nil for what is no link. `nodeOf` tells which node a namespace's number means; nil stands for the node itself.
    init?(_ reply: NetlinkReply, nodeOf: (Int32?) -> Int?) {
        guard reply.type == RTM_NEWLINK, let header = reply.header(16), header.first == 0 else { return nil }
        index = Int32(bitPattern: RawAttribute.number(header.dropFirst(4)))
        flags = RawAttribute.number(header.dropFirst(8)) & LinkState.setFlags
        var space: Int32?
        for attribute in reply.attributes(after: 16) {
            switch attribute.type {
            case Int(IFLA_IFNAME): name = attribute.text
            case Int(IFLA_ADDRESS): mac = Array(attribute.payload)
            case Int(IFLA_MTU): mtu = attribute.u32 ?? 0
            case Int(IFLA_TXQLEN): queueLength = attribute.u32 ?? 0
            case Int(IFLA_IFALIAS): alias = attribute.text
            case Int(IFLA_MASTER): master = attribute.u32.map { Int32(bitPattern: $0) } ?? 0
            case Int(IFLA_LINK): below = attribute.u32.map { Int32(bitPattern: $0) }
            case Int(IFLA_LINK_NETNSID): space = attribute.u32.map { Int32(bitPattern: $0) }
            case Int(IFLA_LINKINFO): read(attribute.nested)
            default: break
            }
        }
        if below != nil { belowNode = nodeOf(space) }
    }

    private mutating func read(_ information: [Attribute]) {
        kind = information[type: Int(IFLA_INFO_KIND)]?.text
        if let data = information[type: Int(IFLA_INFO_DATA)] {
            settings = data.nested.flatMap(given)
        }
        if information[type: Int(IFLA_INFO_SLAVE_KIND)]?.text == "bridge",
            let data = information[type: Int(IFLA_INFO_SLAVE_DATA)]
        {
            port = data.nested.filter { LinkState.portSettings.contains($0.type) }.flatMap(\.raw)
        }
    }

    /// An attribute of its kind as the kernel takes it; nothing where it only tells it.
    private func given(_ attribute: Attribute) -> [UInt8] {
        switch kind {
        case "bridge": return LinkState.bridgeSettings.contains(attribute.type) ? attribute.raw : []
        case "macvlan", "macvtap":
            let set = [IFLA_MACVLAN_MODE, IFLA_MACVLAN_FLAGS, IFLA_MACVLAN_BC_QUEUE_LEN].map { Int($0) }
            return set.contains(attribute.type) ? attribute.raw : []
        case "vxlan" where attribute.type == Int(IFLA_VXLAN_TTL_INHERIT):
            // Told as a number, taken as a flag.
            return attribute.payload.first == 0 ? [] : RawAttribute.bytes(attribute.type, [])
        case "vxlan" where attribute.type == Int(IFLA_VXLAN_REMCSUM_RX) && attribute.payload.first == 0:
            // To name it is to use it, whatever the value, and its bits are reserved (IFLA_VXLAN_RESERVED_BITS).
            return []
        default: return attribute.raw
        }
    }

    /// What `settings` has otherwise than `others`: kernels refuse to be told even what is so where they lack the thing.
    private func settings(unlike others: [UInt8]) -> [UInt8] {
        let known = Attribute.list(others[...])
        return Attribute.list(settings[...]).filter { one in
            known[type: one.type].map { !$0.payload.elementsEqual(one.payload) } ?? true
        }.flatMap(\.raw)
    }

    /// Those of a bridge that is new: VLAN filtering is off, and a kernel without it cannot be told so.
    private static let newBridge = RawAttribute.bytes(Int(IFLA_BR_VLAN_FILTERING), [0])

    /// The same link, though other things may be set of it.
    func isSame(_ other: LinkState) -> Bool { index == other.index && kind == other.kind }

    // MARK: messages

    private func message(_ attributes: [UInt8], flags: UInt32 = 0, mask: UInt32 = 0) -> [UInt8] {
        [0, 0, 0, 0] + RawAttribute.little(UInt32(bitPattern: index)) + RawAttribute.little(flags)
            + RawAttribute.little(mask) + attributes
    }

    func removal() -> NetlinkRequest {
        NetlinkRequest("delete link \(name)", type: Int(RTM_DELLINK), flags: 0, payload: message([]))
    }

    /// The link is made, with its number and down; a veth with its other end, which is in the namespace `peerSpace`.
    func creation(peer: LinkState?, peerSpace: Int32?) -> NetlinkRequest {
        var information = RawAttribute.text(Int(IFLA_INFO_KIND), kind ?? "dummy")
        if let peer, let peerSpace {
            let end =
                peer.message([]) + peer.own
                + RawAttribute.number(Int(IFLA_NET_NS_FD), UInt32(bitPattern: peerSpace))
            information += RawAttribute.bytes(Int(IFLA_INFO_DATA), RawAttribute.bytes(1, end))  // VETH_INFO_PEER
        } else if !settings.isEmpty {
            let data = kind == "bridge" ? settings(unlike: LinkState.newBridge) : settings
            information += RawAttribute.bytes(Int(IFLA_INFO_DATA), data)
        }
        var attributes = own
        if kind != "veth", let below { attributes += RawAttribute.number(Int(IFLA_LINK), UInt32(bitPattern: below)) }
        attributes += RawAttribute.bytes(Int(IFLA_LINKINFO), information)
        return NetlinkRequest(
            "make link \(name) again", type: Int(RTM_NEWLINK), flags: NLM_F_CREATE | NLM_F_EXCL,
            payload: message(attributes))
    }

    private var own: [UInt8] {
        RawAttribute.text(Int(IFLA_IFNAME), name)
            + (mac.count == 6 ? RawAttribute.bytes(Int(IFLA_ADDRESS), mac) : [])
            + RawAttribute.number(Int(IFLA_MTU), mtu) + RawAttribute.number(Int(IFLA_TXQLEN), queueLength)
    }

    /// What makes `now`, which is the same link, as this one is.
    func changes(from now: LinkState) -> [NetlinkRequest] {
        var requests: [NetlinkRequest] = []
        func request(_ what: String, _ payload: [UInt8]) {
            let name = name
            requests.append(
                NetlinkRequest("set \(what) of \(name)", type: Int(RTM_NEWLINK), flags: 0, payload: payload))
        }
        if now.name != name {
            // A link that is up keeps its name on kernels before 6.2.
            if now.flags & UInt32(IFF_UP) != 0 { request("the state", message([], mask: UInt32(IFF_UP))) }
            request("the name", message(RawAttribute.text(Int(IFLA_IFNAME), name)))
        }
        if now.mac != mac, !mac.isEmpty { request("the MAC", message(RawAttribute.bytes(Int(IFLA_ADDRESS), mac))) }
        if now.mtu != mtu { request("the MTU", message(RawAttribute.number(Int(IFLA_MTU), mtu))) }
        if now.queueLength != queueLength {
            request("the queue", message(RawAttribute.number(Int(IFLA_TXQLEN), queueLength)))
        }
        if now.alias != alias { request("the alias", message(RawAttribute.text(Int(IFLA_IFALIAS), alias))) }
        if now.master != master {
            request("the bridge", message(RawAttribute.number(Int(IFLA_MASTER), UInt32(bitPattern: master))))
        }
        if now.settings != settings, let kind {
            request(
                kind == "bridge" ? "the bridge's settings" : "the settings",
                message(
                    RawAttribute.bytes(
                        Int(IFLA_LINKINFO),
                        RawAttribute.text(Int(IFLA_INFO_KIND), kind)
                            + RawAttribute.bytes(Int(IFLA_INFO_DATA), settings(unlike: now.settings)))))
        }
        if now.port != port || now.master != master, !port.isEmpty {
            request(
                "the port's settings",
                message(
                    RawAttribute.bytes(
                        Int(IFLA_LINKINFO),
                        RawAttribute.text(Int(IFLA_INFO_SLAVE_KIND), "bridge")
                            + RawAttribute.bytes(Int(IFLA_INFO_SLAVE_DATA), port))))
        }
        if now.flags != flags || now.name != name {
            request("the state", message([], flags: flags, mask: LinkState.setFlags))
        }
        return requests
    }

    /// What was done to it since `before`: "eth0 down", "hairpin of vweb".
    func words(since before: LinkState) -> String {
        var words: [String] = []
        if before.name != name { words.append("name \(name)") }
        if (before.flags ^ flags) & UInt32(IFF_UP) != 0 {
            words.append(flags & UInt32(IFF_UP) != 0 ? "up" : "down")
        }
        if before.mac != mac { words.append("MAC") }
        if before.mtu != mtu { words.append("MTU \(mtu)") }
        if before.master != master {
            words.append(master == 0 ? "off its bridge" : before.master == 0 ? "on a bridge" : "on another bridge")
        } else if before.port != port {
            words.append(contentsOf: LinkState.portWords(before.port, port))
        }
        if before.settings != settings { words.append("settings") }
        if before.queueLength != queueLength { words.append("queue length \(queueLength)") }
        if before.alias != alias { words.append(alias.isEmpty ? "no alias" : "alias \(alias)") }
        for (flag, name, isGiven) in LinkState.flagNames where (before.flags ^ flags) & UInt32(flag) != 0 {
            words.append("\(name) \((flags & UInt32(flag) != 0) == isGiven ? "on" : "off")")
        }
        if words.isEmpty { words = ["flags"] }
        return "\(before.name) \(words.joined(by: ", "))"
    }

    /// As `ip link set` names them; IFF_NOARP is "arp off".
    private static let flagNames: [(Int, String, Bool)] = [
        (Int(IFF_NOARP), "arp", false), (Int(IFF_PROMISC), "promisc", true), (Int(IFF_ALLMULTI), "allmulticast", true),
        (Int(IFF_MULTICAST), "multicast", true),
    ]

    private static func portWords(_ before: [UInt8], _ now: [UInt8]) -> [String] {
        let names: [Int: String] = [
            Int(IFLA_BRPORT_MODE): "hairpin", Int(IFLA_BRPORT_ISOLATED): "isolated",
            Int(IFLA_BRPORT_LEARNING): "learning", Int(IFLA_BRPORT_GUARD): "guard",
            Int(IFLA_BRPORT_UNICAST_FLOOD): "flood",
        ]
        let old = Attribute.list(before[...])
        let changed = Attribute.list(now[...]).filter { one in
            old[type: one.type].map { !$0.payload.elementsEqual(one.payload) } ?? true
        }
        return changed.map { one in
            guard let name = names[one.type] else { return "port settings" }
            return "\(name) \(one.payload.first == 0 ? "off" : "on")"
        }
    }
}
