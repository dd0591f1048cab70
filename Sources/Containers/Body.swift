import JSON

/// An object of a request, read field by field: null and absent are the same, a wrong kind is an error that names the field.
public struct Body {
    let object: JSONObject
    /// Where it stands in the request: "HostConfig", "HostConfig.Mounts[0]"; empty for the request itself.
    let place: String

    public init(_ object: JSONObject, at place: String = "") {
        self.object = object
        self.place = place
    }

    func name(_ key: String) -> String { place.isEmpty ? key : "\(place).\(key)" }

    func fault(_ key: String, _ found: JSON, _ wanted: String) -> APIError {
        APIError(400, "\(name(key)) is \(found.kind): it has to be \(wanted)")
    }

    func value(_ key: String) -> JSON? {
        guard let value = object[key], value != .null else { return nil }
        return value
    }

    func text(_ key: String) throws(APIError) -> String {
        guard let value = value(key) else { return "" }
        guard let text = value.string else { throw fault(key, value, "a string") }
        guard !text.utf8.contains(0) else { throw APIError(400, "\(name(key)) contains a NUL character: take it out") }
        return text
    }

    func number(_ key: String) throws(APIError) -> Int64? {
        guard let value = value(key) else { return nil }
        guard let number = value.integer else { throw fault(key, value, "a whole number") }
        return number
    }

    /// False where it is absent. Throws 400 for what is neither true nor false.
    public func flag(_ key: String) throws(APIError) -> Bool {
        guard let value = value(key) else { return false }
        guard let flag = value.bool else { throw fault(key, value, "true or false") }
        return flag
    }

    func texts(_ key: String, orOne: Bool = false) throws(APIError) -> [String] {
        guard let value = value(key) else { return [] }
        if orOne, let text = value.string { return [text] }
        guard let elements = value.array else { throw fault(key, value, "an array of strings") }
        var texts: [String] = []
        for element in elements {
            guard let text = element.string, !text.utf8.contains(0) else {
                throw APIError(
                    400, "\(name(key)) contains \(element.kind) or a NUL character: it has to be an array of strings")
            }
            texts.append(text)
        }
        return texts
    }

    func body(_ key: String) throws(APIError) -> Body {
        guard let value = value(key) else { return Body([:], at: name(key)) }
        guard let object = value.object else { throw fault(key, value, "an object") }
        return Body(object, at: name(key))
    }

    func bodies(_ key: String) throws(APIError) -> [Body] {
        guard let value = value(key) else { return [] }
        guard let elements = value.array else { throw fault(key, value, "an array of objects") }
        var bodies: [Body] = []
        for (index, element) in elements.enumerated() {
            guard let object = element.object else { throw fault("\(key)[\(index)]", element, "an object") }
            bodies.append(Body(object, at: "\(name(key))[\(index)]"))
        }
        return bodies
    }

    func pairs(_ key: String) throws(APIError) -> [(String, String)] {
        let inner = try body(key)
        var pairs: [(String, String)] = []
        for (name, _) in inner.object { pairs.append((name, try inner.text(name))) }
        return pairs
    }

    /// A whole number between two others; nil when the field is absent.
    func number(_ key: String, in range: ClosedRange<Int64>) throws(APIError) -> Int64? {
        guard let number = try number(key) else { return nil }
        guard range.contains(number) else {
            throw APIError(
                400, "\(name(key)) is \(number): it has to lie between \(range.lowerBound) and \(range.upperBound)")
        }
        return number
    }
}
