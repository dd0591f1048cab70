import JSON

/// What is printed of lessons and of one's progress.
extension RunningLesson {
    /// The lesson's head, its goal, and its tasks as they were found last.
    public var text: String { text(LessonScreen(columns: 80)) }

    /// As wide as the screen, and with the world's picture where it is given.
    func text(_ screen: LessonScreen, picture: String? = nil) -> String {
        let width = screen.width
        func wrapped(_ text: String) -> [String] { Lab.wrapped(text, width) }
        // No picture: it might tell the cause.
        if let trouble = lesson.trouble { return text(of: trouble) }
        let current = progress.current(of: lesson)
        let head = "\(lesson.id) · \(lesson.title)"
        let place =
            current.map { "task \($0) of \(lesson.tasks.count)    hints \(progress.hints[$0] ?? 0)/3" } ?? "done"
        var lines = [head + String(repeating: " ", count: max(2, width - head.count - place.count)) + place]
        // The picture's own characters are chosen already.
        let drawn = (picture ?? "").split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init)
        let above = lines.count
        lines += wrapped("Goal: \(lesson.goal)") + [""]
        for (index, task) in lesson.tasks.enumerated() {
            let mark = progress.marks[index + 1]
            let sign = mark != nil ? "✓" : index + 1 == current ? "▸" : " "
            lines.append(" \(sign) \(index + 1) \(task.title)\(mark == .shown ? "  (shown)" : "")")
        }
        if let current {
            let task = lesson.tasks[current - 1]
            lines += [""] + wrapped("\(current): \(task.text)")
            if let note = Equivalents.note(task.text, .here, progress.backend) { lines += wrapped(note) }
            if let question = task.question {
                lines += ["", "Say first (berth lab answer \(question.form.placeholder)):"] + question.lines
                if let said = progress.answers[current] {
                    lines.append(said == Question.skipped ? "  you skipped it" : "  you said: \(said)")
                }
            }
            lines += ["", "Look: berth lab check        Stuck? berth lab hint"]
        } else {
            lines += [""] + wrapped(lesson.kernel) + ["", "Next: berth lab next"]
        }
        lines = lines.map { screen.plain($0) }
        lines.insert(contentsOf: drawn, at: above)
        return lines.map { $0 + "\n" }.joined(by: "")
    }
}

/// The text in lines of at most so many columns.
func wrapped(_ text: String, _ columns: Int = 80) -> [String] {
    var lines: [String] = []
    for word in text.split(separator: " ") {
        if let last = lines.last, last.count + word.count < columns {
            lines[lines.count - 1] += " \(word)"
        } else {
            lines.append(String(word))
        }
    }
    return lines
}

extension Progress {
    /// The lesson that was begun last and is not done, else the first one that is not; when all are done, the first.
    public var next: Lesson { next(of: Lessons.all) }

    /// The first lesson of the appendix that is not done.
    var nextOfAppendix: Lesson? { Lessons.appendix.first { !self[$0.id].isDone($0) } }

    func next(of all: [Lesson]) -> Lesson {
        let open = all.filter { !self[$0.id].isDone($0) }
        let begun = open.filter { !self[$0.id].marks.isEmpty }.max { self[$0.id].last < self[$1.id].last }
        return begun ?? open.first ?? all[0]
    }

