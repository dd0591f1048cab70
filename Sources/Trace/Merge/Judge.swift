import NetCore

/// Says where a packet's way ended, and why.
struct Judge {
    let facts: [NodeFacts]
    /// Of the probe's own packet, not of its answer.
    var isForward = true

    /// Why nobody answered a packet that was delivered.
    private func silence(_ headers: PacketHeaders, _ facts: NodeFacts) -> String? {
        guard let back = facts.route(headers.source, nil, nil), back.kind == .none else { return nil }
        return "\(facts.name) has no way back: it has no route to \(headers.source)"
    }

    /// Of a drop outside netfilter at the end of the way.
    func finding(_ way: PacketWay) -> DropReasons.Finding? {
        guard way.dropped == nil, let node = way.nodes.last, let own = facts.first(where: { $0.name == node }) else {
            return nil
        }
        let router = way.nodes.last { $0 != node }
        return DropReasons(way: way, facts: own, before: facts.first { $0.name == router }, all: facts).finding
    }

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
            var end = Journey.End(.delivered, node: node, at: at, socket: facts.listener(headers))
            if answer == nil, isForward { end.reason = silence(headers, facts) }
            return end
        }
        let isGone = way.steps.last?.kind == .tx
        // Whoever answered got it, though nobody here saw that.
        if isGone, answer != nil { return Journey.End(.delivered, node: node, at: at) }
        if let reason = finding(way)?.sentence {
            return Journey.End(.dropped, node: node, at: at, reason: reason)
        }
        let words =
            isGone
            ? "it left \(node) by \(way.steps.last?.device ?? "?"), and nothing that is listened to says what became of it"
            : "seen last at \(at ?? "?") of \(node); nothing says why"
        return Journey.End(.lost, node: node, at: at, reason: words)
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
            let place = facts.first { $0.name == sender }
            guard let last = way.last, let place, place.listener(last) == nil else {
                return Journey.End(.refused, node: sender, at: at, reason: "\(sender) answered RST")
            }
            let ports = place.ports(last).prefix(8).map { ":\($0)" }
            let reason =
                "reached \(sender), nobody listens at \(last.to) (listeners: "
                + "\(ports.isEmpty ? "none" : ports.joined(by: ", "))): its kernel answered RST"
            return Journey.End(.refused, node: sender, at: at, reason: reason)
        }
        if let reason = tooLarge(way, reply, sender) {
            return Journey.End(.refused, node: sender, at: at, reason: reason)
        }
        let round = [3, 11].contains(reply.icmpType) ? way.ringWords.map { ": \($0)" } ?? "" : ""
        return Journey.End(.refused, node: sender, at: at, reason: "\(sender) answered: \(Judge.words(reply))\(round)")
    }

    private func tooLarge(_ way: PacketWay, _ reply: PacketHeaders, _ sender: String) -> String? {
        guard let last = way.last, let limit = limit(way, reply, sender) else { return nil }
        return
            "packet \(last.length) > \(limit.mtu) on \(limit.words): it may not be fragmented, and \(sender) answered so"
    }

    /// ICMP 3/4 and ICMPv6 2/0 tell the next link's MTU.
    func limit(_ way: PacketWay, _ reply: PacketHeaders, _ sender: String) -> Journey.Transfer.Limit? {
        guard let mtu = reply.smallerMTU, let last = way.last, let node = facts.first(where: { $0.name == sender })
        else { return nil }
        let device = node.route(last.destination, nil, nil)?.device.map { node.events.device($0) }
        return .init(node: sender, device: device, mtu: mtu)
    }

    /// RFC 792 and 4443, the ones that people meet.
    static func words(_ error: PacketHeaders) -> String {
        let type = error.icmpType ?? 0
        let code = error.icmpCode ?? 0
        switch (error.protocolNumber, type, code) {
        case (1, 3, 0), (58, 1, 0): return "network unreachable (ICMP \(type)/\(code)), it has no route"
        case (1, 3, 1), (58, 1, 3):
            return "host unreachable (ICMP \(type)/\(code)), nobody there answers for the address"
        case (1, 3, 3), (58, 1, 4): return "port unreachable (ICMP \(type)/\(code)), nobody listens"
        case (1, 3, 4), (58, 2, _): return "too large for the next link (ICMP \(type)/\(code))"
        case (1, 3, 9), (1, 3, 10), (1, 3, 13), (58, 1, 1): return "prohibited by a filter (ICMP \(type)/\(code))"
        case (1, 11, _), (58, 3, _): return "the time to live ran out (ICMP \(type)/\(code))"
        default: return "ICMP \(type)/\(code)"
        }
    }
}

extension PacketHeaders {
    /// An answer that says no.
    var isRefusal: Bool { isICMPError || (flags ?? 0) & 4 != 0 }
}
