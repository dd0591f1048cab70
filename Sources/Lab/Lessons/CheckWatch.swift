import Glibc
import NetCore

/// `berth lab check --watch`: looks once a second and tells what has changed.
enum CheckWatch {
    /// Ends when all tasks are done, when the world ends, or after so many looks. Gives the exit code of the last one. Each look is a
    /// process of its own: one that has entered the world cannot read the learner's progress anew. Throws E-KERNEL when that
    /// process cannot be started.
    static func run(explained: Bool, looks: Int = 20_000, put: (String) -> Void) throws(LabError) -> Int32 {
        var shown: String?
        for _ in 0..<looks {
            let (text, errors, code) = try look(explained)
            if code == 0 || code == 1, text != shown {
                put((shown == nil ? "" : "\n") + text)
                shown = text
            }
            guard code == 1 else {
                put(errors)
                return code
            }
            sleep(1)
        }
        return 1
    }

    private static func look(_ explained: Bool) throws(LabError) -> (text: String, errors: String, code: Int32) {
        let words = ["lab-plain", "check"] + (explained ? ["--explain"] : [])
        let child = ChildProcess(
            path: "/proc/self/exe", arguments: words, environment: environmentStrings, input: [], seconds: 60)
        let outcome = try during("look at the lesson") { () throws(KernelError) in try child.run() }
        return (
            String(decoding: outcome.output, as: UTF8.self), String(decoding: outcome.errors, as: UTF8.self),
            outcome.exitStatus ?? 3
        )
    }

    /// This process's own, "NAME=VALUE".
    private static var environmentStrings: [String] {
        var found: [String] = []
        var next = environ
        while let text = next.pointee {
            found.append(String(cString: text))
            next += 1
        }
        return found
    }
}
