/// Columns of text under a line of titles, as `podman ps` and `ip -br` have them.
enum TextTable {
    /// Every column is as wide as its widest cell, the last one is not padded; an empty cell is "-".
    static func text(_ titles: [String], _ rows: [[String]]) -> String {
        let rows = [titles] + rows.map { row in row.map { $0.isEmpty ? "-" : $0.visible } }
        let widths = titles.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).enumerated().map { index, cell in
                index == row.count - 1 ? cell.0 : cell.0 + String(repeating: " ", count: cell.1 - cell.0.count)
            }.joined(separator: "  ") + "\n"
        }.joined()
    }
}

extension Int {
    /// "1 lease", "2 leases".
    func counted(_ noun: String, _ plural: String? = nil) -> String {
        "\(self) \(self == 1 ? noun : plural ?? noun + "s")"
    }
}
