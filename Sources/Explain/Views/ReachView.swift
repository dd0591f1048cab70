import NetCore

/// An explanation for people.
public struct ReachView {
    private let explanation: ReachAnswer
    private let isVerbose: Bool

    /// `isVerbose`: every rule that said something, not only those that decided.
    public init(_ explanation: ReachAnswer, isVerbose: Bool = false) {
        (self.explanation, self.isVerbose) = (explanation, isVerbose)
    }

    /// Lines, each with its end.
    public var text: String {
        var lines = [headline]
        for (index, leg) in explanation.legs.enumerated() {
            if index == 1 { lines.append("  the answer") }
            for step in leg {
                lines.append(
                    "  \(step.isEnd ? "✗" : " ") \(step.node.padded(8)) \(step.kind.rawValue.padded(12)) \(step.words)")
            }
            if let end = explanation.ends[safe: index], !end.reason.isEmpty, end.kind != .delivered {
                lines.append("  ✗ \(end.node.padded(8)) \(end.reason)")
            }
        }
        if let end = explanation.end {
            if !end.reason.isEmpty { lines.append("Why: \(end.reason)") }
            for fix in end.fixes { lines.append("Fix: \(fix)") }
            if let lesson = end.lesson, explanation.verdict != .beyond {
                lines.append("Learn: berth lab start \(lesson)")
            }
        }
        if let passed = explanation.passedGate { lines.append("Note: \(passed)") }
        for condition in explanation.depends {
            lines.append("Not known: \(condition.on); if it holds: \(ReachView.words(condition.otherwise))")
        }
        let question = explanation.question
        if question.stranger == nil {
            let kind = question.port == nil ? "/icmp" : question.isUDP ? "/udp" : ""
            lines.append(
                "Prove it: berth trace from \(question.source) to \(Packet.endpoint(question.address, question.port))\(kind)"
            )
        }
        return lines.map { $0 + "\n" }.joined(by: "")
    }

    private static func words(_ verdict: ReachAnswer.Verdict) -> String {
        switch verdict {
        case .reached: "reached, and answered"
        case .dropped: "dropped"
        case .unanswered: "reached, but the answer does not come back"
        case .refused: "refused"
        case .beyond: "it leaves what can be seen from here"
        }
    }

    /// What came of it, in a line without its end.
    public var line: String {
        let reason = explanation.end.map { $0.reason.isEmpty ? "" : "; \($0.reason)" } ?? ""
        return headline + reason
    }

    private var headline: String {
        let end = explanation.end
        let place = end.map { " at \($0.node)\($0.at.map { ", \($0.replacingColon)" } ?? "")" } ?? ""
        let target = Packet.endpoint(explanation.question.address, explanation.question.port)
        let source = explanation.question.stranger.map { "\($0)" } ?? explanation.question.source
        // The message about what was refused is what does not come back.
        let isUntold = explanation.verdict == .unanswered && explanation.ends.first?.kind == .refused
        let words =
            isUntold
            ? "refused at \(explanation.ends[0].node), and the sender is not told: the message is lost"
            : ReachView.words(explanation.verdict)
        let mark = explanation.verdict == .reached ? "✓" : explanation.verdict == .beyond ? "?" : "✗"
        return "\(mark) \(source) → \(target): \(words)\(place)"
    }
}

extension String {
    fileprivate func padded(_ width: Int) -> String {
        self + String(repeating: " ", count: Swift.max(0, width - count))
    }
    fileprivate var replacingColon: String {
        let parts = split(separator: ":", maxSplits: 1)
        return parts.count == 2 ? "\(parts[0] == "hook" ? "hook" : "device") \(parts[1])" : self
    }
}

extension Array {
    fileprivate subscript(safe at: Int) -> Element? { indices.contains(at) ? self[at] : nil }
}
