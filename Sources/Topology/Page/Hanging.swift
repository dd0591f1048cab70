/// Which nodes hang on a bridge of another one by one cable, and nothing else on them.
struct Hanging {
    /// By the node that has the bridge: its bridges from top to bottom, each with its nodes and their cables.
    private(set) var groups: [String: [Group]] = [:]
    private(set) var nodes: Set<String> = []

    struct Group {
        let bridge: String
        var members: [Member] = []
    }

    struct Member {
        let node: String
        let cable: NetworkMap.Cable
        /// The bridge's port.
        let port: NetworkMap.End
        let own: NetworkMap.End
    }

    init(_ map: NetworkMap, _ layers: Layers) {
        for node in map.nodes {
            guard let cable = layers.parents[node.name],
                map.cables.count(where: { $0.near.node == node.name || $0.far.node == node.name }) == 1
            else { continue }
            let (own, port) = cable.near.node == node.name ? (cable.near, cable.far) : (cable.far, cable.near)
            guard let parent = map.node(port.node), let bridge = parent.link(port.link)?.master,
                parent.link(bridge)?.isBridge == true
            else { continue }
            nodes.insert(node.name)
            let member = Member(node: node.name, cable: cable, port: port, own: own)
            var found = groups[parent.name] ?? []
            if let place = found.firstIndex(where: { $0.bridge == bridge }) {
                found[place].members.append(member)
            } else {
                found.append(Group(bridge: bridge, members: [member]))
            }
            groups[parent.name] = found
        }
        // As their ports stand in the box.
        for (parent, found) in groups {
            let order = (layers.entries[parent] ?? []).compactMap(\.link)
            let place = { (link: String) in order.firstIndex(of: link) ?? order.count }
            groups[parent] = found.map { group in
                var group = group
                group.members.sort { (place($0.port.link), $0.node) < (place($1.port.link), $1.node) }
                return group
            }.sorted { (place($0.bridge), $0.bridge) < (place($1.bridge), $1.bridge) }
        }
    }
}

extension NetworkMap {
    /// Itself, or with more than thirty nodes one in which those that hang on a bridge are one node each bridge.
    var collapsed: NetworkMap {
        guard nodes.count > NetworkMap.mostSingleBoxes else { return self }
        let hanging = Hanging(self, Layers(self, Form(limit: 44)))
        var map = self
        for (parent, groups) in hanging.groups {
            for group in groups where group.members.count > 1 { map.collapse(group, of: parent) }
        }
        return map
    }

    private mutating func collapse(_ group: Hanging.Group, of parent: String) {
        let names = group.members.map(\.node)
        let gone = Set(names)
        var node = Node("\(parent)/link/\(group.bridge)/nodes")
        node.stands = names
        node.links = [Link("ports", kind: "veth")]
        node.notes = [NetworkMap.span(names)]
        guard let first = nodes.firstIndex(where: { gone.contains($0.name) }),
            let place = nodes.firstIndex(where: { $0.name == parent })
        else { return }
        let ports = Set(group.members.map(\.port.link))
        var port = Link("\(names.count) ports", kind: "veth")
        port.master = group.bridge
        let isUp = group.members.contains { $0.cable.isUp }
        nodes[place].links.removeAll { ports.contains($0.name) }
        nodes[place].links.append(port)
        nodes[first] = node
        nodes.removeAll { gone.contains($0.name) }
        cables.removeAll { gone.contains($0.near.node) || gone.contains($0.far.node) }
        cables.append(Cable(End(parent, port.name), End(node.name, "ports"), isUp: isUp))
    }

    private static func span(_ names: [String]) -> String {
        let sorted = names.sorted { ($0.count, $0) < ($1.count, $1) }
        return "\(sorted[0]) … \(sorted[sorted.count - 1]), \(names.count) containers"
    }
}
