import Glibc
import JSON

/// The commands of `berth lab` that have to do with lessons: each prints, and gives its exit code.
public enum LessonCommands {
    static func put(_ text: String) {
        print(text, terminator: "")
        fflush(nil)
    }

    static func warn(_ text: String) { _ = write(STDERR_FILENO, text, text.utf8.count) }
    static func note(_ file: ProgressFile) { for note in file.notes { warn("berth: \(note)\n") } }

    /// Your progress, and the id of the lesson that runs.
    static func known() throws(LabError) -> (Progress, String?) {
        var file = try ProgressFile.standard()
        let progress = try file.read()
        note(file)
        return (progress, try World.running().flatMap { Lessons.of($0.description)?.id })
    }

    static func standing() throws(LabError) -> RunningLesson {
        let running = try RunningLesson.standing()
        note(running.file)
        return running
    }

    public static func dashboard() throws(LabError) -> Int32 {
        let (progress, running) = try known()
        put(progress.dashboard(running: running))
        return 0
    }

    public static func list(json: Bool) throws(LabError) -> Int32 {
        let (progress, running) = try known()
        put(json ? progress.listJSON(running: running).prettyText + "\n" : progress.list(running: running))
        return 0
    }

    /// The lesson stands, and is told. One that stands already is gone on with. `id` may be `next`.
    /// With a screen the world is drawn, too.
    public static func start(_ id: String, backend: Backend?, keep: Bool, screen: LessonScreen? = nil) throws(LabError)
        -> World
    {
        let world = try stand(id, backend: backend, keep: keep, screen, nil)
        try askFirst()
        return world
    }

    /// Not where a world's shell asked for it: that shell has gone with its world, and the next one has the terminal.
    private static func askFirst() throws(LabError) {
        if !HeldProgram.isHeld { try OpenQuestion.ask(isShown: true) }
    }

    private static func show(_ running: RunningLesson, _ screen: LessonScreen?) {
        if let screen { screen.put(running) } else { put(running.text) }
    }

    private static func stand(
        _ id: String, backend: Backend?, keep: Bool, _ screen: LessonScreen?, _ lock: ProgressLock?
    ) throws(LabError) -> World {
        let lesson: Lesson
        if BrokenWorlds.named(id) != nil { return try breakWorld(id, seed: nil, backend: backend, keep: keep, lock) }
        if id == "next" {
            let progress = try known().0
            let isDone = Lessons.all.allSatisfy { progress[$0.id].isDone($0) }
            if isDone, let broken = BrokenWorlds.next(after: nil, progress) {
                return try breakWorld(broken.id, seed: nil, backend: backend, keep: keep, lock)
            }
            lesson = progress.next
        } else {
            lesson = try Lessons.find(id)
        }
        if let world = try World.running(), Lessons.named(world.description.name)?.id == lesson.id {
            let running = try standing()
            if let backend, backend != running.progress.backend {
                throw LabError(
                    .exists, "lesson \(lesson.id) stands already, with \(running.progress.backend.rawValue)",
                    fix: "end it first: berth lab stop")
            }
            show(running, screen)
            try running.save()
            return world
        }
        let running = try RunningLesson.start(lesson, backend: backend, keep: keep, lock)
        note(running.file)
        show(running, screen)
        return running.world
    }

    /// The lesson that stands is ended, and the first one that is not done stands.
    public static func next(backend: Backend?, screen: LessonScreen? = nil) throws(LabError) -> World {
        // Held until the next one stands: a shell that goes along waits for it.
        var lock: ProgressLock?
        var following = "next"
        if let world = try World.running() {
            // A world that is no lesson's may go; one whose progress cannot be told may not.
            if Lessons.of(world.description) != nil {
                let running = try standing()
                lock = running.lock
                let isBroken = running.lesson.trouble != nil
                if isBroken { following = BrokenWorlds.next(after: running.lesson.id, running.all)?.id ?? "next" }
                if running.lesson.needsRoot { following = running.all.nextOfAppendix?.id ?? "next" }
                guard running.progress.isDone(running.lesson) else {
                    throw LabError(
                        .exists,
                        isBroken
                            ? "world \(running.lesson.id) is broken still"
                            : "lesson \(running.lesson.id) is not done yet",
                        fix: "go on with it (berth lab status), or end it: berth lab stop")
                }
            }
            try world.stop()
        }
        let world = try stand(following, backend: backend, keep: false, screen, lock)
        lock = nil
        try askFirst()
        return world
    }

    /// The lesson that runs, with its world's picture and its tasks; a world that is no lesson's with the state of each link.
    public static func status(_ screen: LessonScreen) throws(LabError) -> Int32 {
        let world = try World.standing()
        if Lessons.of(world.description) != nil {
            let running = try standing()
            screen.put(running)
            try running.save()
            return 0
        }
        try world.enter()
        put(
            "world \(world.description.name), held by process \(world.holder.pid)\n\(try world.picture(screen))\n"
                + World.table(try world.look()) + "\n")
        return 0
    }

