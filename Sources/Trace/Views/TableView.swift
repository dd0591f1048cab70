import NetCore

/// A journey as a table, a line for each step.
public struct TableView {
    let journey: Journey

    public init(_ journey: Journey) { self.journey = journey }

    /// Lines, each with its end.
    public var text: String {
        var rows = [["LEG", "#", "NODE", "AT", "WHAT", "PACKET"]]
        for (name, leg) in journey.namedLegs {
            for step in leg.steps {
                rows.append([
                    name, "\(step.number)", step.node, step.at, what(step), packet(step),
                ])
            }
            let end = [leg.end.kind.rawValue, leg.end.reason, leg.end.socket].compactMap { $0 }.joined(by: ": ")
            rows.append([name, "", leg.end.node, leg.end.at ?? "", end, ""])
        }
        for talk in journey.neighbours {
            rows.append(["arp", "", talk.node, "dev:\(talk.device)", talk.isOutgoing ? "out" : "in", talk.words])
        }
        // The last two columns may be as long as they like.
        let widths = (0..<4).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                if column == 5, cell.isEmpty { continue }
                line += cell
                if column < 4 { line += String(repeating: " ", count: widths[column] - cell.count + 2) }
                if column == 4, !row[5].isEmpty { line += "  " }
            }
            while line.hasSuffix(" ") { line.removeLast() }
            return line + "\n"
        }.joined(by: "")
    }

    /// What a step is, in words.
    func what(_ step: Journey.Step) -> String {
        switch step.kind {
        case .rx: return "in"
        case .tx: return "out"
        case .fib: return step.result ?? "?"
        case .rewrite:
            let pairs = [step.changed?.source, step.changed?.destination].compactMap { $0 }
            return "rewrite " + pairs.map { "\($0.before) -> \($0.after)" }.joined(by: ", ")
                + " (\(step.result ?? "?"))"
        case .rule, .policy:
            let place = "\(step.table ?? "?") \(step.chain ?? "?")"
            let rule = step.kind == .policy ? "policy" : "#\(step.handle ?? 0) \(step.text ?? "")"
            return "\(place) \(rule) => \(step.verdict ?? "?")"
        }
    }

    private func packet(_ step: Journey.Step) -> String {
        guard let l3 = step.l3, let l4 = step.l4 else { return "" }
        let end = { (address: String, port: Int?) -> String in
            guard let port else { return address }
            return address.holds(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
        }
        return
            "\(end(l3.source, l4.sourcePort)) > \(end(l3.destination, l4.destinationPort)) \(l4.flags ?? l4.kind ?? l4.name) ttl \(l3.ttl)"
    }
}

extension Journey {
    /// "forward" and "reply"; of what TCP carried "data", and "answer" of what came on that.
    var namedLegs: [(name: String, leg: Leg)] {
        legs.map { ($0.direction.rawValue, $0) }
            + (transfer?.legs ?? []).map { ($0.direction == .forward ? "data" : "answer", $0) }
    }
}
