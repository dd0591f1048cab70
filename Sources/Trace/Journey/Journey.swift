import NetCore

/// What became of one probe, and of its answer: all that views, checks and lessons read. Its JSON is `v` 1
/// (docs/lab/trace.md).
public struct Journey: Hashable, Sendable {
    /// The version of the JSON that this code writes and reads.
    public static let version: Int64 = 1

    public struct Asked: Hashable, Sendable {
        /// The source node.
        public var from: String
        /// "198.51.100.2:8080/tcp", "198.51.100.2/icmp".
        public var to: String
        public init(from: String, to: String) {
            self.from = from
            self.to = to
        }
    }

    public var probe: Asked
    /// False when events were lost: what is missing may have happened.
    public var complete: Bool
    /// How many messages the kernel had no room for.
    public var lostEvents: Int
    public var legs: [Leg]
    /// Of the bytes that a TCP probe had to send after its handshake; nil where it had none, or no handshake.
    public var transfer: Transfer?
    public var conntrack: [TrackedFlow]
    /// Which sources told of it: "nft trace", "capture", "conntrack", "legacy trace", "counters".
    public var evidence: [String]
    /// Counters that moved meanwhile, by node.
    public var counters: [CounterChange]
    /// What a reader must know to judge it, one sentence each.
    public var notes: [String]
    /// Why it did not end well; nil when it did.
    public var advice: Advice?
    /// Who asked for whose MAC address meanwhile, and the answers; none unless that was wished.
    public var neighbours: [NeighbourTalk] = []

    public init(
        probe: Asked, complete: Bool = true, lostEvents: Int = 0, legs: [Leg], conntrack: [TrackedFlow] = [],
        evidence: [String] = [], counters: [CounterChange] = [], notes: [String] = []
    ) {
        self.probe = probe
        self.complete = complete
        self.lostEvents = lostEvents
        self.legs = legs
        self.conntrack = conntrack
        self.evidence = evidence
        self.counters = counters
        self.notes = notes
    }

    public var forward: Leg? { legs.first { $0.direction == .forward } }
    public var reply: Leg? { legs.first { $0.direction == .reply } }

    /// One packet's way.
    public struct Leg: Hashable, Sendable {
        public enum Direction: String, Hashable, Sendable { case forward, reply }
        public var direction: Direction
        public var steps: [Step]
        public var end: End
        public init(direction: Direction, steps: [Step], end: End) {
            self.direction = direction
            self.steps = steps
            self.end = end
        }
    }

    /// A conntrack entry that the probe made or used.
    public struct TrackedFlow: Hashable, Sendable {
        public var node: String
        /// Hexadecimal, as `conntrack -o id` numbers it.
        public var id: String
        /// "203.0.113.10:57236>198.51.100.2:8080".
        public var original: String
        public var reply: String
        /// IPS_* bits of the last event.
        public var status: UInt32
        public var meaning: String
        public init(node: String, id: String, original: String, reply: String, status: UInt32, meaning: String) {
            self.node = node
            self.id = id
            self.original = original
            self.reply = reply
            self.status = status
            self.meaning = meaning
        }
    }

    /// A request or an answer of ARP, or of IPv6's neighbour discovery, as one device saw it.
    public struct NeighbourTalk: Hashable, Sendable {
        public var node: String
        public var device: String
        public var isOutgoing: Bool
        /// "who has 10.88.0.2? tell 10.88.0.1", "10.88.0.2 is at 02:00:00:00:03:01".
        public var words: String
        /// Microseconds since the probe's first capture; before it less than 0; nil when there was none.
        public var time: Int64?
        public init(node: String, device: String, isOutgoing: Bool, words: String, time: Int64? = nil) {
            self.node = node
            self.device = device
            self.isOutgoing = isOutgoing
            self.words = words
            self.time = time
        }
    }

    public struct CounterChange: Hashable, Sendable {
        public var node: String
        /// "Ip:InAddrErrors", as /proc/net/snmp and /proc/net/netstat name it.
        public var name: String
        public var change: Int64
        public init(node: String, name: String, change: Int64) {
            self.node = node
            self.name = name
            self.change = change
        }
    }
}
