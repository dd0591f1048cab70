import CJSON

extension JSON {
    /// How deep arrays and objects may stand in each other.
    public static let depthLimit = 128

    /// The value that a whole text stands for (RFC 8259, nothing more lenient). Of equal keys the last counts.
    /// Throws with line and column.
    public init(parsing bytes: [UInt8]) throws(JSONError) {
        if let fault = Tokens.fault(in: bytes) {
            throw JSONError(fault.message, at: fault.offset, in: bytes)
        }
        guard bytes.count < Int(Int32.max) else {
            throw JSONError("the text is longer than 2 GiB", line: 1, column: 1)
        }
        let tokener = json_tokener_new_ex(Int32(JSON.depthLimit))
        defer { json_tokener_free(tokener) }
        json_tokener_set_flags(tokener, JSON_TOKENER_STRICT)

        // A number at the end is only known to end there when a NUL follows it.
        let terminated = bytes + [0]
        let root = terminated.withUnsafeBytes { text in
            json_tokener_parse_ex(
                tokener, text.baseAddress!.assumingMemoryBound(to: CChar.self), Int32(text.count))
        }
        defer { json_object_put(root) }
        let outcome = json_tokener_get_error(tokener)
        let end = Int(json_tokener_get_parse_end(tokener))
        guard outcome == json_tokener_success else {
            throw JSONError(JSON.sentence(outcome, end: end, count: bytes.count), at: end, in: bytes)
        }
        guard end >= bytes.count else {
            throw JSONError("something follows the value", at: end, in: bytes)
        }
        self.init(copying: root)
    }

    private static func sentence(_ outcome: json_tokener_error, end: Int, count: Int) -> String {
        switch outcome {
        case json_tokener_continue: return "unexpected end of the text"
        case json_tokener_error_depth: return "nested more than \(depthLimit) deep"
        default:
            if end >= count { return "unexpected end of the text" }
            return String(cString: json_tokener_error_desc(outcome))
        }
    }

    /// A copy of json-c's tree. The types are asked for first: its getters convert silently.
    private init(copying value: OpaquePointer?) {
        switch json_object_get_type(value) {
        case json_type_boolean: self = .bool(json_object_get_boolean(value) != 0)
        case json_type_int: self = .integer(json_object_get_int64(value))
        case json_type_double: self = .double(String(cString: json_object_get_string(value)))
        case json_type_string:
            let text = UnsafeRawPointer(json_object_get_string(value)!)
            let bytes = UnsafeRawBufferPointer(start: text, count: Int(json_object_get_string_len(value)))
            self = .string(String(decoding: bytes, as: UTF8.self))
        case json_type_array:
            let count = json_object_array_length(value)
            self = .array((0..<count).map { JSON(copying: json_object_array_get_idx(value, $0)) })
        case json_type_object:
            var members: [JSONObject.Member] = []
            members.reserveCapacity(Int(json_object_object_length(value)))
            var iterator = json_object_iter_begin(value)
            var end = json_object_iter_end(value)
            while json_object_iter_equal(&iterator, &end) == 0 {
                members.append(
                    JSONObject.Member(
                        key: String(cString: json_object_iter_peek_name(&iterator)),
                        value: JSON(copying: json_object_iter_peek_value(&iterator))))
                json_object_iter_next(&iterator)
            }
            self = .object(JSONObject(unique: members))
        default: self = .null
        }
    }
}
