import CKernel
import Glibc

/// Messages that make, change and remove links (man 7 rtnetlink).
public enum LinkRequest {
    /// `ip link add NAME type bridge`, down. Throws EMSGSIZE only.
    public static func addBridge(_ name: LinkName, mac: MACAddress?, mtu: Int?) throws(KernelError) -> NetlinkRequest {
        try NetlinkRequest(
            "add bridge \(name)", type: RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL, header: ifinfomsg()
        ) {
            $0.put(IFLA_IFNAME, name.description)
            if let mac { $0.put(IFLA_ADDRESS, bytes: mac.bytes) }
            if let mtu { $0.put(IFLA_MTU, UInt32(mtu)) }
            $0.nest(IFLA_LINKINFO) { $0.put(IFLA_INFO_KIND, "bridge") }
        }
    }

    /// `ip link add NAME numtxqueues 1 numrxqueues 1 type ifb`, down. Throws EMSGSIZE only.
    public static func addFunctionalBlock(_ name: LinkName, mtu: Int?) throws(KernelError) -> NetlinkRequest {
        try NetlinkRequest("add ifb \(name)", type: RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL, header: ifinfomsg())
        {
            $0.put(IFLA_IFNAME, name.description)
            if let mtu { $0.put(IFLA_MTU, UInt32(mtu)) }
            $0.put(IFLA_NUM_TX_QUEUES, UInt32(1))
            $0.put(IFLA_NUM_RX_QUEUES, UInt32(1))
            $0.nest(IFLA_LINKINFO) { $0.put(IFLA_INFO_KIND, "ifb") }
        }
    }

    /// `ip link add HOST master BRIDGE up type veth peer name CONTAINER netns …`: one message, and one queue a side,
    /// because a later move or a second queue costs a grace period each (docs/adr/0003-libnl.md).
    public static func addVethPair(
        host: LinkName, up: Bool, master: Int32?, mtu: Int?,
        container: LinkName, containerMAC: MACAddress?, namespace descriptor: Int32
    ) throws(KernelError) -> NetlinkRequest {
        var header = ifinfomsg()
        if up {
            header.ifi_flags = UInt32(IFF_UP)
            header.ifi_change = UInt32(IFF_UP)
        }
        return try NetlinkRequest(
            "add veth pair \(host) and \(container)", type: RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL,
            header: header
        ) {
            $0.put(IFLA_IFNAME, host.description)
            if let mtu { $0.put(IFLA_MTU, UInt32(mtu)) }
            if let master { $0.put(IFLA_MASTER, UInt32(bitPattern: master)) }
            $0.put(IFLA_NUM_TX_QUEUES, UInt32(1))
            $0.put(IFLA_NUM_RX_QUEUES, UInt32(1))
            $0.nest(IFLA_LINKINFO) {
                $0.put(IFLA_INFO_KIND, "veth")
                $0.nest(IFLA_INFO_DATA) {
                    $0.nest(VETH_INFO_PEER) {
                        // The peer's attributes follow a link header of its own, all zero.
                        $0.header(ifinfomsg())
                        $0.put(IFLA_IFNAME, container.description)
                        if let mtu { $0.put(IFLA_MTU, UInt32(mtu)) }
                        if let containerMAC { $0.put(IFLA_ADDRESS, bytes: containerMAC.bytes) }
                        $0.put(IFLA_NUM_TX_QUEUES, UInt32(1))
                        $0.put(IFLA_NUM_RX_QUEUES, UInt32(1))
                        $0.put(IFLA_NET_NS_FD, UInt32(descriptor))
                    }
                }
            }
        }
    }

    /// `ip link add link MASTER name NAME netns … type macvlan mode …`, down. The master is one of the namespace that the
    /// socket is in, and so is the link without a namespace. `final` is the name that the link will have. Throws EMSGSIZE
    /// only.
    public static func addMacvlan(
        _ name: LinkName, for final: LinkName, master: Int32, mode: UInt32, mac: MACAddress?, mtu: Int?,
        broadcastQueueLength: UInt32?, namespace descriptor: Int32?
    ) throws(KernelError) -> NetlinkRequest {
        try NetlinkRequest(
            "add macvlan \(final)", type: RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL, header: ifinfomsg()
        ) {
            $0.put(IFLA_IFNAME, name.description)
            $0.put(IFLA_LINK, UInt32(bitPattern: master))
            if let descriptor { $0.put(IFLA_NET_NS_FD, UInt32(descriptor)) }
            if let mac { $0.put(IFLA_ADDRESS, bytes: mac.bytes) }
            if let mtu { $0.put(IFLA_MTU, UInt32(mtu)) }
            macvlan(mode, broadcastQueueLength, &$0)
        }
    }

    /// `ip link set NAME type macvlan mode … bcqueuelen …`
    public static func changeMacvlan(
        _ link: Link, mode: UInt32, broadcastQueueLength: UInt32?,
        _ operation: @escaping @autoclosure @Sendable () -> String
    ) throws(KernelError) -> NetlinkRequest {
        var header = ifinfomsg()
        header.ifi_index = link.index
        return try NetlinkRequest(operation(), type: RTM_NEWLINK, flags: 0, header: header) {
            macvlan(mode, broadcastQueueLength, &$0)
        }
    }

