import Glibc
import NetCore

/// The lesson whose world stands, and what the learner has done in it. Everything that a command does with a lesson.
public struct RunningLesson {
    public let lesson: Lesson
    public private(set) var world: World
    public var file: ProgressFile
    public var all: Progress
    let lock: ProgressLock
    public var progress: LessonProgress {
        get { all[lesson.id] }
        set { all[lesson.id] = newValue }
    }

    /// Throws E-MISSING, whose exit code is 2, when no world stands, or one that is no lesson's.
    public static func standing(in directory: LabDirectory = .standard) throws(LabError) -> RunningLesson {
        guard let world = try World.running(in: directory) else {
            throw LabError(.missing, "no lesson is running", fix: "start one: berth lab start next")
        }
        guard let lesson = Lessons.of(world.description) else {
            throw LabError(
                .missing, "world \(world.description.name) is no lesson",
                fix: "end it and start one: berth lab stop, then berth lab start next")
        }
        var file = try ProgressFile.standard()
        let lock = try ProgressLock(file)
        let all = try file.read()
        return RunningLesson(lesson: lesson, world: world, file: file, all: all, lock)
    }

    private init(lesson: Lesson, world: World, file: ProgressFile, all: Progress, _ lock: ProgressLock) {
        (self.lesson, self.world, self.file, self.all, self.lock) = (lesson, world, file, all, lock)
        progress.touch()
        // Asked before the world is entered, as everything that this process asks later.
        _ = (BridgeFilter.isHere, StartersNetwork.inode)
        if lesson.needsRoot { _ = Controllers.offered }
    }

    /// The lesson's world stands where the lesson begins; what was done before counts, but one that was done whole begins anew.
    /// Throws what `World.start` throws, and what a command of the start said; then no world is left.
    /// `held` is the caller's, where it has it already.
    static func start(_ lesson: Lesson, backend wanted: Backend?, keep: Bool, _ held: ProgressLock? = nil)
        throws(LabError) -> RunningLesson
    {
        if lesson.needsRoot { try Root.mustBeHere(for: lesson) }
        var file = try ProgressFile.standard()
        let lock: ProgressLock
        if let held { lock = held } else { lock = try ProgressLock(file) }
        var all = try file.read()
        let backend = wanted ?? Backend.standard(all.lessons[lesson.id]?.backend, for: lesson)
        if !lesson.needsRoot { try backend.mustBeHere(for: lesson) }
        let world = try World.start(lesson.world, keep: keep)
        if let trouble = lesson.trouble { all[lesson.id].begin(trouble) }
        if all[lesson.id].isDone(lesson) { (all[lesson.id].marks, all[lesson.id].answers) = ([:], [:]) }
        all[lesson.id].backend = backend
        all[lesson.id].last = 0
        let running = RunningLesson(lesson: lesson, world: world, file: file, all: all, lock)
        try running.begin()
        // Where one goes on, the world is as far as one had come.
        try running.replay(before: running.progress.current(of: lesson) ?? 1)
        running.world.beginHere()
        try running.save()
        return running
    }

    /// As the lesson begins, for the same learner.
    private func begin() throws(LabError) {
        do throws(LabError) {
            if lesson.needsRoot { try LabDaemon(world).prepare() }
            for service in lesson.services {
                try must(
                    ["/proc/self/exe", "lab-serve", service.node, "\(service.port)"] + service.words, service.node,
                    "a program at port \(service.port)")
            }
            for command in lesson.start[progress.backend] { try type(command.here(progress.backend)) }
        } catch {
            try? world.stop()
            throw error
        }
    }

    private func type(_ command: LessonCommand) throws(LabError) {
        // What it is the same as is not told: nobody has typed it.
        try must(["sh", "-c", "exec >/dev/null; \(command.line)"], command.node, command.line)
    }

    private func apart(_ words: [String], _ node: String) -> Int32 {
        Apart.run { () throws(LabError) in try world.run(words, in: node, isRecorded: false) }
    }

