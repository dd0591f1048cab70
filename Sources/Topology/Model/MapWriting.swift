public import JSON
import NetCore

extension NetworkMap {
    /// For programs; its keys are a promise (docs/lab/graph.md).
    public var json: JSON {
        [
            "v": .integer(NetworkMap.version), "nodes": .array(nodes.map(NetworkMap.json)),
            "cables": .array(
                cables.map { cable in
                    [
                        "near": NetworkMap.json(cable.near), "far": NetworkMap.json(cable.far),
                        "kind": .string(cable.kind), "up": .bool(cable.isUp),
                    ]
                }),
        ]
    }

    private static func json(_ end: End) -> JSON { ["node": .string(end.node), "link": .string(end.link)] }

    private static func json(_ node: Node) -> JSON {
        [
            "name": .string(node.name), "notes": texts(node.notes), "forwards_ipv4": .bool(node.forwardsIPv4),
            "forwards_ipv6": .bool(node.forwardsIPv6), "has_gateway": .bool(node.hasGateway),
            "badges": texts(node.badges), "links": .array(node.links.map { json($0, in: node) }),
            "gates": .array(node.gates.map(json)),
            "listening": .array(
                node.listening.map { listener in
                    var object: JSONObject = [
                        "port": .integer(Int64(listener.port)), "proto": .string(listener.proto),
                    ]
                    object["address"] = listener.address.map { .string($0) }
                    return .object(object)
                }),
        ]
    }

    private static func json(_ link: Link, in node: Node) -> JSON {
        var object: JSONObject = ["name": .string(link.name), "index": .integer(Int64(link.index))]
        object["kind"] = link.kind.map { .string($0) }
        object["up"] = .bool(link.isUp)
        object["lacks_carrier"] = .bool(link.lacksCarrier)
        object["mac"] = link.mac.map { .string($0) }
        object["mtu"] = .integer(Int64(link.mtu))
        object["addresses"] = texts(link.addresses)
        object["master"] = link.master.map { .string($0) }
        object["hairpin"] = link.hairpin.map { .bool($0) }
        object["isolated"] = link.isolated.map { .bool($0) }
        object["vlan"] = link.vlan.map { .integer(Int64($0)) }
        object["fdb"] = link.forwarding.map { .array($0.entries.map(json)) }
        object["fdb_count"] = link.forwarding.map { .integer(Int64($0.count)) }
        object["parent"] = link.parent.map { .string($0) }
        object["leads_elsewhere"] = .bool(link.leadsElsewhere)
        object["badges"] = texts(link.badges(in: node))
        return .object(object)
    }

    private static func json(_ entry: ForwardingTable.Entry) -> JSON {
        var object: JSONObject = ["mac": .string(entry.mac), "port": .string(entry.port)]
        object["vlan"] = entry.vlan.map { .integer(Int64($0)) }
        object["kind"] = .string(entry.kind.rawValue)
        object["owner"] = entry.owner.map(json)
        return .object(object)
    }

    private static func json(_ gate: Gate) -> JSON {
        [
            "hook": .string(gate.hook), "rules": .integer(Int64(gate.rules)),
            "policy": .string(gate.drops ? "drop" : "accept"),
            "chains": .array(
                gate.chains.map { chain in
                    [
                        "family": .string(chain.family), "table": .string(chain.table), "name": .string(chain.name),
                        "hook": .string(chain.hook), "priority": .integer(Int64(chain.priority)),
                        "type": .string(chain.type), "policy": .string(chain.drops ? "drop" : "accept"),
                        "rules": .integer(Int64(chain.rules)), "legacy": .bool(chain.isLegacy),
                    ]
                }),
        ]
    }

    private static func texts(_ list: [String]) -> JSON { .array(list.map { .string($0) }) }
}
