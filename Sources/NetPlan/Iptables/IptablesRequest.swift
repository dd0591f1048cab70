import NetCore

/// What berth-iptables is asked to do with the legacy tables: text, a line a thing, so that a person can read it.
public struct IptablesRequest: Hashable, Sendable {
    public enum Verb: String, Sendable {
        /// The changes are made so.
        case make
        /// In what the tables differ from the changes.
        case check
        /// The removal's rules are gone.
        case remove
        /// The comments of all rules.
        case comments
    }
    public var verb: Verb
    public var changes: [IptablesChanges] = []
    public var removal = IptablesRemoval()
    public var tables: [IptablesTable] = []
    /// Owners (with what their comments begin) whose rules may publish a port of the changes.
    public var accepted: [String] = []
    /// The file of the lock that all changes of netfilter by berth take.
    public var lock: String?
    /// No rule of the changes' owner stands yet.
    public var isNew = false

    public init(_ verb: Verb) { self.verb = verb }

    // MARK: writing

    public var text: String {
        var lines = [verb.rawValue]
        if let lock { lines.append("lock \(lock)") }
        if isNew { lines.append("new") }
        lines += tables.map { "table \($0.rawValue)" }
        lines += accepted.map { "accept \($0)" }
        lines += removal.prefixes.map { "prefix \(IptablesRequest.escaped($0))" }
        lines += removal.kept.map { "keep \(IptablesRequest.escaped($0))" }
        lines += removal.chains.map { "gone \($0)" }
        if removal.isCollection { lines.append("collect") }
        for placement in removal.rules {
            let family = (placement.rule.source ?? placement.rule.destination)?.value.family ?? .v4
            lines += ["family \(family.rawValue)", IptablesRequest.line("rule", placement)]
        }
        for part in changes {
            lines.append("family \(part.family.rawValue)")
            lines.append("owner \(part.ownerPrefix)")
            lines += part.required.map { "need \($0)" }
            lines += part.ownChains.map { "chain \($0)" }
            lines += part.claims.map {
                "claim \($0.proto) \($0.ports.lowerBound) \($0.ports.upperBound) \($0.address.map(\.description) ?? "*")"
            }
            lines += part.shared.map { IptablesRequest.line("share", $0) }
            lines += part.absent.map { IptablesRequest.line("absent", $0) }
            lines += part.owned.map { IptablesRequest.line("own", $0) }
        }
        return lines.joined(by: "\n") + "\n"
    }

    private static func line(_ kind: String, _ placement: IptablesChanges.Placement) -> String {
        "\(kind) \(placement.isFirst ? "first" : "last") \(placement.chain) "
            + placement.rule.words.joined(by: " ")
    }

    /// A line feed at the end says that the comment ends there.
    private static func escaped(_ text: String) -> String {
        text.hasSuffix("\n") ? text.dropLast() + "$" : "\(text)^"
    }
    private static func unescaped(_ text: Substring) -> String {
        text.hasSuffix("$") ? text.dropLast() + "\n" : String(text.dropLast())
    }

    // MARK: reading

    /// Throws for a line that is none of these.
    public init(reading text: String) throws(IptablesRule.Mistake) {
        let lines = IptablesRequest.parts(text[...], at: "\n")
        guard let first = lines.first, let verb = Verb(rawValue: String(first)) else {
            throw IptablesRule.Mistake("a request begins with one of make, check, remove, comments")
        }
        self.init(verb)
        for line in lines.dropFirst() {
            let parts = IptablesRequest.parts(line, at: " ", maxSplits: 1)
            guard let kind = parts.first else { throw IptablesRequest.mistake(line) }
            try read(String(kind), parts.count > 1 ? parts[1] : "", line)
        }
    }

    /// By bytes: characters take ten times as long.
    private static func parts(_ text: Substring, at separator: Unicode.Scalar, maxSplits: Int = .max) -> [Substring] {
        text.utf8.split(separator: UInt8(ascii: separator), maxSplits: maxSplits).map { Substring($0) }
    }

    private static func mistake(_ line: Substring) -> IptablesRule.Mistake {
        IptablesRule.Mistake("this is no line of a request: \(line)")
    }

    private var family: AddressFamily = .v4

    private mutating func read(_ kind: String, _ rest: Substring, _ line: Substring) throws(IptablesRule.Mistake) {
        switch kind {
        case "table":
            guard let table = IptablesTable(rawValue: String(rest)) else { throw IptablesRequest.mistake(line) }
            tables.append(table)
        case "accept": accepted.append(String(rest))
        case "prefix": removal.prefixes.append(IptablesRequest.unescaped(rest))
        case "keep": removal.kept.append(IptablesRequest.unescaped(rest))
        case "lock": lock = String(rest)
        case "new": isNew = true
        case "collect": removal.isCollection = true
        case "gone":
            guard let chain = IptablesRequest.chain(rest) else { throw IptablesRequest.mistake(line) }
            removal.chains.append(chain)
        case "rule": removal.rules.append(try placement(rest, line))
        case "family":
            guard let family = UInt8(rest).flatMap({ AddressFamily(rawValue: $0) }) else {
                throw IptablesRequest.mistake(line)
            }
            self.family = family
            if verb == .make || verb == .check { changes.append(IptablesChanges(family)) }
        default:
            guard !changes.isEmpty else { throw IptablesRequest.mistake(line) }
            try readChange(kind, rest, line)
        }
    }

    private mutating func readChange(_ kind: String, _ rest: Substring, _ line: Substring)
        throws(IptablesRule.Mistake)
    {
        let last = changes.count - 1
        switch kind {
        case "owner": changes[last].ownerPrefix = String(rest)
        case "need", "chain":
            guard let chain = IptablesRequest.chain(rest) else { throw IptablesRequest.mistake(line) }
            if kind == "need" { changes[last].required.append(chain) } else { changes[last].ownChains.append(chain) }
        case "claim":
            let words = IptablesRequest.parts(rest, at: " ")
            guard words.count == 4, let proto = TransportProtocol(rawValue: String(words[0])),
                let first = UInt16(words[1]), let end = UInt16(words[2]), first <= end
            else { throw IptablesRequest.mistake(line) }
            changes[last].claims.append(.init(family, proto, first...end, at: IPAddress(String(words[3]))))
        case "share": changes[last].shared.append(try placement(rest, line))
        case "absent": changes[last].absent.append(try placement(rest, line))
        case "own": changes[last].owned.append(try placement(rest, line))
        default: throw IptablesRequest.mistake(line)
        }
    }

    private func placement(_ text: Substring, _ line: Substring) throws(IptablesRule.Mistake)
        -> IptablesChanges.Placement
    {
        let words = try IptablesRule.words(of: String(text))
        guard words.count > 3, let table = IptablesTable(rawValue: words[1]) else {
            throw IptablesRequest.mistake(line)
        }
        return IptablesChanges.Placement(
            IptablesChain(table, words[2]), try IptablesRule(reading: Array(words.dropFirst(3)), family),
            isFirst: words[0] == "first")
    }

    private static func chain(_ text: Substring) -> IptablesChain? {
        let words = parts(text, at: " ")
        guard words.count == 2, let table = IptablesTable(rawValue: String(words[0])) else { return nil }
        return IptablesChain(table, String(words[1]))
    }
}
