public import JSON

/// How rows are written: as a table for people, as JSON, or by a template.
public struct Listing {
    private enum Form {
        case table(columns: [String])
        case json
        case template(Template)
        /// `table {{.ID}}\t{{.Names}}`.
        case titled([String], Template)
    }

    private let form: Form

    /// `format` as `--format` has it; nil, empty or `table` is the table of `columns`: fields of the rows, `FIELD` or
    /// `FIELD=TITLE`.
    public init(_ format: String?, columns: [String]) throws(ClientError) {
        switch format {
        case nil, "", "table": form = .table(columns: columns)
        case "json": form = .json
        case let text?:
            let unescaped = Self.unescaped(text)
            if unescaped.hasPrefix("table ") {
                let rest = String(unescaped.dropFirst(6))
                form = .titled(Self.fields(rest), try Template(rest))
            } else {
                form = .template(try Template(unescaped))
            }
        }
    }

    public var isTable: Bool { if case .table = form { true } else { false } }

    /// The text of all rows, each with its line feed.
    public func text(_ rows: [JSON]) throws(ClientError) -> String {
        switch form {
        case .json: return rows.map { Row.plain($0).text + "\n" }.joined()
        case .template(let template):
            var text = ""
            for row in rows { text += try template.text(row) + "\n" }
            return text
        case .table(let columns):
            let fields = columns.map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
            return Self.table(
                fields.map { $0.count == 2 ? $0[1] : Self.title($0[0]) },
                rows.map { row in fields.map { TemplateFunctions.shown(row[$0[0]]) } })
        case .titled(let fields, let template):
            var lines: [[String]] = []
            for row in rows { lines.append(Self.cells(try template.text(row))) }
            return Self.table(fields.map(Self.title), lines)
        }
    }

    /// Columns under a line of titles, three spaces between them.
    public static func table(_ titles: [String], _ rows: [[String]]) -> String {
        let rows = ([titles] + rows).map { $0.map { $0.visible } }
        let count = rows.map(\.count).max() ?? 0
        let widths = (0..<count).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { index, cell in
                index == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[index] - cell.count + 3)
            }.joined() + "\n"
        }.joined()
    }

    private static func cells(_ text: String) -> [String] {
        text.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }

    /// `\t` and `\n` as people write them between quotes.
    private static func unescaped(_ text: String) -> String {
        var result = ""
        var isEscaped = false
        for character in text {
            if isEscaped {
                result += character == "t" ? "\t" : character == "n" ? "\n" : "\\" + String(character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
            } else {
                result.append(character)
            }
        }
        return isEscaped ? result + "\\" : result
    }

    /// The last field that each column of a template names.
    private static func fields(_ text: String) -> [String] {
        cells(text).map { cell in
            let inside = cell.split(separator: "{").last ?? ""
            let name = inside.split(separator: ".").last ?? ""
            return String(name.prefix { $0.isLetter || $0.isNumber })
        }
    }

    /// `RunningFor` stands under RUNNING FOR … in docker's words, CREATED.
    static func title(_ field: String) -> String {
        switch field {
        case "RunningFor", "CreatedSince": "CREATED"
        case "CreatedAt": "CREATED AT"
        case "CPUPerc": "CPU %"
        case "MemUsage": "MEM USAGE / LIMIT"
        case "MemPerc": "MEM %"
        case "NetIO": "NET I/O"
        case "BlockIO": "BLOCK I/O"
        default: field.uppercased()
        }
    }
}

extension String {
    /// Without what would move a terminal's cursor: values come from other people's containers.
    public var visible: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.map { $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) ? "?" : $0 }))
    }

    /// At most that many characters, the last one an ellipsis when some are missing.
    public func shortened(to count: Int) -> String { self.count <= count ? self : prefix(count - 1) + "…" }
}
