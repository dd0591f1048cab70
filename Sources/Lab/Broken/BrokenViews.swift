import JSON
import Trace

/// What is printed of a broken world: never what is broken, until it is mended or shown.
extension RunningLesson {
    func text(of trouble: Trouble) -> String {
        let head = "\(lesson.id) · \(lesson.title)"
        let mark = progress.marks[1]
        let place = mark == .done ? "mended" : mark == .shown ? "shown" : "hints \(progress.hints[1] ?? 0)/3"
        var lines = [head + String(repeating: " ", count: max(2, 80 - head.count - place.count)) + place]
        lines += wrapped("How it was built: \(lesson.goal)") + [""]
        if mark == nil {
            lines += wrapped("Find out what is wrong, and mend it without breaking anything else.")
            lines += ["", "Look: berth lab check        Stuck? berth lab hint        Seed: \(trouble.seed)"]
        } else {
            lines += wrapped("What it was: \(lesson.kernel)") + ["", "Next: berth lab next"]
        }
        return lines.map { $0 + "\n" }.joined(by: "")
    }
}

extension CheckResult {
    func text(of trouble: Trouble, explained: Bool) -> String {
        let row = rows[0]
        var lines = ["\(isPassed ? "✓" : "✗") \(lesson.id) \(lesson.title)\(row.mark == .shown ? "  (shown)" : "")"]
        for (observation, sight) in row.sights {
            lines.append("    \(sight.isMet ? "✓" : "✗") \(observation.what)")
            guard !sight.isMet else { continue }
            lines.append("      expected: \(observation.expected)")
            lines.append("      seen:     \(sight.seen)")
            if explained, let journey = sight.journey {
                lines += PathView(journey).text.split(separator: "\n").map { "      \($0)" }
            }
        }
        if isPassed {
            lines += [""] + wrapped("Mended. What it was: \(lesson.kernel)") + ["Next: berth lab next"]
        } else if row.sights.count <= trouble.symptoms {
            lines += ["", "The symptom is there. Stuck? berth lab hint"]
        } else {
            lines += ["", "The symptom is gone, but this is not as it must be."]
        }
        return lines.map { $0 + "\n" }.joined(by: "")
    }
}

extension Progress {
    /// How many broken worlds were mended without being shown.
    public var fixedCount: Int { BrokenWorlds.all.count { self[$0.id].fixes > 0 } }

    var brokenLine: String {
        "Broken worlds (fix it yourself): \(fixedCount) of \(BrokenWorlds.all.count) fixed"
    }

    /// A line a broken world.
    func brokenList(running: String?) -> String {
        BrokenWorlds.all.map { world in
            let mine = self[world.id]
            let state = mine.fixes > 0 ? "fixed" : mine.marks[1] == .shown ? "shown" : mine.attempts > 0 ? "tried" : ""
            let symptom = world.symptom + String(repeating: " ", count: max(2, 62 - world.symptom.count))
            let words = world.id == running ? (state.isEmpty ? "running" : "\(state), running") : state
            let line = "\(world.id) \(symptom)~\(world.minutes) min"
            return (words.isEmpty ? line : "\(line)  \(words)") + "\n"
        }.joined(by: "")
    }

    func brokenJSON(running: String?) -> JSON {
        .array(
            BrokenWorlds.all.map { world in
                let mine = self[world.id]
                return [
                    "id": .string(world.id), "symptom": .string(world.symptom),
                    "minutes": .integer(Int64(world.minutes)), "fixed": .bool(mine.fixes > 0),
                    "shown": .bool(mine.marks[1] == .shown), "attempts": .integer(Int64(mine.attempts)),
                    "seconds": .integer(Int64(mine.seconds)),
                    "seed": mine.seed.map { .integer(Int64($0)) } ?? .null, "running": .bool(world.id == running),
                ]
            })
    }
}
