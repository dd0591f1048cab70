public import JSON

/// A table's line as an object, as docker's `--format` knows it: `{{.ID}}`.
public enum Row {
    /// A member that tells a template that all fields are known. It is never shown.
    static let mark = "\u{1}row"

    /// Fields in their order.
    public static func make(_ fields: [(String, String)]) -> JSON {
        .object(JSONObject(fields.map { ($0.0, JSON.string($0.1)) } + [(mark, true)]))
    }

    /// Without the mark.
    public static func plain(_ value: JSON) -> JSON {
        guard case .object(let object) = value, object[mark] != nil else { return value }
        return .object(object.removing(mark))
    }
}
