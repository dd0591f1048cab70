import NetCore

/// What a rule does, and which of its conditions a packet does not meet where it came to a node.
public struct UnmetRule: Hashable, Sendable {
    public struct Condition: Hashable, Sendable {
        /// As the rule writes it: "tcp dport 80", "-d 198.51.100.3".
        public let text: String
        /// "80".
        public let wanted: String
        /// What the packet is instead: "8080".
        public let seen: String
        /// It is about the port that the packet is for, and the protocol is the packet's.
        public let isDestinationPort: Bool
    }
    /// "accept", "dnat to 10.88.0.2:80", "dnat" of iptables.
    public let action: String
    /// Those that it fails for sure; a condition that is not judged here is none.
    public let conditions: [Condition]

    public var rewritesDestination: Bool { action.hasPrefix("dnat") || action.hasPrefix("redirect") }
}

extension Journey {
    /// Holds a rule, as nft or iptables list it, against the packet as it was when it came to the node; nil where it never did.
    public func unmet(_ rule: String, in node: String) -> UnmetRule? {
        guard let first = forward?.steps.first(where: { $0.node == node && $0.l3 != nil }),
            let facts = PacketFacts(first, in: self)
        else { return nil }
        let reading = rule.hasPrefix("-") ? RuleReading(iptables: rule, facts) : RuleReading(nft: rule, facts)
        return UnmetRule(
            action: reading.action,
            conditions: reading.clauses.compactMap { clause in
                guard case .fails(let seen) = clause.answer else { return nil }
                let words = clause.text.split(separator: " ").map(String.init)
                let value = words.drop { $0 == "!" || $0.hasPrefix("-") || UnmetRule.keys.contains($0) }
                let instead = seen.hasPrefix("this is ") ? String(seen.dropFirst(8)) : seen
                return UnmetRule.Condition(
                    text: clause.text, wanted: Array(value).joined(by: " "), seen: instead,
                    isDestinationPort: UnmetRule.isPort(words) && UInt16(instead) != nil && !words.contains("!")
                        && !words.contains("!="))
            })
    }
}

extension UnmetRule {
    /// Words that name what is compared.
    fileprivate static let keys: Set = [
        "iifname", "oifname", "iif", "oif", "ip", "ip6", "tcp", "udp", "th", "ct", "fib", "meta", "saddr", "daddr",
        "dport", "sport",
        "state", "status", "type", "l4proto", "nfproto", "protocol", "nexthdr", "!=", "==",
    ]

    fileprivate static func isPort(_ words: [String]) -> Bool {
        words.contains("dport") || words.contains("--dport") || words.contains("--dports")
    }
}

extension PacketFacts {
    /// Of a step that tells the packet's headers.
    init?(_ step: Journey.Step, in journey: Journey) {
        guard let l3 = step.l3, let source = IPAddress(l3.source), let destination = IPAddress(l3.destination) else {
            return nil
        }
        let numbers: [String: UInt8] = ["icmp": 1, "tcp": 6, "udp": 17, "icmp6": 58, "sctp": 132]
        let name = step.l4?.name ?? ""
        var headers = PacketHeaders(source, destination, numbers[name] ?? UInt8(name) ?? 0, length: l3.length)
        if let from = step.l4?.sourcePort, let to = step.l4?.destinationPort {
            headers.transport = [from >> 8, from, to >> 8, to].map { UInt8(truncatingIfNeeded: $0) }
        }
        // A probe begins a flow.
        self.init(headers: headers, input: step.device, output: nil, state: "new", status: nil)
    }
}

extension PacketHeaders {
    fileprivate init(_ source: IPAddress, _ destination: IPAddress, _ proto: UInt8, length: Int) {
        (self.source, self.destination, protocolNumber, self.length) = (source, destination, proto, length)
        (ttl, identification, headerLength, transport) = (64, 0, source.family == .v4 ? 20 : 40, [])
    }
}
