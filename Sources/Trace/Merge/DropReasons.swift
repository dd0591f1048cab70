import NetCore

/// Drops outside netfilter: what the node's counters, parameters, routes and neighbours say of a packet that went no further.
struct DropReasons {
    let way: PacketWay
    let facts: NodeFacts
    /// Of the node that the packet came from.
    let before: NodeFacts?
    /// Of every node.
    var all: [NodeFacts] = []

    private var name: String { facts.name }
    private var isV4: Bool { way.last?.destination.family == .v4 }

    struct Finding: Hashable, Sendable {
        /// One sentence.
        var sentence: String
        /// "host: sysctl -w …".
        var fixes: [String] = []
        /// Number of the lab's lesson.
        var lesson: String?
    }

    private func found(_ sentence: String, _ lesson: String? = nil, _ commands: String...) -> Finding {
        Finding(sentence: sentence, fixes: commands.filter { !$0.isEmpty }.map { "\(name): \($0)" }, lesson: lesson)
    }

    /// The command that gives packets the address of the device that they leave by.
    private func masquerade(_ match: (nft: String, iptables: String)) -> String {
        facts.sourceNAT.map { "nft add rule \($0) \(match.nft) masquerade" }
            ?? "iptables -t nat -A POSTROUTING \(match.iptables) -j MASQUERADE"
    }

    /// As `found`, of a node that the packet passed before.
    private func elsewhere(_ sentence: String, _ lesson: String, _ match: (nft: String, iptables: String)) -> Finding {
        let router = way.nodes.last { $0 != name }
        return Finding(
            sentence: sentence,
            fixes: [
                "\(router ?? name): \(DropReasons(way: way, facts: before ?? facts, before: nil).masquerade(match))"
            ],
            lesson: lesson)
    }

    /// Nil when nothing tells.
    var finding: Finding? {
        guard let visit = way.visits[name] else { return nil }
        return round() ?? narrowEnd(visit) ?? malformed(visit) ?? loopback(visit) ?? hairpin(visit) ?? refusedSource(
            visit) ?? notRouted(
                visit) ?? cut(
                visit)
            ?? neighbour(visit) ?? noRoute(visit)
    }

    /// The routes of two or more routers lead to each other.
    private func round() -> Finding? {
        guard let target = way.last?.destination, let words = way.ringWords else { return nil }
        return Finding(
            sentence: words, fixes: way.ring.map { "\($0): ip route get \(target)" }, lesson: "05")
    }

    /// It left by a cable whose other end takes less: nobody is told of that.
    private func narrowEnd(_ visit: PacketWay.Visit) -> Finding? {
        guard let packet = visit.sent.last, let link = facts.events.links[packet.device],
            // More than its own link takes is several packets yet, which the device cuts.
            packet.headers.length <= link.mtu, let end = facts.otherEnd(link),
            // The kernel lets a VLAN's four bytes pass.
            packet.headers.length > end.link.mtu + 4
        else { return nil }
        return Finding(
            sentence: "\(end.link.name) of \(end.node), the other end of \(link.name), takes \(end.link.mtu) bytes: "
                + "it throws away this packet of \(packet.headers.length), and tells nobody",
            fixes: ["\(end.node): ip link set \(end.link.name) mtu \(link.mtu)"], lesson: "14")
    }

    /// What no node takes, whoever it is for.
    private func malformed(_ visit: PacketWay.Visit) -> Finding? {
        guard !visit.received.isEmpty, !visit.hooks.contains(where: { !$0.isBridge }) else { return nil }
        if facts.counters["IpExt:InCsumErrors"] != nil {
            return found("\(name) refuses a packet whose IP header's checksum is wrong")
        }
        return nil
    }

    /// The source's address is one that nobody has.
    private func martian(_ source: IPAddress) -> Bool {
        source.family == .v4
            ? source.bytes[0] == 0 || (224..<240).contains(source.bytes[0]) || source == IPAddress("255.255.255.255")
            : source.bytes[0] == 0xff
    }

