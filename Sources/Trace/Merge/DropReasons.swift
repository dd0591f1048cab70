import NetCore

/// Drops outside netfilter: what the node's counters, parameters, routes and neighbours say of a packet that went no further.
struct DropReasons {
    let way: PacketWay
    let facts: NodeFacts

    private var name: String { facts.name }
    private var isV4: Bool { way.last?.destination.family == .v4 }

    /// One sentence; nil when nothing tells.
    var sentence: String? {
        guard let visit = way.visits[name] else { return nil }
        return loopback(visit) ?? hairpin(visit) ?? refusedSource(visit) ?? notRouted(visit) ?? neighbour(visit)
            ?? noRoute(visit)
    }

    /// A packet of 127.0.0.1 that NAT sent elsewhere, where it began, or where it came to.
    private func loopback(_ visit: PacketWay.Visit) -> String? {
        guard let last = way.last, last.source.isLoopback else { return nil }
        if let packet = visit.received.last, !visit.reached("input"),
            !(visit.links(facts)[packet.device]?.isLoopback ?? false)
        {
            return
                "\(name) refuses a packet \"from \(last.source)\" that comes by \(facts.events.device(packet.device)): "
                + "masquerade it"
        }
        // Rerouting comes with the NAT of output: no later chain sees it.
        let isRerouted = visit.hooks.contains { $0.hookName == "output" && $0.decides && $0.verdict == .accept }
        guard isRerouted, visit.sent.isEmpty, !visit.reached("postrouting") else { return nil }
        return "\(last.source) may not leave lo: route_localnet=0"
    }

    /// The source's address is one that no packet may come in with.
    private func refusedSource(_ visit: PacketWay.Visit) -> String? {
        guard let packet = visit.received.last, !visit.reached("forward"), !visit.reached("input") else { return nil }
        let source = packet.headers.source
        let device = facts.events.device(packet.device)
        if facts.route(source, nil, nil)?.kind == .local {
            return
                "\(name) got a packet from its own address \(source) by \(device), and takes none such: masquerade it"
        }
        guard facts.counters["TcpExt:IPReversePathFilter"] != nil else { return nil }
        let back = facts.route(source, nil, nil)
        let way = back?.device.map { "by \(facts.events.device($0)), not \(device)" } ?? "not by \(device)"
        return "the way back to \(source) is \(way), and rp_filter is strict"
    }

    private func notRouted(_ visit: PacketWay.Visit) -> String? {
        guard let packet = visit.received.last, !visit.reached("forward"), !visit.reached("input") else { return nil }
        let forwarding = facts.sysctl(isV4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding")
        if forwarding == "0", !isV4 || facts.counters["Ip:InAddrErrors"] != nil {
            return "\(name) is not a router: \(isV4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding")=0"
        }
        guard let target = way.last?.destination else { return nil }
        let route = facts.route(target, packet.headers.source, packet.device) ?? facts.route(target, nil, nil)
        switch route?.kind {
        case .none?: return "\(name) has no route to \(target)"
        case .refused?: return "a route of \(name) refuses packets to \(target)"
        default: return nil
        }
    }

    /// The chains have let it go and no device has sent it: its next hop has no MAC address.
    private func neighbour(_ visit: PacketWay.Visit) -> String? {
        guard let target = way.last?.destination, visit.reached("postrouting") || !visit.reached("input") else {
            return nil
        }
        guard let route = facts.route(target, nil, nil), route.kind == .unicast, let device = route.device,
            !visit.sent.contains(where: { $0.device == device }),
            facts.silent[device]?.contains(route.gateway ?? target) == true
        else { return nil }
        if let source = way.last?.source, source.isLoopback {
            return "\(route.gateway ?? target) does not answer ARP that asks from \(source): masquerade the packet"
        }
        return "nobody owns \(route.gateway ?? target) on \(facts.events.device(device)): it does not answer "
            + (isV4 ? "ARP" : "neighbour solicitations")
    }

    private func noRoute(_ visit: PacketWay.Visit) -> String? {
        guard facts.counters["Ip:OutNoRoutes"] != nil, !visit.reached("input"), let target = way.last?.destination
        else {
            return nil
        }
        return "\(name) has no route to \(target)"
    }

    /// The bridge would have to send it out of the port that it came in by.
    private func hairpin(_ visit: PacketWay.Visit) -> String? {
        let ports = visit.received.compactMap { facts.events.links[$0.device] }
        guard let port = ports.first(where: { $0.hairpin == false }), let master = port.master,
            let bridge = facts.events.links[master]
        else { return nil }
        let out = visit.sent.last
        // Routed back to its bridge; or, with br_netfilter, turned round within it: to whom it came from.
        let isTurned = visit.hooks.last.map { $0.headers.source == $0.headers.destination } ?? false
        guard out?.device == bridge.index || out == nil && isTurned else { return nil }
        return
            "\(bridge.name) never sends a packet back out of the port that it came in by: hairpin is off on \(port.name)"
    }
}

extension PacketWay.Visit {
    fileprivate func links(_ facts: NodeFacts) -> [Int32: Link] { facts.events.links }
}

extension IPAddress {
    /// 127.0.0.0/8 or ::1.
    var isLoopback: Bool { family == .v4 ? bytes.first == 127 : self == IPAddress("::1") }
}
