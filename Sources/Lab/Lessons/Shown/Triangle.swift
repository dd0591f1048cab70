import Trace

/// A question by way of a third node, and the way of its answer.
extension Journey {
    /// The triangle of asker, `middle` and `server`; `door` is the address of middle's that was asked. Drawn as the packets went.
    func triangle(by middle: String, to server: String, door: String) -> [String] {
        let asker = probe.from
        guard let leg = forward, let sent = Journey.ends(leg, at: asker, .tx),
            let handed = Journey.ends(leg, at: server, .rx), let reply,
            let answered = Journey.ends(reply, at: server, .tx)
        else { return ["the three corners were not seen: \(seen)"] }
        // To whom the server answers is told by the address that it writes on it.
        let isShort =
            reply.steps.first { $0.node == server && $0.kind == .tx }?.l3?.destination
            == leg.steps.first { $0.node == asker && $0.kind == .tx }?.l3?.source
        let came = reply.steps.last { $0.node == asker && $0.kind == .rx && $0.l3 != nil }
        let ports = reply.steps.filter { $0.node == middle && $0.device != nil }.compactMap(\.device).joined(by: ", ")
        var lines = Journey.corners(middle, door, asker, server, isShort)
        lines += ["1 \(asker) asks:          \(sent)", "2 \(middle) hands it on:  \(handed)"]
        lines.append("3 \(server) answers:       \(answered)")
        let seen = came.flatMap { step in step.l3.map { Journey.endpoint($0.source, step.l4?.sourcePort) } }
        let arrival = seen.map { "\(asker) has an answer from \($0)" } ?? "nothing of it comes to \(asker)"
        let fate = isAnswered ? "" : ", and does not take it: it asked \(door)"
        if isShort {
            lines += hanging("  ", "a short cut: through the switch alone (\(ports)), not back by \(middle)'s address.")
            lines += hanging("  ", "\(arrival)\(fate).")
            if isAnswered, let turn = reply.steps.first(where: { $0.node == middle && $0.kind == .rewrite }) {
                lines += hanging(
                    "  ",
                    "The switch itself turned it back (bridge-nf-call-iptables; \(turn.result ?? "?")); without that "
                        + "\(asker) would hear \(answered.split(separator: " ").first ?? "?"), whom it never asked.")
            }
        } else {
            lines.append("4 \(middle) turns it back: \(arrival)\(fate)")
        }
        return lines
    }

    /// The picture, with the numbers of the four legs, or of three.
    private static func corners(_ top: String, _ door: String, _ left: String, _ right: String, _ isShort: Bool)
        -> [String]
    {
        let (up, down) = isShort ? ("1", "2") : ("1,4", "2,3")
        var lines = [String(repeating: " ", count: 15) + "\(top)  \(door)"]
        for row in 0..<3 {
            let (from, to) = (13 - 2 * row, 20 + 2 * row)
            let label = row == 1 ? String(repeating: " ", count: from - 2 - up.count) + up + "  " : ""
            lines.append(
                label + String(repeating: " ", count: from - label.count) + "/"
                    + String(repeating: " ", count: to - from - 1)
                    + "\\" + (row == 1 ? "  \(down)" : ""))
        }
        let bottom = isShort ? "◀───── 3 ─────" : "              "
        return lines + [String(repeating: " ", count: max(0, 9 - left.count)) + "\(left) \(bottom) \(right)"]
    }

    /// "10.88.0.3:58807 → 198.51.100.2:8080" as a node sent it first or got it last.
    private static func ends(_ leg: Leg, at node: String, _ kind: Step.Kind) -> String? {
        let steps = leg.steps.filter { $0.node == node && $0.kind == kind && $0.l3 != nil }
        guard let step = kind == .tx ? steps.first : steps.last, let l3 = step.l3 else { return nil }
        return "\(endpoint(l3.source, step.l4?.sourcePort)) → \(endpoint(l3.destination, step.l4?.destinationPort))"
    }

    static func endpoint(_ address: String, _ port: Int?) -> String {
        port.map { Look.place(address, UInt16(truncatingIfNeeded: $0)) } ?? address
    }
}
