import JSON

extension Journey {
    /// As docs/lab/trace.md describes it; what is not known has no key.
    public var json: JSON {
        var object: JSONObject = [
            "v": .integer(Journey.version), "probe": ["from": .string(probe.from), "to": .string(probe.to)],
            "complete": .bool(complete), "lost_events": .integer(Int64(lostEvents)),
            "legs": .array(legs.map(\.json)), "conntrack": .array(conntrack.map(\.json)),
        ]
        if let transfer { object["transfer"] = transfer.json }
        if !evidence.isEmpty { object["evidence"] = .array(evidence.map { .string($0) }) }
        if !counters.isEmpty { object["counters"] = .array(counters.map(\.json)) }
        if !notes.isEmpty { object["notes"] = .array(notes.map { .string($0) }) }
        if let advice { object["advice"] = advice.json }
        if !neighbours.isEmpty { object["arp"] = .array(neighbours.map(\.json)) }
        return .object(object)
    }
}

extension JSONObject {
    fileprivate mutating func put(_ key: String, _ text: String?) { if let text { self[key] = .string(text) } }
    fileprivate mutating func put(_ key: String, _ number: Int64?) { if let number { self[key] = .integer(number) } }
    fileprivate mutating func put(_ key: String, _ value: JSON?) { if let value { self[key] = value } }
}

extension Journey.Leg {
    var json: JSON {
        ["dir": .string(direction.rawValue), "steps": .array(steps.map(\.json)), "end": end.json]
    }
}

extension Journey.Step {
    var json: JSON {
        var object: JSONObject = [
            "n": .integer(Int64(number)), "ns": .string(node), "at": .string(at), "kind": .string(kind.rawValue),
        ]
        object.put("prio", priority.map(Int64.init))
        object.put("table", table)
        object.put("chain", chain)
        object.put("handle", handle.map { Int64(truncatingIfNeeded: $0) })
        object.put("text", text)
        object.put("verdict", verdict)
        object.put("ct", conntrack?.json)
        object.put("result", result)
        object.put("l3", l3?.json)
        object.put("l4", l4?.json)
        object.put("changed", changed?.json)
        object.put("t", time)
        return .object(object)
    }
}

extension Journey.Network {
    var json: JSON {
        [
            "src": .string(source), "dst": .string(destination), "ttl": .integer(Int64(ttl)),
            "len": .integer(Int64(length)),
        ]
    }
}

extension Journey.Transport {
    var json: JSON {
        var object: JSONObject = ["proto": .string(name)]
        object.put("sport", sourcePort.map(Int64.init))
        object.put("dport", destinationPort.map(Int64.init))
        object.put("flags", flags)
        object.put("type", kind)
        return .object(object)
    }
}

extension Journey.Change {
    var json: JSON {
        var object = JSONObject()
        if let source { object["src"] = [.string(source.before), .string(source.after)] }
        if let destination { object["dst"] = [.string(destination.before), .string(destination.after)] }
        if let ttl { object["ttl"] = [.integer(Int64(ttl.before)), .integer(Int64(ttl.after))] }
        return .object(object)
    }
}

extension Journey.ConntrackMark {
    var json: JSON {
        var object: JSONObject = ["id": .string(id)]
        object.put("state", state)
        object.put("dir", direction)
        object.put("status", status.map(Int64.init))
        return .object(object)
    }
}

extension Journey.End {
    var json: JSON {
        var object: JSONObject = ["kind": .string(kind.rawValue), "ns": .string(node)]
        object.put("at", at)
        object.put("reason", reason)
        object.put("socket", socket)
        object.put("kernel", kernel)
        return .object(object)
    }
}

extension Journey.TrackedFlow {
    var json: JSON {
        [
            "ns": .string(node), "id": .string(id), "orig": .string(original), "reply": .string(reply),
            "status": .integer(Int64(status)), "meaning": .string(meaning),
        ]
    }
}

extension Journey.NeighbourTalk {
    var json: JSON {
        var object: JSONObject = [
            "ns": .string(node), "at": .string("dev:\(device)"), "kind": .string(isOutgoing ? "tx" : "rx"),
            "text": .string(words),
        ]
        object.put("t", time)
        return .object(object)
    }
}

extension Journey.CounterChange {
    var json: JSON { ["ns": .string(node), "name": .string(name), "change": .integer(change)] }
}
