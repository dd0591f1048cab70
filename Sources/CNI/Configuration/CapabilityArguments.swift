import JSON

/// Capability arguments as engines write them.
extension JSONObject {
    /// The same with the keys that the conventions name: inside a capability `HostPort` counts as `hostPort`, and
    /// `RangeStart` as `rangeStart`. containerd and nerdctl send the former, which the reference takes because Go's
    /// decoder does not look at the case of a key. A key that stands in both forms keeps the conventions' value.
    var conventional: JSONObject {
        var object = self
        for (capability, value) in self { object[capability] = value.conventional }
        return object
    }
}

extension JSON {
    fileprivate var conventional: JSON {
        if let array { return .array(array.map(\.conventional)) }
        guard let object else { return self }
        var pairs: [(String, JSON)] = []
        for (key, value) in object {
            let name = key.loweringFirst
            if name == key || object[name] == nil { pairs.append((name, value.conventional)) }
        }
        return .object(JSONObject(pairs))
    }
}

extension String {
    /// With a first letter of A to Z made small.
    fileprivate var loweringFirst: String {
        guard let first = utf8.first, (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first) else { return self }
        return String(decoding: [first | 0x20] + utf8.dropFirst(), as: UTF8.self)
    }
}
