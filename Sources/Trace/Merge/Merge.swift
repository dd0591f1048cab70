import CKernel
import NetCore

/// Makes a journey of what the nodes told.
struct Merge {
    let probe: Probe
    /// The source port, or the number of the echo.
    let number: UInt16
    let facts: [NodeFacts]
    var drops: [DropTracepoints.Drop] = []
    /// Nanoseconds from CLOCK_MONOTONIC, of which the drops' times are, to CLOCK_REALTIME, of which the captures' are.
    var realtimeAhead: Int64 = 0
    /// When the probe was sent, by CLOCK_MONOTONIC.
    var sentAt: Int64 = 0
    /// The packet itself, where it was not a probe's: what the wires told of first.
    var observed: PacketHeaders?
    /// What the source's kernel said when it was asked to send.
    var refusal: Errno?
    /// What went over the connection, where TCP had something to carry.
    var stream: ProbeStream?

    var events: [NodeEvents] { facts.map(\.events) }

    /// The headers of the first packet that the probe sent; nil when its node's kernel let none go.
    func firstSent() -> PacketHeaders? {
        if let observed { return observed }
        guard let source = events.first(where: { $0.name == probe.source }) else { return nil }
        return source.hooks.first { isProbe($0.headers) }?.headers
            ?? source.packets.first { isProbe($0.headers) }?.headers
    }

    /// Of the probe, its answers, or the talk that followed.
    func isAbout(_ headers: PacketHeaders) -> Bool {
        let ports = Set(
            [number] + events.flatMap(\.flows).filter { $0.original.sourcePort == number }.map(\.reply.destinationPort))
        if headers.isICMPError { return holdsPort(headers) }
        return headers.protocolNumber == probe.protocolNumber
            && [headers.sourcePort, headers.destinationPort, headers.icmpID].contains {
                $0.map(ports.contains) ?? false
            }
    }

    private func isProbe(_ headers: PacketHeaders) -> Bool {
        guard headers.protocolNumber == probe.protocolNumber, headers.destination == probe.address || isSent(headers)
        else { return false }
        switch probe.kind {
        case .icmp: return headers.icmpID == number && (headers.icmpType == 8 || headers.icmpType == 128)
        case .tcp: return headers.sourcePort == number && (headers.flags ?? 0) & 0x12 == 2
        case .udp: return headers.sourcePort == number
        }
    }

    /// In the source node itself an output rule may have changed the destination before the first snapshot.
    private func isSent(_ headers: PacketHeaders) -> Bool { probe.kind != .icmp && headers.sourcePort == number }

    func journey(lost: Int, evidence: [String], counters: [Journey.CounterChange], notes: [String]) -> Journey {
        var journey = Journey(
            probe: .init(from: probe.source, to: probe.destination), complete: lost == 0, lostEvents: lost, legs: [],
            evidence: evidence, counters: counters, notes: notes)
        if lost > 0 { journey.notes.append("trace incomplete: \(lost) events lost") }
        guard let sent = firstSent(),
            let way = PacketWay(
                PacketIdentity(sent), source: observed == nil ? probe.source : nil, nodes: events)
        else {
            unsent(&journey)
            return journey
        }
        let answer = answer(to: sent, way)
        let judge = Judge(facts: facts)
        var end = judge.end(way, answer: answer)
        // Also of what was answered with no, and of what reached its node and nobody took.
        if end.kind != .delivered || answer == nil { end.kernel = kernelReason(way) }
        journey.legs.append(.init(direction: .forward, steps: way.steps, end: end))
        if let answer {
            var end = Judge(facts: facts, isForward: false).end(answer, answer: nil)
            // A watched packet's sender may be none of the nodes: its answer leaves by where the packet came in.
            if observed != nil, end.kind == .lost, let last = answer.steps.last, last.kind == .tx,
                let first = way.steps.first, first.kind == .rx, (first.node, first.at) == (last.node, last.at)
            {
                end = .init(.delivered, node: end.node, at: last.at)
            }
            if end.kind == .delivered { end.socket = nil }
            if let reason = unwanted(answer, end, way) {
                end = .init(.dropped, node: end.node, at: end.at, reason: reason)
            }
            if end.kind != .delivered { end.kernel = kernelReason(answer) }
            journey.legs.append(.init(direction: .reply, steps: answer.steps, end: end))
        }
        journey.conntrack = flows(sent, way)
        if let words = fragments(sent) { journey.notes.append(words) }
        journey.advice = advice(way, end, answer, journey.reply, judge)
        if let stream { carry(stream, after: sent, &journey) }
        return journey
    }

