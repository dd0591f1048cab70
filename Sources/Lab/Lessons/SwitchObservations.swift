import NetCore
import Trace

/// Observations of ARP and of a bridge's table.
extension Observation {
    /// The node knows who has the address, has had an answer lately, and it is `owner`'s MAC.
    static func knows(_ node: String, _ text: String, as owner: String) -> Observation {
        Observation("\(node)'s entry for \(text) (ip neigh)", "REACHABLE, with \(owner)'s MAC") {
            look throws(LabError) in
            guard let mac = try look.mac(owner, "eth0") else { return Sight(false, "\(owner) has no eth0") }
            guard let entry = try look.neighbour(node, IPAddress(text)!) else {
                return Sight(false, "there is none: nothing was sent to \(text) yet")
            }
            guard let found = entry.mac else { return Sight(false, "\(entry.stateName): nobody has answered") }
            guard found == mac else { return Sight(false, "\(found), \(entry.stateName), which is not \(owner)'s") }
            if entry.isReachable { return Sight(true, "\(found), REACHABLE") }
            return Sight(
                false,
                "\(found), \(entry.stateName): nothing has confirmed it for half a minute. Send something there, and look at once"
            )
        }
    }

    /// The bridge of the node has learnt by which port `owner`'s frames come.
    static func learned(_ node: String, _ owner: String, at port: String) -> Observation {
        Observation("\(node)'s bridge (bridge fdb show)", "\(owner)'s MAC at port \(port)") { look throws(LabError) in
            guard let mac = try look.mac(owner, "eth0") else { return Sight(false, "\(owner) has no eth0") }
            let found = try look.bridgePort(node, mac)
            return Sight(found == port, found.map { "\(mac) at \($0)" } ?? "it does not know \(mac)")
        }
    }

    /// The node hears of the address now from one MAC and now from another.
    static func contested(_ text: String, of nodes: [String], to witness: String, at target: String) -> Observation {
        Observation("\(witness)'s entry for \(text)", "it flaps: another MAC with whoever spoke last") {
            look throws(LabError) in
            let claims = try look.claims(IPAddress(text)!, of: nodes, to: witness, at: IPAddress(target)!)
            let words = claims.map { "\($0.mac) after \($0.node) spoke" }.joined(by: ", ")
            guard claims.count > 1 else {
                return Sight(
                    false, claims.first.map { "always \($0.mac): \($0.node) alone has the address" } ?? "nobody has it")
            }
            return Sight(Set(claims.map(\.mac)).count > 1, words)
        }
    }

    /// The learner's answer is the MAC of the one node besides `owner` that has the address.
    static func culprit(
        _ text: String, besides owner: String, of nodes: [String], to witness: String, at target: String
    )
        -> Observation
    {
        told("whose MAC besides \(owner)'s answers for \(text)", witness) { look throws(LabError) in
            let claims = try look.claims(IPAddress(text)!, of: nodes, to: witness, at: IPAddress(target)!)
            let others = claims.filter { $0.node != owner }
            guard others.count == 1 else {
                return (nil, others.isEmpty ? "nobody else has it" : "\(others.count) others have it", nil)
            }
            return (others[0].mac.description, "", nil)
        }
    }

    /// One node has the address, and no other.
    static func settled(_ text: String, of nodes: [String], to witness: String, at target: String) -> Observation {
        Observation("who has \(text)", "one node") { look throws(LabError) in
            let claims = try look.claims(IPAddress(text)!, of: nodes, to: witness, at: IPAddress(target)!)
            let names = claims.map(\.node).joined(by: " and ")
            return Sight(claims.count == 1, claims.isEmpty ? "nobody" : names)
        }
    }

