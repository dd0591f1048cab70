import Trace

/// A packet's way in few words, so that two of them stand side by side.
extension Journey {
    /// A line each for devices and rewrites, and how it ended.
    var brief: [String] {
        guard let leg = forward else { return ["no packet was seen"] }
        var lines: [String] = []
        func add(_ node: String, _ words: String) {
            lines.append(node + String(repeating: " ", count: max(1, 7 - node.count)) + words)
        }
        for step in leg.steps {
            if let change = step.changed?.destination { add(step.node, "to \(change.after)") }
            if let change = step.changed?.source { add(step.node, "from \(change.after)") }
            guard let device = step.device, step.kind == .rx || step.kind == .tx else { continue }
            add(step.node, "\(step.kind == .rx ? "in by" : "out by") \(device)")
        }
        switch leg.end.kind {
        case .delivered: add(leg.end.node, "a program takes it")
        case .dropped: add(leg.end.node, "dropped")
        case .refused: add(leg.end.node, "refused")
        case .lost: add(leg.end.node, "lost")
        }
        return lines
    }

    /// Traces under their titles, one beside the other.
    static func columns(_ all: [(title: String, journey: Journey)]) -> [String] {
        beside(all.map { [$0.title] + $0.journey.brief })
    }
}
