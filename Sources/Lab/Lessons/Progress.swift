import Glibc
public import JSON

/// What a learner has done, as it stands in the progress file.
public struct Progress: Hashable, Sendable {
    public static let version: Int64 = 1
    public var lessons: [String: LessonProgress] = [:]

    public subscript(id: String) -> LessonProgress {
        get { lessons[id] ?? LessonProgress() }
        set { lessons[id] = newValue }
    }

    var json: JSON {
        let all = lessons.keys.sorted().map { ($0, lessons[$0]!.json) }
        return ["version": .integer(Progress.version), "lessons": .object(JSONObject(all))]
    }

    init() {}

    /// For who only looks. Nil for what no command has written.
    public init?(reading json: JSON) { self.init(json) }

    /// Nil for what `json` did not write, also by a later version.
    init?(_ json: JSON) {
        guard json["version"]?.integer == Progress.version, let all = json["lessons"]?.object else { return nil }
        for (id, value) in all {
            guard let lesson = LessonProgress(value) else { return nil }
            lessons[id] = lesson
        }
    }
}

/// Of one lesson.
public struct LessonProgress: Hashable, Sendable {
    public enum Mark: String, Hashable, Sendable { case done, shown }
    public var backend: Backend = .nft
    /// By the task's number, from 1.
    public var marks: [Int: Mark] = [:]
    public var answers: [Int: String] = [:]
    /// How many hints were read.
    public var hints: [Int: Int] = [:]
    /// Checks made.
    public var attempts = 0
    public var seconds = 0
    /// When a command of the lesson was last used, in seconds of the epoch.
    public var last = 0
    /// Of a broken world: what its cause was chosen by last, and how often its owner has mended it.
    public var seed: Int?
    public var fixes = 0

    public init() {}

    /// The first task that is neither done nor shown; nil when there is none.
    public func current(of lesson: Lesson) -> Int? { (1...lesson.tasks.count).first { marks[$0] == nil } }
    public func isDone(_ lesson: Lesson) -> Bool { current(of: lesson) == nil }

    /// Time goes on; of a pause five minutes count at most.
    mutating func touch() {
        let now = time(nil)
        if last > 0, now > last { seconds += min(now - last, 300) }
        last = now
    }

    var json: JSON {
        func table<Value>(_ values: [Int: Value], _ json: (Value) -> JSON) -> JSON {
            .object(JSONObject(values.keys.sorted().map { ("\($0)", json(values[$0]!)) }))
        }
        return [
            "backend": .string(backend.rawValue), "tasks": table(marks) { .string($0.rawValue) },
            "answers": table(answers) { .string($0) }, "hints": table(hints) { .integer(Int64($0)) },
            "attempts": .integer(Int64(attempts)), "seconds": .integer(Int64(seconds)), "last": .integer(Int64(last)),
            "seed": seed.map { .integer(Int64($0)) } ?? .null, "fixes": .integer(Int64(fixes)),
        ]
    }

    init?(_ json: JSON) {
        func table<Value>(_ json: JSON?, _ value: (JSON) -> Value?) -> [Int: Value]? {
            guard let members = json?.object else { return nil }
            var all: [Int: Value] = [:]
            for (key, text) in members {
                guard let number = Int(key), let value = value(text) else { return nil }
                all[number] = value
            }
            return all
        }
        func count(_ json: JSON?) -> Int? { json?.integer.flatMap { (0...(1 << 40)).contains($0) ? Int($0) : nil } }
        guard let backend = json["backend"]?.string.flatMap({ Backend(rawValue: $0) }),
            let marks = table(json["tasks"], { $0.string.flatMap { Mark(rawValue: $0) } }),
            let answers = table(json["answers"], { $0.string }), let hints = table(json["hints"], { count($0) }),
            let attempts = count(json["attempts"]), let seconds = count(json["seconds"]), let last = count(json["last"])
        else { return nil }
        (self.backend, self.marks, self.answers, self.hints) = (backend, marks, answers, hints)
        (self.attempts, self.seconds, self.last) = (attempts, seconds, last)
        // Not there in files of before there were broken worlds.
        (seed, fixes) = (count(json["seed"]), count(json["fixes"]) ?? 0)
    }
}
