/// A lesson's tasks as another screen than the terminal shows them.
public struct LessonRow: Hashable, Sendable {
    public enum State: String, Hashable, Sendable { case done, current, open }
    /// From 1.
    public let number: Int
    public let title: String
    /// What is to be done, and what is asked before; told of the current task and of those behind it.
    public let text: String
    public let state: State
    /// The last hint that was read.
    public let hint: String?
}

extension Lesson {
    /// As far as one has come.
    public func rows(_ progress: LessonProgress) -> [LessonRow] {
        let current = progress.current(of: self)
        return tasks.enumerated().map { place, task in
            let number = place + 1
            var lines = [task.text]
            if trouble == nil, let note = Equivalents.note(task.text, .here, progress.backend) { lines.append(note) }
            if let question = task.question {
                lines.append("Say first (berth lab answer \(question.form.placeholder)):")
                lines += question.lines
                if let said = progress.answers[number] {
                    lines.append(said == Question.skipped ? "you skipped it" : "you said: \(said)")
                }
            }
            let read = progress.hints[number] ?? 0
            return LessonRow(
                number: number, title: task.title, text: lines.joined(by: "\n"),
                state: progress.marks[number] != nil ? .done : number == current ? .current : .open,
                hint: (1...3).contains(read) ? hint(read, task: number, progress.backend) : nil)
        }
    }

    /// The packet that its checks send first: from which node, to what ("198.51.100.2:8080").
    public var usualProbe: (source: String, target: String)? {
        for observation in tasks.flatMap(\.checks) {
            let parts = observation.what.split(separator: " ").map(String.init)
            guard parts.count >= 3, let arrow = parts.firstIndex(of: "→"), arrow > 0, arrow + 1 < parts.count else {
                continue
            }
            let (source, target) = (parts[arrow - 1], parts[arrow + 1])
            if world.node(source) != nil, target.utf8.contains(UInt8(ascii: ":")) { return (source, target) }
        }
        return nil
    }

    /// Whether its picture may be shown as it is to be: of a broken world that would tell the cause.
    public var showsGoal: Bool { trouble == nil }

    /// The lesson of a world that stands; nil of a bare one.
    public static func standing(in world: World) -> Lesson? { Lessons.of(world.description) }
}
