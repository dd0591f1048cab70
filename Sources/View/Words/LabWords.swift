import Glibc
import JSON
import Lab

/// `view-lab check | hint | undo`: what the page's buttons do, as `berth lab check`, `hint` and `undo` do it; the answer is an object
/// on standard output, of an error with `status` (of HTTP), `error` and `fix`.
enum LabWords {
    static func run(_ words: [String]) -> Int32 {
        do throws(LabError) {
            guard let answer = try answer(words.first) else { return 2 }
            print(answer.text)
        } catch {
            print(json(error).text)
        }
        return 0
    }

    private static func answer(_ word: String?) throws(LabError) -> JSON? {
        switch word {
        case "check":
            var running = try RunningLesson.standing()
            let result = try running.check()
            return ["check": result.json, "text": .string(result.text())]
        case "hint":
            var running = try RunningLesson.standing()
            let number = running.progress.current(of: running.lesson)
            let text = try running.hint(nil)
            return [
                "task": number.map { .integer(Int64($0)) } ?? .null,
                "level": number.flatMap { running.progress.hints[$0] }.map { .integer(Int64($0)) } ?? .null,
                "text": .string(text),
            ]
        case "undo": return ["text": .string(try World.undo(sinceTaskBegan: false))]
        default: return nil
        }
    }

    static func json(_ error: LabError) -> JSON {
        let status: Int64 =
            switch error.code {
            case .missing: 404
            case .name, .exists: 409
            default: 500
            }
        let cause = error.cause.map { ": \($0)" } ?? ""
        return ["status": .integer(status), "error": .string("\(error.message)\(cause)"), "fix": .string(error.fix)]
    }
}