    /// The source's own kernel let nothing go: a way without a step.
    private func unsent(_ journey: inout Journey) {
        guard let source = facts.first(where: { $0.name == probe.source }) else { return }
        var advice: Journey.Advice
        switch (source.route(probe.address, nil, nil)?.kind, refusal) {
        case (.none?, _):
            advice = .init(why: "\(source.name) has no route to \(probe.address)", lesson: "05")
            advice.fixes = ["\(source.name): ip route add \(probe.address) via NEXT-HOP"]
        case (.refused?, _):
            advice = .init(why: "a route of \(source.name) refuses packets to \(probe.address)", lesson: "05")
        case (_, let code?): advice = .init(why: "\(source.name)'s kernel did not send it: \(code)")
        default: return
        }
        let end = Journey.End(.dropped, node: source.name, reason: advice.why)
        journey.legs.append(.init(direction: .forward, steps: [], end: end))
        journey.advice = advice
    }

    /// Of the forward way where that ended badly, else of the answer's.
    private func advice(
        _ way: PacketWay, _ end: Journey.End, _ answer: PacketWay?, _ reply: Journey.Leg?, _ judge: Judge
    ) -> Journey.Advice? {
        var (bad, badEnd) = (way, end)
        if end.kind == .delivered, end.reason == nil {
            guard let answer, let reply, reply.end.kind != .delivered else { return nil }
            (bad, badEnd) = (answer, reply.end)
        }
        guard let own = facts.first(where: { $0.name == badEnd.node }) else { return nil }
        let finding = badEnd.kind == .dropped ? judge.finding(bad) : nil
        var advice = Advisor(way: bad, end: badEnd, facts: own, finding: finding).advice
        if badEnd.kind == .delivered, let target = bad.last?.source, let sender = bad.nodes.dropLast().last {
            // It has no way back: the node before is its next hop.
            let hop = facts.first { $0.name == sender }?.route(bad.last?.destination ?? target, nil, nil)?.source
            advice?.fixes = ["\(badEnd.node): ip route add default via \(hop.map { "\($0)" } ?? "NEXT-HOP")"]
            advice?.lesson = "05"
        }
        if badEnd.reason?.holds("another of its addresses") ?? false, let asked = way.last?.destination {
            advice?.fixes = ["\(bad.nodes.first ?? "?"): let the program listen at \(asked) itself"]
            advice?.lesson = "13"
        }
        if badEnd.reason?.holds("short cut") ?? false, let last = bad.last {
            advice?.fixes = [
                "the bridge's node: sysctl -w net.bridge.bridge-nf-call-iptables=1",
                "or there: iptables -t nat -A POSTROUTING -s \(last.destination) -d \(last.source) -j MASQUERADE",
            ]
            advice?.lesson = "09"
        }
        return advice
    }

    /// The drop of the buffer that passed the last devices of the way; or, where none had it, that this thread saw.
    func kernelReason(_ way: PacketWay) -> String? {
        let devices = way.steps.compactMap { $0.device }.reduce(into: [String]()) {
            if $0.last != $1 { $0.append($1) }
        }
        // A capture's time is that of the packet or, while the kernel begins to stamp them, that at which it was read.
        let ended = way.ended.map { $0 - realtimeAhead } ?? .max - 100_000_000
        return drops.reason(of: devices, length: way.last?.length, sent: sentAt, ended: ended)
            ?? (devices.isEmpty ? drops.reason(ofUnseenBy: berth_gettid(), sent: sentAt) : nil)
    }

    /// An answer that does not come from where the probe was sent is nobody's.
    private func unwanted(_ answer: PacketWay, _ end: Journey.End, _ way: PacketWay) -> String? {
        guard end.kind == .delivered, end.node == probe.source, probe.kind != .icmp, let last = answer.last,
            !last.isICMPError, last.source != probe.address || last.sourcePort != probe.port
        else { return nil }
        let rest =
            "it came from \(last.from), not from \(PacketHeaders.endpoint(probe.address, probe.port)), "
            + "and no socket of \(end.node) waits for that"
        guard let asked = way.last?.destination, let first = answer.first, first.source != asked else {
            return "the answer took a short cut: \(rest)"
        }
        return "\(answer.nodes.first ?? "?") was asked at \(asked) and answered from another of its addresses: \(rest)"
    }

