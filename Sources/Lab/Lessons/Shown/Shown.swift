/// What a check shows beside a task that it has just seen to be done, of the kernel as it is then.
public struct Shown: Sendable {
    /// As the lesson's page names it: "the way of one packet".
    let what: String
    private let read: @Sendable (Look) throws(LabError) -> [String]

    init(_ what: String, _ read: @escaping @Sendable (Look) throws(LabError) -> [String]) {
        (self.what, self.read) = (what, read)
    }

    /// Lines of at most `width` columns, but for names and rules that cannot be broken. The task is done, whether it can be shown or not.
    func lines(_ look: Look) -> [String] {
        do throws(LabError) {
            return try read(look)
        } catch {
            return wrapped(
                "\(what) cannot be shown: \(error.message)" + (error.cause.map { " (\($0))" } ?? ""), Shown.width)
        }
    }

    /// 80 columns without the margin in which a check tells of a task.
    static let width = 76
}

/// Rows as a table: every column but the last is as wide as its widest cell.
func aligned(_ rows: [[String]], gap: Int = 2) -> [String] {
    var widths: [Int] = []
    for row in rows {
        for (place, cell) in row.enumerated() {
            if place == widths.count { widths.append(0) }
            widths[place] = max(widths[place], cell.count)
        }
    }
    return rows.map { row in
        var line = ""
        for (place, cell) in row.enumerated() {
            line += cell + String(repeating: " ", count: place + 1 < row.count ? widths[place] - cell.count + gap : 0)
        }
        while line.last == " " { line.removeLast() }
        return line
    }
}

/// Columns of lines, one beside the other.
func beside(_ columns: [[String]], gap: Int = 3) -> [String] {
    let height = columns.map(\.count).max() ?? 0
    return aligned((0..<height).map { row in columns.map { row < $0.count ? $0[row] : "" } }, gap: gap)
}

/// The text after its head, in lines of which the later ones stand below its first word.
func hanging(_ head: String, _ text: String, _ width: Int = Shown.width) -> [String] {
    let lines = wrapped(text, max(20, width - head.count))
    return lines.enumerated().map {
        ($0.offset == 0 ? head : String(repeating: " ", count: head.count)) + $0.element
    }
}
