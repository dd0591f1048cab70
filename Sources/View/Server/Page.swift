import JSON

/// The page: one file, which is part of the program (Package.swift embeds it), so that it is there offline and fits its server.
public enum Page {
    private static let text = String(decoding: PackageResources.page_html, as: UTF8.self)

    /// With a nonce that its script bears, which the answer's Content-Security-Policy names.
    static func html(nonce: String) -> String { replaced(text, "BERTH-NONCE", nonce) }

    /// One that asks nobody: state and journey stand in it.
    public static func still(state: JSON, journey: JSON?) -> String {
        let data = JSON.object(["state": state, "journey": journey ?? .null]).text
        // Nothing in it may end the script element, or begin a comment there.
        let safe = replaced(replaced(data, "<", "\\u003c"), ">", "\\u003e")
        let mark = "id=\"berth-still\">null<"
        return replaced(replaced(text, "BERTH-NONCE", "still"), mark, "id=\"berth-still\">\(safe)<")
    }

    private static func replaced(_ text: String, _ old: String, _ new: String) -> String {
        var (found, rest) = ("", Substring(text))
        while let range = rest.firstRange(of: old) {
            found += rest[..<range.lowerBound] + new
            rest = rest[range.upperBound...]
        }
        return found + rest
    }
}
