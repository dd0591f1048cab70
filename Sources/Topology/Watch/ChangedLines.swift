/// One picture after another, with a mark where a line is new or other than before.
public enum ChangedLines {
    /// Every line of `new` with "* " before it where it changed, else with two blanks; nothing is marked without an `old`.
    /// With `bold` a changed line is bold, too.
    public static func marked(_ new: String, since old: String?, bold: Bool = false) -> String {
        let lines = new.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        var changed: Set<Int> = []
        if let old {
            let before = old.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            for case .insert(let offset, _, _) in Array(lines).difference(from: Array(before)) {
                changed.insert(offset)
            }
        }
        return lines.enumerated().map { index, line in
            guard changed.contains(index) else { return line.isEmpty ? "\n" : "  \(line)\n" }
            return bold ? "* \u{1b}[1m\(line)\u{1b}[0m\n" : "* \(line)\n"
        }.joined()
    }
}
