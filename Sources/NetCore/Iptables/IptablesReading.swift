extension IptablesRule {
    /// Why words are no rule of ours.
    public struct Mistake: Error, Sendable, Hashable, CustomStringConvertible {
        public let description: String
        public init(_ description: String) { self.description = description }
    }

    /// The rule that `words` say, as iptables-save writes them without its `-A CHAIN`. Throws for a word beyond what this
    /// type knows.
    public init(reading words: [String], _ family: AddressFamily) throws(Mistake) {
        var reader = IptablesReader(words, family)
        var rule = IptablesRule(.comeBack)
        try reader.readConditions(&rule)
        rule.target = try reader.readTarget()
        if let rest = reader.next() { throw Mistake("\(rest) is more than a rule holds") }
        self = rule
    }

    /// Conditions alone, as `conditionsV4` gives them: `["!", "-s", "192.0.2.0/24"]`. Throws for a word beyond what this
    /// type knows.
    public static func conditions(reading words: [String], _ family: AddressFamily) throws(Mistake) -> IptablesRule {
        var reader = IptablesReader(words, family)
        var rule = IptablesRule(.comeBack)
        try reader.readConditions(&rule)
        if let rest = reader.next() { throw Mistake("\(rest) is no condition that berth knows") }
        return rule
    }

    /// The words of a line, without their quotes. Throws for a quotation without end.
    public static func words(of line: String) throws(Mistake) -> [String] {
        // By bytes: a line is read in every call, and characters take ten times as long.
        var words: [String] = []
        var word: [UInt8] = []
        var isWord = false
        var isQuoted = false
        var isEscaped = false
        for byte in line.utf8 {
            switch byte {
            case _ where isEscaped:
                word.append(byte)
                isEscaped = false
            case UInt8(ascii: "\\") where isQuoted: isEscaped = true
            case UInt8(ascii: "\""):
                isQuoted.toggle()
                isWord = true
            case UInt8(ascii: " ") where !isQuoted:
                if isWord { words.append(String(decoding: word, as: UTF8.self)) }
                word.removeAll(keepingCapacity: true)
                isWord = false
            default:
                word.append(byte)
                isWord = true
            }
        }
        if isQuoted { throw Mistake("a quotation does not end: \(line)") }
        if isWord { words.append(String(decoding: word, as: UTF8.self)) }
        return words
    }
}

/// Takes a rule's words one after the other.
private struct IptablesReader {
    private var words: ArraySlice<String>
    private let family: AddressFamily

    init(_ words: [String], _ family: AddressFamily) {
        self.words = words[...]
        self.family = family
    }

    private static let negatable = [
        "-s", "--source", "--src", "-d", "--destination", "--dst", "-i", "--in-interface", "-o", "--out-interface",
        "--mark", "--ctstate", "--state",
    ]

    mutating func next() -> String? { words.popFirst() }

    private mutating func argument(_ flag: String) throws(IptablesRule.Mistake) -> String {
        guard let word = words.popFirst() else { throw IptablesRule.Mistake("\(flag) has no argument") }
        return word
    }

    mutating func readConditions(_ rule: inout IptablesRule) throws(IptablesRule.Mistake) {
        var not = false
        while let flag = words.first, flag != "-j", flag != "--jump" {
            words.removeFirst()
            guard !not || IptablesReader.negatable.contains(flag) else {
                throw IptablesRule.Mistake("! \(flag) is no condition that berth knows")
            }
            switch flag {
            case "!":
                not = true
                continue
            case "-s", "--source", "--src": rule.source = .init(try prefix(flag), not: not)
            case "-d", "--destination", "--dst": rule.destination = .init(try prefix(flag), not: not)
            case "-i", "--in-interface": rule.incoming = .init(try link(flag), not: not)
            case "-o", "--out-interface": rule.outgoing = .init(try link(flag), not: not)
            case "-p", "--protocol":
                let name = try argument(flag)
                guard let proto = IptablesRule.IPProtocol(rawValue: name) else {
                    throw IptablesRule.Mistake("-p \(name) is none of tcp, udp, sctp, ipv6-icmp")
                }
                rule.proto = proto
            case "-m", "--match": _ = try module(flag)
            case "--comment": rule.matches.append(.comment(try argument(flag)))
            case "--dst-type":
                guard try argument(flag) == "LOCAL" else { throw IptablesRule.Mistake("--dst-type takes LOCAL alone") }
                rule.matches.append(.toThisHost)
            case "--dport", "--destination-port": rule.matches.append(.port(try ports(try argument(flag))))
            case "--dports", "--destination-ports":
                var ranges: [ClosedRange<UInt16>] = []
                for part in try argument(flag).split(separator: ",") { ranges.append(try ports(String(part))) }
                guard ranges.reduce(0, { $0 + ($1.count == 1 ? 1 : 2) }) <= 15, !ranges.isEmpty else {
                    throw IptablesRule.Mistake("--dports takes one to fifteen ports, of which a range counts as two")
                }
                rule.matches.append(.ports(ranges))
            case "--mark": rule.matches.append(try mark(not: not))
            case "--ctstate", "--state":
                var states: [IptablesRule.ConntrackState] = []
                for name in try argument(flag).split(separator: ",") {
                    guard let state = IptablesRule.ConntrackState(rawValue: String(name)) else {
                        throw IptablesRule.Mistake("\(name) is no state of a connection")
                    }
                    states.append(state)
                }
                rule.matches.append(.states(states, not: not))
            default: throw IptablesRule.Mistake("\(flag) is no condition that berth knows")
            }
            not = false
        }
        if not { throw IptablesRule.Mistake("! stands before nothing") }
    }