    /// The first packet that answers: an acknowledgement of the SYN, an echo reply, a datagram back, an ICMP error.
    private func answer(to sent: PacketHeaders, _ way: PacketWay) -> PacketWay? {
        let receiver = way.last ?? sent
        var first: (time: Int64, headers: PacketHeaders)?
        for node in events {
            for packet in node.packets where isAnswer(packet.headers, to: sent, receiver) {
                if packet.time < first?.time ?? .max { first = (packet.time, packet.headers) }
            }
        }
        // Dropped on its way out of where it began: no device saw it.
        let unseen = events.lazy.flatMap(\.hooks).first { isAnswer($0.headers, to: sent, receiver) }?.headers
        guard let headers = first?.headers ?? unseen else { return nil }
        return PacketWay(PacketIdentity(headers), source: nil, nodes: events)
    }

    private func isAnswer(_ headers: PacketHeaders, to sent: PacketHeaders, _ receiver: PacketHeaders) -> Bool {
        if headers.isICMPError { return isError(headers, about: sent) }
        guard headers.protocolNumber == sent.protocolNumber else { return false }
        if sent.isTCP {
            guard let flags = headers.flags, flags & 16 != 0, flags & 6 != 0 else { return false }
            return headers.acknowledgement == sent.sequence.map { $0 &+ 1 } && headers.destinationPort != nil
        }
        if sent.isICMP {
            return (headers.icmpType == 0 || headers.icmpType == 129) && headers.icmpSequence == sent.icmpSequence
                && (headers.icmpID == sent.icmpID || headers.destination == receiver.source)
        }
        // A program that listens at all addresses answers from that of its route.
        return headers.destination == receiver.source && headers.sourcePort == receiver.destinationPort
            && headers.destinationPort == receiver.sourcePort
    }

    func isError(_ headers: PacketHeaders, about sent: PacketHeaders) -> Bool {
        // A redirect goes beside the packet, which is passed on.
        let isRedirect = headers.protocolNumber == 1 && headers.icmpType == 5
        guard headers.isICMPError, !isRedirect, headers.innerProtocol == sent.protocolNumber else { return false }
        return headers.innerIdentification == sent.identification && holdsPort(headers)
    }

    /// Said of a packet that its own node cuts before a device has it: of the pieces only that is told which looks like the whole.
    private func fragments(_ sent: PacketHeaders) -> String? {
        guard observed == nil, probe.kind != .tcp, let source = facts.first(where: { $0.name == probe.source }),
            let device = source.route(sent.destination, nil, nil)?.device,
            let link = source.events.links[device], sent.length > link.mtu
        else { return nil }
        return
            "\(sent.length) bytes are more than \(source.name)'s \(link.name) takes (\(link.mtu)): it goes in fragments, "
            + "and what devices and chains see of those is not told"
    }

    /// Captures hold the inner packet's ports; a trace event does not reach them, its identification must do.
    private func holdsPort(_ error: PacketHeaders) -> Bool {
        guard probe.kind != .icmp, let source = error.innerSourcePort else { return true }
        return source == number || events.contains { $0.flows.contains { $0.reply.destinationPort == source } }
    }

    /// Every node's flow that the probe is of, as its last event tells it.
    private func flows(_ sent: PacketHeaders, _ way: PacketWay) -> [Journey.TrackedFlow] {
        var found: [Journey.TrackedFlow] = []
        for node in events {
            let seen = (way.visits[node.name]?.received ?? []) + (way.visits[node.name]?.sent ?? [])
            let ids = node.flows.filter { flow in
                seen.contains { flow.original.matches($0.headers) } || flow.original.matches(sent)
            }.map(\.id)
            guard let id = ids.first, let last = node.flows.last(where: { $0.id == id && $0.kind != .destroy }) else {
                continue
            }
            found.append(
                Journey.TrackedFlow(
                    node: node.name, id: hexadecimal(id), original: last.original.words, reply: last.reply.words,
                    status: last.status, meaning: Merge.meaning(last)))
        }
        return found
    }

    static func meaning(_ flow: ConntrackEvent) -> String {
        var parts: [String] = []
        if flow.reply.from != flow.original.to {
            parts.append("replies from \(flow.reply.from) will leave as \(flow.original.to)")
        }
        if flow.reply.to != flow.original.from {
            parts.append("replies to \(flow.reply.to) will go to \(flow.original.from)")
        }
        return parts.isEmpty ? "replies pass unchanged" : parts.joined(by: "; ")
    }
}

extension PacketWay {
    /// The headers with which the packet began.
    var first: PacketHeaders? {
        guard let name = nodes.first, let visit = visits[name] else { return nil }
        return visit.hooks.first?.headers ?? visit.sent.first?.headers ?? visit.received.first?.headers
    }
}