    /// A packet of 127.0.0.1 that NAT sent elsewhere, where it began, or where it came to.
    private func loopback(_ visit: PacketWay.Visit) -> Finding? {
        guard let last = way.last, last.source.isLoopback else { return nil }
        if let packet = visit.received.last, !visit.reached("input"),
            !(visit.links(facts)[packet.device]?.isLoopback ?? false)
        {
            return elsewhere(
                "\(name) refuses a packet \"from \(last.source)\" that comes by \(facts.events.device(packet.device)): "
                    + "masquerade it", "08",
                ("ip saddr 127.0.0.0/8 ip daddr \(last.destination)", "-s 127.0.0.0/8 -d \(last.destination)"))
        }
        // Rerouting comes with the NAT of output: no later chain sees it.
        let isRerouted = visit.hooks.contains { $0.hookName == "output" && $0.decides && $0.verdict == .accept }
        guard isRerouted, visit.sent.isEmpty, !visit.reached("postrouting") else { return nil }
        return found(
            "\(last.source) may not leave lo: route_localnet=0", "08", "sysctl -w net.ipv4.conf.all.route_localnet=1")
    }

    /// The source's address is one that no packet may come in with.
    private func refusedSource(_ visit: PacketWay.Visit) -> Finding? {
        guard let packet = visit.received.last, !visit.reached("forward"), !visit.reached("input") else { return nil }
        let source = packet.headers.source
        let device = facts.events.device(packet.device)
        if martian(source) {
            return found("\(name) takes no packet from \(source), which is nobody's address (a martian)", "13")
        }
        if facts.route(source, nil, nil)?.kind == .local {
            if way.nodes.first == name, let router = way.nodes.last(where: { $0 != name }),
                let target = way.last?.destination, facts.route(target, nil, nil)?.kind != .local
            {
                return Finding(
                    sentence: "\(router) sends packets to \(target) back to \(name), which sent this one",
                    fixes: ["\(router): ip route get \(target)"], lesson: "05")
            }
            return elsewhere(
                "\(name) got a packet from its own address \(source) by \(device), and takes none such: masquerade it",
                "09", ("ip saddr \(source) ip daddr \(source)", "-s \(source) -d \(source)"))
        }
        guard facts.counters["TcpExt:IPReversePathFilter"] != nil else { return nil }
        let back = facts.route(source, nil, nil)
        let way = back?.device.map { "by \(facts.events.device($0)), not \(device)" } ?? "not by \(device)"
        // The kernel takes the larger of the link's own and of `all`: nothing need be loosened for the others.
        return found(
            "the way back to \(source) is \(way), and rp_filter is strict", "13",
            "sysctl -w net.ipv4.conf.\(device).rp_filter=2")
    }

