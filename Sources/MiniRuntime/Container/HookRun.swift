import Glibc
import JSON
import NetCore

extension HooksSpec {
    /// Runs the hooks of a moment one after another, each with the container's state on its standard input.
    func run(_ moment: Moment, _ state: JSONObject) throws(OCIError) {
        for hook in at(moment) {
            let process = ChildProcess(
                path: hook.path, arguments: Array(hook.arguments.dropFirst()), environment: hook.environment,
                input: JSON.object(state).bytes, seconds: hook.timeout ?? 86400, graceSeconds: 0)
            let outcome = try kernel { () throws(KernelError) in try process.run() }
            if outcome.timedOut {
                throw OCIError(
                    "\(moment.rawValue) hook \(hook.path) did not end within \(hook.timeout ?? 0) s and was killed")
            }
            guard outcome.exitStatus == 0 else {
                let how =
                    outcome.signal.map { "was killed by signal \($0)" } ?? "ended with code \(outcome.exitStatus ?? -1)"
                let said = String(decoding: outcome.errors, as: UTF8.self).split(separator: "\n").last ?? ""
                throw OCIError("\(moment.rawValue) hook \(hook.path) \(how)\(said.isEmpty ? "" : ": \(said)")")
            }
        }
    }
}
