import NetCore
import Trace

/// A rule of NAT, and how many packets it has met.
struct CountedRule: Hashable, Sendable {
    /// Without its counter.
    var text: String
    /// The chain and the rule's number there.
    var number: String
    /// Nil where the rule does not count.
    var packets: Int?

    /// The words of `nft list` ("counter packets 1 bytes 60") or of `iptables -vS` ("-c 1 60").
    init(_ text: String, number: String) {
        var words = text.split(separator: " ").map(String.init)
        if let place = words.firstIndex(of: "counter"), place + 4 < words.count, words[place + 1] == "packets" {
            packets = Int(words[place + 2])
            words.removeSubrange(place..<(place + 5))
        } else if let place = words.firstIndex(of: "-c"), place + 2 < words.count, let count = Int(words[place + 1]) {
            packets = count
            words.removeSubrange(place..<(place + 3))
        }
        self.text = words.joined(by: " ")
        self.number = number
    }
}

extension Look {
    /// A node's rules of NAT at a hook, of nftables and of either iptables, with their counters.
    func natRules(_ node: String, _ hook: String) throws(LabError) -> [CountedRule] {
        var found: [CountedRule] = []
        for chain in try rules(node).chains where chain.hook == hook {
            guard chain.type == "nat" || chain.table == "ip nat" else { continue }
            let counted = chain.isLegacy ? try legacyCounters(node, chain.name) : []
            for (place, rule) in chain.rules.enumerated() {
                let text = place < counted.count ? counted[place] : rule.text
                found.append(CountedRule(text, number: "\(chain.table) \(chain.name) \(rule.number)"))
            }
        }
        return found
    }

    /// The rules of a chain of iptables-legacy's table nat with their counters, in its order; none where it cannot be asked.
    private func legacyCounters(_ node: String, _ chain: String) throws(LabError) -> [String] {
        let listing = ListingOfRules(world)
        defer { listing.end() }
        let text = try inside(node, "list iptables-legacy of node \(node)") { () throws(KernelError) in
            NodeRules.legacyListing(table: "nat", chain: chain)
        }
        return (text ?? "").split(separator: "\n").filter { $0.hasPrefix("-A ") }.map { line in
            line.split(separator: " ", maxSplits: 2).last.map(String.init) ?? ""
        }
    }
}
