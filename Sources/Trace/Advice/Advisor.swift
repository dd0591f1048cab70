import NetCore

/// Why a packet ended where it did, in the words of the rules that it met, and what would let it through.
struct Advisor {
    let way: PacketWay
    let end: Journey.End
    let facts: NodeFacts
    /// Of a drop outside netfilter.
    let finding: DropReasons.Finding?

    var advice: Journey.Advice? {
        if let event = way.dropped { return ofTables(event) }
        if let finding {
            return Journey.Advice(why: finding.sentence, fixes: finding.fixes, lesson: finding.lesson)
        }
        guard let reason = end.reason, end.kind != .delivered || end.reason != nil else { return nil }
        return Journey.Advice(why: reason, lesson: lesson(reason))
    }

    private func lesson(_ reason: String) -> String? {
        if reason.hasPrefix("packet ") { return "14" }
        if reason.holds("nobody listens") { return "07" }
        return nil
    }

    private func ofTables(_ event: HookEvent) -> Journey.Advice {
        let place = "\(event.step.table ?? "?") \(event.step.chain ?? "?")"
        let lesson = event.hookName == "input" ? "11" : "07"
        guard event.step.kind == .policy else {
            return Journey.Advice(
                why: "rule #\(event.step.handle ?? 0) of \(place) drops it: \(event.step.text ?? "?")",
                fixes: fixes(event, before: event.step.handle), lesson: lesson)
        }
        let near = nearest(event)
        return Journey.Advice(
            why: "chain \(place) has policy drop, and no rule of it accepted this packet"
                + (near.isEmpty ? "; it has no rule that accepts" : ""),
            nearest: near, fixes: fixes(event, before: nil), lesson: lesson)
    }

    /// What the rules of a chain wanted, the one that most fits first; at most four.
    private func nearest(_ event: HookEvent) -> [String] {
        guard let table = event.step.table, let chain = event.step.chain else { return [] }
        let packet = packet(event)
        let readings: [(handle: UInt64, reading: RuleReading)] = facts.texts.rules(table, chain).map { rule in
            let reading =
                rule.text.hasPrefix("-")
                ? RuleReading(iptables: rule.text, packet)
                : RuleReading(nft: rule.text, packet, sets: facts.texts.sets(table))
            return (rule.handle, reading)
        }
        let near = readings.filter { $0.reading.letsThrough && $0.reading.firstFailure != nil }
        return near.enumerated().sorted {
            ($1.element.reading.met, $0.offset) < ($0.element.reading.met, $1.offset)
        }.prefix(4).map { "#\($0.element.handle) \($0.element.reading.firstFailure ?? "")" }
    }

    /// As the chain that dropped it saw it.
    private func packet(_ event: HookEvent) -> PacketFacts {
        let mark =
            event.step.conntrack
            ?? way.visits[facts.name]?.hooks.last(where: { $0.step.conntrack != nil })?.step.conntrack
        let device = { (index: Int32?) in index.map { facts.events.device($0) } }
        return PacketFacts(
            headers: event.headers, input: device(event.input), output: device(event.output), state: mark?.state,
            status: mark?.status
        ) { address in
            switch facts.route(address, nil, nil)?.kind {
            case .local?: "local"
            case .unicast?: "unicast"
            default: nil
            }
        }
    }

    private func fixes(_ event: HookEvent, before handle: UInt64?) -> [String] {
        let packet = packet(event)
        let isNatted = packet.hasStatus("dnat") == true
        let port = event.headers.destinationPort
        let proto = packet.protocolWord
        let table = event.step.table ?? "?"
        let chain = event.step.chain ?? "?"
        if event.isLegacy || event.step.text?.hasPrefix("-") == true || isTranslated(table, chain) {
            var match = ""
            if event.hookName != "output", event.hookName != "input", let output = packet.output {
                match += " -o \(output)"
            }
            if event.hookName != "output", !isNatted, let input = packet.input { match += " -i \(input)" }
            if isNatted {
                match += " -m conntrack --ctstate DNAT"
            } else if let port {
                match += " -p \(proto) --dport \(port)"
            }
            let name = table.split(separator: " ").map(String.init)
            let program =
                event.isLegacy
                ? (name[0] == "ip6tables" ? "ip6tables-legacy" : "iptables-legacy")
                : name[0] == "ip6" ? "ip6tables" : "iptables"
            let own = handle != nil ? "-I \(chain)" : "-A \(chain)"
            return ["\(facts.name): \(program) -t \(name.last ?? "filter") \(own)\(match) -j ACCEPT"]
        }
        var match: [String] = []
        if event.hookName == "forward" || event.hookName == "postrouting", let output = packet.output {
            match.append("oifname \"\(output)\"")
        }
        if isNatted {
            match.append("ct status dnat")
        } else {
            if event.hookName == "forward", let input = packet.input { match.insert("iifname \"\(input)\"", at: 0) }
            if let port { match.append("\(proto) dport \(port)") } else { match.append("meta l4proto \(proto)") }
        }
        if table == "inet \(NetRule.table)", !facts.texts.hasNft, handle == nil {
            let isPublished = isNatted && chain == NetRule.forward.name
            return ["\(facts.name): berth net \(isPublished ? "accept published" : "policy \(event.hookName) accept")"]
        }
        let verb = handle.map { "insert rule \(table) \(chain) position \($0)" } ?? "add rule \(table) \(chain)"
        return ["\(facts.name): nft \(verb) \(match.joined(by: " ")) accept"]
    }

    /// Rules of the chain are shown as iptables-nft writes them.
    private func isTranslated(_ table: String, _ chain: String) -> Bool {
        facts.texts.rules(table, chain).contains { $0.text.hasPrefix("-") }
    }
}
