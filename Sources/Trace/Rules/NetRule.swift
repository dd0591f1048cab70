public import NetCore

/// A rule that `berth net` makes: few kinds, each in the kernel's clauses, in nft's words and in those of iptables. The words by which it
/// was asked for are the rule's comment, by which it is known again.
public enum NetRule: Hashable, Sendable {
    /// The source becomes the address of the link by which the packet leaves.
    case masquerade(IPPrefix, out: Outgoing?)
    /// What is addressed to this node's port goes to another address.
    case publish(TransportProtocol, UInt16, to: IPAddress, UInt16, fromHere: Bool)
    case accept(Accepted)

    public struct Outgoing: Hashable, Sendable {
        public let link: LinkName
        public let isNot: Bool

        public init(link: LinkName, isNot: Bool) { (self.link, self.isNot) = (link, isNot) }
    }

    public enum Accepted: String, Hashable, Sendable, CaseIterable { case published, established }

    /// As it is typed behind `berth net`.
    public var words: String {
        switch self {
        case .masquerade(let source, let out):
            "masquerade \(source.network)" + (out.map { " \($0.isNot ? "not " : "")out \($0.link)" } ?? "")
        case .publish(let proto, let port, let address, let target, let fromHere):
            "publish \(port)\(proto == .tcp ? "" : "/\(proto)") to \(NetRule.pair(address, target))"
                + (fromHere ? " output" : "")
        case .accept(let what): "accept \(what.rawValue)"
        }
    }

    /// The chain in which it stands.
    public var chain: NftChain {
        switch self {
        case .masquerade: NetRule.postrouting
        case .publish(_, _, _, _, let fromHere): fromHere ? NetRule.output : NetRule.prerouting
        case .accept: NetRule.forward
        }
    }

    public var rule: NftRule { NftRule(clauses, comment: words) }

    private var clauses: [NftClause] {
        switch self {
        case .masquerade(let source, let out):
            [.network(.source, source.network)]
                + (out.map { [.outgoing($0.link.description, not: $0.isNot)] } ?? []) + [.counter, .masquerade()]
        case .publish(let proto, let port, let address, let target, _):
            [.toThisHost, .destinationPort(proto, port), .counter, .sendTo(address, target)]
        case .accept(.published): [.translated, .counter, .accept]
        case .accept(.established): [.established, .counter, .accept]
        }
    }

    /// For the chains of iptables; `verb` is -A or -D.
    public func iptables(_ verb: String) -> String {
        switch self {
        case .masquerade(let source, let out):
            "\(NetRule.program(source.family)) -t nat \(verb) POSTROUTING -s \(source.network)"
                + (out.map { "\($0.isNot ? " !" : "") -o \($0.link)" } ?? "") + " -j MASQUERADE"
        case .publish(let proto, let port, let address, let target, let fromHere):
            "\(NetRule.program(address.family)) -t nat \(verb) \(fromHere ? "OUTPUT" : "PREROUTING") "
                + "-m addrtype --dst-type LOCAL -p \(proto) --dport \(port) "
                + "-j DNAT --to-destination \(NetRule.pair(address, target))"
        case .accept(.published): "iptables \(verb) FORWARD -m conntrack --ctstate DNAT -j ACCEPT"
        case .accept(.established): "iptables \(verb) FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"
        }
    }

    private static func program(_ family: AddressFamily) -> String { family == .v4 ? "iptables" : "ip6tables" }

    private static func pair(_ address: IPAddress, _ port: UInt16) -> String {
        address.family == .v4 ? "\(address):\(port)" : "[\(address)]:\(port)"
    }
}

extension NetRule {
    /// The table in which they stand, of family inet; its chains are made with the first rule that needs them.
    public static let table = "berth-net"
    public static let prerouting = NftChain("prerouting", .prerouting("nat", -100), rules: [])
    public static let output = NftChain("output", .output("nat", -100), rules: [])
    public static let postrouting = NftChain("postrouting", .postrouting("nat", 100), rules: [])
    public static let forward = NftChain("forward", .forward("filter", 0), rules: [])

    /// The rule that a comment names: its words as `words` writes them. Nil for anything else.
    public init?(comment: String) {
        let parts = comment.split(separator: " ").map(String.init)
        guard let found = NetRule.read(parts), found.words == comment else { return nil }
        self = found
    }

    private static func read(_ parts: [String]) -> NetRule? {
        switch (parts.first, parts.count) {
        case ("accept", 2): return Accepted(rawValue: parts[1]).map { .accept($0) }
        case ("masquerade", 2...5):
            guard let source = IPPrefix(parts[1]) else { return nil }
            if parts.count == 2 { return .masquerade(source, out: nil) }
            guard let link = LinkName(parts[parts.count - 1]) else { return nil }
            return .masquerade(source, out: Outgoing(link: link, isNot: parts[2] == "not"))
        case ("publish", 4...5):
            let port = parts[1].split(separator: "/").map(String.init)
            guard port.count < 3, let number = port.first.flatMap({ UInt16($0) }),
                let (address, target) = pair(parts[3]),
                let proto = port.count == 1 ? .tcp : TransportProtocol(rawValue: port[1])
            else { return nil }
            return .publish(proto, number, to: address, target, fromHere: parts.count == 5)
        default: return nil
        }
    }

    private static func pair(_ text: String) -> (IPAddress, UInt16)? {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        let host = text[..<colon].filter { $0 != "[" && $0 != "]" }
        return IPAddress(host).map { ($0, port) }
    }
}
