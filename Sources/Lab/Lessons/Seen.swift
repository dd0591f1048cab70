import Trace

/// A journey in the words of a check.
extension Journey {
    /// The packet's sender as the node saw it when it came in; nil when it never did.
    func sender(in node: String) -> String? {
        forward?.steps.last { $0.node == node && $0.kind == .rx && $0.l3 != nil }?.l3?.source
    }

    /// The node that took the packet; nil when none did.
    var receiver: String? { forward.flatMap { $0.end.kind == .delivered ? $0.end.node : nil } }

    /// The sender has its answer, and not a refusal.
    var isAnswered: Bool { receiver != nil && reply?.end.kind == .delivered && reply?.end.node == probe.from }

    /// Whether the packet came to the node at all.
    func reached(_ node: String) -> Bool { forward?.steps.contains { $0.node == node } ?? false }

    /// The node's first rewrite of the destination: before, after.
    func newDestination(in node: String) -> Change.Pair<String>? {
        forward?.steps.lazy.compactMap { $0.node == node ? $0.changed?.destination : nil }.first
    }

    /// The node's last rewrite of the source.
    func newSource(in node: String) -> Change.Pair<String>? {
        forward?.steps.compactMap { $0.node == node ? $0.changed?.source : nil }.last
    }

    /// What became of it, without the end of a sentence.
    var seen: String {
        guard let end = forward?.end else { return "no packet was seen at all" }
        let reason = end.reason.map { ": \($0)" } ?? ""
        let place = (end.at?.hasPrefix("hook:") ?? false) ? " in \(end.at?.dropFirst(5) ?? "")" : ""
        switch end.kind {
        case .delivered where isAnswered:
            let sender = sender(in: end.node).map { ", which sees \($0) as the sender" } ?? ""
            return "answered by \(end.node)\(sender)"
        case .delivered:
            let lost =
                reply.map { ", and its answer did not come back: \($0.end.words)" } ?? ", and no answer came back"
            return "delivered to \(end.node)\(lost)"
        case .refused: return "refused by \(end.node)\(place)\(reason)"
        case .dropped: return "reached \(end.node), died there\(place)\(reason)"
        case .lost: return "lost\(reason)"
        }
    }
}

extension Journey.End {
    var words: String {
        let place = (at?.hasPrefix("hook:") ?? false) ? " in \(at?.dropFirst(5) ?? "")" : ""
        return "\(kind.rawValue) in \(node)\(place)" + (reason.map { ": \($0)" } ?? "")
    }
}