    /// The port at which the bridge of `node` knows `owner`'s MAC after each of the nodes that bear this MAC has spoken.
    private static func places(_ look: Look, _ owner: String, of nodes: [String], in node: String, at target: String)
        throws(LabError) -> [(node: String, port: String)]
    {
        guard let mac = try look.mac(owner, "eth0") else { return [] }
        var found: [(node: String, port: String)] = []
        for other in nodes where try look.mac(other, "eth0") == mac {
            guard let own = try look.address(other) else { continue }
            if try look.speak(other, as: own, to: IPAddress(target)!), let port = try look.bridgePort(node, mac) {
                found.append((other, port))
            }
        }
        return found
    }

    /// A MAC is at two ports of the bridge by turns.
    static func wandering(_ owner: String, of nodes: [String], in node: String, at target: String) -> Observation {
        Observation(
            "\(node)'s bridge, for \(owner)'s MAC", "it flaps: another port with whoever spoke last"
        ) { look throws(LabError) in
            let places = try places(look, owner, of: nodes, in: node, at: target)
            let words = places.map { "\($0.port) after \($0.node) spoke" }.joined(by: ", ")
            guard places.count > 1 else {
                return Sight(false, "\(words.isEmpty ? "unknown" : words): nobody else bears it")
            }
            return Sight(Set(places.map(\.port)).count > 1, words)
        }
    }

    /// The learner's answer: where a frame for a MAC goes that two bear.
    static func followed(_ owner: String, of nodes: [String], in node: String, at target: String) -> Observation {
        told("the port that the bridge chooses for \(owner)'s MAC", "the bridge") { look throws(LabError) in
            let places = try places(look, owner, of: nodes, in: node, at: target)
            guard places.count > 1 else { return (nil, "one node alone bears it", nil) }
            return (Set(places.map(\.port)).count > 1 ? whereLast : whereFirst, "", nil)
        }
    }
    static let whereLast = "where the MAC was heard last"
    static let whereFirst = "where the MAC was heard first"

    /// The learner's answer: which of the bridge's nodes hear a question for an address, and which the answer.
    static func hearers(_ text: String, of nodes: [String], asker: String, at source: String) -> Observation {
        told("who hears the question, and who the answer", "the wire") { look throws(LabError) in
            let address = IPAddress(text)!
            let frames = try look.heard(in: nodes) { () throws(LabError) in
                _ = try look.speak(asker, as: IPAddress(source)!, to: address)
            }
            func count(_ operation: UInt16) -> Int {
                nodes.count { node in
                    frames[node]?.contains {
                        guard let arp = $0.arp, arp.operation == operation else { return false }
                        return operation == 1 ? arp.target == address : arp.sender == address
                    } ?? false
                }
            }
            let (questions, answers) = (count(1), count(2))
            guard questions > 0 else { return (nil, "\(asker) did not ask", nil) }
            if questions == 1 { return (heard[2], "", nil) }
            return (answers == 0 ? heard[1] : heard[0], "\(questions) hear the question, \(answers) the answer", nil)
        }
    }
    static let heard = [
        "all hear both", "all hear the question, host alone the answer",
        "web alone hears the question, host the answer",
    ]

    /// The packet dies at one of the node's gates.
    static func dies(_ source: String, _ target: String, in node: String, at hook: String) -> Observation {
        Observation("\(source) → \(target)", "dies in \(node) at the gate \(hook)") { look throws(LabError) in
            let journey = try look.probe(source, target)
            let end = journey.forward?.end
            return Sight(
                end?.kind == .dropped && end?.node == node && end?.at == "hook:\(hook)", journey.seen, journey)
        }
    }
}

extension Journey {
    /// The devices by which the packet came to a node and left it: "in by vapp, out by vweb"; nil when it was not there.
    func ports(of node: String, besides bridge: String) -> String? {
        let steps = forward?.steps.filter { $0.node == node && $0.device != nil && $0.device != bridge } ?? []
        let (incoming, outgoing) = (steps.filter { $0.kind == .rx }, steps.filter { $0.kind == .tx })
        guard let first = incoming.first?.device, !outgoing.isEmpty else { return nil }
        return "in by \(first), out by \(outgoing.compactMap(\.device).joined(by: " and "))"
    }
}
