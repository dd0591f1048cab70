import JSON
import NetCore
import Topology

/// A state as the page reads it (docs/schema/view.schema.json).
struct StateJSON {
    var kind = "lab"
    var title = ""
    var lesson: String?
    var mayProbe = false
    var mayLab = false
    var problem: JSON = .null
    var tasks: JSON = .array([])
    var goal: JSON = .null
    var probe: JSON = .null
    var flows: JSON = .array([])
    var timeline: JSON = .array([])
    /// Computed once a map: laying out takes longer than anything else here.
    private var drawn: (map: NetworkMap, inodes: [String: UInt64], pictures: JSON)?

    static let version: Int64 = 1

    /// Everything but the time and the number of the state.
    mutating func body(_ sight: Sight) -> JSONObject {
        if drawn?.map != sight.map || drawn?.inodes != sight.inodes {
            drawn = (
                sight.map, sight.inodes,
                [
                    "wide": sight.map.widePicture.json(inodes: sight.inodes),
                    "narrow": sight.map.narrowPicture.json(inodes: sight.inodes),
                ]
            )
        }
        var object: JSONObject = ["v": .integer(StateJSON.version), "kind": .string(kind), "title": .string(title)]
        object["lesson"] = lesson.map { .string($0) } ?? .null
        object["allowed"] = ["probe": .bool(mayProbe), "lab": .bool(mayLab)]
        object["problem"] = problem
        object["map"] = sight.map.json
        object["pictures"] = drawn?.pictures ?? .null
        object["goal"] = goal
        object["tasks"] = tasks
        object["probe"] = probe
        object["senders"] = .array(sight.map.nodes.map { .string($0.name) })
        object["rules"] = sight.rulesJSON
        object["conntrack"] = flows
        object["timeline"] = timeline
        return object
    }

    static func text(_ body: JSONObject, time: String, number: Int) -> [UInt8] {
        var object = body
        object["time"] = .string(time)
        object["version"] = .integer(Int64(number))
        return JSON.object(object).bytes
    }

    static func problem(_ kind: String, _ text: String, _ commands: [String]) -> JSON {
        ["kind": .string(kind), "text": .string(text), "commands": .array(commands.map { .string($0) })]
    }

    /// What the form for a packet shows first: as the lesson's checks send it; else to a program that listens, else to anybody.
    static func probe(_ usual: (source: String, target: String)?, _ map: NetworkMap) -> JSON {
        if let usual {
            let parts = usual.target.split(separator: "/").map(String.init)
            let host = parts.first ?? usual.target
            if let colon = host.lastIndex(of: ":"), let port = UInt16(host[host.index(after: colon)...]) {
                let address = host[..<colon].filter { $0 != "[" && $0 != "]" }
                return probe(usual.source, String(address), port, parts.count > 1 ? parts[1] : "tcp")
            }
        }
        guard let first = map.nodes.first, map.nodes.count > 1 else { return .null }
        for node in map.nodes.dropFirst().reversed() {
            guard let text = node.links.filter({ !$0.isLoopback }).flatMap(\.addresses).first,
                let address = text.split(separator: "/").first.map(String.init)
            else { continue }
            guard let listener = node.listening.first(where: { $0.proto == "tcp" && $0.address == nil }) else {
                continue
            }
            return probe(first.name, address, listener.port, "tcp")
        }
        for node in map.nodes.dropFirst().reversed() {
            guard let text = node.links.filter({ !$0.isLoopback }).flatMap(\.addresses).first,
                let address = text.split(separator: "/").first.map(String.init)
            else { continue }
            return ["from": .string(first.name), "to": .string(address), "port": .null, "proto": "icmp"]
        }
        return .null
    }

    private static func probe(_ source: String, _ address: String, _ port: UInt16, _ proto: String) -> JSON {
        [
            "from": .string(source), "to": .string(address), "port": .integer(Int64(port)), "proto": .string(proto),
        ]
    }
}
