import NetCore

/// What is known of one packet where a chain saw it.
struct PacketFacts {
    var headers: PacketHeaders
    /// Names; nil where the hook has no such device.
    var input: String?
    var output: String?
    /// "new", "established" …
    var state: String?
    /// IPS_* bits.
    var status: UInt32?
    /// "local", "unicast" …; nil where nobody could say.
    var addressType: (IPAddress) -> String? = { _ in nil }
}

/// One condition of a rule, as its text writes it, and whether a packet meets it.
struct RuleClause: Hashable, Sendable {
    enum Answer: Hashable, Sendable {
        case holds
        /// "this is new".
        case fails(String)
        case unknown
    }
    /// "ct state established,related".
    var text: String
    var answer: Answer
}

/// The conditions of a rule and what it does, read from its text.
struct RuleReading {
    var clauses: [RuleClause]
    /// "accept", "jump PUB", "dnat to …"; empty when the rule only counts.
    var action: String

    /// "wants ct state established,related (this is new)" of the first condition that the packet does not meet.
    var firstFailure: String? {
        for clause in clauses {
            if case .fails(let seen) = clause.answer { return "wants \(clause.text) (\(seen))" }
        }
        let unknown = clauses.filter { $0.answer == .unknown }.map(\.text)
        return unknown.isEmpty ? nil : "has \(unknown.joined(by: " and ")), which is not judged here"
    }

    /// It would let a packet through, or look further.
    var letsThrough: Bool { ["accept", "jump", "goto"].contains { action.hasPrefix($0) } }
    var met: Int { clauses.prefix { $0.answer == .holds }.count }
}

extension PacketFacts {
    /// Whether a value is one of "a", "{ a, b }", "a-b", "a,b", "10.0.0.0/8"; nil when that cannot be said.
    func holds(_ wanted: [String], _ one: (String) -> Bool?) -> Bool? {
        var isUnknown = false
        for word in wanted {
            switch one(word) {
            case true?: return true
            case nil: isUnknown = true
            case false?: break
            }
        }
        return isUnknown ? nil : false
    }

    func address(_ address: IPAddress, in text: String) -> Bool? {
        if let prefix = IPPrefix(text) { return prefix.contains(address) }
        if let other = IPAddress(text) { return other == address }
        let ends = text.split(separator: "-").compactMap { IPAddress(String($0)) }
        guard ends.count == 2, ends[0].family == address.family else { return nil }
        return (ends[0].value...max(ends[0].value, ends[1].value)).contains(address.value)
    }

    func number(_ number: Int, in text: String) -> Bool? {
        if let other = Int(text) { return other == number }
        let ends = text.split { $0 == "-" || $0 == ":" }.compactMap { Int($0) }
        guard ends.count == 2 else { return RuleWords.services[text].map { $0 == number } }
        return ends[0] <= number && number <= ends[1]
    }

    /// "eth*" and "eth+" are all that begin so.
    func device(_ name: String?, in text: String) -> Bool? {
        let text = text.filter { $0 != "\"" }
        guard let name else { return false }
        guard text.hasSuffix("*") || text.hasSuffix("+") else { return name == text }
        return name.hasPrefix(String(text.dropLast()))
    }

    func protocolName(in text: String) -> Bool? {
        let names: [UInt8: [String]] = [
            1: ["icmp"], 6: ["tcp"], 17: ["udp"], 58: ["icmpv6", "ipv6-icmp"], 132: ["sctp"],
        ]
        if let number = UInt8(text) { return number == headers.protocolNumber }
        let own = names[headers.protocolNumber] ?? []
        if own.contains(text) { return true }
        return names.values.contains { $0.contains(text) } ? false : nil
    }

    func hasStatus(_ text: String) -> Bool? {
        let bits: [String: UInt32] = [
            "expected": 1, "seen-reply": 2, "seen_reply": 2, "assured": 4, "confirmed": 8, "snat": 16, "dnat": 32,
        ]
        guard let bit = bits[text.asciiLowercased], let status else { return nil }
        return status & bit != 0
    }

    var protocolWord: String {
        [1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 132: "sctp"][headers.protocolNumber]
            ?? "protocol \(headers.protocolNumber)"
    }
}

enum RuleWords {
    static let services = ["http": 80, "https": 443, "ssh": 22, "domain": 53]
}

extension String {
    var asciiLowercased: String {
        String(decoding: utf8.map { (0x41...0x5a).contains($0) ? $0 + 32 : $0 }, as: UTF8.self)
    }
}
