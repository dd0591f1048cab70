import JSON

/// The members of one object of `config.json`, read by kind; a wrong kind is told with the member's path.
struct Fields {
    let object: JSONObject
    /// "linux.resources"; empty for the whole document.
    let path: String

    init(_ object: JSONObject, _ path: String = "") {
        self.object = object
        self.path = path
    }

    func name(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    private func fault(_ key: String, _ wanted: String, _ value: JSON) -> OCIError {
        OCIError("config.json: \(name(key)) is \(value.kind): it must be \(wanted)")
    }

    /// Nil for a member that is absent or null.
    func value(_ key: String) -> JSON? {
        guard let value = object[key], value != .null else { return nil }
        return value
    }

    func string(_ key: String) throws(OCIError) -> String? {
        guard let value = value(key) else { return nil }
        guard let text = value.string else { throw fault(key, "a string", value) }
        guard !text.utf8.contains(0) else { throw OCIError("config.json: \(name(key)) contains a NUL") }
        return text
    }

    func required(_ key: String) throws(OCIError) -> String {
        guard let text = try string(key), !text.isEmpty else {
            throw OCIError("config.json: \(name(key)) is missing: it must be a string that is not empty")
        }
        return text
    }

    func bool(_ key: String) throws(OCIError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let flag = value.bool else { throw fault(key, "true or false", value) }
        return flag
    }

    /// Within `range`. A number past 63 bits stands as text in the tree: the specification's unlimited is the largest of 64.
    func integer(_ key: String, in range: ClosedRange<Int64> = .min ... .max) throws(OCIError) -> Int64? {
        guard let value = value(key) else { return nil }
        guard let number = value.integer else { throw fault(key, "a whole number", value) }
        guard range.contains(number) else {
            throw OCIError(
                "config.json: \(name(key)) is \(number): it must be from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func strings(_ key: String) throws(OCIError) -> [String]? {
        guard let value = value(key) else { return nil }
        guard let elements = value.array else { throw fault(key, "an array of strings", value) }
        var texts: [String] = []
        for element in elements {
            guard let text = element.string, !text.utf8.contains(0) else {
                throw fault(key, "an array of strings", value)
            }
            texts.append(text)
        }
        return texts
    }

    func integers(_ key: String, in range: ClosedRange<Int64>) throws(OCIError) -> [Int64]? {
        guard let value = value(key) else { return nil }
        guard let elements = value.array else { throw fault(key, "an array of numbers", value) }
        var numbers: [Int64] = []
        for element in elements {
            guard let number = element.integer, range.contains(number) else {
                throw fault(key, "an array of numbers from \(range.lowerBound) to \(range.upperBound)", value)
            }
            numbers.append(number)
        }
        return numbers
    }

    func fields(_ key: String) throws(OCIError) -> Fields? {
        guard let value = value(key) else { return nil }
        guard let object = value.object else { throw fault(key, "an object", value) }
        return Fields(object, name(key))
    }

    func list(_ key: String) throws(OCIError) -> [Fields] {
        guard let value = value(key) else { return [] }
        guard let elements = value.array else { throw fault(key, "an array of objects", value) }
        var list: [Fields] = []
        for (index, element) in elements.enumerated() {
            guard let object = element.object else { throw fault(key, "an array of objects", value) }
            list.append(Fields(object, "\(name(key))[\(index)]"))
        }
        return list
    }

    /// The members of an object of strings.
    func texts(_ key: String) throws(OCIError) -> [(key: String, value: String)] {
        guard let fields = try fields(key) else { return [] }
        var texts: [(key: String, value: String)] = []
        for member in fields.object.keys { texts.append((member, try fields.string(member) ?? "")) }
        return texts
    }
}
