import JSON
import NetCore
import Topology
import Trace

/// The tracked flows of all nodes, as the page shows them.
struct FlowRows {
    struct Row: Hashable, Sendable {
        let id: String
        let node: String
        let entry: ConntrackEntry
        let rule: String?
        let isStale: Bool
        var timeoutOf: UInt32
    }
    var rows: [Row] = []

    /// `before` knows from how many seconds a flow's clock runs down.
    init(_ sight: Sight, before: FlowRows?) {
        let owned = Set(
            sight.map.nodes.flatMap(\.links).flatMap(\.addresses).compactMap { IPPrefix($0)?.address })
        for node in sight.map.nodes {
            for entry in sight.flows[node.name] ?? [] {
                let id = FlowRows.id(node.name, entry)
                let last = before?.rows.first { $0.id == id && $0.entry.state == entry.state }
                rows.append(
                    Row(
                        id: id, node: node.name, entry: entry, rule: FlowRows.rule(entry, sight.rules[node.name]),
                        isStale: FlowRows.isStale(entry, node, sight.map, owned),
                        timeoutOf: max(last?.timeoutOf ?? 0, entry.timeout ?? 0)))
            }
        }
    }

    static func id(_ node: String, _ entry: ConntrackEntry) -> String { "\(node)/\(String(entry.flow.id, radix: 16))" }

    var json: JSON { .array(rows.map { FlowRows.json($0) }) }

    private static func json(_ row: Row) -> JSON {
        let flow = row.entry.flow
        var object: JSONObject = ["id": .string(row.id), "node": .string(row.node)]
        object["proto"] = .string(protocols[flow.original.protocolNumber] ?? "\(flow.original.protocolNumber)")
        object["state"] = row.entry.state.map { .string($0) } ?? .null
        object["timeout"] = row.entry.timeout.map { .integer(Int64($0)) } ?? .null
        object["timeout_of"] = .integer(Int64(row.timeoutOf))
        object["answered"] = .bool(row.entry.isAnswered)
        object["original"] = json(flow.original)
        object["reply"] = json(flow.reply)
        object["rule"] = row.rule.map { .string($0) } ?? .null
        object["stale"] = .bool(row.isStale)
        object["meaning"] = .string(row.entry.meaning)
        return .object(object)
    }

    private static let protocols: [UInt8: String] = [1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6", 132: "sctp"]

    private static func json(_ tuple: FlowTuple) -> JSON {
        let hasPorts = [6, 17, 132].contains(tuple.protocolNumber)
        return [
            "source": .string("\(tuple.source)"), "source_port": hasPorts ? .integer(Int64(tuple.sourcePort)) : .null,
            "destination": .string("\(tuple.destination)"),
            "destination_port": hasPorts ? .integer(Int64(tuple.destinationPort)) : .null,
        ]
    }

    /// An end of it is an address of a network whose every end is in the map, and nobody there has it.
    private static func isStale(
        _ entry: ConntrackEntry, _ node: NetworkMap.Node, _ map: NetworkMap, _ owned: Set<IPAddress>
    ) -> Bool {
        for address in [entry.flow.reply.source, entry.flow.original.source] where !owned.contains(address) {
            for link in node.links where !link.isLoopback && isWhole(link, in: node, map) {
                let isNear = link.addresses.contains { text in
                    guard let prefix = IPPrefix(text) else { return false }
                    return prefix.contains(address) && address != prefix.last
                }
                if isNear { return true }
            }
        }
        return false
    }

    private static func isWhole(_ link: NetworkMap.Link, in node: NetworkMap.Node, _ map: NetworkMap) -> Bool {
        if link.isBridge {
            let ports = node.links.filter { $0.master == link.name }
            return ports.allSatisfy { !$0.leadsElsewhere && map.peer(of: NetworkMap.End(node.name, $0.name)) != nil }
        }
        return map.peer(of: NetworkMap.End(node.name, link.name)) != nil
    }

    /// The one rule that can have made the flow's translation: conntrack itself does not keep it.
    static func rule(_ entry: ConntrackEntry, _ rules: NodeRules?) -> String? {
        guard let rules else { return nil }
        let flow = entry.flow
        let all = rules.chains.flatMap(\.rules)
        if flow.reply.source != flow.original.destination || flow.reply.sourcePort != flow.original.destinationPort {
            let target = "\(flow.reply.source)"
            let found = all.filter { rule in
                let words = rule.text.split { " ,".unicodeScalars.contains($0.unicodeScalars.first!) }.map(String.init)
                guard words.contains(where: { ["dnat", "DNAT"].contains($0) }),
                    words.contains(where: { $0 == target || $0.hasPrefix("\(target):") || $0.hasPrefix("[\(target)]:") }
                    )
                else { return false }
                // A rule that waits for another port is not it.
                guard let port = words.firstIndex(where: { $0 == "dport" || $0 == "--dport" }), port + 1 < words.count,
                    let number = UInt16(words[port + 1])
                else { return true }
                return number == flow.original.destinationPort
            }
            if found.count == 1 { return "#\(found[0].number)" }
        } else if flow.reply.destination != flow.original.source {
            let found = all.filter { rule in
                ["masquerade", "MASQUERADE", "snat", "SNAT"].contains { rule.text.holds($0) }
            }
            if found.count == 1 { return "#\(found[0].number)" }
        }
        return nil
    }

    /// Whether a page that counts the seconds down itself would show something else after so many seconds.
    func differs(from before: FlowRows, after seconds: Double) -> Bool {
        guard rows.count == before.rows.count else { return true }
        return zip(rows, before.rows).contains { now, then in
            now.id != then.id || now.entry.state != then.entry.state || now.entry.flow.status != then.entry.flow.status
                || now.rule != then.rule || now.isStale != then.isStale
                || abs(Double(now.entry.timeout ?? 0) + seconds - Double(then.entry.timeout ?? 0)) > 2
        }
    }
}
