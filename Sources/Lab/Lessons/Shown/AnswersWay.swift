import Trace

/// An answer's way through the node that rewrote the question: where it gets its sender back.
extension Journey {
    func answersWay(through node: String) -> [String] {
        let steps = reply?.steps.filter { $0.node == node } ?? []
        guard let turned = steps.firstIndex(where: { $0.changed?.source != nil }),
            let change = steps[turned].changed?.source
        else { return ["\(node) turns no answer back: \(seen)"] }
        var rows: [[String]] = []
        for step in steps {
            switch step.kind {
            case .rx, .tx:
                guard let l3 = step.l3, let device = step.device else { continue }
                rows.append([
                    step.kind == .rx ? "in by \(device)" : "out by \(device)",
                    "from \(Journey.endpoint(l3.source, step.l4?.sourcePort))",
                ])
            case .rule: rows.append([step.hook ?? "?", "rule: \(step.text ?? "?")"])
            case .policy: continue
            case .fib: rows.append(["routing", step.result ?? "?"])
            case .rewrite:
                let words = step.changed?.source.map { "from \($0.before) to \($0.after)" } ?? "its destination"
                rows.append([step.hook ?? "?", "REWRITE \(words) (\(step.result ?? "?"))"])
            }
        }
        let width = (rows.map { $0[0].count }.max() ?? 0) + 2
        var lines = ["the answer in \(node), from gate to gate:"]
        for row in rows {
            lines += hanging("  " + row[0] + String(repeating: " ", count: width - row[0].count), row[1])
        }
        let isLate = steps[..<turned].contains { $0.kind == .fib }
        let isUnruled = !(steps[turned].result ?? "").hasPrefix("by ")
        return lines
            + wrapped(
                "it is from \(change.after) only since \(steps[turned].hook ?? "?")"
                    + (isLate ? ", after its route was chosen" : ", before its route was chosen")
                    + (isUnruled ? "; conntrack did it, and no rule sees that" : ""), Shown.width)
    }
}
