import CKernel
import NetCore

/// What a table said of one packet, whichever kind of table it was.
struct HookEvent: Hashable, Sendable {
    var identity: PacketIdentity
    /// As they were when the chain was entered.
    var headers: PacketHeaders
    /// False where only the glue to an earlier event tells the headers.
    var isSnapshot: Bool
    /// Of the tracer's own table: a snapshot, nothing that people made.
    var isOurs: Bool
    var isBridge: Bool
    /// NF_INET_* or NF_BR_*, which are the same.
    var hook: UInt32
    var priority: Int32?
    /// "nat" and "filter".
    var type: String?
    var step: Journey.Step
    var verdict: NftTraceEvent.Verdict?
    var input: Int32?
    var output: Int32?

    var isLegacy: Bool { ["iptables ", "ip6tables "].contains { step.table?.hasPrefix($0) ?? false } }
    /// After it no further chain of its hook and priority is asked: a drop, or the NAT of a rule.
    var decides: Bool { verdict == .drop || type == "nat" && step.kind == .rule && verdict == .accept }
    var hookName: String { TraceTable.hookName(hook) }

    static let familyNames: [UInt8: String] = [1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"]
}

extension NodeSources {
    /// The events of nftables and then those of iptables-legacy, each in the kernel's order; `ours` is the own table.
    func hookEvents(_ texts: RuleTexts, ours: String) -> [HookEvent] {
        nftHookEvents(texts, ours) + legacyHookEvents(texts)
    }

    private func nftHookEvents(_ texts: RuleTexts, _ ours: String) -> [HookEvent] {
        // One id is used again for the next packet, so what it stands for is what it last said.
        var known: [UInt32: (headers: PacketHeaders, base: BaseChain?, input: Int32?, output: Int32?)] = [:]
        var found: [HookEvent] = []
        for event in nftEvents {
            let base = chains[ChainName(family: event.family, table: event.table, chain: event.chain)]
            if let headers = event.headers { known[event.id] = (headers, base, event.inputDevice, event.outputDevice) }
            guard let glued = known[event.id] else { continue }
            let place = base ?? glued.base
            let table = "\(HookEvent.familyNames[event.family] ?? "\(event.family)") \(event.table)"
            let name = TraceTable.hookName(place?.hook ?? .max)
            var step = Journey.Step(
                node: node.name, at: "hook:\(name)", kind: event.kind == .policy ? .policy : .rule)
            step.priority = place?.priority
            step.table = table
            step.chain = event.chain
            step.handle = event.handle
            step.text = event.handle.map { texts.nft(table, $0) ?? "#\($0)" }
            step.verdict = event.verdict.map(\.description)
            step.conntrack = event.conntrack
            found.append(
                HookEvent(
                    identity: PacketIdentity(glued.headers), headers: glued.headers, isSnapshot: event.headers != nil,
                    // Another tracer's tables are nobody's rules, too.
                    isOurs: event.table == ours || event.table.hasPrefix("berth_trace_"),
                    isBridge: event.family == UInt8(NFPROTO_BRIDGE),
                    hook: place?.hook ?? .max, priority: place?.priority, type: place?.type, step: step,
                    verdict: event.verdict, input: glued.input, output: glued.output))
        }
        return found
    }

    private func legacyHookEvents(_ texts: RuleTexts) -> [HookEvent] {
        let priorities: [String: Int32] = ["raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50]
        return legacyEvents.map { event in
            let isPolicy = event.kind == "policy"
            let words = texts.legacy(event.program, event.table, event.chain, isPolicy ? 0 : event.position)
            let name = TraceTable.hookName(UInt32(event.hook))
            // The end of a chain of one's own has the number after its last rule; an unconditional RETURN has a rule's.
            let isEnd = event.kind == "return" && words == nil
            var step = Journey.Step(node: node.name, at: "hook:\(name)", kind: isPolicy || isEnd ? .policy : .rule)
            // Source NAT comes after the filter.
            let isSource = event.table == "nat" && (event.hook == 1 || event.hook == 4)
            step.priority = isSource ? 100 : priorities[event.table]
            step.table = "\(event.isVersion6 ? "ip6tables" : "iptables") \(event.table)"
            step.chain = event.chain
            var verdict: NftTraceEvent.Verdict?
            if isPolicy {
                verdict = words == "DROP" ? .drop : words == "ACCEPT" ? .accept : nil
            } else if isEnd {
                verdict = .return
            } else {
                step.handle = UInt64(event.position)
                step.text = words ?? "#\(event.position)"
                verdict = words.flatMap(LegacyTraceEvent.verdict)
            }
            step.verdict = verdict?.description
            return HookEvent(
                identity: PacketIdentity(event.headers), headers: event.headers, isSnapshot: true, isOurs: false,
                isBridge: false, hook: UInt32(event.hook), priority: step.priority,
                type: event.table == "nat" ? "nat" : "filter", step: step, verdict: verdict, input: event.inputDevice,
                output: event.outputDevice)
        }
    }
}

extension LegacyTraceEvent {
    /// What the target of a rule's text does; nil when the text has none.
    static func verdict(_ text: String) -> NftTraceEvent.Verdict? {
        let words = text.split(separator: " ").map(String.init)
        guard let place = words.firstIndex(where: { $0 == "-j" || $0 == "-g" }), place + 1 < words.count else {
            return .continue
        }
        switch words[place + 1] {
        case "ACCEPT", "DNAT", "SNAT", "MASQUERADE", "REDIRECT": return .accept
        case "DROP", "REJECT": return .drop
        case "RETURN": return .return
        case "LOG", "NFLOG", "MARK", "CONNMARK", "CT", "TRACE", "TCPMSS", "NOTRACK", "TOS", "DSCP", "TTL":
            return .continue
        case let chain: return words[place] == "-g" ? .goto(chain) : .jump(chain)
        }
    }
}
