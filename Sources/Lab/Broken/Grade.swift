import Glibc
import JSON
import NetCore

/// A class's checks, each a file that `berth lab check --json` wrote, in one table.
struct Grade {
    struct Row: Hashable {
        var name: String
        var lesson: String
        var done: Int
        var shown: Int
        var tasks: Int
        var hints: Int
        var minutes: Int
        var seed: Int?
        var run: String
        /// What speaks against it; nil when nothing does.
        var doubt: String?
    }
    private(set) var rows: [Row] = []
    /// Files that are none of these, each in a sentence.
    private(set) var faults: [String] = []

    init(_ paths: [String]) {
        for path in paths {
            do throws(LabError) { rows.append(try Grade.row(path)) } catch {
                faults.append("\(path): \(error.message)" + (error.cause.map { ": \($0)" } ?? ""))
            }
        }
        // One world cannot be two learners'.
        for place in rows.indices {
            let twin = rows.first { $0.run == rows[place].run && $0.name != rows[place].name }
            if let twin, rows[place].doubt == nil { rows[place].doubt = "same world as \(twin.name)" }
        }
    }

    var exitCode: Int32 { faults.isEmpty && rows.allSatisfy { $0.doubt == nil } ? 0 : 1 }

    private static func row(_ path: String) throws(LabError) -> Row {
        let fix = "make it with: berth lab check --json"
        let bytes: [UInt8]
        do throws(KernelError) { bytes = try Files.read(path, limit: 1 << 20) } catch {
            throw LabError(.name, "cannot be read", cause: error.errno.description, fix: fix)
        }
        let json: JSON
        do throws(JSONError) { json = try JSON(parsing: bytes) } catch {
            throw LabError(.name, "is no JSON", cause: "\(error)", fix: fix)
        }
        let foreign = LabError(.name, "is not what berth lab check --json writes", fix: fix)
        guard json["version"]?.integer == 1, let object = json.object, let id = json["lesson"]?.string,
            let tasks = json["tasks"]?.array, json["passed"]?.bool != nil
        else { throw foreign }
        guard let title = json["title"]?.string, let hints = count(json["hints"]), let seconds = count(json["seconds"]),
            let run = json["run"]?.string
        else {
            throw LabError(.name, "was written by an older berth", cause: "hints and minutes are not in it", fix: fix)
        }
        let states = tasks.map { $0["state"]?.string ?? "" }
        guard states.allSatisfy({ ["done", "shown", "failed", "open"].contains($0) }) else { throw foreign }
        var doubt = Evidence.holds(object) ? nil : "changed after the check"
        if doubt == nil, Lessons.named(id) == nil, BrokenWorlds.named(id) == nil { doubt = "no lesson of this berth" }
        var name = path.split(separator: "/").last.map(String.init) ?? path
        if name.hasSuffix(".json") { name.removeLast(5) }
        return Row(
            name: printable(name), lesson: printable("\(id) \(title)"), done: states.count { $0 == "done" },
            shown: states.count { $0 == "shown" }, tasks: states.count, hints: hints, minutes: (seconds + 59) / 60,
            seed: count(json["seed"]), run: run, doubt: doubt)
    }

    private static func count(_ json: JSON?) -> Int? {
        json?.integer.flatMap { (0...(1 << 40)).contains($0) ? Int($0) : nil }
    }

    /// Without what a terminal would obey.
    private static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.value < 0x20 || (0x7f...0x9f).contains($0.value) ? "?" : $0 }))
    }

    /// A line a learner.
    var text: String {
        var cells = [["NAME", "LESSON", "TASKS", "HINTS", "MINUTES", "SEED", "EVIDENCE"]]
        for row in rows {
            cells.append([
                row.name, row.lesson,
                "\(row.done)/\(row.tasks)" + (row.shown > 0 ? " (\(row.shown) shown)" : ""), "\(row.hints)",
                "\(row.minutes)", row.seed.map { "\($0)" } ?? "-", row.doubt.map { "✗ \($0)" } ?? "✓",
            ])
        }
        let widths = cells[0].indices.map { column in cells.map { $0[column].count }.max() ?? 0 }
        return cells.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let isLast = column == row.count - 1
                line += isLast ? cell : cell + String(repeating: " ", count: widths[column] - cell.count + 2)
            }
            return line + "\n"
        }.joined(by: "")
    }

    var json: JSON {
        [
            "version": 1,
            "rows": .array(
                rows.map { row in
                    [
                        "name": .string(row.name), "lesson": .string(row.lesson), "done": .integer(Int64(row.done)),
                        "shown": .integer(Int64(row.shown)), "tasks": .integer(Int64(row.tasks)),
                        "hints": .integer(Int64(row.hints)), "minutes": .integer(Int64(row.minutes)),
                        "seed": row.seed.map { .integer(Int64($0)) } ?? .null, "run": .string(row.run),
                        "doubt": row.doubt.map { .string($0) } ?? .null,
                    ]
                }),
            "faults": .array(faults.map { .string($0) }),
        ]
    }
}

extension LessonCommands {
    /// A class's checks in a table. 0 when every file is a check as it was written, each of a world of its own; else 1.
    public static func grade(_ paths: [String], json: Bool) throws(LabError) -> Int32 {
        guard !paths.isEmpty else {
            throw LabError(
                .name, "no file is named", fix: "name what berth lab check --json wrote: berth lab grade *.json")
        }
        let grade = Grade(paths)
        if json { put(grade.json.prettyText + "\n") } else if !grade.rows.isEmpty { put(grade.text) }
        for fault in grade.faults { warn("berth: \(fault)\n") }
        return grade.exitCode
    }
}
