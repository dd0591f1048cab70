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
    public var alias: String?
    public var transmitQueueLength: Int
    /// Index of the other end of a veth pair, in the namespace where that is.
    public var peer: Int32?
    /// The bridge port's flags when the master is a bridge.
    public var hairpin: Bool?
    public var isolated: Bool?
    /// BR_STATE_*: 3 is forwarding.
    public var portState: UInt8?

    public var isUp: Bool { flags & UInt32(IFF_UP) != 0 }
    public var isPromiscuous: Bool { flags & UInt32(IFF_PROMISC) != 0 }
    public var receivesAllMulticast: Bool { flags & UInt32(IFF_ALLMULTI) != 0 }
    public var isLoopback: Bool { flags & UInt32(IFF_LOOPBACK) != 0 }

    /// Nil when the message is no link.
    public init?(_ reply: NetlinkReply) {
        guard reply.type == RTM_NEWLINK, let header = reply.header(16) else { return nil }
        let attributes = reply.attributes(after: 16)
        let word = { (offset: Int) in
            header.dropFirst(offset).prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        }
        index = Int32(bitPattern: word(4))
        flags = word(8)
        guard let name = attributes[type: IFLA_IFNAME]?.text else { return nil }
        self.name = name
        mac = attributes[type: IFLA_ADDRESS].flatMap { MACAddress(bytes: $0.payload) }
        mtu = Int(attributes[type: IFLA_MTU]?.u32 ?? 0)
        master = attributes[type: IFLA_MASTER]?.u32.map { Int32(bitPattern: $0) }
        alias = attributes[type: IFLA_IFALIAS]?.text
        transmitQueueLength = Int(attributes[type: IFLA_TXQLEN]?.u32 ?? 0)
        peer = attributes[type: IFLA_LINK]?.u32.map { Int32(bitPattern: $0) }
        let info = attributes[type: IFLA_LINKINFO]?.nested ?? []
        kind = info[type: IFLA_INFO_KIND]?.text
        if info[type: IFLA_INFO_SLAVE_KIND]?.text == "bridge" {
            let port = info[type: IFLA_INFO_SLAVE_DATA]?.nested ?? []
            hairpin = port[type: IFLA_BRPORT_MODE]?.u8.map { $0 != 0 }
            isolated = port[type: IFLA_BRPORT_ISOLATED]?.u8.map { $0 != 0 }
            portState = port[type: IFLA_BRPORT_STATE]?.u8
        }
    }
}

extension NetlinkSocket {
    /// The link of that name (`ip link show NAME`). Throws ENODEV when there is none.
    public mutating func link(_ name: String) throws(KernelError) -> Link {
        let request = try NetlinkRequest(
            "look up link \(name)", type: RTM_GETLINK, flags: 0, header: ifinfomsg()
        ) { $0.put(IFLA_IFNAME, name) }
        return try oneLink(request)
    }

    /// The link with that index. Throws ENODEV when there is none.
    public mutating func link(index: Int32) throws(KernelError) -> Link {
        var header = ifinfomsg()
        header.ifi_index = index
        return try oneLink(try NetlinkRequest("look up link \(index)", type: RTM_GETLINK, flags: 0, header: header))
    }

    private mutating func oneLink(_ request: NetlinkRequest) throws(KernelError) -> Link {
        guard let link = try ask(request).lazy.compactMap(Link.init).first else {
            throw KernelError(request.operation, .noSuchDevice)
        }
        return link
    }

    /// Every link, or the ports of one bridge (`ip link show [master BRIDGE]`): 12 ms at 2,000 links, so only where
    /// all are asked for.
    public mutating func links(master: Int32? = nil) throws(KernelError) -> [Link] {
        let request = try NetlinkRequest("list links", type: RTM_GETLINK, flags: NLM_F_DUMP, header: ifinfomsg()) {
            if let master { $0.put(IFLA_MASTER, UInt32(bitPattern: master)) }
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
