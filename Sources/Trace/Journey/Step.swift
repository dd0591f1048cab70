extension Journey {
    /// One place on the way, in the order in which the packet met them.
    public struct Step: Hashable, Sendable {
        public enum Kind: String, Hashable, Sendable {
            /// The packet came in by a device, or left by one.
            case rx, tx
            /// A rule matched and said its verdict; or a chain's end did.
            case rule, policy
            /// The headers are others than before, which no rule event tells: conntrack's own work, or routing's.
            case rewrite
            /// The kernel chose a route.
            case fib
        }
        /// Counts from 1 within the leg.
        public var number: Int
        public var node: String
        /// "dev:eth0", "hook:prerouting", "route".
        public var at: String
        public var kind: Kind
        public var priority: Int32?
        /// "ip lab".
        public var table: String?
        public var chain: String?
        public var handle: UInt64?
        /// The rule as its own tool writes it; "#4" where that is not known.
        public var text: String?
        /// "accept", "drop", "continue", "jump NAME" …
        public var verdict: String?
        public var conntrack: ConntrackMark?
        /// Of a route: "10.88.0.2 dev br0".
        public var result: String?
        public var l3: Network?
        public var l4: Transport?
        public var changed: Change?
        /// Microseconds since the leg's first capture; only captures have a time.
        public var time: Int64?

        public init(node: String, at: String, kind: Kind) {
            number = 0
            self.node = node
            self.at = at
            self.kind = kind
        }

        /// "prerouting" of "hook:prerouting"; nil elsewhere.
        public var hook: String? { at.hasPrefix("hook:") ? String(at.dropFirst(5)) : nil }
        /// "eth0" of "dev:eth0"; nil elsewhere.
        public var device: String? { at.hasPrefix("dev:") ? String(at.dropFirst(4)) : nil }
    }

    public struct Network: Hashable, Sendable {
        public var source: String
        public var destination: String
        public var ttl: Int
        /// Bytes, header included.
        public var length: Int
        public init(source: String, destination: String, ttl: Int, length: Int) {
            self.source = source
            self.destination = destination
            self.ttl = ttl
            self.length = length
        }
    }

    public struct Transport: Hashable, Sendable {
        /// "tcp", "udp", "icmp", or the number.
        public var name: String
        public var sourcePort: Int?
        public var destinationPort: Int?
        /// "S", "SA", "R", as letters.
        public var flags: String?
        /// ICMP: type and code as "8/0".
        public var kind: String?
        public init(
            name: String, sourcePort: Int? = nil, destinationPort: Int? = nil, flags: String? = nil, kind: String? = nil
        ) {
            self.name = name
            self.sourcePort = sourcePort
            self.destinationPort = destinationPort
            self.flags = flags
            self.kind = kind
        }
    }

    /// Before and after.
    public struct Change: Hashable, Sendable {
        public struct Pair<Value: Hashable & Sendable>: Hashable, Sendable {
            public let before: Value
            public let after: Value
            public init(_ before: Value, _ after: Value) {
                self.before = before
                self.after = after
            }
        }
        /// "198.51.100.2:8080".
        public var source: Pair<String>?
        public var destination: Pair<String>?
        public var ttl: Pair<Int>?
        public init(source: Pair<String>? = nil, destination: Pair<String>? = nil, ttl: Pair<Int>? = nil) {
            self.source = source
            self.destination = destination
            self.ttl = ttl
        }
        public var isAddress: Bool { source != nil || destination != nil }
    }

    /// What conntrack said of the packet while a chain saw it.
    public struct ConntrackMark: Hashable, Sendable {
        public var id: String
        /// "new", "established" …
        public var state: String?
        /// "original" or "reply".
        public var direction: String?
        public var status: UInt32?
        public init(id: String, state: String? = nil, direction: String? = nil, status: UInt32? = nil) {
            self.id = id
            self.state = state
            self.direction = direction
            self.status = status
        }
    }

    /// Where a leg ended.
    public struct End: Hashable, Sendable {
        public enum Kind: String, Hashable, Sendable {
            /// The packet reached its receiver.
            case delivered
            /// A known place dropped it.
            case dropped
            /// The receiver, or a router, answered with RST or an ICMP error.
            case refused
            /// Seen last at `at`; nobody says why.
            case lost
        }
        public var kind: Kind
        public var node: String
        /// As in a step: where it was last.
        public var at: String?
        /// One sentence.
        public var reason: String?
        /// "tcp *:80 pid 211 nc".
        public var socket: String?
        /// The kernel's own reason and function, where its tracepoints could be read: "IP_INADDRERRORS ip_error".
        public var kernel: String?
        public init(_ kind: Kind, node: String, at: String? = nil, reason: String? = nil, socket: String? = nil) {
            self.kind = kind
            self.node = node
            self.at = at
            self.reason = reason
            self.socket = socket
        }
    }
}
