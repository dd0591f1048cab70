extension NetworkMap {
    /// Behind which of its ports a bridge knows which MAC address (`bridge fdb show`).
    public struct ForwardingTable: Hashable, Sendable {
        /// Of a table with more entries only so many are told.
        public static let most = 200

        /// Ports' own addresses first, then those that were set, then those that were learned; each by port, address and VLAN.
        public var entries: [Entry]
        /// Of all entries.
        public var count: Int

        public init(_ entries: [Entry], count: Int? = nil) {
            self.entries = entries
            self.count = count ?? entries.count
        }
    }
}

extension NetworkMap.ForwardingTable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        /// A port's own address, or the bridge's: such frames are for this node.
        case permanent
        /// Somebody set it: it stays.
        case `static`
        /// It came from a frame, and goes by itself when no further one comes.
        case learned
    }

    public struct Entry: Hashable, Sendable {
        public var mac: String
        /// The link's name; the bridge's own for an address of the bridge.
        public var port: String
        public var vlan: Int?
        public var kind: Kind
        /// Whose address it is, where the map knows that.
        public var owner: NetworkMap.End?

        public init(
            _ mac: String, at port: String, vlan: Int? = nil, _ kind: Kind, of owner: NetworkMap.End? = nil
        ) {
            (self.mac, self.port, self.vlan, self.kind, self.owner) = (mac, port, vlan, kind, owner)
        }
    }

    /// "FDB 3".
    var words: String { "FDB \(count)" }
}

extension NetworkMap {
    /// Says whose address each entry is. One address may stand in several networks: what is plugged into the port counts
    /// more than what has it elsewhere.
    mutating func findOwners() {
        var holders: [String: [End]] = [:]
        for node in nodes {
            for link in node.links {
                if let mac = link.mac { holders[mac, default: []].append(End(node.name, link.name)) }
            }
        }
        for place in nodes.indices {
            let name = nodes[place].name
            for (index, bridge) in nodes[place].links.enumerated() {
                guard let table = bridge.forwarding else { continue }
                let entries = table.entries.map { entry in
                    let known = holders[entry.mac] ?? []
                    let port = End(name, entry.port)
                    let near = entry.kind == .permanent ? [port, End(name, bridge.name)] : [peer(of: port)?.end]
                    var entry = entry
                    entry.owner = near.lazy.compactMap { $0 }.first(where: known.contains)
                    // A VLAN's link has the address of the one that it stands on, which comes first.
                    if entry.owner == nil, Set(known.map(\.node)).count == 1 { entry.owner = known.first }
                    return entry
                }
                nodes[place].links[index].forwarding?.entries = entries
            }
        }
    }
}
