import Glibc
import NetCore
import Topology
import Trace

/// What the last check saw of a packet, kept in the world until it ends.
enum LastCheck {
    static func place(_ world: World) -> String { "/proc/\(world.state.root.pid)/root/run/berth/last-check" }

    /// The way of the packet that failed, else of the last one; nothing when none was sent. One that cannot be kept is not.
    static func keep(_ result: CheckResult, _ world: World) {
        let sights = result.rows.flatMap(\.sights)
        let told = sights.last { !$0.sight.isMet && $0.sight.journey != nil } ?? sights.last { $0.sight.journey != nil }
        guard let told, let journey = told.sight.journey else { return }
        let text = "\(told.observation.what): \(told.sight.seen)\n\n\(PathView(journey).text)"
        try? Files.replace(place(world), with: Array(text.utf8))
    }

    static func read(_ world: World) -> String? {
        (try? Files.read(place(world), limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) }
    }
}

/// The learner's lesson as a page.
extension RunningLesson {
    /// What was done of it, and what the world is like now. The process has entered the world.
    func export() throws(LabError) -> String {
        let done = (1...lesson.tasks.count).count { progress.marks[$0] != nil }
        var lines = [
            "# \(lesson.id) \(lesson.title)", "", lesson.goal, "",
            "| tasks | hints | attempts | minutes | rules in |", "|---|---|---|---|---|",
            "| \(done) of \(lesson.tasks.count) | \(progress.hints.values.reduce(0, +)) | \(progress.attempts) "
                + "| \(progress.seconds / 60) | \(progress.backend.rawValue) |", "", "## Tasks", "",
        ]
        for (place, task) in lesson.tasks.enumerated() { lines += line(task, place + 1) }
        if progress.isDone(lesson) { lines += ["", lesson.kernel] }
        lines += block("Picture", try picture())
        lines += block("Addresses", World.table(try world.look()))
        lines += ["", "## Rules"]
        let listing = ListingOfRules(world)
        defer { listing.end() }
        for node in world.references {
            let rules: NodeRules
            do throws(TraceError) {
                rules = try NodeRules(node)
            } catch {
                throw LabError(
                    .kernel, "cannot read the rules of \(node.name)", cause: "\(error)",
                    fix: "build the world anew: berth lab reset")
            }
            let unread = rules.unread.map { "\($0)\n" }.joined(by: "")
            lines += ["", "\(node.name):"] + fenced(rules.text + unread)
        }
        if let last = LastCheck.read(world) { lines += block("The last check's packet", last) }
        return lines.map { $0 + "\n" }.joined(by: "")
    }

    private func line(_ task: LessonTask, _ number: Int) -> [String] {
        let mark = progress.marks[number]
        var text = "- [\(mark == nil ? " " : "x")] \(number). \(task.title)"
        if mark == .shown { text += " (shown)" }
        var more: [String] = []
        if let count = progress.hints[number], count > 0 { more.append("hints read: \(count) of 3") }
        if let question = task.question, let said = progress.answers[number] {
            more.append("\(question.text) " + (said == Question.skipped ? "(skipped)" : "\"\(said)\""))
        }
        return [text] + more.map { "  - \($0)" }
    }

    private func picture() throws(LabError) -> String {
        do throws(TopologyError) {
            return try NetworkMap(reading: world.references.map { NetworkMap.Subject($0) }).text(columns: 100)
        } catch {
            throw LabError(
                .kernel, "cannot draw the world", cause: "\(error)", fix: "build the world anew: berth lab reset")
        }
    }

    private func block(_ title: String, _ text: String) -> [String] { ["", "## \(title)"] + fenced(text) }

    /// As it is, whatever stands in it.
    private func fenced(_ text: String) -> [String] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let fence = lines.contains { $0.hasPrefix("```") } ? "~~~~" : "```"
        return ["", "\(fence)text"] + (lines.last == "" ? Array(lines.dropLast()) : lines) + [fence]
    }
}

extension LessonCommands {
    /// The page stands in the file, or on standard output for "-". Throws E-EXISTS when the name is taken, unless forced.
    public static func export(_ path: String, isForced: Bool) throws(LabError) -> Int32 {
        let running = try RunningLesson.standing()
        for note in running.file.notes {
            let text = "berth: \(note)\n"
            _ = write(STDERR_FILENO, text, text.utf8.count)
        }
        let taken = LabError(
            .exists, "\(path) stands already", cause: "nothing was written",
            fix: "take another name, or replace it: berth lab export \(path) --force")
        guard path == "-" || isForced || !Files.exists(path) else { throw taken }
        try running.world.enter()
        let page = try running.export()
        if path == "-" {
            print(page, terminator: "")
            fflush(nil)
            return 0
        }
        let isWritten = try during("write \(path)") { () throws(KernelError) in
            guard isForced else { return try Files.create(path, with: Array(page.utf8), mode: 0o644) }
            try Files.replace(path, with: Array(page.utf8), mode: 0o644)
            return true
        }
        guard isWritten else { throw taken }
        print("written: \(path)")
        fflush(nil)
        return 0
    }
}
