import NetCore
import Trace

/// Rules that would rewrite a packet's destination, and why they did not rewrite this one.
struct UnmetRewrite {
    /// A sentence's part: "rule exists, 0 packets matched; the client asked port 8080, your rule waits for 80".
    let words: String
    /// A question to be asked beside it.
    var hint: String?
}

extension Look {
    /// Of the rules that rewrite destinations in the node the one that comes nearest to the packet; nil where there is none, or where none
    /// can be said to fail. `inside` is the port behind the one that was asked.
    func unmetRewrite(_ journey: Journey, in node: String, inside: Int?) throws(LabError) -> UnmetRewrite? {
        var nearest: (rule: CountedRule, unmet: UnmetRule)?
        for rule in try natRules(node, "prerouting") {
            guard let unmet = journey.unmet(rule.text, in: node), unmet.rewritesDestination, !unmet.conditions.isEmpty
            else { continue }
            if nearest.map({ unmet.conditions.count < $0.unmet.conditions.count }) ?? true { nearest = (rule, unmet) }
        }
        guard let (rule, unmet) = nearest else { return try misplaced(journey, in: node) }
        let count =
            rule.packets.map {
                $0 == 0 ? "0 packets matched" : "\($0 == 1 ? "1 packet" : "\($0) packets") matched, this one did not"
            }
            ?? "0 packets of this check matched"
        let asker = journey.probe.from == "client" ? "the client" : journey.probe.from
        let wishes = unmet.conditions.prefix(2).map { condition in
            condition.isDestinationPort
                ? "\(asker) asked port \(condition.seen), your rule waits for \(condition.wanted)"
                : "your rule wants \(condition.text), this packet is \(condition.seen)"
        }
        var found = UnmetRewrite(
            words: "rule exists, \(count); \(Array(wishes).joined(by: "; ")) (\(rule.text))")
        if let inside, unmet.conditions.contains(where: { $0.isDestinationPort && Int($0.wanted) == inside }) {
            found.hint =
                "A published port is two numbers, outside : inside. Which of them does \(asker) know? (berth lab hint for more)"
        }
        return found
    }

    /// A rule that rewrites destinations where this packet never comes.
    private func misplaced(_ journey: Journey, in node: String) throws(LabError) -> UnmetRewrite? {
        let chains = try rules(node).chains
        for chain in chains where chain.hook != "prerouting" {
            guard let rule = chain.rules.first(where: { journey.unmet($0.text, in: node)?.rewritesDestination == true })
            else { continue }
            let isCalled = chains.contains { other in
                other.table == chain.table && other.isLegacy == chain.isLegacy
                    && other.rules.contains { rule in
                        let words = rule.text.split(separator: " ")
                        return zip(words, words.dropFirst()).contains { pair in
                            ["jump", "goto", "-j", "-g"].contains(String(pair.0)) && pair.1 == chain.name
                        }
                    }
            }
            guard chain.hook != nil || !isCalled else { continue }
            let place =
                chain.hook.map { "hooked to \($0), where only packets of \(node)'s own come" }
                ?? "hooked nowhere, and no rule leads to it"
            return UnmetRewrite(
                words:
                    "rule exists, 0 packets matched; its chain \(chain.table) \(chain.name) is \(place) (\(CountedRule(rule.text, number: "").text))"
            )
        }
        return nil
    }
}
