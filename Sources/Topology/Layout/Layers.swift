/// Which node stands in which column: its distance in hops from the outermost node of what it is joined to.
struct Layers {
    /// Parts that no cable joins, each with its first node in column 0.
    private(set) var components: [[[String]]] = []
    private(set) var distance: [String: Int] = [:]
    /// A node's neighbour in the column before, and the cable between them; none for a first node.
    private(set) var parents: [String: NetworkMap.Cable] = [:]
    private(set) var entries: [String: [BoxEntry]] = [:]

    init(_ map: NetworkMap, _ form: Form) {
        var firsts: [String] = []
        for node in map.nodes where distance[node.name] == nil {
            firsts.append(node.name)
            distance[node.name] = 0
            var reached = [node.name]
            while !reached.isEmpty {
                var next: [String] = []
                for name in reached {
                    for cable in map.cables {
                        for (end, other) in [(cable.near, cable.far), (cable.far, cable.near)]
                        where end.node == name && distance[other.node] == nil {
                            distance[other.node] = (distance[name] ?? 0) + 1
                            next.append(other.node)
                        }
                    }
                }
                reached = next
            }
        }
        for node in map.nodes { entries[node.name] = map.entries(of: node, distance, form) }
        for first in firsts { components.append(columns(from: first, map)) }
    }

    /// In a column nodes stand in the order in which the column before has their cables.
    private mutating func columns(from first: String, _ map: NetworkMap) -> [[String]] {
        var columns = [[first]]
        var placed: Set<String> = [first]
        while true {
            var next: [String] = []
            for name in columns[columns.count - 1] {
                for link in (entries[name] ?? []).compactMap(\.link) {
                    for cable in map.cables {
                        guard let other = cable.other(than: NetworkMap.End(name, link)),
                            distance[other.node] == columns.count, !placed.contains(other.node)
                        else { continue }
                        placed.insert(other.node)
                        parents[other.node] = cable
                        next.append(other.node)
                    }
                }
            }
            if next.isEmpty { return columns }
            columns.append(next)
        }
    }
}
