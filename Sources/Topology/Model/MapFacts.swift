/// What a map says, one thing at a time: so that two maps can be told apart in words.
struct MapFact: Hashable, Sendable {
    enum Kind: Hashable, Sendable {
        /// Is there or is not.
        case thing
        /// Is there so many times.
        case count(Int)
        /// Stands so or otherwise.
        case state(String)
    }

    /// As pictures name it.
    let id: String
    let node: String
    /// "rule", "address 10.88.0.1/24", "eth0".
    let noun: String
    /// "at forward", "of eth0"; empty where the noun says it all.
    let place: String
    let kind: Kind

    var key: String { "\(id)|\(noun)|\(place)" }
    /// "rule at forward of host".
    var words: String { [noun, place, "of \(node)"].filter { !$0.isEmpty }.joined(separator: " ") }
}

extension NetworkMap {
    var facts: [MapFact] {
        var facts: [MapFact] = []
        for node in nodes {
            func add(_ id: String, _ noun: String, _ place: String = "", _ kind: MapFact.Kind = .thing) {
                facts.append(MapFact(id: id, node: node.name, noun: noun, place: place, kind: kind))
            }
            add(node.name, "IPv4 forwarding", "", .state(node.forwardsIPv4 ? "on" : "off"))
            add(node.name, "IPv6 forwarding", "", .state(node.forwardsIPv6 ? "on" : "off"))
            add(node.name, "route to elsewhere", "", .state(node.hasGateway ? "there" : "missing"))
            for link in node.links {
                let id = "\(node.name)/link/\(link.name)"
                add(id, link.kindWord.map { "\($0) \(link.name)" } ?? "link \(link.name)")
                add(id, link.name, "", .state(link.isUp ? "up" : "down"))
                for address in link.addresses { add(id, "address \(address)", "at \(link.name)") }
                if let master = link.master { add(id, "port \(link.name)", "on \(master)") }
                if let hairpin = link.hairpin {
                    add(id, "hairpin mode", "at \(link.name)", .state(hairpin ? "on" : "off"))
                }
                if let isolated = link.isolated {
                    add(id, "isolation", "at \(link.name)", .state(isolated ? "on" : "off"))
                }
                add(id, "MTU", "at \(link.name)", .state("\(link.mtu)"))
            }
            for gate in node.gates {
                let id = "\(node.name)/gate/\(gate.hook)"
                if gate.rules > 0 { add(id, "rule", "at \(gate.hook)", .count(gate.rules)) }
                if gate.drops { add(id, "policy drop", "at \(gate.hook)") }
            }
            for listener in node.listening {
                add(node.name, "program", "at \(listener.place)")
            }
        }
        for cable in cables {
            facts.append(
                MapFact(
                    id: "\(cable.near.node):\(cable.near.link)-\(cable.far.node):\(cable.far.link)",
                    node: cable.near.node,
                    noun: "cable \(cable.near.link)", place: "to \(cable.far.link) of \(cable.far.node)", kind: .thing))
        }
        return facts
    }
}

extension NetworkMap.Listener {
    /// "port 80", "port 53/udp of 127.0.0.1".
    var place: String {
        "port \(port)\(proto == "tcp" ? "" : "/\(proto)")" + (address.map { " of \($0)" } ?? "")
    }
}
