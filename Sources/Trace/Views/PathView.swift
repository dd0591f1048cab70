import NetCore

/// A journey as a path of lines, for a terminal of 80 columns.
public struct PathView {
    let journey: Journey
    /// Policies of chains in which no rule was met are shown too.
    var isVerbose: Bool
    var ascii: Bool

    public init(_ journey: Journey, isVerbose: Bool = false, ascii: Bool = false) {
        self.journey = journey
        self.isVerbose = isVerbose
        self.ascii = ascii
    }

    /// Lines, each with its end.
    public var text: String {
        var lines: [String] = []
        if let forward = journey.forward { lines += path(forward) }
        if let reply = journey.reply { lines += answer(reply) }
        if let transfer = journey.transfer { lines += data(transfer) }
        lines += journey.neighbours.map { talk in
            let way = talk.isOutgoing ? "\(talk.device) ─▶" : "─▶ \(talk.device)"
            return padded(padded("arp", 8) + padded(talk.node, 8) + padded(way, 12), 28) + talk.words
        }
        lines += journey.conntrack.map { "conntrack in \($0.node): \($0.meaning) (\($0.id))" }
        lines += ending()
        if let advice = journey.advice {
            lines.append("Why: \(advice.why)")
            if !advice.nearest.isEmpty { lines.append("Nearest rules: \(advice.nearest.joined(by: "; "))") }
            lines += advice.fixes.map { "Fix: \($0)" }
            if let lesson = advice.lesson { lines.append("Learn: berth lab start \(lesson)") }
        }
        let legs = journey.legs + (journey.transfer?.legs ?? [])
        if let kernel = legs.lazy.compactMap(\.end.kernel).first { lines.append("kernel: \(kernel)") }
        lines += journey.notes.map { "note: \($0)" }
        lines.append("evidence: \(journey.evidence.joined(by: " + "))")
        return lines.map { asciiOnly($0) + "\n" }.joined(by: "")
    }

    /// A line of the path: the node's name, where it begins, and what happens there.
    private func path(_ leg: Journey.Leg, isSized: Bool = false) -> [String] {
        var lines: [String] = []
        var node: String?
        var ttl: Int?
        var isFirst = true
        for (place, step) in leg.steps.enumerated() {
            guard let words = words(step, ttl: &ttl, isFirst: isFirst, isSized: isSized) else { continue }
            isFirst = false
            let name = step.node == node ? "" : step.node
            node = step.node
            lines.append(padded(name, 8) + words)
            let isLast = place == leg.steps.count - 1
            if isLast, leg.end.kind == .dropped, step.hook != nil, step.verdict == "drop" {
                lines[lines.count - 1] += "   ✗ DROPPED HERE"
            }
        }
        return lines
    }

    /// `isSized`: the first line tells the packet's length, too.
    func words(_ step: Journey.Step, ttl: inout Int?, isFirst: Bool, isSized: Bool = false) -> String? {
        switch step.kind {
        case .rx, .tx:
            var line = step.kind == .tx ? "\(step.device ?? "?") ─▶" : "─▶ \(step.device ?? "?")"
            if isFirst, let l3 = step.l3, let l4 = step.l4 {
                let source = endpoint(l3.source, l4.sourcePort)
                let target = endpoint(l3.destination, l4.destinationPort)
                let flags = ["S": "SYN", "SA": "SYN ACK", "AR": "RST ACK", "R": "RST", "A": "ACK", "AP": "ACK PSH"]
                let type = isSized ? l4.kind.map { " \($0)" } ?? "" : ""
                let kind = l4.flags.map { flags[$0] ?? $0 } ?? l4.name + type
                let length = isSized ? "\(l3.length) bytes " : ""
                line = padded(line, 12) + "\(source) → \(target)  \(kind) \(length)ttl \(l3.ttl)"
            } else if let now = step.l3?.ttl, let before = ttl, now != before {
                line = padded(line, 60) + "ttl \(now)"
            }
            ttl = step.l3?.ttl ?? ttl
            return line
        case .rule:
            let text = step.text ?? ""
            let verdict = text.holds(step.verdict ?? "") ? "" : " => \(step.verdict ?? "")"
            return "╬ \(padded(step.hook ?? "?", 12))\(chain(step)) #\(step.handle ?? 0)  \(text)\(verdict)"
        case .policy:
            let verdict = step.verdict ?? "?"
            guard isVerbose || verdict == "drop" || step.hook == "postrouting" else { return nil }
            return "╬ \(padded(step.hook ?? "?", 12))\(chain(step)) policy \(verdict) (no rule decided)"
        case .rewrite:
            var parts: [String] = []
            if let change = step.changed?.source { parts.append("from \(change.before)  ⟶  \(change.after)") }
            if let change = step.changed?.destination { parts.append("to \(change.before)  ⟶  \(change.after)") }
            return "   └ \(parts.joined(by: ", "))   REWRITE (\(step.result ?? "?"))"
        case .fib: return "├ \(padded("route", 12))\(step.result ?? "?")"
        }
    }