    private func must(_ words: [String], _ node: String, _ name: String) throws(LabError) {
        let code = apart(words, node)
        guard code == 0 else {
            throw LabError(
                .kernel, "cannot bring the world to where it should be",
                cause: "in \(node), exit code \(code): \(name)",
                fix: "see what it says above; another language may do: berth lab start \(lesson.id) --backend "
                    + (progress.backend == .nft ? "iptables" : "nft"))
        }
    }

    /// The solutions of the tasks before `number`, typed.
    private func replay(before number: Int) throws(LabError) {
        for task in lesson.tasks.prefix(max(0, number - 1)) where task.passedOver == nil {
            for command in task.solution[progress.backend].map({ $0.here(progress.backend) }) {
                guard apart(["sh", "-c", "exec >/dev/null 2>&1; \(command.line)"], command.node) == 0 else {
                    throw LabError(
                        .kernel, "a step of lesson \(lesson.id) fails", cause: "in \(command.node): \(command.line)",
                        fix: "start it anew: berth lab stop, then berth lab start \(lesson.id)")
                }
            }
        }
    }

    public func save() throws(LabError) { try file.write(all) }

    /// Looks, and keeps what was seen to be done. One that the learner did not ask for is no attempt of theirs.
    public mutating func check(counts: Bool = true) throws(LabError) -> CheckResult {
        try world.enter()
        if counts { progress.attempts += 1 }
        let before = progress.current(of: lesson)
        var result = try lesson.check(world, &progress)
        result.changes = BeforeAfter(world).changes(with: result)
        if lesson.trouble != nil, before != nil, result.isPassed { progress.fixes += 1 }
        LastCheck.keep(result, world)
        if progress.current(of: lesson) != before { world.beginTask() }
        try save()
        return result
    }

    /// The world is new, and as it was before the task; the task and those after it are open. Without a number: before the first
    /// open task. The process must not have entered.
    public mutating func reset(_ number: Int?) throws(LabError) {
        if let number {
            _ = try task(number)
            for later in number...lesson.tasks.count {
                progress.marks[later] = nil
                progress.answers[later] = nil
            }
        }
        try world.stop()
        world = try World.start(lesson.world, keep: world.isKept)
        try begin()
        try replay(before: number ?? progress.current(of: lesson) ?? 1)
        world.beginHere()
        try save()
    }

    public func task(_ number: Int) throws(LabError) -> LessonTask {
        guard (1...lesson.tasks.count).contains(number) else {
            throw LabError(
                .name, "lesson \(lesson.id) has no task \(number)", fix: "take one of 1 to \(lesson.tasks.count)")
        }
        return lesson.tasks[number - 1]
    }

    /// The solution of the first open task, or of all up to `last`, typed with its reasons; then looked at. Gives what it said.
    public mutating func solve(upTo last: Int, _ say: (String) -> Void) throws(LabError) -> CheckResult {
        _ = try task(last)
        guard var number = progress.current(of: lesson), number <= last else {
            throw LabError(
                .name, "task \(last) is done already", fix: "go back before it: berth lab reset --task \(last)")
        }
        try world.enter()
        while number <= last {
            let task = lesson.tasks[number - 1]
            let cause = wrapped("The cause: \(lesson.kernel)").joined(by: "\n")
            say(lesson.trouble == nil ? "\(number) \(task.title)" : cause)
            for command in task.passedOver != nil
                ? [] : task.solution[progress.backend].map({ $0.here(progress.backend) })
            {
                if !command.reason.isEmpty { say("  # \(command.reason)") }
                say("  \(command.node) ▸ \(command.line)")
                fflush(nil)
                _ = try world.run(["sh", "-c", command.line], in: command.node)
            }
            if let question = task.question {
                say("  \(question.text)  \(question.answer)")
                progress.answers[number] = question.answer
            }
            let result = try lesson.check(world, &progress, upTo: number, as: .shown)
            try save()
            if progress.marks[number] != nil { world.beginTask() }
            guard progress.marks[number] != nil, number < last else { return result }
            number += 1
        }
        return try lesson.check(world, &progress, upTo: last, as: .shown)
    }

