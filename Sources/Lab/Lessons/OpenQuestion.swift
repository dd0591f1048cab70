import Glibc

/// The open task's question, asked at the terminal before its answer can be seen.
enum OpenQuestion {
    /// The learner has answered, or skipped it with Enter, or has left it open (Ctrl-D, or none of the answers three times). Nothing
    /// without a terminal, or where no question waits. `isShown`: its text stands on the screen already.
    static func ask(isShown: Bool) throws(LabError) {
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1, let question = try waiting() else { return }
        if !isShown { put("\n" + question.lines.map { $0 + "\n" }.joined(by: "")) }
        let last = String(decoding: [UInt8(0x60 + question.choices.count)], as: UTF8.self)
        let kinds = question.form == .letter ? "a to \(last)" : question.form.placeholder
        for _ in 0..<3 {
            put("Your answer (\(kinds), Enter skips): ")
            guard let line = readLine() else { return put("\n") }
            let said = line.filter { $0 != " " && $0 != "\t" }.isEmpty ? "skip" : line
            guard said == "skip" || question.choice(said) != nil else { continue }
            var running = try RunningLesson.standing()
            _ = try running.answer(said)
            return put("\n")
        }
    }

    /// The progress is not held while somebody thinks.
    private static func waiting() throws(LabError) -> Question? {
        let running = try RunningLesson.standing()
        guard let number = running.progress.current(of: running.lesson), running.progress.answers[number] == nil else {
            return nil
        }
        return running.lesson.tasks[number - 1].question
    }

    private static func put(_ text: String) {
        print(text, terminator: "")
        fflush(nil)
    }
}
