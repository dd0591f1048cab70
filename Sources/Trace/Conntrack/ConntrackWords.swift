public import JSON
public import NetCore

extension ConntrackEntry {
    /// One end of a flow that NAT made another.
    public struct Rewrite: Hashable, Sendable {
        public enum Kind: String, Hashable, Sendable { case dnat, snat }
        public var kind: Kind
        /// As the flow's first packet came in.
        public var before: String
        /// As it goes on.
        public var after: String
        /// The new source is an address of the node's own, which is what masquerading gives; conntrack itself does not
        /// tell masquerading from snat.
        public var isOwnAddress: Bool
    }

    /// What NAT does to the flow; `own` are the node's addresses.
    public func rewrites(own: Set<IPAddress> = []) -> [Rewrite] {
        var found: [Rewrite] = []
        if flow.reply.from != flow.original.to {
            found.append(Rewrite(kind: .dnat, before: flow.original.to, after: flow.reply.from, isOwnAddress: false))
        }
        if flow.reply.to != flow.original.from {
            found.append(
                Rewrite(
                    kind: .snat, before: flow.original.from, after: flow.reply.to,
                    isOwnAddress: own.contains(flow.reply.destination)))
        }
        return found
    }

    /// What becomes of the answers, as a journey tells it.
    public var meaning: String { Merge.meaning(flow) }

    private var standing: String {
        var words: [String] = []
        if let state { words.append(state) }
        words.append(isAnswered ? (isAssured ? "assured" : "answered") : "unreplied")
        if isOffloaded { words.append("offloaded") }
        if let timeout { words.append("\(timeout) s left") }
        return words.joined(by: ", ")
    }

    /// Its lines: the flow and how it stands; the answer's tuple; each rewrite; what there is besides.
    public func text(own: Set<IPAddress> = []) -> String {
        let name = PacketHeaders.protocolName(flow.original.protocolNumber)
        let echo = icmp.map { " type \($0.type) id \($0.id)" } ?? ""
        var lines = ["\(name) \(flow.original.from) > \(flow.original.to)\(echo)  \(standing)"]
        lines.append("    answers come as \(flow.reply.from) > \(flow.reply.to)")
        for rewrite in rewrites(own: own) {
            switch rewrite.kind {
            case .dnat: lines.append("    dnat: \(rewrite.before) leads to \(rewrite.after)")
            case .snat:
                let whose = rewrite.isOwnAddress ? ", an address of this node's, as masquerade does" : ""
                lines.append("    snat: \(rewrite.before) leaves as \(rewrite.after)\(whose)")
            }
        }
        lines.append("    \(meaning)")
        var besides: [String] = []
        if mark != 0 { besides.append("mark 0x" + String(mark, radix: 16)) }
        if zone != 0 { besides.append("zone \(zone)") }
        for (counter, way) in [(originalCounter, "there"), (replyCounter, "back")] {
            if let counter { besides.append("\(counter.packets) packets (\(counter.bytes) bytes) \(way)") }
        }
        if !besides.isEmpty { lines.append("    " + besides.joined(by: ", ")) }
        return lines.joined(by: "\n") + "\n"
    }

    /// In one line, for a stream of events.
    public func line(own: Set<IPAddress> = []) -> String {
        let name = PacketHeaders.protocolName(flow.original.protocolNumber)
        let changes = rewrites(own: own).map { "\($0.kind.rawValue) to \($0.after)" }
        return "\(name) \(flow.original.from) > \(flow.original.to)  \(standing)"
            + (changes.isEmpty ? "" : "  [\(changes.joined(by: ", "))]")
    }

    /// For programs; its keys are a promise (docs/lab/looking.md).
    public func json(node: String, own: Set<IPAddress> = []) -> JSONObject {
        func tuple(_ tuple: FlowTuple, _ counter: Counter?) -> JSON {
            var object: JSONObject = [
                "src": .string("\(tuple.source)"), "dst": .string("\(tuple.destination)"),
            ]
            if tuple.hasPorts {
                object["sport"] = .integer(Int64(tuple.sourcePort))
                object["dport"] = .integer(Int64(tuple.destinationPort))
            }
            if let counter {
                object["packets"] = .integer(Int64(clamping: counter.packets))
                object["bytes"] = .integer(Int64(clamping: counter.bytes))
            }
            return .object(object)
        }
        var object: JSONObject = [
            "ns": .string(node), "id": .string(hexadecimal(flow.id)),
            "proto": .string(
                PacketHeaders.protocolNames[flow.original.protocolNumber] ?? "\(flow.original.protocolNumber)"),
            "orig": tuple(flow.original, originalCounter), "reply": tuple(flow.reply, replyCounter),
            "status": .integer(Int64(flow.status)), "answered": .bool(isAnswered), "assured": .bool(isAssured),
        ]
        if let state { object["state"] = .string(state) }
        if let timeout { object["timeout"] = .integer(Int64(timeout)) }
        if let icmp {
            object["icmp"] = [
                "type": .integer(Int64(icmp.type)), "code": .integer(Int64(icmp.code)), "id": .integer(Int64(icmp.id)),
            ]
        }
        object["mark"] = .integer(Int64(mark))
        object["zone"] = .integer(Int64(zone))
        object["rewrites"] = .array(
            rewrites(own: own).map { rewrite in
                var one: JSONObject = [
                    "kind": .string(rewrite.kind.rawValue), "before": .string(rewrite.before),
                    "after": .string(rewrite.after),
                ]
                if rewrite.kind == .snat { one["own_address"] = .bool(rewrite.isOwnAddress) }
                return .object(one)
            })
        object["meaning"] = .string(meaning)
        return object
    }
}
