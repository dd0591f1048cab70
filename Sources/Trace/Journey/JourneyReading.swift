import JSON

extension Journey {
    /// Reads what `json` writes. Unknown keys are passed over; throws when the version is another or a member that
    /// must be there is not, or is of another kind: "legs[0].steps[2].kind: …".
    public init(_ json: JSON) throws(TraceError) {
        let root = Member(value: json, path: "")
        let version = try root.number("v")
        guard version == Journey.version else {
            throw TraceError.badJourney("v: this berth reads version \(Journey.version), the journey is of \(version)")
        }
        let asked = try root.member("probe")
        self.init(
            probe: Asked(from: try asked.text("from"), to: try asked.text("to")), complete: try root.flag("complete"),
            lostEvents: try root.int("lost_events"), legs: [])
        for leg in try root.list("legs") { legs.append(try Leg(leg)) }
        if let found = root.optional("transfer") { transfer = try Transfer(found) }
        for flow in try root.list("conntrack") { conntrack.append(try TrackedFlow(flow)) }
        for line in try root.optionalList("evidence") { evidence.append(try line.asText()) }
        for line in try root.optionalList("notes") { notes.append(try line.asText()) }
        if let found = root.optional("advice") {
            var advice = Advice(why: try found.text("why"), lesson: try found.optionalText("learn"))
            for line in try found.optionalList("nearest") { advice.nearest.append(try line.asText()) }
            for line in try found.optionalList("fix") { advice.fixes.append(try line.asText()) }
            self.advice = advice
        }
        for talk in try root.optionalList("arp") {
            let (at, kind) = (try talk.text("at"), try talk.choice("kind", Step.Kind.self))
            neighbours.append(
                NeighbourTalk(
                    node: try talk.text("ns"), device: at.hasPrefix("dev:") ? String(at.dropFirst(4)) : at,
                    isOutgoing: kind == .tx, words: try talk.text("text"), time: try talk.optionalInt("t", Int64.self)))
        }
        for change in try root.optionalList("counters") {
            counters.append(
                CounterChange(
                    node: try change.text("ns"), name: try change.text("name"), change: try change.number("change")))
        }
    }
}

/// A value with the path that led to it, for the error.
private struct Member {
    let value: JSON
    let path: String

