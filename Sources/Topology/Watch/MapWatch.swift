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
        /// It hears of neighbours, of whom only those of bridges are a map's.
        let isOfNeighbours: Bool
        init(_ socket: consuming NetlinkSocket, isOfNeighbours: Bool = false) {
            self.socket = socket
            self.isOfNeighbours = isOfNeighbours
        }
    }

    /// From now on nothing is missed; `forwarding`: nor what bridges learn and forget. Throws what the kernel said.
    public init(_ references: [NodeReference], forwarding: Bool = false) throws(TopologyError) {
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
                guard forwarding else { continue }
                var neighbours = try NetlinkSocket(NETLINK_ROUTE, in: namespace, home: home.number)
                neighbours.makeRoom(bytes: 1 << 18)
                try neighbours.join(group: Int32(RTNLGRP_NEIGH.rawValue))
                sockets.append(Listening(neighbours, isOfNeighbours: true))
            } catch {
                throw .kernel(error, node: reference.name)
            }
        }
    }

    /// Waits for a change, at most so long; what follows within a twentieth of a second belongs to it. False when none came.
    /// A namespace whose path no longer leads to it counts as a change, within a second.
    public func wait(milliseconds: Int32) throws(TopologyError) -> Bool {
        var left = milliseconds
        while true {
            if isReadable(min(left, 1000)), try drain() { break }
            if places.contains(where: { NetworkNamespace.Identity(path: $0.path) != $0.identity }) { return true }
            left -= 1000
            if left <= 0 { return false }
        }
        // A command of a person is many messages; one that never ends is not waited out.
        for _ in 0..<20 {
            guard isReadable(50) else { break }
            _ = try drain()
        }
        return true
    }

    /// To be polled for reading by who waits for other things, too; then `take` tells.
    public var descriptors: [Int32] { sockets.map { $0.socket.descriptor } }

    /// Reads what waits. False when nothing did, and every path leads where it led.
    public func take() throws(TopologyError) -> Bool {
        // Of a flood so much as is read in a moment: the rest waits, and whoever waits for a picture does not.
        if try drain(limit: 300) { return true }
        return places.contains { NetworkNamespace.Identity(path: $0.path) != $0.identity }
    }

    private func isReadable(_ milliseconds: Int32) -> Bool {
        var polled = sockets.map { pollfd(fd: $0.socket.descriptor, events: Int16(POLLIN), revents: 0) }
        return poll(&polled, nfds_t(polled.count), milliseconds) > 0
    }

    /// True when a map may have changed by what was told.
    private func drain(limit: Int = 10_000) throws(TopologyError) -> Bool {
        var isNews = false
        var polled = sockets.map { pollfd(fd: $0.socket.descriptor, events: Int16(POLLIN), revents: 0) }
        guard poll(&polled, nfds_t(polled.count), 0) > 0 else { return false }
        do throws(KernelError) {
            for (listening, ready) in zip(sockets, polled) where ready.revents != 0 {
                let told = try listening.socket.events("read notifications", limit: limit)
                // Whom this node speaks to changes all the time. Where the kernel had no room, anything may have been told.
                if listening.isOfNeighbours, !told.isEmpty,
                    !told.contains(where: { $0.header(12)?.first == UInt8(AF_BRIDGE) })
                {
                    continue
                }
                isNews = true
            }
        } catch {
            throw .kernel(error, node: "a watched namespace")
        }
        return isNews
    }
}