    mutating func readTarget() throws(IptablesRule.Mistake) -> IptablesRule.Target {
        guard let flag = words.popFirst() else { throw IptablesRule.Mistake("a rule has no target") }
        let name = try argument(flag)
        switch name {
        case "ACCEPT": return .accept
        case "DROP": return .drop
        case "RETURN": return .comeBack
        case "MASQUERADE":
            guard words.first == "--random-fully" else { return .masquerade(fullyRandom: false) }
            words.removeFirst()
            return .masquerade(fullyRandom: true)
        case "SNAT":
            guard words.popFirst() == "--to-source", let address = words.popFirst().flatMap({ IPAddress($0) }) else {
                throw IptablesRule.Mistake("SNAT needs --to-source and an address")
            }
            return .translateSource(address)
        case "DNAT":
            guard words.popFirst() == "--to-destination", let text = words.popFirst(),
                let target = endpoint(text)
            else {
                throw IptablesRule.Mistake("DNAT needs --to-destination and an address")
            }
            return target
        case "MARK":
            guard words.popFirst() == "--set-xmark", let text = words.popFirst(),
                let value = text.split(separator: "/").first.flatMap({ number(String($0)) })
            else {
                throw IptablesRule.Mistake("MARK needs --set-xmark and a number")
            }
            return .setMark(value)
        default: return .jump(name)
        }
    }

    /// Modules bring the conditions that this knows anyway.
    private mutating func module(_ flag: String) throws(IptablesRule.Mistake) -> String {
        let name = try argument(flag)
        let known = ["comment", "addrtype", "tcp", "udp", "sctp", "multiport", "mark", "conntrack", "state"]
        guard known.contains(name) else {
            throw IptablesRule.Mistake("-m \(name) is none of \(known.joined(by: ", "))")
        }
        return name
    }

    private mutating func prefix(_ flag: String) throws(IptablesRule.Mistake) -> IPPrefix {
        let text = try argument(flag)
        let found = IPPrefix(text) ?? IPAddress(text).map { IPPrefix($0, length: $0.family.bits) }
        guard let found, found.family == family else {
            throw IptablesRule.Mistake("\(flag) \(text) is no IPv\(family.rawValue) address or network")
        }
        return found.network
    }

    private mutating func link(_ flag: String) throws(IptablesRule.Mistake) -> String {
        let text = try argument(flag)
        guard let name = LinkName(text) else { throw IptablesRule.Mistake("\(flag) \(text) is no name of a link") }
        return name.description
    }

    private func ports(_ text: String) throws(IptablesRule.Mistake) -> ClosedRange<UInt16> {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { UInt16($0) }
        guard let first = parts.first ?? nil, let last = parts.last ?? nil, parts.count <= 2, first <= last else {
            throw IptablesRule.Mistake("\(text) is no port or range of ports")
        }
        return first...last
    }

    private mutating func mark(not: Bool) throws(IptablesRule.Mistake) -> IptablesRule.Match {
        let text = try argument("--mark")
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { number(String($0)) }
        guard let value = parts.first ?? nil, let mask = parts.count == 2 ? parts[1] : UInt32.max, parts.count <= 2
        else { throw IptablesRule.Mistake("--mark \(text) is no number with a mask") }
        return .mark(value, mask: mask, not: not)
    }

    private func number(_ text: String) -> UInt32? {
        text.hasPrefix("0x") ? UInt32(text.dropFirst(2), radix: 16) : UInt32(text)
    }

    private func endpoint(_ text: String) -> IptablesRule.Target? {
        if let address = IPAddress(text) { return .translateDestination(address, port: nil) }
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        return IPAddress(host).map { .translateDestination($0, port: port) }
    }
}
