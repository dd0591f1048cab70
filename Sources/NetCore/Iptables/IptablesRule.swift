/// A rule in the words of iptables (man 8 iptables, man 8 iptables-extensions). How it is written, listed and told to the
/// kernel stands in files beside this one.
public struct IptablesRule: Hashable, Sendable {
    /// An address or the name of a link that a packet must have, or must not have.
    public struct Condition<Value: Hashable & Sendable>: Hashable, Sendable {
        public let value: Value
        public let not: Bool
        public init(_ value: Value, not: Bool = false) {
            self.value = value
            self.not = not
        }
    }

    public var source: Condition<IPPrefix>?
    public var destination: Condition<IPPrefix>?
    /// `-i`
    public var incoming: Condition<String>?
    /// `-o`
    public var outgoing: Condition<String>?
    public var proto: IPProtocol?
    public var matches: [Match] = []
    public var target: Target

    public init(_ target: Target, _ matches: Match...) {
        self.target = target
        self.matches = matches
    }

    /// `-p`, by its name in /etc/protocols.
    public enum IPProtocol: String, Hashable, Sendable, CaseIterable {
        case tcp, udp, sctp
        case icmpv6 = "ipv6-icmp"

        public init(_ transport: TransportProtocol) {
            self =
                switch transport {
                case .tcp: .tcp
                case .udp: .udp
                case .sctp: .sctp
                }
        }
        var number: UInt8 {
            switch self {
            case .tcp: TransportProtocol.tcp.number
            case .udp: TransportProtocol.udp.number
            case .sctp: TransportProtocol.sctp.number
            case .icmpv6: 58
            }
        }
    }

    public enum Match: Hashable, Sendable {
        case comment(String)
        /// `-m addrtype --dst-type LOCAL`
        case toThisHost
        /// `-m tcp --dport`: needs the rule's protocol.
        case port(ClosedRange<UInt16>)
        /// `-m multiport --dports`, at most 15 numbers, of which a range counts as two.
        case ports([ClosedRange<UInt16>])
        case mark(UInt32, mask: UInt32, not: Bool = false)
        case states([ConntrackState], not: Bool = false)
    }

    /// `-m conntrack --ctstate`, in the order in which iptables lists them.
    public enum ConntrackState: String, Hashable, Sendable, CaseIterable {
        case invalid = "INVALID"
        case new = "NEW"
        case related = "RELATED"
        case established = "ESTABLISHED"
        case untracked = "UNTRACKED"
        case sourceTranslated = "SNAT"
        case translated = "DNAT"
    }

    public enum Target: Hashable, Sendable {
        case accept
        case drop
        /// `-j RETURN`
        case comeBack
        case jump(String)
        case masquerade(fullyRandom: Bool)
        case translateSource(IPAddress)
        /// Without a port the packet's own stays.
        case translateDestination(IPAddress, port: UInt16?)
        /// Sets these bits of the packet's mark.
        case setMark(UInt32)

        public var name: String {
            switch self {
            case .accept: "ACCEPT"
            case .drop: "DROP"
            case .comeBack: "RETURN"
            case .jump(let chain): chain
            case .masquerade: "MASQUERADE"
            case .translateSource: "SNAT"
            case .translateDestination: "DNAT"
            case .setMark: "MARK"
            }
        }
    }

    /// Its first comment.
    public var comment: String? {
        for case .comment(let text) in matches { return text }
        return nil
    }
}

/// A table of iptables in which berth has rules.
public enum IptablesTable: String, Hashable, Sendable, CaseIterable, Comparable {
    case raw, nat, filter

    public static func < (left: IptablesTable, right: IptablesTable) -> Bool { left.rawValue < right.rawValue }
}

/// A chain of a table, as "nat POSTROUTING".
public struct IptablesChain: Hashable, Sendable, CustomStringConvertible {
    public let table: IptablesTable
    public let name: String

    public init(_ table: IptablesTable, _ name: String) {
        self.table = table
        self.name = name
    }
    public var description: String { "\(table.rawValue) \(name)" }

    /// Is it one that the kernel calls?
    public var isBuiltIn: Bool { IptablesChain.builtIn(table).contains(name) }

    /// In the order in which iptables lists them.
    public static func builtIn(_ table: IptablesTable) -> [String] {
        switch table {
        case .raw: ["PREROUTING", "OUTPUT"]
        case .nat: ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]
        case .filter: ["INPUT", "FORWARD", "OUTPUT"]
        }
    }
}
