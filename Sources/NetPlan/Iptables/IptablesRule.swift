import NetCore

/// A rule in the words of iptables (man 8 iptables, man 8 iptables-extensions), for both of its tongues: the one that
/// `iptables-restore` reads and the one that `iptables -n -L` prints.
public struct IptablesRule: Hashable, Sendable {
    public var proto: TransportProtocol?
    public var source: IPPrefix?
    public var destination: IPPrefix?
    /// `! -d`
    public var isNotTo = false
    public var matches: [Match] = []
    public var target: Target

    public init(_ target: Target, _ matches: Match...) {
        self.target = target
        self.matches = matches
    }

    public enum Match: Hashable, Sendable {
        case comment(String)
        /// `-m addrtype --dst-type LOCAL`
        case toThisHost
        /// `-m tcp --dport`: needs the rule's protocol.
        case port(ClosedRange<UInt16>)
        /// `-m multiport --dports`, at most 15 numbers, of which a range counts as two.
        case ports([ClosedRange<UInt16>])
        case mark(UInt32)
    }

    public enum Target: Hashable, Sendable {
        case accept
        case jump(String)
        case masquerade(fullyRandom: Bool)
        case translateSource(IPAddress)
        /// Without a port the packet's own stays.
        case translateDestination(IPAddress, port: UInt16?)
        case setMark(UInt32)

        var name: String {
            switch self {
            case .accept: "ACCEPT"
            case .jump(let chain): chain
            case .masquerade: "MASQUERADE"
            case .translateSource: "SNAT"
            case .translateDestination: "DNAT"
            case .setMark: "MARK"
            }
        }
    }

    // MARK: as iptables-restore reads it

    /// "-A CHAIN …"
    public func command(chain: String) -> String {
        var words = ["-A", chain]
        if let source { words += ["-s", "\(source)"] }
        if let destination { words += (isNotTo ? ["!"] : []) + ["-d", "\(destination)"] }
        if let proto { words += ["-p", proto.rawValue] }
        for match in matches { words += argument(match) }
        words += ["-j", target.name]
        switch target {
        case .accept, .jump: break
        case .masquerade(let fullyRandom): if fullyRandom { words.append("--random-fully") }
        case .translateSource(let address): words += ["--to-source", "\(address)"]
        case .translateDestination(let address, let port):
            words += ["--to-destination", IptablesRule.endpoint(address, port)]
        case .setMark(let mark): words += ["--or-mark", IptablesRule.hexadecimal(mark)]
        }
        return words.joined(by: " ")
    }

    private func argument(_ match: Match) -> [String] {
        switch match {
        case .comment(let text): ["-m", "comment", "--comment", IptablesRule.quoted(text)]
        case .toThisHost: ["-m", "addrtype", "--dst-type", "LOCAL"]
        case .port(let range): ["-m", proto?.rawValue ?? "tcp", "--dport", IptablesRule.text(range)]
        case .ports(let ranges): ["-m", "multiport", "--dports", ranges.map(IptablesRule.text).joined(by: ",")]
        case .mark(let mark):
            ["-m", "mark", "--mark", "\(IptablesRule.hexadecimal(mark))/\(IptablesRule.hexadecimal(mark))"]
        }
    }

    /// As iptables-save writes it: only a text with spaces or quotes needs any.
    private static func quoted(_ text: String) -> String {
        var escaped = ""
        for character in text {
            if character == "\"" || character == "\\" { escaped.append("\\") }
            escaped.append(character)
        }
        return "\"\(escaped)\""
    }

    // MARK: as iptables -n -L prints it

    /// One line of a chain's list, for addresses of the family.
    public func listed(_ family: AddressFamily) -> String {
        let everywhere = family == .v4 ? "0.0.0.0/0" : "::/0"
        let from = source.map(IptablesRule.listed) ?? everywhere
        let to = destination.map(IptablesRule.listed) ?? everywhere
        var line = padded(target.name, 9) + "  " + padded(proto?.rawValue ?? "all", 5) + "--  "
        line += padded(from, 19) + " " + (isNotTo ? "!" : " ") + padded(to, 19) + " "
        for match in matches { line += " " + listed(match) }
        switch target {
        case .accept, .jump: break
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
        case .mark(let mark):
            return "mark match \(IptablesRule.hexadecimal(mark))/\(IptablesRule.hexadecimal(mark))"
        }
    }

    // MARK: words of both

    private static func text(_ range: ClosedRange<UInt16>) -> String {
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
