import Glibc
import Lab
import NetCore
import TestSupport

/// A lab with a learner in it.
extension LabHost {
    var progressFile: String { "\(host.scratch)/state/berth/lab.json" }

    /// A lab whose learner has a place for progress.
    static func learner(_ host: PrivateHost, uid: Int) throws -> LabHost {
        let lab = try LabHost(host, uid: uid)
        let home = "\(host.scratch)/state"
        try Files.makeDirectories(home, mode: 0o700)
        try NetCore.check("give \(home) to \(uid)") { chown(home, uid_t(uid), gid_t(uid)) }
        host.environment["XDG_STATE_HOME"] = home
        return lab
    }

    /// A lab command, with the exit code that it must have; gives what it wrote.
    @discardableResult
    func must(
        _ words: String..., exits code: Int32 = 0, file: String = #fileID, line: Int = #line
    ) throws -> String {
        let outcome = try host.run(self.words(words), seconds: 60)
        host.expect(outcome.exitCode, is: code, "\(words): \(outcome)", file: file, line: line)
        return outcome.text + outcome.errorOutput
    }

    /// One line in a node's shell.
    @discardableResult
    func type(_ node: String, _ text: String, file: String = #fileID, line: Int = #line) throws -> String {
        try must("exec", node, "sh", "-c", text, file: file, line: line)
    }

    /// The check is red, and says why.
    func red(_ sentences: String..., file: String = #fileID, line: Int = #line) throws {
        let text = try must("check", exits: 1, file: file, line: line)
        for sentence in sentences {
            host.expect(text.holds(sentence), "\"\(sentence)\" is not in:\n\(text)", file: file, line: line)
        }
    }

    /// The check finds the tasks up to `number` done, and not the one after it; gives what it told.
    @discardableResult
    func green(upTo number: Int, of count: Int, file: String = #fileID, line: Int = #line) throws -> String {
        let text = try must("check", exits: number == count ? 0 : 1, file: file, line: line)
        let lines = text.split(separator: "\n")
        for task in 1...count {
            let sign = task <= number ? "✓ \(task) " : task == number + 1 ? "✗ \(task) " : "  \(task) "
            host.expect(lines.contains { $0.hasPrefix(sign) }, "no \"\(sign)\" in:\n\(text)", file: file, line: line)
        }
        return text
    }
}
