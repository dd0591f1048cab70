import NetCore
import Trace

/// The observations that lessons are made of.
extension Observation {
    /// A request is answered by `node`, and `node` sees `sender` as who asks.
    static func answered(_ source: String, _ target: String, by node: String, seeing sender: String) -> Observation {
        Observation("\(source) → \(target)", "an answer from \(node), which sees \(sender) as the sender") {
            look throws(LabError) in
            let journey = try look.probe(source, target)
            let isMet = journey.isAnswered && journey.receiver == node && journey.sender(in: node) == sender
            var seen = journey.seen
            if let receiver = journey.receiver, receiver != node, receiver != source {
                seen += "; a program in \(receiver) took it, so \(node) would see \(receiver), not who asks"
            } else if journey.isAnswered, let other = journey.sender(in: node), other != sender {
                seen += "; the source was rewritten too"
            }
            return Sight(isMet, seen, journey)
        }
    }

    /// `node` rewrites the destination before it chooses a route.
    static func redirected(_ source: String, _ target: String, in node: String, to address: String) -> Observation {
        Observation("\(source) → \(target)", "\(node) rewrites the destination to \(address)") {
            look throws(LabError) in
            let journey = try look.probe(source, target)
            let change = journey.newDestination(in: node)
            if let change {
                return Sight(change.after == address, "rewritten to \(change.after)", journey)
            }
            if let receiver = journey.receiver {
                return Sight(
                    false,
                    "not rewritten; \(receiver) itself took it: a program listens there, which asks in its own name",
                    journey)
            }
            let inside = address.split(separator: ":").last.flatMap { Int($0) }
            if let unmet = try look.unmetRewrite(journey, in: node, inside: inside) {
                return Sight(false, "\(unmet.words); not rewritten; \(journey.seen)", journey, hint: unmet.hint)
            }
            return Sight(false, "not rewritten; \(journey.seen)", journey)
        }
    }

    /// `node` itself says no: nothing takes the packet and nothing rewrites it.
    static func refused(_ source: String, _ target: String, by node: String) -> Observation {
        Observation("\(source) → \(target)", "still refused by \(node)") { look throws(LabError) in
            let journey = try look.probe(source, target)
            let isMet =
                journey.forward?.end.kind == .refused && journey.forward?.end.node == node
                && journey.newDestination(in: node) == nil
            let change = journey.newDestination(in: node).map { "rewritten to \($0.after); " } ?? ""
            return Sight(isMet, change + journey.seen, journey)
        }
    }

    /// The packet never comes to `node`.
    static func kept(_ source: String, _ target: String, from node: String) -> Observation {
        Observation("\(source) → \(target)", "stays outside \(node)") { look throws(LabError) in
            let journey = try look.probe(source, target)
            return Sight(!journey.reached(node), journey.seen, journey)
        }
    }

    /// The node remembers no flow to the port that ends at the address.
    static func forgotten(_ node: String, port: UInt16, to address: String) -> Observation {
        Observation("conntrack in \(node)", "no entry from port \(port) to \(address)") { look throws(LabError) in
            let count = try look.flows(node).count {
                $0.original.destinationPort == port && "\($0.reply.source)" == address
            }
            return Sight(count == 0, count == 0 ? "none" : "\(count) still remembered")
        }
    }

    /// The learner's answer to the task's question is what `truth` reads from a packet's way. The right one is not told.
    static func said(
        _ source: String, _ target: String, _ fact: String, _ truth: @escaping @Sendable (Journey) -> String?
    ) -> Observation {
        told(fact, "the packet") { look throws(LabError) in
            let journey = try look.probe(source, target)
            return (truth(journey), journey.seen, journey)
        }
    }

    /// As above, of anything that can be looked at: the truth, what was seen, and the packet's way where there is one.
    static func told(
        _ fact: String, _ witness: String,
        _ truth: @escaping @Sendable (Look) throws(LabError) -> (String?, String, Journey?)
    ) -> Observation {
        Observation("your answer", "what \(witness) shows: \(fact)") { look throws(LabError) in
            let (truth, seen, journey) = try truth(look)
            guard let said = look.answers[look.task] else {
                return Sight(false, "no answer yet: berth lab answer \(look.placeholder), or --skip")
            }
            guard let truth else {
                return Sight(
                    false,
                    "\(witness) does not show it now: \(seen) (back to where it does: berth lab reset --task \(look.task))",
                    journey)
            }
            if said == Question.skipped {
                return Sight(true, truth, journey, note: "you skipped the question; \(witness) shows: \(truth)")
            }
            return Sight(said == truth, said == truth ? said : "you said \(said), \(witness) says otherwise", journey)
        }
    }