    private static func macvlan(_ mode: UInt32, _ broadcastQueueLength: UInt32?, _ writer: inout AttributeWriter) {
        writer.nest(IFLA_LINKINFO) {
            $0.put(IFLA_INFO_KIND, "macvlan")
            $0.nest(IFLA_INFO_DATA) {
                $0.put(Int(IFLA_MACVLAN_MODE), mode)
                if let broadcastQueueLength { $0.put(Int(IFLA_MACVLAN_BC_QUEUE_LEN), broadcastQueueLength) }
            }
        }
    }

    /// `ip link set dev OLD name NEW`, by index. The link must be down.
    public static func rename(_ link: Link, to name: LinkName) throws(KernelError) -> NetlinkRequest {
        var header = ifinfomsg()
        header.ifi_index = link.index
        return try NetlinkRequest(
            "rename link \(link.name) to \(name)", type: RTM_NEWLINK, flags: 0, header: header
        ) { $0.put(IFLA_IFNAME, name.description) }
    }

    /// What can be changed of a link that exists; nil leaves a thing as it is.
    public struct Changes: Hashable, Sendable {
        public var up: Bool?
        public var promiscuous: Bool?
        public var allMulticast: Bool?
        public var mac: MACAddress?
        public var mtu: Int?
        public var transmitQueueLength: Int?
        /// The bridge whose port the link becomes, by index.
        public var master: Int32?
        public var alias: String?
        /// Bridge port: only on a link whose master is a bridge.
        public var hairpin: Bool?
        public var isolated: Bool?
        public var learning: Bool?
        /// The link gets no link-local address when it comes up (`addrgenmode none`).
        public var makesNoAddress = false
        /// net.ipv4.conf.NAME.arp_notify.
        public var announcesAddresses: Bool?

        public init() {}
    }

    /// `ip link set NAME …`; by name, so that it can follow the link's creation in the same send.
    public static func set(
        _ name: String, _ changes: Changes, _ operation: @escaping @autoclosure @Sendable () -> String
    ) throws(KernelError)
        -> NetlinkRequest
    {
        var header = ifinfomsg()
        for (wanted, flag) in [
            (changes.up, IFF_UP), (changes.promiscuous, IFF_PROMISC), (changes.allMulticast, IFF_ALLMULTI),
        ] {
            guard let wanted else { continue }
            header.ifi_change |= UInt32(flag)
            if wanted { header.ifi_flags |= UInt32(flag) }
        }
        return try NetlinkRequest(operation(), type: RTM_NEWLINK, flags: 0, header: header) {
            $0.put(IFLA_IFNAME, name)
            if let alias = changes.alias { $0.put(IFLA_IFALIAS, bytes: Array(alias.utf8)) }
            if let master = changes.master { $0.put(IFLA_MASTER, UInt32(bitPattern: master)) }
            if let mac = changes.mac { $0.put(IFLA_ADDRESS, bytes: mac.bytes) }
            if let mtu = changes.mtu { $0.put(IFLA_MTU, UInt32(mtu)) }
            if let length = changes.transmitQueueLength { $0.put(IFLA_TXQLEN, UInt32(length)) }
            if changes.makesNoAddress {
                $0.nest(IFLA_AF_SPEC) {
                    $0.nest(Int(AF_INET6)) {
                        $0.put(Int(IFLA_INET6_ADDR_GEN_MODE), UInt8(IN6_ADDR_GEN_MODE_NONE.rawValue))
                    }
                }
            }
            if let on = changes.announcesAddresses {
                $0.nest(IFLA_AF_SPEC) {
                    $0.nest(Int(AF_INET)) {
                        $0.nest(Int(IFLA_INET_CONF)) { $0.put(Int(berth_ipv4_arp_notify()), UInt32(on ? 1 : 0)) }
                    }
                }
            }
            guard changes.hairpin != nil || changes.isolated != nil || changes.learning != nil else { return }
            $0.nest(IFLA_LINKINFO) {
                $0.put(IFLA_INFO_SLAVE_KIND, "bridge")
                $0.nest(IFLA_INFO_SLAVE_DATA) {
                    if let on = changes.hairpin { $0.put(IFLA_BRPORT_MODE, UInt8(on ? 1 : 0)) }
                    if let on = changes.learning { $0.put(IFLA_BRPORT_LEARNING, UInt8(on ? 1 : 0)) }
                    if let on = changes.isolated { $0.put(IFLA_BRPORT_ISOLATED, UInt8(on ? 1 : 0)) }
                }
            }
        }
    }

    /// `ip link delete`, by index: a name could meanwhile be another link's.
    public static func delete(_ link: Link) throws(KernelError) -> NetlinkRequest {
        var header = ifinfomsg()
        header.ifi_index = link.index
        return try NetlinkRequest("delete link \(link.name)", type: RTM_DELLINK, flags: 0, header: header)
    }
}
