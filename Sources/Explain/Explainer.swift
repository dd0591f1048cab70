import CKernel
import Glibc
import NetCore

/// Why can, or cannot, one reach another: said of what stands, before any packet is sent.
public enum Explainer {
    /// Explains each leg. Throws what a kernel refused to tell.
    public static func explain(_ asked: ReachQuestion, nodes: [NodeReference]) throws(KernelError) -> ReachAnswer {
        try explain(all: [asked], nodes: nodes)[0]
    }

    /// As above, of several questions about the same namespaces, which are read once.
    public static func explain(all questions: [ReachQuestion], nodes: [NodeReference]) throws(KernelError)
        -> [ReachAnswer]
    {
        try explain(all: questions, in: try Surroundings(nodes))
    }

    /// As above, of namespaces that others were asked about already: what was read then is not read again.
    public static func explain(_ asked: ReachQuestion, in surroundings: Surroundings) throws(KernelError) -> ReachAnswer
    {
        try explain(all: [asked], in: surroundings)[0]
    }

    /// As above, of several questions.
    public static func explain(all questions: [ReachQuestion], in surroundings: Surroundings) throws(KernelError)
        -> [ReachAnswer]
    {
        // Its namespaces know it, and do not hold it.
        defer { withExtendedLifetime(surroundings) {} }
        var answers: [ReachAnswer] = []
        for question in questions {
            var first = try once(question, surroundings, Unknowns())
            // Each thing that nobody can judge is taken the other way, too: does it matter?
            for unknown in first.unknowns.prefix(8) {
                let other = try once(question, surroundings, Unknowns(flipped: unknown))
                if other.verdict != first.verdict || other.end?.node != first.end?.node {
                    first.depends.append(.init(on: unknown, otherwise: other.verdict))
                }
            }
            answers.append(first)
        }
        return answers
    }

    private static func once(_ question: ReachQuestion, _ surroundings: Surroundings, _ unknowns: Unknowns)
        throws(KernelError)
        -> ReachAnswer
    {
        surroundings.forgetFlows()
        var explanation = ReachAnswer(question: question)
        guard let source = try surroundings.node(named: question.source) else { return explanation }
        let isV6 = question.address.family == .v6
        var packet = Packet(
            source: IPAddress(isV6 ? "::" : "0.0.0.0")!, destination: question.address, proto: question.proto,
            sourcePort: question.sourcePort, destinationPort: question.port)
        packet.type = isV6 ? 128 : 8
        packet.size = question.size
        let walk = Walk(unknowns)
        let end: End
        if let stranger = question.stranger {
            packet.source = stranger
            // It comes in where an answer to it would leave.
            let route = source.route(to: stranger)
            guard let device = route.device.flatMap({ source.device($0) }) else {
                explanation.ends = [
                    walk.end(
                        .dropped, source, packet,
                        "\(source.name) has no route to \(stranger), so nothing comes from there")
                ]
                return explanation
            }
            end = walk.receive(source, device, packet, .init())
        } else {
            end = walk.sendOwn(packet, from: source, hasSource: false)
        }
        explanation.legs = [walk.steps]
        explanation.ends = [outdated(end, walk)]
        explanation.passed = walk.passed
        if end.kind == .delivered { explanation.proxy = Proxy(end, surroundings) }
        if let answer = answer(to: end), let there = try surroundings.node(named: end.node) {
            let back = Walk(unknowns)
            back.outside = question.stranger.map { (source.name, $0) }
            // A gate that rejects answers in the receiver's name, or as itself: no socket of its own is behind that address.
            let isOwn = there.isOwn(answer.source) && !end.isWildcard
            let last = back.sendOwn(answer, from: there, hasSource: isOwn)
            explanation.legs.append(back.steps)
            explanation.ends.append(unwanted(last, question, packet, end))
        }
        if let refusal = surroundings.refusal { throw refusal }
        explanation.unknowns = unknowns.questions
        return explanation
    }

    /// Where it fails as conntrack remembers what no rule says any more.
    private static func outdated(_ end: End, _ walk: Walk) -> End {
        // Where the rules of now say the same, a new flow would fare no better.
        guard let old = walk.remembered, let otherwise = old.otherwise, end.kind == .dropped || end.kind == .refused
        else { return end }
        var end = end
        end.reason +=
            "; the flow stands in \(old.node)'s conntrack, and NAT's rules see only a flow's first packet (now: \(otherwise))"
        end.fixes = ["\(old.node): berth conntrack flush \(old.filter)"]
        end.lesson = "12"
        return end
    }

    /// What goes back: the program's or kernel's answer, a reset, an error. Nil where nothing does.
    private static func answer(to end: End) -> Packet? {
        guard end.kind == .delivered || end.kind == .refused else { return nil }
        let asked = end.packet
        var answer = asked
        (answer.source, answer.destination) = (asked.destination, asked.source)
        (answer.sourcePort, answer.destinationPort) = (asked.destinationPort, asked.sourcePort)
        answer.ttl = 64
        answer.mark = 0
        if end.kind == .delivered {
            answer.isAnswer = true
            answer.type = asked.family == .v4 ? 0 : 129
            return answer
        }
        answer.isReset = true
        if !end.isReset {
            answer.inner = Tuple(answer)
            answer.proto = asked.family == .v4 ? UInt8(IPPROTO_ICMP) : UInt8(IPPROTO_ICMPV6)
            answer.type = asked.family == .v4 ? 3 : 1
        }
        return answer
    }

    /// An answer that does not come from where the packet was sent is nobody's.
    private static func unwanted(_ end: End, _ question: ReachQuestion, _ sent: Packet, _ there: End) -> End {
        guard end.kind == .delivered, end.packet.inner == nil else { return end }
        var end = end
        if end.node != question.source {
            end.kind = .dropped
            end.reason = "the answer came to \(end.node), which had not asked"
        } else if end.packet.source != question.address || end.packet.sourcePort != (sent.isICMP ? nil : question.port)
        {
            end.kind = .dropped
            end.reason =
                "the answer comes from \(end.packet.from), not from \(sent.to), and no socket of \(end.node) waits for that"
            if there.packet.destination != question.address {
                end.reason =
                    "the answer takes a short cut: it comes from \(end.packet.from), not from \(sent.to), and no socket of \(end.node) waits for that"
                end.lesson = "09"
            } else if there.isWildcard {
                end.reason =
                    "\(there.node) was asked at \(sent.destination) and answers from another of its addresses: it comes from \(end.packet.from), and no socket of \(end.node) waits for that"
                end.fixes = ["\(there.node): let the program listen at \(sent.destination) itself"]
                end.lesson = "13"
            }
        }
        return end
    }
}
