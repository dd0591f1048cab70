import CKernel
import Glibc
import NetCore
import Trace

/// What conntrack remembers of a flow, as two arrows.
extension ConntrackFlow {
    /// Both its lines; the second as an answer comes in.
    var arrows: [[String]] {
        func place(_ address: IPAddress, _ port: UInt16) -> String { Look.place("\(address)", port) }
        return [
            [
                "ORIGINAL", place(original.source, original.sourcePort), "──▶",
                place(original.destination, original.destinationPort),
            ],
            [
                "REPLY", place(reply.destination, reply.destinationPort), "◀──",
                place(reply.source, reply.sourcePort),
            ],
        ]
    }
}

extension Look {
    /// Flows from these ports of these sources, as arrows.
    func arrows(_ node: String, from sources: [String], port: UInt16) throws(LabError) -> [String] {
        let flows = try flows(node).filter {
            sources.contains("\($0.original.source)") && $0.original.sourcePort == port
                && $0.original.protocolNumber == 6
        }.sorted { "\($0.original.source)" < "\($1.original.source)" }
        let ends = flows.map { Look.place("\($0.reply.destination)", $0.reply.destinationPort) }
        return aligned(flows.flatMap(\.arrows))
            + wrapped("the answers are told apart by where they come back to: \(ends.joined(by: ", "))", Shown.width)
    }

    /// One more request through a node's NAT: what the node remembers of it, how many of its packets there were, and how many of them
    /// a rule of NAT at that hook counted.
    func masqueraded(_ source: String, _ address: String, _ port: UInt16, in node: String, by device: String)
        throws(LabError) -> [String]
    {
        let before = try natRules(node, "postrouting")
        let frames = try passing(node, device) { () throws(LabError) in
            _ = try ask(source, IPAddress(address)!, port)
        }.compactMap { frame in frame.headers.map { (frame.isOutgoing, $0) } }
        let after = try natRules(node, "postrouting")
        // What leaves bears the address and port that the entry waits for.
        guard let first = frames.first(where: { $0.0 && $0.1.isTCP && "\($0.1.destination)" == address })?.1,
            let flow = try flows(node).last(where: {
                $0.reply.destination == first.source && $0.reply.destinationPort == first.sourcePort
                    && $0.reply.sourcePort == port
            })
        else { return ["\(node) remembers nothing of a request of \(source)'s to \(address):\(port)"] }
        let out = frames.count { $0.0 && $0.1.sourcePort == first.sourcePort && "\($0.1.destination)" == address }
        let back = frames.count { !$0.0 && $0.1.destinationPort == first.sourcePort && "\($0.1.source)" == address }
        var lines = ["\(source) asks once more: \(out) packets leave \(node), \(back) come back. \(node)'s entry:"]
        lines += aligned(flow.arrows).map { "  \($0)" }
        let counts = after.compactMap { rule in
            before.first { $0.number == rule.number }?.packets.flatMap { was in
                rule.packets.map { (rule: rule, count: $0 - was) }
            }
        }
        if let rule = counts.first(where: { $0.count > 0 }) {
            lines += hanging("  the rule  ", rule.rule.text)
            lines += wrapped(
                "whose packet counter went up by \(rule.count): rules of NAT see a flow's first packet alone",
                Shown.width)
        } else {
            // A rule of nft counts only where it was told to; by its trace it is seen all the same.
            let journey = try probe(source, "\(address):\(port)")
            let there = journey.natRules(in: node, at: "postrouting", journey.forward)
            let answer = journey.natRules(in: node, at: "postrouting", journey.reply)
            if let text = there.first { lines += hanging("  the rule  ", text) }
            lines += wrapped(
                "has no counter; traced, it meets \(there.count) packet on the way there and \(answer.count) on the way back: "
                    + "rules of NAT see a flow's first packet alone", Shown.width)
        }
        return lines
    }

    /// The frames on a node's device while the body runs, and for a moment after.
    private func passing(_ node: String, _ device: String, _ body: () throws(LabError) -> Void) throws(LabError)
        -> [Frame]
    {
        guard let place = world.references.first(where: { $0.name == node }) else { return [] }
        let capture = try listening(node) { () throws(TraceError) in try FrameCapture(place, device: device) }
        try body()
        usleep(50_000)
        return try listening(node) { () throws(TraceError) in try capture.frames() }
    }
}

extension Journey {
    /// The rules of NAT at a hook that rewrote a leg's packet, as text.
    func natRules(in node: String, at hook: String, _ leg: Leg?) -> [String] {
        var found: [String] = []
        let steps = leg?.steps ?? []
        for (place, step) in steps.enumerated() where step.node == node && step.hook == hook && step.kind == .rule {
            let next = steps.dropFirst(place + 1).first
            if next?.kind == .rewrite, next?.node == node { found.append(step.text ?? "?") }
        }
        return found
    }
}
