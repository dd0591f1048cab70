public import JSON
import NetCore

extension NetworkMap {
    /// A map that was saved. Badges and sums are not read but made anew. Throws `badMap` with the place.
    public init(decoding json: JSON) throws(TopologyError) {
        guard json["v"]?.integer == NetworkMap.version else { throw .badMap("v is not \(NetworkMap.version)") }
        self.init()
        for (index, node) in try Reading.list(json, "nodes", at: "the map").enumerated() {
            nodes.append(try Reading.node(node, "nodes[\(index)]"))
        }
        for (index, cable) in try Reading.list(json, "cables", at: "the map").enumerated() {
            let place = "cables[\(index)]"
            let near = try Reading.end(cable["near"], "\(place).near")
            let far = try Reading.end(cable["far"], "\(place).far")
            for end in [near, far] where node(end.node)?.link(end.link) == nil {
                throw .badMap("\(place) ends at \(end.node) \(end.link), which is not in the map")
            }
            cables.append(
                Cable(near, far, kind: cable["kind"]?.string ?? "veth", isUp: cable["up"]?.bool ?? true))
        }
    }
}

private enum Reading {
    static func list(_ json: JSON, _ key: String, at place: String) throws(TopologyError) -> [JSON] {
        guard let list = json[key]?.array else { throw .badMap("\(key) of \(place) is not an array") }
        return list
    }

    static func text(_ json: JSON?, _ key: String, _ place: String) throws(TopologyError) -> String {
        guard let text = json?[key]?.string, !text.isEmpty else { throw .badMap("\(place) has no \(key)") }
        return text
    }

    static func end(_ json: JSON?, _ place: String) throws(TopologyError) -> NetworkMap.End {
        NetworkMap.End(try text(json, "node", place), try text(json, "link", place))
    }

    static func texts(_ json: JSON?) -> [String] { (json?.array ?? []).compactMap(\.string) }

    static func node(_ json: JSON, _ place: String) throws(TopologyError) -> NetworkMap.Node {
        var node = NetworkMap.Node(try text(json, "name", place))
        node.notes = texts(json["notes"])
        node.forwardsIPv4 = json["forwards_ipv4"]?.bool ?? false
        node.forwardsIPv6 = json["forwards_ipv6"]?.bool ?? false
        node.hasGateway = json["has_gateway"]?.bool ?? false
        for (index, link) in try list(json, "links", at: place).enumerated() {
            node.links.append(try self.link(link, "\(place).links[\(index)]"))
        }
        var chains: [HookedChain] = []
        for (index, gate) in (json["gates"]?.array ?? []).enumerated() {
            for (number, chain) in try list(gate, "chains", at: "\(place).gates[\(index)]").enumerated() {
                chains.append(try self.chain(chain, "\(place).gates[\(index)].chains[\(number)]"))
            }
        }
        node.gates = NetworkMap.Gate.gates(chains)
        for listener in json["listening"]?.array ?? [] {
            guard let port = listener["port"]?.integer.flatMap({ UInt16(exactly: $0) }) else {
                throw .badMap("\(place).listening has a port that is none")
            }
            node.listening.append(
                NetworkMap.Listener(port, listener["proto"]?.string ?? "tcp", at: listener["address"]?.string))
        }
        return node
    }

    private static func link(_ json: JSON, _ place: String) throws(TopologyError) -> NetworkMap.Link {
        var link = NetworkMap.Link(try text(json, "name", place), kind: json["kind"]?.string)
        link.index = json["index"]?.integer.flatMap { Int32(exactly: $0) } ?? 0
        link.isUp = json["up"]?.bool ?? true
        link.lacksCarrier = json["lacks_carrier"]?.bool ?? false
        link.mac = json["mac"]?.string
        link.mtu = json["mtu"]?.integer.flatMap { Int(exactly: $0) } ?? 1500
        link.addresses = texts(json["addresses"])
        link.master = json["master"]?.string
        link.hairpin = json["hairpin"]?.bool
        link.isolated = json["isolated"]?.bool
        link.vlan = json["vlan"]?.integer.flatMap { Int(exactly: $0) }
        link.parent = json["parent"]?.string
        link.forwarding = try json["fdb"].map { (entries) throws(TopologyError) in
            try table(entries, count: json["fdb_count"], "\(place).fdb")
        }
        link.leadsElsewhere = json["leads_elsewhere"]?.bool ?? false
        return link
    }

    private static func table(_ json: JSON, count: JSON?, _ place: String) throws(TopologyError)
        -> NetworkMap.ForwardingTable
    {
        var entries: [NetworkMap.ForwardingTable.Entry] = []
        for (index, entry) in (json.array ?? []).enumerated() {
            let own = "\(place)[\(index)]"
            let word = try text(entry, "kind", own)
            guard let kind = NetworkMap.ForwardingTable.Kind(rawValue: word) else {
                throw .badMap("\(own) has the kind \(word), which is none")
            }
            entries.append(
                NetworkMap.ForwardingTable.Entry(
                    try text(entry, "mac", own), at: try text(entry, "port", own),
                    vlan: entry["vlan"]?.integer.flatMap { Int(exactly: $0) }, kind,
                    of: try entry["owner"].map { (owner) throws(TopologyError) in try end(owner, "\(own).owner") }))
        }
        return NetworkMap.ForwardingTable(entries, count: count?.integer.flatMap { Int(exactly: $0) })
    }

    private static func chain(_ json: JSON, _ place: String) throws(TopologyError) -> HookedChain {
        HookedChain(
            family: try text(json, "family", place), table: try text(json, "table", place),
            name: try text(json, "name", place), hook: try text(json, "hook", place),
            priority: json["priority"]?.integer.flatMap { Int32(exactly: $0) } ?? 0,
            type: json["type"]?.string ?? "filter", drops: json["policy"]?.string == "drop",
            rules: json["rules"]?.integer.flatMap { Int(exactly: $0) } ?? 0, isLegacy: json["legacy"]?.bool ?? false)
    }
}
