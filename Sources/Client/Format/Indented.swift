public import JSON

extension JSON {
    /// Four spaces a level, as docker's inspect has it.
    public var indentedText: String {
        prettyText.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            String(repeating: " ", count: line.prefix { $0 == " " }.count) + line
        }.joined(separator: "\n")
    }
}
