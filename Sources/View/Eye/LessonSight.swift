import Glibc
import JSON
import Lab
import NetCore
import Topology

/// The lesson of the world that is looked at: its tasks, what the last check saw, and what the world is to become.
struct LessonSight {
    let lesson: Lesson
    private(set) var progress = LessonProgress()
    /// By task: what was looked at last, and whether it was as expected.
    private var seen: [Int: (seen: String, expected: String)] = [:]
    private var goals: [NetworkMap] = []

    init(_ lesson: Lesson) { self.lesson = lesson }

    /// True when it is otherwise than before.
    mutating func read(_ file: ProgressFile) -> Bool {
        // One that cannot be read just now is read again after the next change; it is the commands' to move it aside.
        guard let bytes = try? Files.read(file.path, limit: 1 << 20), let json = try? JSON(parsing: bytes),
            let found = Progress(reading: json)?[lesson.id], found != progress
        else { return false }
        progress = found
        return true
    }

    /// What a check has found (docs/schema/lab-check.schema.json).
    mutating func take(check: JSON) {
        for task in check["tasks"]?.array ?? [] {
            guard let number = task["n"]?.integer.flatMap({ Int(exactly: $0) }),
                let looks = task["observations"]?.array, !looks.isEmpty
            else { continue }
            let told = looks.first { $0["met"]?.bool == false } ?? looks[looks.count - 1]
            guard let seen = told["seen"]?.string, let expected = told["expected"]?.string else { continue }
            self.seen[number] = (seen, "\(told["what"]?.string ?? ""): \(expected)")
        }
    }

    mutating func take(goals json: JSON) {
        var maps: [NetworkMap] = []
        for map in json.array ?? [] {
            do throws(TopologyError) { maps.append(try NetworkMap(decoding: map)) } catch { return }
        }
        goals = maps.count == lesson.tasks.count + 1 ? maps : []
    }

    var tasks: JSON {
        .array(
            lesson.rows(progress).map { row in
                let seen = seen[row.number]
                return [
                    "number": .integer(Int64(row.number)), "title": .string(row.title), "text": .string(row.text),
                    "state": .string(row.state.rawValue), "seen": seen.map { .string($0.seen) } ?? .null,
                    "expected": seen.map { .string($0.expected) } ?? .null,
                    "hint": row.hint.map { .string($0) } ?? .null,
                ]
            })
    }

    /// After which task's solution the world is shown: the open one's, or the next one's that changes anything.
    var goalTask: Int? {
        guard lesson.showsGoal, !goals.isEmpty else { return nil }
        let last = lesson.tasks.count
        guard let current = progress.current(of: lesson) else { return last }
        return (current...last).first { goals[$0] != goals[$0 - 1] } ?? last
    }

    func goal(for now: NetworkMap) -> JSON {
        guard let task = goalTask else { return .null }
        return [
            "after": .integer(Int64(task)), "picture": goals[task].widePicture.json(),
            "differences": .array(
                now.differences(from: goals[task]).map { ["id": .string($0.id), "text": .string($0.text)] }),
        ]
    }

    /// What its goal is made from.
    var identity: JSON {
        guard lesson.showsGoal else { return .null }
        return ["lesson": .string(lesson.id), "backend": .string(progress.backend.rawValue)]
    }
}
