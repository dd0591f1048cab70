import NetCore

/// What a judge may ask of a node besides the packets: all of it read when the trace ends.
struct NodeFacts {
    var events: NodeEvents
    /// Of this node alone: "Ip:InAddrErrors" → by how much.
    var counters: [String: Int64]
    /// "net/ipv4/ip_forward" → value.
    var sysctl: (String) -> String?
    /// Who listens at an address and port: "tcp *:80 pid 211 nc"; nil when nobody does.
    var listener: (PacketHeaders) -> String?
}

/// Says where a packet's way ended, and why.
struct Judge {
    let facts: [NodeFacts]

    /// `answer` is the way of what came back, nil when nothing did.
    func end(_ way: PacketWay, answer: PacketWay?) -> Journey.End {
        let node = way.nodes.last ?? "?"
        if let event = way.dropped { return dropped(event, node: event.step.node, way, answer) }
        if let answer, let reply = answer.first, reply.isRefusal {
            return refused(way, answer, reply, node: node)
        }
        guard let visit = way.visits[node], let facts = facts.first(where: { $0.events.name == node }) else {
            return Journey.End(.lost, node: node)
        }
        let at = way.steps.last?.at
        if visit.reached("input"), let headers = way.last {
            return Journey.End(.delivered, node: node, at: at, socket: facts.listener(headers))
        }
        if let reason = reason(visit, facts) { return Journey.End(.dropped, node: node, at: at, reason: reason) }
        return Journey.End(.lost, node: node, at: at, reason: "seen last at \(at ?? "?") of \(node); nothing says why")
    }

    private func dropped(_ event: HookEvent, node: String, _ way: PacketWay, _ answer: PacketWay?) -> Journey.End {
        let place = "\(event.step.table ?? "?") \(event.step.chain ?? "?")"
        let isPolicy = event.step.kind == .policy
        let reason =
            isPolicy
            ? "no rule of \(place) accepted it, and the chain's policy is drop"
            : "\(place) #\(event.step.handle ?? 0) drops it: \(event.step.text ?? "?")"
        let isAnswered = answer?.first.map { $0.isRefusal } ?? false
        return Journey.End(isAnswered ? .refused : .dropped, node: node, at: event.step.at, reason: reason)
    }

    private func refused(_ way: PacketWay, _ answer: PacketWay, _ reply: PacketHeaders, node: String) -> Journey.End {
        let sender = answer.nodes.first ?? node
        let at = way.steps.last { $0.node == sender }?.at
        if reply.isTCP {
            let port = way.last?.destinationPort ?? 0
            let isHeard = facts.first { $0.events.name == sender }.flatMap { facts in way.last.flatMap(facts.listener) }
            let reason =
                isHeard == nil
                ? "nobody listens at \(way.last?.to ?? "\(port)") in \(sender): its kernel answered RST"
                : "\(sender) answered RST"
            return Journey.End(.refused, node: sender, at: at, reason: reason)
        }
        return Journey.End(.refused, node: sender, at: at, reason: "\(sender) answered: \(Judge.words(reply))")
    }

    /// RFC 792 and 4443, the ones that people meet.
    static func words(_ error: PacketHeaders) -> String {
        let type = error.icmpType ?? 0
        let code = error.icmpCode ?? 0
        switch (error.protocolNumber, type, code) {
        case (1, 3, 0), (58, 1, 0): return "network unreachable (ICMP \(type)/\(code)), it has no route"
        case (1, 3, 1), (58, 1, 3): return "host unreachable (ICMP \(type)/\(code)), nobody there owns the address"
        case (1, 3, 3), (58, 1, 4): return "port unreachable (ICMP \(type)/\(code)), nobody listens"
        case (1, 3, 4), (58, 2, _): return "too large for the next link (ICMP \(type)/\(code))"
        case (1, 3, 9), (1, 3, 10), (1, 3, 13), (58, 1, 1): return "prohibited by a filter (ICMP \(type)/\(code))"
        case (1, 11, _), (58, 3, _): return "the time to live ran out (ICMP \(type)/\(code))"
        default: return "ICMP \(type)/\(code)"
        }
    }

    /// Why a packet that came into a node went no further, from what the node's counters and links say.
    private func reason(_ visit: PacketWay.Visit, _ facts: NodeFacts) -> String? {
        if let reason = hairpin(visit, facts) { return reason }
        guard !visit.received.isEmpty, !visit.reached("forward"), let packet = visit.received.last else { return nil }
        let counters = facts.counters
        let target = packet.headers.destination
        if counters["TcpExt:IPReversePathFilter"] != nil {
            let device = facts.events.device(packet.device)
            return "the way back to \(packet.headers.source) is not by \(device), and rp_filter is strict"
        }
        let isV4 = target.family == .v4
        let forwarding = facts.sysctl(isV4 ? "net/ipv4/ip_forward" : "net/ipv6/conf/all/forwarding")
        if forwarding == "0", !isV4 || counters["Ip:InAddrErrors"] != nil {
            let name = isV4 ? "net.ipv4.ip_forward" : "net.ipv6.conf.all.forwarding"
            return "\(facts.events.name) is not a router: \(name)=0"
        }
        if counters["Ip:OutNoRoutes"] != nil { return "\(facts.events.name) has no route to \(target)" }
        return nil
    }

    /// The bridge would have to send it out of the port that it came in by.
    private func hairpin(_ visit: PacketWay.Visit, _ facts: NodeFacts) -> String? {
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

extension PacketHeaders {
    /// An answer that says no.
    var isRefusal: Bool { isICMPError || (flags ?? 0) & 4 != 0 }
}