    func below(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
    func optional(_ key: String) -> Member? { value[key].map { Member(value: $0, path: below(key)) } }
    func member(_ key: String) throws(TraceError) -> Member {
        guard let found = optional(key) else { throw TraceError.badJourney("\(below(key)): missing") }
        return found
    }
    func wrong(_ wanted: String) -> TraceError {
        TraceError.badJourney("\(path): \(wanted) is expected, \(value.kind) is there")
    }
    func asText() throws(TraceError) -> String {
        guard let text = value.string else { throw wrong("a string") }
        return text
    }
    func asNumber() throws(TraceError) -> Int64 {
        guard let number = value.integer else { throw wrong("a whole number") }
        return number
    }
    func asInt<Number: FixedWidthInteger>(_ kind: Number.Type) throws(TraceError) -> Number {
        guard let number = Number(exactly: try asNumber()) else { throw TraceError.badJourney("\(path): out of range") }
        return number
    }
    func text(_ key: String) throws(TraceError) -> String { try member(key).asText() }
    func number(_ key: String) throws(TraceError) -> Int64 { try member(key).asNumber() }
    func int(_ key: String) throws(TraceError) -> Int { try member(key).asInt(Int.self) }
    func flag(_ key: String) throws(TraceError) -> Bool {
        let found = try member(key)
        guard let flag = found.value.bool else { throw found.wrong("true or false") }
        return flag
    }
    func asList() throws(TraceError) -> [Member] {
        guard let elements = value.array else { throw wrong("an array") }
        return elements.enumerated().map { Member(value: $1, path: "\(path)[\($0)]") }
    }
    func list(_ key: String) throws(TraceError) -> [Member] { try member(key).asList() }
    func optionalList(_ key: String) throws(TraceError) -> [Member] { try optional(key)?.asList() ?? [] }
    func optionalText(_ key: String) throws(TraceError) -> String? { try optional(key)?.asText() }
    func optionalInt<Number: FixedWidthInteger>(_ key: String, _ kind: Number.Type) throws(TraceError) -> Number? {
        try optional(key)?.asInt(kind)
    }
    func choice<Choice: RawRepresentable<String>>(_ key: String, _ kind: Choice.Type) throws(TraceError) -> Choice {
        let text = try text(key)
        guard let choice = Choice(rawValue: text) else {
            throw TraceError.badJourney("\(below(key)): \"\(text)\" is not known")
        }
        return choice
    }
    func pair(_ key: String) throws(TraceError) -> (Member, Member)? {
        guard let found = optional(key) else { return nil }
        let both = try found.asList()
        guard both.count == 2 else { throw TraceError.badJourney("\(found.path): two elements are expected") }
        return (both[0], both[1])
    }
}

extension Journey.Transfer {
    fileprivate init(_ member: Member) throws(TraceError) {
        self.init(
            try member.choice("state", State.self), bytes: try member.int("bytes"),
            acknowledged: try member.int("acknowledged"), segments: try member.int("segments"),
            resent: try member.int("resent"))
        if let found = member.optional("limit") {
            limit = Limit(
                node: try found.text("ns"), device: try found.optionalText("dev"), mtu: try found.int("mtu"))
        }
        for leg in try member.list("legs") { legs.append(try Journey.Leg(leg)) }
    }
}

extension Journey.Leg {
    fileprivate init(_ member: Member) throws(TraceError) {
        var steps: [Journey.Step] = []
        for step in try member.list("steps") { steps.append(try Journey.Step(step)) }
        let end = try member.member("end")
        self.init(
            direction: try member.choice("dir", Direction.self), steps: steps,
            end: Journey.End(
                try end.choice("kind", Journey.End.Kind.self), node: try end.text("ns"), at: try end.optionalText("at"),
                reason: try end.optionalText("reason"), socket: try end.optionalText("socket")))
        self.end.kernel = try end.optionalText("kernel")
    }
}

extension Journey.Step {
    fileprivate init(_ member: Member) throws(TraceError) {
        self.init(
            node: try member.text("ns"), at: try member.text("at"), kind: try member.choice("kind", Kind.self))
        number = try member.int("n")
        priority = try member.optionalInt("prio", Int32.self)
        table = try member.optionalText("table")
        chain = try member.optionalText("chain")
        handle = try member.optionalInt("handle", UInt64.self)
        text = try member.optionalText("text")
        verdict = try member.optionalText("verdict")
        result = try member.optionalText("result")
        time = try member.optionalInt("t", Int64.self)
        if let mark = member.optional("ct") {
            conntrack = Journey.ConntrackMark(
                id: try mark.text("id"), state: try mark.optionalText("state"),
                direction: try mark.optionalText("dir"), status: try mark.optionalInt("status", UInt32.self))
        }
        if let network = member.optional("l3") {
            l3 = Journey.Network(
                source: try network.text("src"), destination: try network.text("dst"), ttl: try network.int("ttl"),
                length: try network.int("len"))
        }
        if let transport = member.optional("l4") {
            l4 = Journey.Transport(
                name: try transport.text("proto"), sourcePort: try transport.optionalInt("sport", Int.self),
                destinationPort: try transport.optionalInt("dport", Int.self),
                flags: try transport.optionalText("flags"), kind: try transport.optionalText("type"))
        }
        if let change = member.optional("changed") {
            var found = Journey.Change()
            if let (before, after) = try change.pair("src") {
                found.source = .init(try before.asText(), try after.asText())
            }
            if let (before, after) = try change.pair("dst") {
                found.destination = .init(try before.asText(), try after.asText())
            }
            if let (before, after) = try change.pair("ttl") {
                found.ttl = .init(try before.asInt(Int.self), try after.asInt(Int.self))
            }
            changed = found
        }
    }
}

extension Journey.TrackedFlow {
    fileprivate init(_ member: Member) throws(TraceError) {
        self.init(
            node: try member.text("ns"), id: try member.text("id"), original: try member.text("orig"),
            reply: try member.text("reply"), status: try member.optionalInt("status", UInt32.self) ?? 0,
            meaning: try member.text("meaning"))
    }
}
