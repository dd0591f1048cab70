import JSON

extension Journey {
    /// Why a probe ended where it should not, what to do, and where to learn of it.
    public struct Advice: Hashable, Sendable {
        /// One sentence.
        public var why: String
        /// Of a chain that accepted nothing: "#6 wants ct state established,related (this is new)".
        public var nearest: [String]
        /// Commands, each with the node that it is for: "host: sysctl -w net.ipv4.ip_forward=1".
        public var fixes: [String]
        /// "07" of `berth lab start 07`.
        public var lesson: String?
        public init(why: String, nearest: [String] = [], fixes: [String] = [], lesson: String? = nil) {
            self.why = why
            self.nearest = nearest
            self.fixes = fixes
            self.lesson = lesson
        }

        var json: JSON {
            var object: JSONObject = ["why": .string(why)]
            if !nearest.isEmpty { object["nearest"] = .array(nearest.map { .string($0) }) }
            if !fixes.isEmpty { object["fix"] = .array(fixes.map { .string($0) }) }
            if let lesson { object["learn"] = .string(lesson) }
            return .object(object)
        }
    }
}