    /// 0 when all is done, 1 when something is open, 2 when no lesson runs, 3 when the lab itself could not look.
    public static func check(json: Bool, explained: Bool, ascii: Bool = false, counts: Bool = true) throws(LabError)
        -> Int32
    {
        let result: CheckResult
        do throws(LabError) {
            if !json { try OpenQuestion.ask(isShown: false) }
            var running = try standing()
            result = try running.check(counts: counts)
        } catch {
            warn(error.description)
            return error.code == .missing ? 2 : 3
        }
        put(json ? result.json.prettyText + "\n" : result.text(explained: explained, ascii: ascii))
        return result.isPassed ? 0 : 1
    }

    /// As `check`, whenever something has changed, until all is done; what is otherwise is told.
    public static func watch(explained: Bool, ascii: Bool = false) throws(LabError) -> Int32 {
        try CheckWatch.run(explained: explained, ascii: ascii, put: put)
    }

    public static func hint(_ level: Int?) throws(LabError) -> Int32 {
        var running = try standing()
        put(try running.hint(level) + "\n")
        return 0
    }

    public static func answer(_ words: String) throws(LabError) -> Int32 {
        var running = try standing()
        let said = try running.answer(words)
        put((said == Question.skipped ? "skipped" : "you say: \(said)") + ". What the packet says: berth lab check\n")
        return 0
    }

    /// The open task's solution, or those up to `step`, or all. Exit code 1 when a task is not done by it: the world was changed.
    public static func solve(step: Int?, isWhole: Bool, ascii: Bool = false) throws(LabError) -> Int32 {
        var running = try standing()
        let last =
            isWhole
            ? running.lesson.tasks.count
            : step ?? running.progress.current(of: running.lesson) ?? running.lesson.tasks.count
        let screen = LessonScreen(columns: 80, ascii: ascii)
        let result = try running.solve(upTo: last) { put(screen.plain($0) + "\n") }
        put("\n" + result.text(ascii: ascii))
        return result.rows.prefix(last).allSatisfy { $0.mark != nil } ? 0 : 1
    }

    public static func reset(_ task: Int?, screen: LessonScreen? = nil) throws(LabError) -> Int32 {
        var running = try standing()
        try running.reset(task)
        show(running, screen)
        return 0
    }

    public static func page(_ id: String) throws(LabError) -> Int32 {
        put(id == "broken" ? BrokenWorlds.page : try Lessons.find(id).page)
        return 0
    }

    /// The commands by their words, without the command line's own parser: for tests, and for a berth built without it.
    static func plain(_ words: [String]) throws(LabError) -> Int32? {
        func value(_ name: String) -> String? {
            words.firstIndex(of: name).flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
        }
        let backend = value("--backend").flatMap { Backend(rawValue: $0) }
        let screen = LessonScreen.standard(ascii: words.contains("--ascii"))
        switch words.first {
        case nil: return try dashboard()
        case "list": return try list(json: words.contains("--json"))
        case "start" where words.count > 1 && StandardWorlds.named(words[1]) == nil:
            _ = try start(words[1], backend: backend, keep: false)
            return 0
        case "status": return try status(screen)
        case "break" where words.count > 1:
            _ = try breakWorld(words[1], seed: value("--seed").flatMap { Int($0) }, backend: backend, keep: false)
            return 0
        case "grade":
            return try grade(words.dropFirst().filter { $0 != "--json" }, json: words.contains("--json"))
        case "next":
            _ = try next(backend: backend)
            return 0
        case "check" where words.contains("--watch"):
            return try watch(explained: words.contains("--explain"), ascii: words.contains("--ascii"))
        case "check":
            return try check(
                json: words.contains("--json"), explained: words.contains("--explain"),
                ascii: words.contains("--ascii"), counts: !words.contains("--watched"))
        case "hint": return try hint(words.count > 1 ? Int(words[1]) : nil)
        case "answer" where words.count == 2: return try answer(words[1] == "--skip" ? "skip" : words[1])
        case "solve":
            return try solve(
                step: value("--step").flatMap { Int($0) }, isWhole: words.contains("--all"),
                ascii: words.contains("--ascii"))
        case "reset": return try reset(value("--task").flatMap { Int($0) })
        case "export" where words.count > 1:
            return try export(words[1], isForced: words.contains("--force"))
        case "undo": return try undo(sinceTaskBegan: words.contains("--task"))
        case "page" where words.count == 2: return try page(words[1])
        default: return nil
        }
    }
}