    /// The first screen: where one is, and what to type.
    public func dashboard(running: String?, lessons all: [Lesson] = Lessons.all) -> String {
        let minutes = lessons.values.reduce(0) { $0 + $1.seconds } / 60
        let head = "berth lab · NAT and port forwarding"
        let done = all.count { self[$0.id].isDone($0) }
        let count = "\(done) of \(all.count) done · \(minutes) min spent"
        let next = (all + Lessons.appendix).first { $0.id == running } ?? next(of: all)
        var lines = [head + String(repeating: " ", count: max(2, 80 - head.count - count.count)) + count, ""]
        let cells = all.map { lesson in
            let sign = lesson.id == next.id ? "▸" : self[lesson.id].isDone(lesson) ? "✓" : " "
            // Two columns fit into 80: of a long title the first half.
            let title =
                lesson.title.count > 31
                ? lesson.title.split(separator: ":").first.map(String.init) ?? lesson.title : lesson.title
            return "\(sign) \(lesson.id) \(title)"
        }
        for start in stride(from: 0, to: cells.count, by: 2) {
            let left = cells[start]
            let right = start + 1 < cells.count ? cells[start + 1] : ""
            lines.append(
                "  " + left + (right.isEmpty ? "" : String(repeating: " ", count: max(2, 38 - left.count)) + right))
        }
        let place = self[next.id].current(of: next).map { ", task \($0) of \(next.tasks.count)" } ?? ", done"
        let what =
            running == next.id
            ? place : self[next.id].marks.isEmpty ? ", \(next.tasks.count) tasks, ~\(next.minutes) min" : place
        let go = running == nil ? "berth lab start next" : place == ", done" ? "berth lab next" : "berth lab status"
        lines += [
            "", "  \(brokenLine)", "  \(appendixLine)", "",
            "  \(running == nil ? "Next" : "Here"):  \(next.id) \(next.title)\(what)",
            "  Type:  \(go)        Stuck? berth lab hint",
            "  Safe: runs in its own namespaces. Your network is not touched. \(next.needsRoot ? "As root." : "Needs root: no.")",
        ]
        return lines.map { $0 + "\n" }.joined(by: "")
    }

    /// A line a lesson.
    public func list(running: String?) -> String {
        lessonList(Lessons.all, running: running) + "\n\(appendixLine)\n"
            + lessonList(Lessons.appendix, running: running) + "\n\(brokenLine), berth lab break ID\n"
            + brokenList(running: running)
    }

    /// How many of the appendix are done, and how one begins.
    private var appendixLine: String {
        "Appendix, containers: \(Lessons.appendix.count { self[$0.id].isDone($0) }) of \(Lessons.appendix.count) done, "
            + "as root: sudo berth lab start A"
    }

    private func lessonList(_ lessons: [Lesson], running: String?) -> String {
        lessons.map { lesson in
            let mine = self[lesson.id]
            let state =
                mine.isDone(lesson)
                ? "done" : mine.marks.isEmpty ? "" : "\(mine.marks.count) of \(lesson.tasks.count) tasks"
            let title = lesson.title + String(repeating: " ", count: max(2, 44 - lesson.title.count))
            let words = lesson.id == running ? (state.isEmpty ? "running" : "\(state), running") : state
            let line =
                "\(lesson.id)\(lesson.id.utf8.count == 1 ? " " : "")  \(title)\(lesson.tasks.count) tasks, ~\(lesson.minutes) min"
            return (words.isEmpty ? line : "\(line)  \(words)") + "\n"
        }.joined(by: "")
    }

    public func listJSON(running: String?) -> JSON {
        [
            "version": 1,
            "lessons": lessonsJSON(Lessons.all, running: running),
            "appendix": lessonsJSON(Lessons.appendix, running: running),
            "fixed": .integer(Int64(fixedCount)), "broken": brokenJSON(running: running),
        ]
    }

    private func lessonsJSON(_ lessons: [Lesson], running: String?) -> JSON {
        .array(
            lessons.map { lesson in
                let mine = self[lesson.id]
                return [
                    "id": .string(lesson.id), "title": .string(lesson.title),
                    "minutes": .integer(Int64(lesson.minutes)), "tasks": .integer(Int64(lesson.tasks.count)),
                    "done": .integer(Int64(mine.marks.values.count { $0 == .done })),
                    "shown": .integer(Int64(mine.marks.values.count { $0 == .shown })),
                    "attempts": .integer(Int64(mine.attempts)), "seconds": .integer(Int64(mine.seconds)),
                    "running": .bool(lesson.id == running),
                ]
            })
    }
}
