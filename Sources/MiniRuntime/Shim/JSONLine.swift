import JSON

/// An answer of the shim: one line of JSON.
struct JSONLine: ExpressibleByDictionaryLiteral {
    let object: JSONObject

    init(_ object: JSONObject) { self.object = object }
    init(dictionaryLiteral elements: (String, JSON)...) { object = JSONObject(elements) }

    /// What went wrong.
    init(_ error: ShimError) {
        object = ["error": .string(error.text), "code": .integer(Int64(error.code))]
    }

    /// What became true.
    static func done(_ members: JSONObject = [:]) -> JSONLine {
        var object: JSONObject = ["ok": true]
        object.merge(members)
        return JSONLine(object)
    }

    var bytes: [UInt8] { JSON.object(object).bytes + [0x0a] }
}
