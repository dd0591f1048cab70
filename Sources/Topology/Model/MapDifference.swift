/// One thing in which two maps differ.
public struct MapDifference: Hashable, Sendable {
    /// As pictures name what differs.
    public let id: String
    public let text: String
}

extension NetworkMap {
    /// In what the wished map and this one differ: "GOAL has a rule at forward of host, NOW does not".
    public func differences(from goal: NetworkMap) -> [MapDifference] {
        compare(goal, with: self) { fact, wished, found in
            switch (wished, found) {
            case (.count(let wished)?, .count(let found)?):
                return "GOAL has \(MapFact.amount(.count(wished), fact)), NOW has \(found)"
            case (.state(let wished)?, .state(let found)?):
                return "GOAL has \(fact.words) \(wished), NOW has it \(found)"
            case (let wished?, nil): return "GOAL has \(MapFact.amount(wished, fact)), NOW does not"
            case (nil, let found?): return "NOW has \(MapFact.amount(found, fact)), GOAL does not"
            default: return nil
            }
        }
    }

    /// What has changed since the earlier map, each a sentence of its own: "host: rule added at forward".
    public func changes(since before: NetworkMap) -> [MapDifference] {
        let (old, new) = (Set(before.nodes.map(\.name)), Set(nodes.map(\.name)))
        return compare(before, with: self) { fact, was, stands in
            // Of a node that came or went there is no need to say what it has.
            guard old.contains(fact.node), new.contains(fact.node) else { return nil }
            let place = fact.place.isEmpty ? "" : " \(fact.place)"
            switch (was, stands) {
            case (.count(let was)?, .count(let stands)?):
                let count = abs(stands - was)
                return "\(fact.node): \(count == 1 ? fact.noun : "\(count) \(fact.noun)s") "
                    + "\(stands > was ? "added" : "removed")\(place)"
            case (.state?, .state(let stands)?): return "\(fact.node): \(fact.noun)\(place) \(stands)"
            // How a link stands that has come or gone is told by that.
            case (nil, .state?), (.state?, nil): return nil
            case (nil, let stands?):
                return
                    "\(fact.node): \(MapFact.plain(stands, fact)) \(fact.noun == "program" ? "listens" : "added")\(place)"
            case (let was?, nil):
                return
                    "\(fact.node): \(MapFact.plain(was, fact)) \(fact.noun == "program" ? "gone" : "removed")\(place)"
            default: return nil
            }
        } + old.subtracting(new).sorted().map { MapDifference(id: $0, text: "\($0): gone") }
            + new.subtracting(old).sorted().map { MapDifference(id: $0, text: "\($0): added") }
    }

    private func compare(
        _ left: NetworkMap, with right: NetworkMap,
        _ sentence: (_ fact: MapFact, _ left: MapFact.Kind?, _ right: MapFact.Kind?) -> String?
    ) -> [MapDifference] {
        let (before, after) = (left.facts, right.facts)
        let table = { (facts: [MapFact]) in Dictionary(facts.map { ($0.key, $0.kind) }, uniquingKeysWith: { $1 }) }
        let (was, stands) = (table(before), table(after))
        var told: Set<String> = []
        return (before + after).compactMap { fact in
            guard told.insert(fact.key).inserted, was[fact.key] != stands[fact.key],
                let text = sentence(fact, was[fact.key], stands[fact.key])
            else { return nil }
            return MapDifference(id: fact.id, text: text)
        }
    }
}

extension MapFact {
    /// "a rule at forward of host", "2 rules at forward of host", "policy drop at forward of host".
    fileprivate static func amount(_ kind: Kind, _ fact: MapFact) -> String {
        switch kind {
        case .count(1): return "a \(fact.words)"
        case .count(let count):
            return [("\(count) \(fact.noun)s"), fact.place, "of \(fact.node)"].filter { !$0.isEmpty }.joined(
                separator: " ")
        case .state(let state): return "\(fact.words) \(state)"
        case .thing: return fact.noun == "program" ? "a \(fact.words)" : fact.words
        }
    }

    fileprivate static func plain(_ kind: Kind, _ fact: MapFact) -> String {
        if case .count(let count) = kind, count > 1 { return "\(count) \(fact.noun)s" }
        return fact.noun
    }
}
