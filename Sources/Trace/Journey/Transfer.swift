import JSON

extension Journey {
    /// What became of the bytes that a TCP probe sent when its handshake was done.
    public struct Transfer: Hashable, Sendable {
        public enum State: String, Hashable, Sendable {
            /// The other end has them all.
            case acknowledged
            /// Nothing more came of them in the time that was waited.
            case stalled
            /// RST, or an ICMP error that the sender's kernel took for the last word, ended the connection.
            case ended
        }

        /// A link that takes less than what should have gone by it, as a router said.
        public struct Limit: Hashable, Sendable {
            public var node: String
            /// Nil where its node is none of those that are listened to, or has no route.
            public var device: String?
            /// Bytes of the largest IP packet.
            public var mtu: Int
            public init(node: String, device: String?, mtu: Int) {
                self.node = node
                self.device = device
                self.mtu = mtu
            }
            var words: String { device.map { "\(node) \($0)" } ?? node }
        }

        public var state: State
        /// How many bytes were to be sent.
        public var bytes: Int
        public var acknowledged: Int
        /// That carried data, those that were sent again among them.
        public var segments: Int
        public var resent: Int
        public var limit: Limit?
        /// The way of the first packet that was not acknowledged, else of the first that carried data; then that of what was answered to it:
        /// an acknowledgement, RST, or an ICMP error.
        public var legs: [Leg]

        public init(
            _ state: State, bytes: Int, acknowledged: Int, segments: Int, resent: Int, limit: Limit? = nil,
            legs: [Leg] = []
        ) {
            self.state = state
            self.bytes = bytes
            self.acknowledged = acknowledged
            self.segments = segments
            self.resent = resent
            self.limit = limit
            self.legs = legs
        }

        public var forward: Leg? { legs.first { $0.direction == .forward } }
        public var reply: Leg? { legs.first { $0.direction == .reply } }

        /// 0 acknowledged; else of the packet: 10 dropped at a known place, 11 not answered, 12 refused, 13 lost.
        func exitCode(of sender: String) -> Int32 {
            switch state {
            case .acknowledged: return 0
            case .ended: return 12
            case .stalled: break
            }
            switch forward?.end.kind {
            case .delivered?: return 11
            case .dropped?: return 10
            // Who was not told waits for an answer.
            case .refused?: return reply?.end.kind == .delivered && reply?.end.node == sender ? 12 : 11
            case .lost?, nil: return 13
            }
        }

        /// "20000 bytes were acknowledged (17 segments sent, 1 of them again)".
        var words: String {
            let part = state == .acknowledged ? "\(bytes)" : "\(acknowledged) of \(bytes)"
            let again = resent > 0 ? ", \(resent) of them again" : ""
            return "\(part) bytes were acknowledged (\(segments) segment\(segments == 1 ? "" : "s") sent\(again))"
        }

        var json: JSON {
            var object: JSONObject = [
                "state": .string(state.rawValue), "bytes": .integer(Int64(bytes)),
                "acknowledged": .integer(Int64(acknowledged)), "segments": .integer(Int64(segments)),
                "resent": .integer(Int64(resent)),
            ]
            if let limit {
                var place: JSONObject = ["ns": .string(limit.node), "mtu": .integer(Int64(limit.mtu))]
                if let device = limit.device { place["dev"] = .string(device) }
                object["limit"] = .object(place)
            }
            object["legs"] = .array(legs.map(\.json))
            return .object(object)
        }
    }
}