    private func chain(_ step: Journey.Step) -> String { "\(step.table ?? "?") \(step.chain ?? "?")" }

    private func endpoint(_ address: String, _ port: Int?) -> String {
        guard let port else { return address }
        return address.holds(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }

    private func answer(_ leg: Journey.Leg) -> [String] {
        var nodes: [String] = []
        for step in leg.steps where nodes.last != step.node { nodes.append(step.node) }
        var line = padded("reply", 8) + nodes.joined(by: " ─▶ ")
        if let end = leg.steps.last(where: { $0.time != nil })?.time { line = padded(line, 48) + duration(end) }
        var lines = [line]
        for step in leg.steps where step.kind == .rewrite {
            lines.append(padded("", 8) + "\(step.node): \(words(step))")
        }
        if leg.end.kind != .delivered {
            let reason = leg.end.reason ?? leg.end.kind.rawValue
            lines.append(padded("", 8) + "✗ the answer ended in \(leg.end.node): \(reason)")
        }
        return lines
    }

    /// The bytes after the handshake in a line; where not all went well, the way of the packet that tells why, and of the answer to it.
    private func data(_ transfer: Journey.Transfer) -> [String] {
        var lines = [padded("data", 8) + transfer.words]
        let isPlain = transfer.state == .acknowledged && transfer.forward?.end.kind == .delivered
        if isPlain, !isVerbose { return lines }
        if let forward = transfer.forward {
            lines += path(forward, isSized: true)
            if forward.end.kind != .delivered, forward.steps.last?.verdict != "drop" {
                let reason = forward.end.reason ?? forward.end.kind.rawValue
                lines.append(padded("", 8) + "✗ \(forward.end.node): \(reason)")
            }
        }
        if let reply = transfer.reply, !isPlain {
            lines.append(padded("answer", 8) + "to that packet:")
            lines += path(reply, isSized: true)
        }
        return lines
    }

    private func words(_ step: Journey.Step) -> String {
        var ttl: Int?
        return words(step, ttl: &ttl, isFirst: false).map { String($0.drop { $0 == " " || $0 == "└" }) } ?? ""
    }

    /// "0.41 ms" of microseconds.
    private func duration(_ microseconds: Int64) -> String {
        let hundredths = max(0, min(microseconds, .max - 5) + 5) / 10
        let part = hundredths % 100
        return "\(hundredths / 100).\(part < 10 ? "0" : "")\(part) ms"
    }

    func ending() -> [String] {
        guard let end = journey.forward?.end else { return ["✗ the probe did not leave \(journey.probe.from)"] }
        if end.kind == .delivered, let transfer = journey.transfer, transfer.state != .acknowledged {
            let place = "\(end.node)\(end.socket.map { " (\($0))" } ?? "")"
            let then = transfer.state == .stalled ? "stalled" : "ended"
            return ["✗ the handshake was delivered to \(place), then the connection \(then): \(transfer.words)"]
        }
        if end.kind == .delivered, journey.forward?.steps.last?.kind == .tx, journey.reply?.end.kind == .delivered {
            return ["✓ left \(end.node) by \(journey.forward?.steps.last?.device ?? "?") and was answered"]
        }
        switch (end.kind, journey.reply?.end.kind) {
        case (.delivered, .delivered?):
            return ["✓ delivered to \(end.node)\(end.socket.map { " (\($0))" } ?? "") and answered"]
        case (.delivered, nil):
            return ["! delivered to \(end.node)\(end.socket.map { " (\($0))" } ?? ""), no answer seen"]
        case (.delivered, _): return ["✗ delivered to \(end.node), but its answer did not come back"]
        case (.refused, _): return ["✗ refused by \(end.node): \(end.reason ?? "")"]
        case (.dropped, _): return ["✗ dropped in \(end.node): \(end.reason ?? "")"]
        case (.lost, _): return ["✗ lost in \(end.node): \(end.reason ?? "")"]
        }
    }

    private func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(text.count < width ? width - text.count : 1, 0))
    }

    private func asciiOnly(_ line: String) -> String {
        guard ascii else { return line }
        let plain: [Character: String] = [
            "─": "-", "▶": ">", "→": "->", "⟶": "-->", "╬": "#", "├": "|", "└": "`", "✗": "x", "✓": "ok:",
        ]
        return line.map { plain[$0] ?? String($0) }.joined(by: "")
    }
}

extension Journey {
    /// 0 delivered and answered (what TCP carried, too), 10 dropped at a known place, 11 delivered without an answer, 12 refused, 13 lost.
    public var exitCode: Int32 {
        guard let end = forward?.end else { return 10 }
        switch end.kind {
        case .delivered:
            return reply?.end.kind == .delivered ? transfer?.exitCode(of: probe.from) ?? 0 : 11
        case .dropped: return 10
        case .refused: return 12
        case .lost: return 13
        }
    }
}
