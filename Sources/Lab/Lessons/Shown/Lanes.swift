import Trace

/// Two of them stand side by side.
private enum Lane {
    static let width = 34
}

/// The two lanes behind a node's choice of route: input, for itself, and forward, for others.
extension Look {
    /// The gates of both lanes as they stand, and by which of them two packets went.
    func lanes(_ node: String, from source: String, own: String, forwarded: String) throws(LabError) -> [String] {
        let chains = try rules(node).chains
        let packets = [(own, try probe(source, own)), (forwarded, try probe(source, forwarded))]
        func lane(_ hook: String, _ title: String) -> [String] {
            var lines = [title]
            for chain in chains where chain.hook == hook {
                let count = chain.rules.count
                lines += hanging("  ", "\(chain.table) \(chain.name)", Lane.width)
                lines.append("  policy \(chain.policy ?? "accept"), \(count == 1 ? "1 rule" : "\(count) rules")")
            }
            if lines.count == 1 { lines.append("  no chain: all may pass") }
            for (target, journey) in packets {
                guard let met = journey.gate(hook, in: node) else { continue }
                lines += hanging("▶ ", "\(source) → \(target)", Lane.width)
                lines += hanging("  ", met, Lane.width)
            }
            return lines
        }
        let change = packets[1].1.newDestination(in: node)
        let rewrite = change.map { "\($0.before) becomes \($0.after)" } ?? "nothing is rewritten"
        let left = lane("input", "INPUT lane: for \(node) itself")
        let right = lane("forward", "FORWARD lane: for others")
        let width = left.map(\.count).max() ?? 0
        var lines = [
            "prerouting: \(rewrite)", "│", "routing: for \(node) itself, or for others?",
            "├" + String(repeating: "─", count: width + 2) + "┐",
        ]
        lines += beside([left.map { "│ \($0)" }, right.map { "│ \($0)" }], gap: 1)
        for (target, journey) in packets where journey.gate("input", in: node) == nil {
            guard journey.gate("forward", in: node) == nil else { continue }
            lines += wrapped("\(source) → \(target) came into neither: \(journey.seen)", Shown.width)
        }
        return lines
    }
}

extension Journey {
    /// What became of the packet at a gate of a node; nil when it never came there.
    func gate(_ hook: String, in node: String) -> String? {
        let steps = forward?.steps.filter { $0.node == node } ?? []
        let deciding = steps.last { $0.hook == hook && ($0.kind == .rule || $0.kind == .policy) }
        let end = forward?.end
        let isHere = end?.at == "hook:\(hook)" && end?.node == node
        guard deciding != nil || isHere || receiver == node && hook == "input" else { return nil }
        let fate = receiver.map { "\($0) has it" } ?? "\(end?.kind.rawValue ?? "lost") here"
        guard let step = deciding else { return fate }
        return step.kind == .policy ? "\(fate): policy \(step.verdict ?? "?")" : "\(fate): \(step.text ?? "a rule")"
    }
}
