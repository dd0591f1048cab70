import JSON
import NetCore
import Topology
import Trace

/// What the kernel told of, in words and in the order of its coming; the oldest is forgotten.
struct Timeline {
    struct Entry: Hashable, Sendable {
        let id: Int
        let time: String
        let text: String
        let detail: String?
        /// As pictures name what it happened to.
        let subject: String
    }
    static let most = 100

    private(set) var entries: [Entry] = []
    private(set) var last = 0

    /// True when something is new.
    mutating func note(_ now: Sight, since before: Sight, at time: String) -> Bool {
        let old = last
        var found = now.map.changes(since: before.map).map { ($0.id, $0.text, Timeline.detail($0, now, before)) }
        found += Timeline.changedRules(now, before).filter { rule in !found.contains { $0.0 == rule.0 } }
        // Of a flood the last is told: nobody reads a thousand lines a second.
        for (subject, text, detail) in found.suffix(Timeline.most) {
            last += 1
            entries.append(Entry(id: last, time: time, text: text, detail: detail, subject: subject))
        }
        if entries.count > Timeline.most { entries.removeFirst(entries.count - Timeline.most) }
        return last != old
    }

    mutating func note(_ text: String, subject: String, at time: String) {
        last += 1
        entries.append(Entry(id: last, time: time, text: text, detail: nil, subject: subject))
    }

    var json: JSON {
        .array(
            entries.map { entry in
                [
                    "id": .integer(Int64(entry.id)), "time": .string(entry.time), "text": .string(entry.text),
                    "detail": entry.detail.map { .string($0) } ?? .null, "subject": .string(entry.subject),
                ]
            })
    }

    /// The words of a rule that came or went, where it is one.
    private static func detail(_ change: MapDifference, _ now: Sight, _ before: Sight) -> String? {
        let parts = change.id.split(separator: "/", maxSplits: 2).map(String.init)
        guard parts.count == 3, parts[1] == "gate" else { return nil }
        let (new, old) = (texts(now.rules[parts[0]], hook: parts[2]), texts(before.rules[parts[0]], hook: parts[2]))
        let other = new.filter { !old.contains($0) } + old.filter { !new.contains($0) }
        return other.count == 1 ? other[0] : nil
    }

    /// Gates at which as many rules stand as before, and other ones.
    private static func changedRules(_ now: Sight, _ before: Sight) -> [(String, String, String?)] {
        var found: [(String, String, String?)] = []
        for node in now.map.nodes {
            for gate in node.gates {
                let (new, old) = (
                    texts(now.rules[node.name], hook: gate.hook), texts(before.rules[node.name], hook: gate.hook)
                )
                // What was not read yet has not changed.
                guard before.rules[node.name] != nil, new != old else { continue }
                let added = new.filter { !old.contains($0) }
                found.append(
                    (
                        "\(node.name)/gate/\(gate.hook)", "\(node.name): rule changed at \(gate.hook)",
                        added.count == 1 ? added[0] : nil
                    ))
            }
        }
        return found
    }

    private static func texts(_ rules: NodeRules?, hook: String) -> [String] {
        (rules?.chains ?? []).filter { chain in
            guard let own = chain.hook, !chain.table.holds("berth_trace_") else { return false }
            return own == hook || "\(chain.table.split(separator: " ").first ?? "") \(own)" == hook
        }.flatMap(\.rules).map { RuleCounter.parted($0.text).text }
    }
}
