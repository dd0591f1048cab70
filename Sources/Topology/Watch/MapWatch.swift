import CKernel
import Glibc
public import NetCore

/// Wakes when the kernel tells of a change in one of the namespaces: links, addresses, routes, parameters, rules of
/// nftables. Of rules of iptables-legacy and of sockets that begin to listen the kernel tells nobody.
public final class MapWatch {
    private var sockets: [Listening] = []
    /// Where each path led. A socket keeps its namespace in being: one whose name is gone must be let go of, and no message
    /// tells of that.
    private var places: [(path: String, identity: NetworkNamespace.Identity)] = []

    private final class Listening {
        let socket: NetlinkSocket
        init(_ socket: consuming NetlinkSocket) { self.socket = socket }
    }

    /// From now on nothing is missed. Throws what the kernel said.
    public init(_ references: [NodeReference]) throws(TopologyError) {
        for reference in references {
            do throws(KernelError) {
                let home = try NetworkNamespace.current()
                let namespace = try NetworkNamespace(open: reference.namespace)
                places.append((reference.namespace, try namespace.identity()))
                var socket = try NetlinkSocket(NETLINK_ROUTE, in: namespace, home: home.number)
                socket.makeRoom(bytes: 1 << 20)
                for group in [
                    RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
                    RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF, RTNLGRP_NSID,
                ] { try socket.join(group: Int32(group.rawValue)) }
                sockets.append(Listening(socket))
                var netfilter = try NetlinkSocket(NETLINK_NETFILTER, in: namespace, home: home.number)
                netfilter.makeRoom(bytes: 1 << 20)
                try netfilter.join(group: Int32(NFNLGRP_NFTABLES.rawValue))
                sockets.append(Listening(netfilter))
            } catch {
                throw .kernel(error, node: reference.name)
            }
        }
    }

    /// Waits for a change, at most so long; what follows within a twentieth of a second belongs to it. False when none came.
    /// A namespace whose path no longer leads to it counts as a change, within a second.
    public func wait(milliseconds: Int32) throws(TopologyError) -> Bool {
        var left = milliseconds
        while !isReadable(min(left, 1000)) {
            if places.contains(where: { NetworkNamespace.Identity(path: $0.path) != $0.identity }) { return true }
            left -= 1000
            if left <= 0 { return false }
        }
        // A command of a person is many messages; one that never ends is not waited out.
        for _ in 0..<20 {
            try drain()
            if !isReadable(50) { break }
        }
        return true
    }

    /// To be polled for reading by who waits for other things, too; then `take` tells.
    public var descriptors: [Int32] { sockets.map { $0.socket.descriptor } }

    /// Reads what waits. False when nothing did, and every path leads where it led.
    public func take() throws(TopologyError) -> Bool {
        if isReadable(0) {
            // Of a flood so much as is read in a moment: the rest waits, and whoever waits for a picture does not.
            try drain(limit: 300)
            return true
        }
        return places.contains { NetworkNamespace.Identity(path: $0.path) != $0.identity }
    }

    private func isReadable(_ milliseconds: Int32) -> Bool {
        var polled = sockets.map { pollfd(fd: $0.socket.descriptor, events: Int16(POLLIN), revents: 0) }
        return poll(&polled, nfds_t(polled.count), milliseconds) > 0
    }

    private func drain(limit: Int = 10_000) throws(TopologyError) {
        do throws(KernelError) {
            for listening in sockets { _ = try listening.socket.events("read notifications", limit: limit) }
        } catch {
            throw .kernel(error, node: "a watched namespace")
        }
    }
}
