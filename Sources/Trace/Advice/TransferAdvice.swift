import NetCore

/// Why a connection carried no more, and what to do.
struct TransferAdvice {
    let merge: Merge
    let transfer: Journey.Transfer
    let stream: ProbeStream
    /// Of the packet that was not acknowledged.
    let way: PacketWay
    /// Of what was answered to it.
    let answer: PacketWay?

    private var facts: [NodeFacts] { merge.facts }
    private func node(_ name: String) -> NodeFacts? { facts.first { $0.name == name } }
    private var source: String { merge.probe.source }

    var advice: Journey.Advice? {
        guard let end = transfer.forward?.end else { return nil }
        if let limit = transfer.limit, let answer { return tooLarge(limit, answer) }
        let packet = "the packet with byte \(transfer.acknowledged + 1), of \(way.first?.length ?? 0) bytes"
        if transfer.state == .ended {
            let who = answer?.nodes.first
            let isReset = (answer?.first?.flags ?? 0) & 4 != 0
            let words = isReset ? "RST" : stream.failure.map { "\($0)" } ?? "it ended"
            let part = "\(transfer.acknowledged) of \(transfer.bytes) bytes"
            return .init(
                why: "\(who ?? "the other end") ended the connection when \(part) were acknowledged: \(words)")
        }
        switch end.kind {
        case .delivered:
            if let reply = transfer.reply, reply.end.kind != .delivered || reply.end.node != source {
                let place = reply.end.reason ?? "seen last at \(reply.end.at ?? "?")"
                var advice = Journey.Advice(
                    why: "\(packet), reached \(end.node), and its acknowledgement did not come back: "
                        + "\(reply.end.node): \(place)")
                advice.fixes = answer.flatMap { ofTables($0)?.fixes } ?? []
                advice.lesson = answer.flatMap { ofTables($0)?.lesson }
                return advice
            }
            if merge.isWindowShut {
                return .init(
                    why: "\(end.node) takes no more: its program does not read, and the window that it tells is 0")
            }
            return .init(why: "\(packet), reached \(end.node), whose kernel did not acknowledge it")
        case .dropped, .refused, .lost:
            var advice = ofTables(way) ?? outside() ?? Journey.Advice(why: end.reason ?? "nothing says why")
            advice.why = "\(packet), came to \(end.node) and no further: \(advice.why)"
            return advice
        }
    }

    private func ofTables(_ way: PacketWay) -> Journey.Advice? {
        guard let event = way.dropped, let own = node(event.step.node) else { return nil }
        return Advisor(way: way, end: .init(.dropped, node: own.name), facts: own, finding: nil).advice
    }

    /// Of a drop outside netfilter.
    private func outside() -> Journey.Advice? {
        Judge(facts: facts).finding(way).map { .init(why: $0.sentence, fixes: $0.fixes, lesson: $0.lesson) }
    }

    // MARK: A link that takes less

    private func tooLarge(_ limit: Journey.Transfer.Limit, _ answer: PacketWay) -> Journey.Advice {
        var advice = Journey.Advice(
            why: "a packet of \(way.first?.length ?? 0) bytes left \(source), \(limit.words) takes \(limit.mtu), and "
                + "\(limit.node)'s word of it, \(notice) to \(recipient(answer)), \(fate(answer))", lesson: "14")
        if let event = answer.dropped { advice.fixes.append(lettingThrough(event)) }
        let device = way.steps.first { $0.node == source && $0.kind == .tx }?.device
        let smaller = "\(source): ip link set \(device ?? "DEVICE") mtu \(limit.mtu)"
        advice.fixes.append(advice.fixes.isEmpty ? smaller : "or smaller packets: \(smaller)")
        advice.fixes.append("or smaller segments of TCP alone: \(clamp(limit.node))")
        return advice
    }

    private var isV4: Bool { merge.probe.address.family == .v4 }
    private var notice: String {
        isV4 ? "\"fragmentation needed\" (ICMP 3/4)" : "\"packet too big\" (ICMPv6 2/0)"
    }

    /// "198.51.100.2 (host)": whom it was sent to.
    private func recipient(_ answer: PacketWay) -> String {
        guard let target = answer.first?.destination else { return "?" }
        let owner = facts.first { $0.route(target, nil, nil)?.kind == .local }
        return owner.map { "\(target) (\($0.name))" } ?? "\(target)"
    }

    /// Where it died, or that it did not.
    private func fate(_ answer: PacketWay) -> String {
        guard let end = transfer.reply?.end else { return "came nowhere" }
        if let event = answer.dropped {
            let (step, texts) = (event.step, node(event.step.node)?.texts)
            let place = "\(step.table ?? "?") \(step.chain ?? "?")"
            let owner = (step.table.flatMap { texts?.owner($0) }).map { " (\($0)'s)" } ?? ""
            let rule =
                step.kind == .policy
                ? ", whose policy is drop and no rule of which accepted it"
                : " #\(step.handle ?? 0): \(step.text ?? "?")"
            return "was dropped in \(step.node), \(step.hook ?? "?"), by \(place)\(owner)\(rule)"
        }
        if end.kind == .delivered {
            return end.node == source
                ? "came, and yet \(source) sent none that pass" : "came to \(end.node) itself, and not to \(source)"
        }
        return "ended in \(end.node): \(end.reason ?? "nothing says why")"
    }

    /// The drop's own chain accepts it first.
    private func lettingThrough(_ event: HookEvent) -> String {
        let (table, chain) = (event.step.table ?? "?", event.step.chain ?? "?")
        let isTranslated = node(event.step.node)?.texts.rules(table, chain).contains { $0.text.hasPrefix("-") } ?? false
        if event.isLegacy || isTranslated {
            let match =
                isV4 ? "-p icmp --icmp-type fragmentation-needed" : "-p ipv6-icmp --icmpv6-type packet-too-big"
            return
                "\(event.step.node): \(isV4 ? "iptables" : "ip6tables")\(event.isLegacy ? "-legacy" : "") -I \(chain) "
                + "\(match) -j ACCEPT"
        }
        let match =
            isV4 ? "icmp type destination-unreachable icmp code frag-needed" : "icmpv6 type packet-too-big"
        return "\(event.step.node): nft insert rule \(table) \(chain) \(match) accept"
    }

    /// A router lowers what both ends tell of their segments' size to what its routes carry.
    private func clamp(_ name: String) -> String {
        if node(name)?.texts.hasNft == false {
            return "\(name): \(isV4 ? "iptables" : "ip6tables") -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN "
                + "-j TCPMSS --clamp-mss-to-pmtu"
        }
        return
            "\(name): nft 'add table inet clamp; add chain inet clamp forward { type filter hook forward priority -150; }; "
            + "add rule inet clamp forward tcp flags syn tcp option maxseg size set rt mtu'"
    }
}
