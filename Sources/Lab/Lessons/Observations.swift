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
        Observation("your answer", "what the packet shows: \(fact)") { look throws(LabError) in
            let journey = try look.probe(source, target)
            guard let said = look.answers[look.task] else {
                return Sight(false, "no answer yet: berth lab answer LETTER")
            }
            guard let truth = truth(journey) else {
                return Sight(
                    false,
                    "the packet does not show it now: \(journey.seen) (back to where it does: berth lab reset --task \(look.task))",
                    journey)
            }
            return Sight(said == truth, said == truth ? said : "you said \(said), the packet says otherwise", journey)
        }
    }
}
