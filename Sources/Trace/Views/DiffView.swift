import NetCore

/// Of a journey only what changed of the packet's headers, a line for each place that changed something, with the value before.
public struct DiffView {
    let journey: Journey
    var ascii: Bool

    public init(_ journey: Journey, ascii: Bool = false) {
        self.journey = journey
        self.ascii = ascii
    }

    /// Lines, each with its end.
    public var text: String {
        var rows: [[String]] = []
        for (name, leg) in journey.namedLegs { rows += lines(leg, name) }
        let widths = (0..<3).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for column in 0..<3 {
                line += row[column] + String(repeating: " ", count: widths[column] - row[column].count + 2)
            }
            line += row[3]
            if ascii { line = line.map { $0 == "→" ? "->" : String($0) }.joined(by: "") }
            return line + "\n"
        }.joined(by: "")
    }

    private func lines(_ leg: Journey.Leg, _ name: String) -> [[String]] {
        var rows: [[String]] = []
        // As devices saw it last: a chain sees the router's work already, and says nothing of it.
        var last: Journey.Network?
        for step in leg.steps {
            defer { last = step.l3 ?? last }
            if rows.isEmpty, let l3 = step.l3, let l4 = step.l4 {
                rows.append([name, step.node, place(step), DiffView.whole(l3, l4)])
                continue
            }
            var parts: [String] = []
            if let change = step.changed?.source { parts.append("src \(change.after) (was \(change.before))") }
            if let change = step.changed?.destination { parts.append("dst \(change.after) (was \(change.before))") }
            if let now = step.l3, let last {
                if now.ttl != last.ttl { parts.append("ttl \(now.ttl) (was \(last.ttl))") }
                if now.length != last.length { parts.append("len \(now.length) (was \(last.length))") }
            } else if let change = step.changed?.ttl {
                parts.append("ttl \(change.after) (was \(change.before))")
            }
            guard !parts.isEmpty else { continue }
            let cause = step.kind == .rewrite ? step.result.map { "  \($0)" } ?? "" : ""
            rows.append([name, step.node, place(step), parts.joined(by: ", ") + cause])
        }
        let end = [leg.end.kind.rawValue, leg.end.reason].compactMap { $0 }.joined(by: ": ")
        rows.append([name, leg.end.node, "end", end])
        return rows
    }

    private func place(_ step: Journey.Step) -> String {
        step.device.map { "\($0) \(step.kind == .tx ? "out" : "in")" } ?? step.hook ?? step.at
    }

    private static func whole(_ l3: Journey.Network, _ l4: Journey.Transport) -> String {
        let end = { (address: String, port: Int?) -> String in
            guard let port else { return address }
            return address.holds(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
        }
        return "\(end(l3.source, l4.sourcePort)) → \(end(l3.destination, l4.destinationPort)) "
            + "\(l4.name) \(l4.flags ?? l4.kind ?? "")".trimmed + " ttl \(l3.ttl) len \(l3.length)"
    }
}

extension String {
    fileprivate var trimmed: String { hasSuffix(" ") ? String(dropLast()) : self }
}
