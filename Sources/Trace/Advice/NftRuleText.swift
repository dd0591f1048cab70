import NetCore

extension RuleReading {
    /// Of a rule as nft lists it: `iifname "br0" tcp dport { 80, 443 } ct state new counter accept comment "…"`. `sets` are the
    /// elements of the table's named sets.
    init(nft text: String, _ packet: PacketFacts, sets: [String: [String]] = [:]) {
        var words = RuleReading.words(text)
        if let comment = words.lastIndex(of: "comment"), comment + 2 == words.count { words.removeLast(2) }
        clauses = []
        action = ""
        var place = 0
        while place < words.count {
            let left = words.count - place
            let known = RuleReading.keys.first { key in
                key.count < left && Array(words[place..<place + key.count]) == key
            }
            guard let key = known else {
                place = other(words, place)
                continue
            }
            place += key.count
            var isNegated = false
            if ["!=", "=="].contains(words[place]), place + 1 < words.count {
                isNegated = words[place] == "!="
                place += 1
            }
            let value = words[place]
            place += 1
            let wanted =
                value.hasPrefix("@")
                ? sets[String(value.dropFirst())] ?? [value]
                : value.split { "{}, ".contains($0) }.map(String.init)
            let (found, seen) = RuleReading.judge(key.joined(by: " "), wanted, packet)
            let answer: RuleClause.Answer =
                found.map { $0 != isNegated ? .holds : .fails("this is \(seen)") } ?? .unknown
            clauses.append(
                RuleClause(text: "\(key.joined(by: " ")) \(isNegated ? "!= " : "")\(value)", answer: answer))
        }
    }

    /// What is no condition that is known: a statement, the verdict, or a condition that is not judged. Gives the next place.
    private mutating func other(_ words: [String], _ place: Int) -> Int {
        switch words[place] {
        case "accept", "drop", "return", "continue", "masquerade", "reject", "jump", "goto", "dnat", "snat", "redirect",
            "queue":
            action = Array(words[place...]).joined(by: " ")
            return words.count
        case "counter": return place + 1
        case "log":
            // Its options come in pairs: prefix "…" level warn group 1.
            var next = place + 1
            while next + 1 < words.count, ["prefix", "level", "group", "snaplen"].contains(words[next]) { next += 2 }
            return next
        default:
            // As far as the next word that is understood.
            var next = place + 1
            while next < words.count, !RuleReading.verdicts.contains(words[next]),
                !RuleReading.keys.contains(where: { $0[0] == words[next] })
            {
                next += 1
            }
            clauses.append(RuleClause(text: Array(words[place..<next]).joined(by: " "), answer: .unknown))
            return next
        }
    }

    private static let verdicts: Set = [
        "accept", "drop", "return", "continue", "masquerade", "reject", "jump", "goto", "dnat", "snat", "redirect",
        "queue",
        "counter", "log",
    ]

    private static let keys: [[String]] = [
        "iifname", "oifname", "iif", "oif", "ip saddr", "ip daddr", "ip6 saddr", "ip6 daddr", "tcp dport", "tcp sport",
        "udp dport", "udp sport", "th dport", "th sport", "ct state", "ct status", "fib daddr type", "fib saddr type",
        "meta l4proto", "ip protocol", "ip6 nexthdr", "meta nfproto",
    ].map { $0.split(separator: " ").map(String.init) }

    /// Words as nft parts them: "…" and { … } are one each.
    private static func words(_ text: String) -> [String] {
        var found: [String] = []
        var word = ""
        var depth = 0
        var isQuoted = false
        for character in text {
            if character == "\"" { isQuoted.toggle() }
            if !isQuoted, character == "{" { depth += 1 }
            if !isQuoted, character == "}" { depth -= 1 }
            if character == " ", !isQuoted, depth == 0 {
                if !word.isEmpty { found.append(word) }
                word = ""
            } else {
                word.append(character)
            }
        }
        return word.isEmpty ? found : found + [word]
    }

    /// Does the packet meet it, and what it is instead.
    static func judge(_ key: String, _ wanted: [String], _ packet: PacketFacts) -> (Bool?, String) {
        let headers = packet.headers
        func address(_ address: IPAddress, _ family: AddressFamily) -> (Bool?, String) {
            let isFamily = address.family == family
            return (isFamily ? packet.holds(wanted) { packet.address(address, in: $0) } : false, "\(address)")
        }
        func port(_ port: UInt16?, _ numbers: [UInt8]) -> (Bool?, String) {
            guard let port, numbers.isEmpty || numbers.contains(headers.protocolNumber) else {
                return (false, packet.protocolWord)
            }
            return (packet.holds(wanted) { packet.number(Int(port), in: $0) }, "\(port)")
        }
        func type(_ address: IPAddress) -> (Bool?, String) {
            let type = packet.addressType(address)
            return (type.map { wanted.contains($0) }, "\(address), \(type ?? "?")")
        }
        switch key {
        case "iif", "iifname":
            return (packet.holds(wanted) { packet.device(packet.input, in: $0) }, packet.input ?? "from here")
        case "oif", "oifname":
            return (packet.holds(wanted) { packet.device(packet.output, in: $0) }, packet.output ?? "for here")
        case "ip saddr": return address(headers.source, .v4)
        case "ip daddr": return address(headers.destination, .v4)
        case "ip6 saddr": return address(headers.source, .v6)
        case "ip6 daddr": return address(headers.destination, .v6)
        case "tcp dport": return port(headers.destinationPort, [6])
        case "tcp sport": return port(headers.sourcePort, [6])
        case "udp dport": return port(headers.destinationPort, [17])
        case "udp sport": return port(headers.sourcePort, [17])
        case "th dport": return port(headers.destinationPort, [])
        case "th sport": return port(headers.sourcePort, [])
        case "ct state": return (packet.state.map { wanted.contains($0) }, packet.state ?? "?")
        case "ct status":
            return (packet.holds(wanted) { packet.hasStatus($0) }, "of another status")
        case "fib daddr type": return type(headers.destination)
        case "fib saddr type": return type(headers.source)
        case "meta l4proto", "ip protocol", "ip6 nexthdr":
            return (packet.holds(wanted) { packet.protocolName(in: $0) }, packet.protocolWord)
        case "meta nfproto":
            let own = headers.source.family == .v4 ? "ipv4" : "ipv6"
            return (wanted.contains(own), own)
        default: return (nil, "?")
        }
    }
}
