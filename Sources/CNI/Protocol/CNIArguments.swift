/// CNI_ARGS: `KEY=value;KEY2=value2` (SPEC section 2; P-8). Of equal keys the last counts.
public struct CNIArguments: Hashable, Sendable {
    public struct Pair: Hashable, Sendable {
        public let key: String
        public let value: String

        public init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }

    /// In their order.
    public let pairs: [Pair]

    public init() { self.init(pairs: []) }

    public init(pairs: [Pair]) { self.pairs = pairs }

    /// The pairs of a text; an empty text has none. Throws code 4 for a pair without "=" or without a key.
    public init(_ text: String) throws(CNIError) {
        guard !text.isEmpty else {
            self.init()
            return
        }
        var pairs: [Pair] = []
        for part in text.utf8.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false) {
            guard let equals = part.firstIndex(of: UInt8(ascii: "=")), equals != part.startIndex else {
                let message = "ARGS: invalid pair \"\(Substring(part))\""
                throw CNIError(.invalidEnvironment, message, details: "CNI_ARGS is \"\(text)\"")
            }
            let value = part[part.index(after: equals)...]
            pairs.append(Pair(key: String(Substring(part[..<equals])), value: String(Substring(value))))
        }
        self.init(pairs: pairs)
    }

    public subscript(key: String) -> String? { pairs.last { $0.key == key }?.value }

    /// As CNI_ARGS carries them.
    public var text: String { pairs.map { "\($0.key)=\($0.value)" }.joined(by: ";") }

    /// Throws code 4 with every pair whose key is not among `known`, unless IgnoreUnknown is 1 or true.
    public func requireKnown(_ known: [String]) throws(CNIError) {
        if let flag = self["IgnoreUnknown"] {
            switch flag.lowercased() {
            case "1", "true": return
            case "0", "false": break
            default:
                throw CNIError(.invalidEnvironment, "ARGS: \"IgnoreUnknown=\(flag)\" is not 1, true, 0 or false")
            }
        }
        let unknown = pairs.filter { $0.key != "IgnoreUnknown" && !known.contains($0.key) }
        guard unknown.isEmpty else {
            throw CNIError(
                .invalidEnvironment,
                "ARGS: unknown args [" + unknown.map { "\"\($0.key)=\($0.value)\"" }.joined(by: " ") + "]",
                details: "known are \(known.sorted().joined(by: ", ")); IgnoreUnknown=1 lets the others pass")
        }
    }
}
