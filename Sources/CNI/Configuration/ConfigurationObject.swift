import JSON
import NetCore

/// An object of a configuration with its place ("ipam.ranges[0][1]"), which every error names with key and value.
/// null counts as absent, as in the reference.
public struct ConfigurationObject: Sendable {
    public let path: String
    public let json: JSONObject
    /// What a value that does not fit is reported under: 7, or 6 for results.
    let code: CNIErrorCode

    public init(_ json: JSONObject, path: String = "") {
        self.init(json, path: path, code: .invalidConfiguration)
    }

    init(_ json: JSONObject, path: String, code: CNIErrorCode) {
        self.json = json
        self.path = path
        self.code = code
    }

    /// The value; nil when it is absent or null.
    public func value(_ key: String) -> JSON? {
        guard let value = json[key], value != .null else { return nil }
        return value
    }

    /// Whether the key is present and not null.
    public func has(_ key: String) -> Bool { value(key) != nil }

    /// Throws code 7 when the value is not true or false.
    public func bool(_ key: String, default: Bool = false) throws(CNIError) -> Bool {
        guard let value = value(key) else { return `default` }
        guard let flag = value.bool else { throw mismatch(key, value, "true or false") }
        return flag
    }

    /// Nil when it is absent or "". Throws code 7 when it is not a string.
    public func string(_ key: String) throws(CNIError) -> String? {
        guard let value = value(key) else { return nil }
        guard let text = value.string else { throw mismatch(key, value, "a string") }
        return text.isEmpty ? nil : text
    }

    /// Throws code 7 when it is not an integer of `range`.
    public func integer(_ key: String, in range: ClosedRange<Int>) throws(CNIError) -> Int? {
        guard let value = value(key) else { return nil }
        guard let number = value.integer.flatMap({ Int(exactly: $0) }), range.contains(number) else {
            throw mismatch(key, value, "an integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// Throws code 7 when it is not an object.
    public func object(_ key: String) throws(CNIError) -> ConfigurationObject? {
        guard let value = value(key) else { return nil }
        guard let object = value.object else { throw mismatch(key, value, "an object") }
        return ConfigurationObject(object, path: place(key), code: code)
    }

    /// An array of objects. Throws code 7 when it is anything else.
    public func objects(_ key: String) throws(CNIError) -> [ConfigurationObject]? {
        guard let array = try array(key, "an array of objects") else { return nil }
        return try objects(in: array, path: place(key))
    }

    /// An array of arrays of objects (host-local's `ranges`). Throws code 7 when it is anything else.
    public func objectLists(_ key: String) throws(CNIError) -> [[ConfigurationObject]]? {
        guard let array = try array(key, "an array of arrays of objects") else { return nil }
        var lists: [[ConfigurationObject]] = []
        for (index, element) in array.enumerated() {
            let path = "\(place(key))[\(index)]"
            guard let inner = element.array else { throw mismatch(at: path, element, "an array of objects") }
            lists.append(try objects(in: inner, path: path))
        }
        return lists
    }

    /// An array of strings. Throws code 7 when it is anything else.
    public func strings(_ key: String) throws(CNIError) -> [String]? {
        guard let array = try array(key, "an array of strings") else { return nil }
        var strings: [String] = []
        for (index, element) in array.enumerated() {
            guard let text = element.string else { throw mismatch(at: "\(place(key))[\(index)]", element, "a string") }
            strings.append(text)
        }
        return strings
    }

    /// An IPv4 or IPv6 address. Throws code 7.
    public func address(_ key: String) throws(CNIError) -> IPAddress? {
        guard let text = try string(key) else { return nil }
        guard let address = IPAddress(text) else { throw error(key, "is not an IP address") }
        return address
    }

    /// `address/length`. Throws code 7.
    public func prefix(_ key: String) throws(CNIError) -> IPPrefix? {
        guard let text = try string(key) else { return nil }
        guard let prefix = IPPrefix(text) else { throw error(key, "is not an IP address with a prefix length") }
        return prefix
    }

    /// Six bytes in hexadecimal. Throws code 7.
    public func mac(_ key: String) throws(CNIError) -> MACAddress? {
        guard let text = try string(key) else { return nil }
        guard let address = MACAddress(text) else { throw error(key, "is not a MAC address such as c2:11:22:33:44:55") }
        return address
    }

    /// Code 7: `"ipam.mtu": 70000 is not …`, or `"ipam.mtu" is missing` for an absent key.
    public func error(_ key: String, _ sentence: String) -> CNIError {
        CNIError(code, "\(subject(key)) \(sentence)")
    }

    /// Code 2: the key is known, and what it asks for cannot be done.
    public func unsupported(_ key: String, _ sentence: String) -> CNIError {
        CNIError(.unsupportedField, "\(subject(key)) \(sentence)")
    }

    /// The key's whole path.
    public func place(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    private func subject(_ key: String) -> String {
        json[key].map { "\"\(place(key))\": \(ConfigurationObject.clipped($0))" } ?? "\"\(place(key))\""
    }

    private func array(_ key: String, _ expected: String) throws(CNIError) -> [JSON]? {
        guard let value = value(key) else { return nil }
        guard let array = value.array else { throw mismatch(key, value, expected) }
        return array
    }

    private func objects(in array: [JSON], path: String) throws(CNIError) -> [ConfigurationObject] {
        var objects: [ConfigurationObject] = []
        for (index, element) in array.enumerated() {
            guard let object = element.object else { throw mismatch(at: "\(path)[\(index)]", element, "an object") }
            objects.append(ConfigurationObject(object, path: "\(path)[\(index)]", code: code))
        }
        return objects
    }

    private func mismatch(_ key: String, _ value: JSON, _ expected: String) -> CNIError {
        mismatch(at: place(key), value, expected)
    }

    private func mismatch(at path: String, _ value: JSON, _ expected: String) -> CNIError {
        CNIError(code, "\"\(path)\": \(ConfigurationObject.clipped(value)) is not \(expected)")
    }

    /// The value's text, so that an error stays one readable line.
    static func clipped(_ value: JSON) -> String {
        let text = value.text
        return text.utf8.count <= 200 ? text : "\(text.prefix(200))…"
    }
}
