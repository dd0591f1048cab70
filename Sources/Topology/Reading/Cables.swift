import CKernel
import NetCore

extension NetworkMap {
    /// Finds out what is plugged into what: a link tells its other end's index, and the number by which its own namespace
    /// knows the other's.
    mutating func join(_ readings: [NodeReading]) throws(KernelError) {
        var joined: Set<End> = []
        for (place, reading) in readings.enumerated() {
            // Which of the namespaces has which number here; asked for only where a link has none of its ends known yet.
            var numbers: [Int32: Int] = [:]
            var isAsked = false
            for link in reading.links {
                guard let peer = link.peer, peer > 0, link.kind != nil else { continue }
                let end = End(nodes[place].name, link.name)
                if joined.contains(end) { continue }
                var other = place
                if let number = link.peerNamespace {
                    if !isAsked {
                        isAsked = true
                        for (index, candidate) in readings.enumerated() where index != place {
                            if let known = try reading.number(of: candidate) { numbers[known] = index }
                        }
                    }
                    guard let known = numbers[number] else {
                        mark(place, link.index) { $0.leadsElsewhere = true }
                        continue
                    }
                    other = known
                }
                guard let far = readings[other].links.first(where: { $0.index == peer }),
                    far.name != link.name || other != place
                else { continue }
                let farEnd = End(nodes[other].name, far.name)
                if link.kind == "veth" || link.kind == "netkit" {
                    joined.insert(end)
                    joined.insert(farEnd)
                    add(end, farEnd, "veth", NetworkMap.passes(link) && NetworkMap.passes(far))
                } else if other == place {
                    mark(place, link.index) { $0.parent = far.name }
                } else {
                    add(farEnd, end, link.kind ?? "", NetworkMap.passes(link) && NetworkMap.passes(far))
                }
            }
        }
        let order = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($1.name, $0) })
        let key = { (end: End, map: [Node]) in
            (order[end.node] ?? 0, map[order[end.node] ?? 0].link(end.link)?.index ?? 0)
        }
        let all = nodes
        cables = cables.map { cable in
            key(cable.near, all) <= key(cable.far, all)
                ? cable : Cable(cable.far, cable.near, kind: cable.kind, isUp: cable.isUp)
        }.sorted { left, right in
            let (near, other) = (key(left.near, all), key(right.near, all))
            return near != other ? near < other : key(left.far, all) < key(right.far, all)
        }
    }

    private mutating func add(_ near: End, _ far: End, _ kind: String, _ isUp: Bool) {
        cables.append(Cable(near, far, kind: kind, isUp: isUp))
    }

    private mutating func mark(_ place: Int, _ index: Int32, _ change: (inout Link) -> Void) {
        guard let found = nodes[place].links.firstIndex(where: { $0.index == index }) else { return }
        change(&nodes[place].links[found])
    }

    private static func passes(_ link: NetCore.Link) -> Bool { link.isUp && link.hasCarrier != false }
}
