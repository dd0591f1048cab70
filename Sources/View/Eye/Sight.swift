import JSON
import NetCore
import Topology
import Trace

/// What an eye sees of its nodes at one moment.
struct Sight {
    var map = NetworkMap()
    /// By node; of those that have gates alone.
    var rules: [String: NodeRules] = [:]
    var flows: [String: [ConntrackEntry]] = [:]
    var inodes: [String: UInt64] = [:]

    /// The nodes as they stand.
    mutating func readMap(_ subjects: [NetworkMap.Subject]) throws(TopologyError) {
        map = try NetworkMap(reading: subjects)
        inodes = [:]
        for subject in subjects {
            inodes[subject.reference.name] = NetworkNamespace.Identity(path: subject.reference.namespace)?.inode
        }
    }

    /// The texts and counters of rules. A node that cannot be asked just now has none.
    mutating func readRules(_ subjects: [NetworkMap.Subject]) {
        var found: [String: NodeRules] = [:]
        for subject in subjects {
            let name = subject.reference.name
            guard let node = map.node(name), !node.gates.isEmpty else { continue }
            do throws(TraceError) { found[name] = try NodeRules(subject.reference) } catch { continue }
        }
        rules = found
    }

    mutating func readFlows(_ subjects: [NetworkMap.Subject]) {
        var found: [String: [ConntrackEntry]] = [:]
        for subject in subjects {
            do throws(TraceError) {
                let entries = try ConntrackNode(subject.reference).entries(ConntrackFilter())
                // What kernels say to groups of neighbours (IGMP, MLD) belongs to nobody's question, and thousands of flows help nobody.
                let told = entries.filter { !Sight.isGroup($0.flow.original.destination) }.prefix(Sight.mostFlows)
                if !told.isEmpty { found[subject.reference.name] = Array(told) }
            } catch { continue }
        }
        flows = found
    }

    static let mostFlows = 200

    private static let groups = ["224.0.0.0/4", "ff00::/8"].compactMap { IPPrefix($0) }

    private static func isGroup(_ address: IPAddress) -> Bool { groups.contains { $0.contains(address) } }
}

extension Sight {
    /// By node, the chains in the order in which packets meet them.
    var rulesJSON: JSON {
        var nodes: [(String, JSON)] = []
        for node in map.nodes {
            guard let rules = rules[node.name] else { continue }
            let chains = rules.ordered.filter {
                !$0.table.holds("berth_trace_") && ($0.hook != nil || !$0.rules.isEmpty)
            }
            nodes.append((node.name, .array(chains.map { Sight.json($0, in: node) })))
        }
        return .object(JSONObject(nodes))
    }

    private static func json(_ chain: NodeRules.Chain, in node: NetworkMap.Node) -> JSON {
        let words = chain.table.split(separator: " ", maxSplits: 1).map(String.init)
        let (family, table) = (words.first ?? "", words.count > 1 ? words[1] : "")
        let known = node.gates.flatMap(\.chains).first {
            $0.family == family && $0.table == table && $0.name == chain.name
        }
        return [
            "hook": chain.hook.map { .string($0) } ?? .null, "family": .string(family), "table": .string(table),
            "chain": .string(chain.name), "type": chain.type.map { .string($0) } ?? .null,
            "priority": known.map { .integer(Int64($0.priority)) } ?? .null,
            "policy": chain.policy.map { .string($0) } ?? .null, "legacy": .bool(chain.isLegacy),
            "owner": .string(chain.owner),
            "rules": .array(
                chain.rules.enumerated().map { place, rule in
                    let (text, packets, bytes) = RuleCounter.parted(rule.text)
                    return [
                        "handle": .integer(Int64(clamping: rule.number)), "number": .integer(Int64(place + 1)),
                        "text": .string(text), "packets": packets.map { .integer($0) } ?? .null,
                        "bytes": bytes.map { .integer($0) } ?? .null,
                    ]
                }),
        ]
    }
}

/// The counter in a rule's text.
enum RuleCounter {
    /// "tcp dport 80 counter packets 3 bytes 180 accept" without its numbers, and these; nil where it counts nothing.
    static func parted(_ text: String) -> (text: String, packets: Int64?, bytes: Int64?) {
        var words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard let place = words.firstIndex(of: "packets"), place > 0, words[place - 1] == "counter",
            place + 3 < words.count, words[place + 2] == "bytes", let packets = Int64(words[place + 1]),
            let bytes = Int64(words[place + 3])
        else { return (text, nil, nil) }
        words.removeSubrange(place...(place + 3))
        return (words.joined(by: " "), packets, bytes)
    }
}
