public import NetCore

/// Which flows are meant. What is not set does not matter.
public struct ConntrackFilter: Hashable, Sendable {
    public var protocolNumber: UInt8?
    /// Who began the flow.
    public var source: IPPrefix?
    /// Whom it was sent to, as the sender wrote it or as NAT made it.
    public var destination: IPPrefix?
    public var sourcePort: UInt16?
    /// As `destination`.
    public var destinationPort: UInt16?
    /// In whichever place of either tuple.
    public var port: UInt16?
    /// All of them.
    public var statuses: [Status] = []
    public var mark: UInt32?
    public var zone: UInt16?

    public init() {}

    /// `answered`, `unreplied`, `assured`, `unassured`, `dnat`, `snat`, `nat`, `offload`, or a state as ESTABLISHED.
    public enum Status: Hashable, Sendable {
        case bits(UInt32)
        case without(UInt32)
        case any(UInt32)
        case state(String)

        static let names: [(String, Status)] = [
            ("answered", .bits(0x2)), ("unreplied", .without(0x2)), ("assured", .bits(0x4)),
            ("unassured", .without(0x4)),
            ("dnat", .bits(0x20)), ("snat", .bits(0x10)), ("nat", .any(0x30)), ("offload", .any(0xc000)),
        ]

        /// Nil when there is no such word.
        public init?(_ word: String) {
            let lower = word.lowercased()
            if let found = Status.names.first(where: { $0.0 == lower }) {
                self = found.1
            } else if ConntrackEntry.stateNames.contains(word.uppercased()) {
                self = .state(word.uppercased())
            } else {
                return nil
            }
        }

        public static var words: String {
            names.map(\.0).joined(by: ", ") + ", or a state of TCP or SCTP such as ESTABLISHED"
        }

        func matches(_ entry: ConntrackEntry) -> Bool {
            switch self {
            case .bits(let bits): entry.flow.status & bits == bits
            case .without(let bits): entry.flow.status & bits == 0
            case .any(let bits): entry.flow.status & bits != 0
            case .state(let state): entry.state == state
            }
        }
    }

    public var isEmpty: Bool { self == ConntrackFilter() }

    public func matches(_ entry: ConntrackEntry) -> Bool {
        let (original, reply) = (entry.flow.original, entry.flow.reply)
        if let protocolNumber, original.protocolNumber != protocolNumber { return false }
        if let source, !source.contains(original.source) { return false }
        if let destination, !destination.contains(original.destination), !destination.contains(reply.source) {
            return false
        }
        if let sourcePort, original.sourcePort != sourcePort { return false }
        if let destinationPort, original.destinationPort != destinationPort, reply.sourcePort != destinationPort {
            return false
        }
        if let port {
            let all = [original.sourcePort, original.destinationPort, reply.sourcePort, reply.destinationPort]
            if !all.contains(port) { return false }
        }
        if let mark, entry.mark != mark { return false }
        if let zone, entry.zone != zone { return false }
        return statuses.allSatisfy { $0.matches(entry) }
    }

    /// A protocol's number by its name or as it is; nil when there is none.
    public static func protocolNumber(_ word: String) -> UInt8? {
        PacketHeaders.protocolNames.first { $0.value == word.lowercased() }?.key ?? UInt8(word)
    }
}

extension PacketHeaders {
    static let protocolNames: [UInt8: String] = [
        1: "icmp", 2: "igmp", 4: "ipip", 6: "tcp", 17: "udp", 33: "dccp", 41: "ipv6", 47: "gre", 50: "esp", 58: "icmp6",
        132: "sctp", 136: "udplite",
    ]
    static func protocolName(_ number: UInt8) -> String { protocolNames[number] ?? "protocol \(number)" }
}
