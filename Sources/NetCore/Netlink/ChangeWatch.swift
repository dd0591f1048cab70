import CKernel
import Glibc

/// Wakes when something is taken away from this network namespace, or from one that has a link to it: links, addresses,
/// routes, parameters and nf_tables objects, as the kernel's notifications tell (man 7 rtnetlink, NETLINK_LISTEN_ALL_NSID).
/// Any change of a link wakes, too, and a new nf_tables table or base chain, which a starting firewall makes (one that was
/// killed finds its table, and adds to it); what else is only added wakes nobody.
public struct ChangeWatch: ~Copyable {
    private var routes: NetlinkSocket
    private var netfilter: NetlinkSocket
    private let lock: LockWatch
    private var reader = RemovalReader()

    /// From now on nothing is missed. The tables of iptables-legacy have no notifications: whoever changes them lets go of
    /// `lockFile`, which wakes too. Throws what the kernel said.
    public init(lockFile: String) throws(KernelError) {
        let routes = try ChangeWatch.listening(
            NETLINK_ROUTE,
            [
                RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
                RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF, RTNLGRP_TC,
            ].map { Int32($0.rawValue) })
        let netfilter = try ChangeWatch.listening(NETLINK_NETFILTER, [Int32(NFNLGRP_NFTABLES.rawValue)])
        let lock = try LockWatch(lockFile)
        self.init(routes, netfilter, lock)
    }

    private init(
        _ routes: consuming NetlinkSocket, _ netfilter: consuming NetlinkSocket, _ lock: consuming LockWatch
    ) {
        self.lock = lock
        self.routes = routes
        self.netfilter = netfilter
    }

    private static func listening(_ family: Int32, _ groups: [Int32]) throws(KernelError) -> NetlinkSocket {
        var socket = try NetlinkSocket(family)
        if family == NETLINK_ROUTE {
            let descriptor = socket.descriptor
            var on: Int32 = 1
            try check("listen to the containers' namespaces") {
                setsockopt(descriptor, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &on, 4)
            }
        }
        for group in groups { try socket.join(group: group) }
        // A flush of thousands of elements tells of each.
        var room: Int32 = 8 << 20
        setsockopt(socket.descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &room, 4)
        return socket
    }

    /// True once something was taken away, false after that many milliseconds (negative: waits without end) or a signal.
    /// Notifications that were lost count as something.
    public mutating func wait(milliseconds: Int32) throws(KernelError) -> Bool {
        var events = [routes.descriptor, netfilter.descriptor, lock.descriptor].map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        guard poll(&events, 3, milliseconds) > 0 else { return false }
        var isWanted = lock.drain()
        if try ChangeWatch.drain(routes, where: ChangeWatch.takesAway) { isWanted = true }
        var reader = reader
        let isReplaced = try ChangeWatch.drain(netfilter) { reply in
            reader.take(reply)
            return ChangeWatch.replaces(reply)
        }
        self.reader = reader
        return isWanted || isReplaced
    }

    /// Which transactions of nf_tables took something away since this was last asked, the oldest first, at most 256: the last ones.
    public mutating func takeRemovals() -> [RuleRemoval] { reader.takeAll() }

    /// Nothing more was taken away for `quiet` milliseconds, or `atMost` have passed.
    public mutating func settle(quiet: Int32, atMost: Int32) throws(KernelError) {
        var left = atMost
        while left > 0, try wait(milliseconds: quiet) { left -= max(quiet, 1) }
    }

    /// Each notification is seen, also behind one that is wanted.
    private static func drain(_ socket: borrowing NetlinkSocket, where isWanted: (NetlinkReply) -> Bool)
        throws(KernelError) -> Bool
    {
        var found = false
        for _ in 0..<100_000 {
            do throws(KernelError) {
                for reply in try socket.receive("read notifications", flags: Int32(MSG_DONTWAIT)) where isWanted(reply)
                {
                    found = true
                }
            } catch  where error.errno == .timedOut {
                return found
            } catch  where error.errno == Errno(ENOBUFS) {
                found = true
            }
        }
        return true
    }

    private static func takesAway(_ reply: NetlinkReply) -> Bool {
        switch Int32(reply.type) {
        case Int32(RTM_DELLINK), Int32(RTM_DELADDR), Int32(RTM_DELROUTE), Int32(RTM_NEWNETCONF): true
        // Not the new ones: one that is only looked up is told of, too.
        case Int32(RTM_DELQDISC), Int32(RTM_DELTFILTER): true
        // Any change of a link: down, another master, another MTU.
        case Int32(RTM_NEWLINK): true
        default: false
        }
    }

    private static func replaces(_ reply: NetlinkReply) -> Bool {
        guard reply.type >> 8 == Int(NFNL_SUBSYS_NFTABLES) else { return false }
        let message = UInt32(reply.type & 0xff)
        if message == UInt32(NFT_MSG_NEWCHAIN.rawValue) {
            return reply.attributes(after: 4)[type: Int(NFTA_CHAIN_HOOK.rawValue)] != nil
        }
        return [
            NFT_MSG_NEWTABLE, NFT_MSG_DELTABLE, NFT_MSG_DELCHAIN, NFT_MSG_DELRULE, NFT_MSG_DELSET, NFT_MSG_DELSETELEM,
        ]
        .contains { UInt32($0.rawValue) == message }
    }
}
