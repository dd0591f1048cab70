import JSON
import Trace

/// What one check found.
public struct CheckResult: Sendable {
    public struct Row: Sendable {
        public let number: Int
        public let title: String
        /// Nil: not reached, because one before it is open.
        public let mark: LessonProgress.Mark?
        /// Made just now: expectation and sight, in the task's order; up to the first that is not met.
        public let sights: [(observation: Observation, sight: Sight)]
        /// What goes with a task that was just seen to be done.
        var shown: [String] = []
        var isRed: Bool { sights.contains { !$0.sight.isMet } }
    }
    public let lesson: Lesson
    public let backend: Backend
    public let rows: [Row]
    public let progress: LessonProgress
    /// The world that was looked at: no other has that name.
    public let run: String
    /// Of the way of a packet that failed before.
    var changes: [String] = []
    public var isPassed: Bool { rows.allSatisfy { $0.mark != nil && !$0.isRed } }

    /// For people. With `explained` the way of the packet follows that did not do what was expected.
    public func text(explained: Bool = false, ascii: Bool = false) -> String {
        LessonScreen(columns: 80, ascii: ascii).plain(words(explained))
    }

    private func words(_ explained: Bool) -> String {
        if let trouble = lesson.trouble { return text(of: trouble, explained: explained) }
        var lines: [String] = []
        for row in rows {
            let sign = row.isRed ? "✗" : row.mark != nil ? "✓" : " "
            lines.append("\(sign) \(row.number) \(row.title)\(row.mark == .shown ? "  (shown)" : "")")
            lines += row.shown.map { "    \($0)" }
            lines += row.sights.compactMap { $0.sight.isMet ? $0.sight.note.map { "    \($0)" } : nil }
            for (observation, sight) in row.sights where !sight.isMet {
                lines.append("    ✗ \(observation.what)")
                lines.append("      expected: \(observation.expected)")
                lines.append("      seen:     \(sight.seen)")
                if let hint = sight.hint { lines.append("      \(hint)") }
                if explained, let journey = sight.journey {
                    lines += PathView(journey).text.split(separator: "\n").map { "      \($0)" }
                }
            }
        }
        if !changes.isEmpty { lines += [""] + changes }
        if isPassed {
            lines += [""] + wrapped("Done. \(lesson.kernel)") + ["Next: berth lab next"]
        } else if let open = rows.first(where: { $0.isRed || $0.mark == nil }) {
            lines += ["", "Task \(open.number) is open. Stuck? berth lab hint"]
        }
        return lines.map { $0 + "\n" }.joined(by: "")
    }

    public var json: JSON { Evidence.added(to: plainJSON) }

    private var plainJSON: JSONObject {
        [
            "version": 1, "lesson": .string(lesson.id), "title": .string(lesson.title),
            "seed": lesson.trouble.map { .integer(Int64($0.seed)) } ?? .null,
            "hints": .integer(Int64(progress.hints.values.reduce(0, +))),
            "attempts": .integer(Int64(progress.attempts)), "seconds": .integer(Int64(progress.seconds)),
            "run": .string(run), "backend": .string(backend.rawValue), "passed": .bool(isPassed),
            "tasks": .array(
                rows.map { row in
                    [
                        "n": .integer(Int64(row.number)), "title": .string(row.title),
                        "state": .string(row.isRed ? "failed" : row.mark?.rawValue ?? "open"),
                        "observations": .array(
                            row.sights.map { observation, sight in
                                [
                                    "what": .string(observation.what), "expected": .string(observation.expected),
                                    "seen": .string(sight.seen), "met": .bool(sight.isMet),
                                    "journey": sight.isMet ? .null : sight.journey?.json ?? .null,
                                ]
                            }),
                    ]
                }),
        ]
    }
}

extension Lesson {
    /// Looks at the tasks from the first open one up to one that is not done. When none is open the last is looked at again, which
    /// is the lesson's end. What is seen to be done is marked, as `mark`. The process has entered the world.
    func check(
        _ world: World, _ progress: inout LessonProgress, upTo last: Int = .max, as mark: LessonProgress.Mark = .done
    )
        throws(LabError) -> CheckResult
    {
        let look = Look(world, answers: progress.answers)
        var rows: [CheckResult.Row] = []
        var isOpen = true
        let first = progress.current(of: self) ?? tasks.count
        for (place, task) in tasks.enumerated() {
            let number = place + 1
            guard number >= first, number <= last, isOpen else {
                rows.append(.init(number: number, title: task.title, mark: progress.marks[number], sights: []))
                continue
            }
            if let passedOver = task.passedOver {
                if progress.marks[number] == nil { progress.marks[number] = mark }
                rows.append(
                    .init(
                        number: number, title: task.title, mark: progress.marks[number], sights: [],
                        shown: passedOver))
                continue
            }
            look.task = number
            look.placeholder = (task.question?.form ?? .letter).placeholder
            var sights: [(observation: Observation, sight: Sight)] = []
            for observation in task.checks {
                let sight = try observation.look(look)
                sights.append((observation, sight))
                if !sight.isMet { break }
            }
            isOpen = sights.allSatisfy { $0.sight.isMet }
            if isOpen, progress.marks[number] == nil { progress.marks[number] = mark }
            let shown = isOpen ? task.shows?.lines(look) ?? [] : []
            rows.append(
                .init(number: number, title: task.title, mark: progress.marks[number], sights: sights, shown: shown))
        }
        return CheckResult(
            lesson: self, backend: progress.backend, rows: rows, progress: progress, run: world.runName)
    }
}