    /// The answer to the open task's question is kept; "skip" is one too, with which the task does not wait for another. Throws E-NAME when there is no question, or no such choice.
    public mutating func answer(_ said: String) throws(LabError) -> String {
        guard let number = progress.current(of: lesson), let question = lesson.tasks[number - 1].question else {
            throw LabError(
                .name, "the open task asks nothing", fix: "see what is to be done: berth lab status")
        }
        guard let choice = question.choice(said) ?? (said == "skip" ? Question.skipped : nil) else {
            throw LabError(
                .name, question.form == .letter ? "\(said) is none of the answers" : "\(said) is no answer to this",
                cause: question.lines.joined(by: "; "),
                fix: "\(question.form == .letter ? "take one" : "write one"): berth lab answer \(question.form.example)"
            )
        }
        progress.answers[number] = choice
        try save()
        return choice
    }

    /// The hints of the open task up to one more than were read, or up to the wanted one; the third, which is the commands, only
    /// after the two before it.
    public mutating func hint(_ wanted: Int?) throws(LabError) -> String {
        guard let number = progress.current(of: lesson) else {
            throw LabError(.name, "every task is done", fix: "go on: berth lab next")
        }
        let read = progress.hints[number] ?? 0
        let level = wanted ?? min(read + 1, 3)
        guard (1...3).contains(level), level <= read + 1 else {
            throw LabError(
                .name,
                level < 1 || level > 3 ? "there is no hint \(level)" : "hint \(level) comes after hint \(read + 1)",
                fix: "berth lab hint")
        }
        progress.hints[number] = max(read, level)
        try save()
        let place = lesson.trouble == nil ? ", task \(number)" : ""
        let text = "hint \(level) of 3\(place): \(lesson.hint(level, task: number, progress.backend))"
        return level == 3 ? text : wrapped(text).joined(by: "\n")
    }
}

extension Lesson {
    /// 1 where to look, 2 the idea, 3 the commands.
    func hint(_ level: Int, task number: Int, _ backend: Backend, _ tools: Tools = .here) -> String {
        let task = tasks[number - 1]
        switch level {
        case 1, 2:
            let text = level == 1 ? task.look : task.idea
            return text + (Equivalents.note(text, tools, backend).map { " \($0)" } ?? "")
        default:
            var lines = task.solution[backend].map { $0.here(backend, tools) }.map { "\n  \($0.node) ▸ \($0.line)" }
            if backend != .net { lines += task.solution.or.map { "\n  or: \($0.otherwise)" } }
            if let question = task.question { lines.append("\n  berth lab answer \(question.answer)") }
            return lines.joined(by: "")
        }
    }
}

extension Backend {
    /// What was taken before, else what this machine has; ours where it has neither.
    static func standard(_ before: Backend?, for lesson: Lesson) -> Backend {
        before ?? allCases.first(where: \.isHere) ?? (lesson.speaksNet ? .net : .nft)
    }

    /// Whether PATH leads to its program; our own is always here.
    var isHere: Bool { self == .net || Tools.isHere(rawValue) }

    func mustBeHere(for lesson: Lesson) throws(LabError) {
        if self == .net, !lesson.speaksNet {
            throw LabError(
                .name, "\(lesson.id) takes nft or iptables", cause: "berth net does what lessons 01 to 07 have typed",
                fix: "install one of them (apt install nftables), and leave --backend net out")
        }
        guard !isHere else { return }
        let other = self == .nft ? "iptables" : "nft"
        throw LabError(
            .name, "there is no \(rawValue) on this machine", cause: "PATH does not lead to it",
            fix: "install it (apt install \(self == .nft ? "nftables" : "iptables")), or take "
                + (lesson.speaksNet
                    ? "another: --backend \(other), or --backend net, which takes no program but berth"
                    : "the other: --backend \(other)"))
    }
}