    /// The packet arrives at `node` with that sender; whether it is answered is another thing.
    static func arrives(_ source: String, _ target: String, at node: String, from sender: String) -> Observation {
        Observation("\(source) → \(target)", "arrives at \(node) from \(sender)") { look throws(LabError) in
            let journey = try look.probe(source, target)
            let isMet = journey.receiver == node && journey.sender(in: node) == sender
            let other = journey.sender(in: node).map { "; its sender there is \($0)" } ?? ""
            return Sight(isMet, journey.seen + other, journey)
        }
    }

    /// The node's own choice of route for an address.
    static func routed(_ node: String, _ address: String, via gateway: String) -> Observation {
        Observation("\(node)'s route to \(address)", "via \(gateway)") { look throws(LabError) in
            let found = try look.route(node, address)
            let words = found.map { $0.gateway.map { "via \($0)" } ?? "without a gateway" } ?? "none"
            return Sight(words == "via \(gateway)", words)
        }
    }

    /// A parameter of the node's kernel.
    static func parameter(_ node: String, _ path: String, is value: String) -> Observation {
        Observation("\(path) of \(node)", value) { look throws(LabError) in
            let found = try look.parameter(node, path) ?? "not there"
            return Sight(found == value, found)
        }
    }

    /// A port of a bridge sends frames back to where they came from, or does not.
    static func hairpin(_ node: String, _ port: String, is wanted: Bool) -> Observation {
        Observation("port \(port) of \(node)", "hairpin \(wanted ? "on" : "off")") { look throws(LabError) in
            guard let found = try look.links(node).first(where: { $0.name == port })?.hairpin else {
                return Sight(false, "it is no port of a bridge")
            }
            return Sight(found == wanted, "hairpin \(found ? "on" : "off")")
        }
    }

    /// What became of a packet, as one of the texts: answered by `node`, refused, or nothing.
    static func fate(_ source: String, _ target: String) -> Observation {
        said(source, target, "what comes back") { journey in
            if journey.isAnswered { return "an answer" }
            return journey.forward?.end.kind == .refused ? "a refusal" : "nothing"
        }
    }
    static let fates = ["an answer", "a refusal", "nothing"]

    /// A whole request is answered by `node`'s server, which says that it sees `sender`; by whichever way it goes.
    static func served(_ source: String, _ address: String, _ port: UInt16, by node: String, seeing sender: String)
        -> Observation
    {
        Observation("a request, \(source) → \(address):\(port)", "\(node) answers, and sees \(sender) as the sender") {
            look throws(LabError) in
            let answer = try look.ask(source, IPAddress(address)!, port)
            if answer == "\(node) sees \(sender)" { return Sight(true, answer ?? "") }
            let journey = try look.probe(source, "\(address):\(port)")
            return Sight(
                false, answer.map { "it says: \($0)" } ?? "no answer; the first packet: \(journey.seen)", journey)
        }
    }

    /// As `fate`, of a whole request: where sender and receiver are one node, a single packet's way does not tell.
    static func requestFate(_ source: String, _ address: String, _ port: UInt16) -> Observation {
        told("what comes back", "the packet") { look throws(LabError) in
            if let answer = try look.ask(source, IPAddress(address)!, port) { return ("an answer", answer, nil) }
            let journey = try look.probe(source, "\(address):\(port)")
            return (journey.forward?.end.kind == .refused ? "a refusal" : "nothing", journey.seen, journey)
        }
    }

    /// Something listens there, and the packet does not come to it.
    static func shut(_ source: String, _ target: String, node: String) -> Observation {
        Observation("\(source) → \(target)", "shut by \(node)'s firewall") { look throws(LabError) in
            let journey = try look.probe(source, target)
            let end = journey.forward?.end
            return Sight(end?.kind != .delivered && end?.node == node && !journey.isAnswered, journey.seen, journey)
        }
    }
}
