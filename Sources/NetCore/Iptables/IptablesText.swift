extension IptablesRule {
    // MARK: as iptables-save writes it and iptables-restore reads it

    /// "-A CHAIN …"
    public func command(chain: String) -> String { "-A \(chain) " + words.joined(by: " ") }

    /// Its conditions and its target, each word quoted where it must be.
    public var words: [String] {
        var words: [String] = []
        let condition = { (flag: String, text: String, not: Bool) in (not ? ["!"] : []) + [flag, text] }
        if let source { words += condition("-s", "\(source.value)", source.not) }
        if let destination { words += condition("-d", "\(destination.value)", destination.not) }
        if let incoming { words += condition("-i", IptablesRule.word(incoming.value), incoming.not) }
        if let outgoing { words += condition("-o", IptablesRule.word(outgoing.value), outgoing.not) }
        if let proto { words += ["-p", proto.rawValue] }
        for match in matches { words += argument(match) }
        words += ["-j", target.name]
        switch target {
        case .accept, .drop, .comeBack, .jump: break
        case .masquerade(let fullyRandom): if fullyRandom { words.append("--random-fully") }
        case .translateSource(let address): words += ["--to-source", "\(address)"]
        case .translateDestination(let address, let port):
            words += ["--to-destination", IptablesRule.endpoint(address, port)]
        case .setMark(let mark):
            words += ["--set-xmark", "\(IptablesRule.hexadecimal(mark))/\(IptablesRule.hexadecimal(mark))"]
        }
        return words
    }

    private func argument(_ match: Match) -> [String] {
        switch match {
        case .comment(let text): ["-m", "comment", "--comment", IptablesRule.quoted(text)]
        case .toThisHost: ["-m", "addrtype", "--dst-type", "LOCAL"]
        case .port(let range): ["-m", proto?.rawValue ?? "tcp", "--dport", IptablesRule.text(range)]
        case .ports(let ranges): ["-m", "multiport", "--dports", ranges.map(IptablesRule.text).joined(by: ",")]
        case .mark(let mark, let mask, let not):
            ["-m", "mark"] + (not ? ["!"] : []) + [
                "--mark", "\(IptablesRule.hexadecimal(mark))/\(IptablesRule.hexadecimal(mask))",
            ]
        case .states(let states, let not):
            ["-m", "conntrack"] + (not ? ["!"] : []) + ["--ctstate", states.map(\.rawValue).joined(by: ",")]
        }
    }

    private static func quoted(_ text: String) -> String {
        var escaped = [UInt8(ascii: "\"")]
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { escaped.append(UInt8(ascii: "\\")) }
            escaped.append(byte)
        }
        escaped.append(UInt8(ascii: "\""))
        return String(decoding: escaped, as: UTF8.self)
    }

    /// A link's name may hold what a shell or restore would take apart.
    private static func word(_ text: String) -> String {
        text.utf8.contains { $0 == 0x22 || $0 == 0x5c || $0 == 0x27 } ? quoted(text) : text
    }

    // MARK: as iptables -n -L prints it

    /// One line of a chain's list, for addresses of the family.
    public func listed(_ family: AddressFamily) -> String {
        let everywhere = family == .v4 ? "0.0.0.0/0" : "::/0"
        let from = source.map { ($0.not ? "!" : " ", IptablesRule.listed($0.value)) } ?? (" ", everywhere)
        let to = destination.map { ($0.not ? "!" : " ", IptablesRule.listed($0.value)) } ?? (" ", everywhere)
        var line = padded(target.name, 9) + "  " + padded(proto?.rawValue ?? "all", 5) + "-- \(from.0)"
        line += padded(from.1, 19) + " " + to.0 + padded(to.1, 19) + " "
        for match in matches { line += " " + listed(match) }
        switch target {
        case .accept, .drop, .comeBack, .jump: break
        case .masquerade(let fullyRandom): if fullyRandom { line += " random-fully" }
        case .translateSource(let address): line += " to:\(address)"
        case .translateDestination(let address, let port): line += " to:\(IptablesRule.endpoint(address, port))"
        case .setMark(let mark): line += " MARK or \(IptablesRule.hexadecimal(mark))"
        }
        return line
    }

    private func listed(_ match: Match) -> String {
        switch match {
        case .comment(let text): return "/* \(text) */"
        case .toThisHost: return "ADDRTYPE match dst-type LOCAL"
        case .port(let range):
            let word = range.count == 1 ? "dpt" : "dpts"
            return "\(proto?.rawValue ?? "tcp") \(word):\(IptablesRule.text(range))"
        case .ports(let ranges): return "multiport dports \(ranges.map(IptablesRule.text).joined(by: ","))"
        case .mark(let mark, let mask, let not):
            return
                "mark match \(not ? "! " : "")\(IptablesRule.hexadecimal(mark))/\(IptablesRule.hexadecimal(mask))"
        case .states(let states, let not):
            return "\(not ? "! " : "")ctstate \(states.map(\.rawValue).joined(by: ","))"
        }
    }

    // MARK: words of both

    static func text(_ range: ClosedRange<UInt16>) -> String {
        range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound):\(range.upperBound)"
    }

    private static func endpoint(_ address: IPAddress, _ port: UInt16?) -> String {
        guard let port else { return "\(address)" }
        return address.family == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }

    /// A single address stands without its length.
    private static func listed(_ prefix: IPPrefix) -> String {
        prefix.length == prefix.family.bits ? "\(prefix.address)" : "\(prefix)"
    }

    private static func hexadecimal(_ number: UInt32) -> String { "0x" + String(number, radix: 16) }

    private func padded(_ text: String, _ width: Int) -> String {
        text.utf8.count >= width ? text : text + String(repeating: " ", count: width - text.utf8.count)
    }
}