    private func notRouted(_ visit: PacketWay.Visit) -> Finding? {
        guard let packet = visit.received.last, !visit.reached("forward"), !visit.reached("input") else { return nil }
        let forwarding = facts.sysctl(isV4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding")
        if forwarding == "0", facts.counters[isV4 ? "Ip:InAddrErrors" : "Ip6:InAddrErrors"] != nil {
            let parameter = isV4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding"
            return found("\(name) is not a router: \(parameter)=0", "05", "sysctl -w \(parameter)=1")
        }
        guard let target = way.last?.destination else { return nil }
        let route = facts.route(target, packet.headers.source, packet.device) ?? facts.route(target, nil, nil)
        switch route?.kind {
        case .none?:
            return found("\(name) has no route to \(target)", "05", "ip route add \(target) via NEXT-HOP")
        // A source that is not to be gets the same answer as a black hole does.
        case .refused? where facts.route(target, nil, nil)?.kind == .refused:
            return found("a route of \(name) refuses packets to \(target)", "05")
        default: return nil
        }
    }

    /// The chains have let it go and no device has sent it: its next hop has no MAC address.
    private func neighbour(_ visit: PacketWay.Visit) -> Finding? {
        guard let target = way.last?.destination, visit.reached("postrouting") || !visit.reached("input") else {
            return nil
        }
        guard let route = facts.route(target, nil, nil), route.kind == .unicast, let device = route.device,
            !visit.sent.contains(where: { $0.device == device }),
            facts.silent[device]?.contains(route.gateway ?? target) == true
        else { return nil }
        if let source = way.last?.source, source.isLoopback {
            return found(
                "\(route.gateway ?? target) does not answer ARP that asks from \(source): masquerade the packet", "08",
                masquerade(("ip saddr 127.0.0.0/8 ip daddr \(target)", "-s 127.0.0.0/8 -d \(target)")))
        }
        let (hop, link) = (route.gateway ?? target, facts.events.device(device))
        let question = isV4 ? "ARP" : "neighbour solicitations"
        if let owner = all.first(where: { $0.name != name && $0.route(hop, nil, nil)?.kind == .local }) {
            return found("\(hop), which \(owner.name) has, does not answer \(question) on \(link)", "04")
        }
        return found("nobody owns \(hop) on \(link): it does not answer \(question)", "04")
    }

    /// The next hop is behind a cable that carries nothing.
    private func cut(_ visit: PacketWay.Visit) -> Finding? {
        guard let target = way.last?.destination, visit.reached("postrouting") || !visit.reached("input"),
            let route = facts.route(target, nil, nil), route.kind == .unicast, let device = route.device,
            let link = facts.events.links[device], !visit.sent.contains(where: { $0.device == device })
        else { return nil }
        let isSilent = facts.silent[device]?.contains(route.gateway ?? target) == true
        let ports = facts.events.links.values.filter { $0.master == device && $0.hasCarrier == false }
        // Of a bridge that has other ports, too, the silence tells.
        if let port = ports.min(by: { $0.name < $1.name }), isSilent || link.hasCarrier == false {
            let state = port.isUp ? "has no carrier: the other end of its cable is down" : "is down"
            return found(
                "\(port.name), a port of \(link.name), \(state)", "03",
                port.isUp ? "" : "ip link set \(port.name) up")
        }
        guard link.hasCarrier == false else { return nil }
        return found("\(link.name) has no carrier: the other end of its cable is down", "02")
    }

    private func noRoute(_ visit: PacketWay.Visit) -> Finding? {
        guard facts.counters[isV4 ? "Ip:OutNoRoutes" : "Ip6:OutNoRoutes"] != nil, !visit.reached("input"),
            let target = way.last?.destination
        else {
            return nil
        }
        return found("\(name) has no route to \(target)", "05", "ip route add \(target) via NEXT-HOP")
    }

    /// The bridge would have to send it out of the port that it came in by.
    private func hairpin(_ visit: PacketWay.Visit) -> Finding? {
        let ports = visit.received.compactMap { facts.events.links[$0.device] }
        guard let port = ports.first(where: { $0.hairpin == false }), let master = port.master,
            let bridge = facts.events.links[master]
        else { return nil }
        let out = visit.sent.last
        // Routed back to its bridge; or, with br_netfilter, turned round within it: to whom it came from.
        let isTurned = visit.hooks.last.map { $0.headers.source == $0.headers.destination } ?? false
        guard out?.device == bridge.index || out == nil && isTurned else { return nil }
        return found(
            "\(bridge.name) never sends a packet back out of the port that it came in by: hairpin is off on \(port.name)",
            "09", "bridge link set dev \(port.name) hairpin on")
    }
}

extension PacketWay {
    /// "host and inet send it to each other until its time to live runs out"; nil where it does not go round.
    var ringWords: String? {
        guard let last = ring.last else { return nil }
        guard ring.count > 1 else { return "it comes to \(last) again and again until its time to live runs out" }
        return "\(ring.dropLast().joined(by: ", ")) and \(last) send it to each other until its time to live runs out"
    }
}

extension PacketWay.Visit {
    fileprivate func links(_ facts: NodeFacts) -> [Int32: Link] { facts.events.links }
}

extension IPAddress {
    /// 127.0.0.0/8 or ::1.
    var isLoopback: Bool { family == .v4 ? bytes.first == 127 : self == IPAddress("::1") }
}
