public import JSON
import NetCore

/// Rules judged once.
public struct Checkup: Sendable {
    /// Which rules: all, or those of groups and single ones.
    public struct Selection: Hashable, Sendable {
        var groups: Set<RuleGroup> = []
        var rules: Set<RuleID> = []

        /// Words as `firewall` and `firewall.docker-forward`; none means all. Throws the word that names no rule.
        public init(_ words: [String]) throws(UnknownRule) {
            for word in words {
                if let group = RuleGroup(rawValue: word) {
                    groups.insert(group)
                } else if let rule = HealthRule.all.first(where: { "\($0.id)" == word }) {
                    rules.insert(rule.id)
                } else {
                    throw UnknownRule(word: word)
                }
            }
        }

        func has(_ id: RuleID) -> Bool {
            groups.isEmpty && rules.isEmpty || groups.contains(id.group) || rules.contains(id)
        }
    }

    /// A word that is neither a group's nor a rule's name.
    public struct UnknownRule: Error {
        public let word: String
    }

    public private(set) var findings: [HealthFinding] = []
    /// With what was read, and where.
    public private(set) var passed: [(id: RuleID, evidence: String)] = []
    /// With the reason.
    public private(set) var notChecked: [(id: RuleID, why: String)] = []
    /// Sentences about what `--fix` did.
    public var notes: [String] = []
    /// Where what was changed can be taken back from.
    public var undoFile: String?

    /// Looks, and changes nothing.
    public init(_ places: Examination.Places, _ selection: Selection) {
        let examination = Examination(places)
        for rule in HealthRule.all where selection.has(rule.id) {
            do throws(KernelError) {
                switch try rule.judge(examination) {
                case .passed(let evidence): passed.append((rule.id, evidence))
                case .notChecked(let why): notChecked.append((rule.id, why))
                case .found(let found): findings += found
                }
            } catch {
                let isRefused = error.errno == .notPermitted || error.errno == .accessDenied
                notChecked.append((rule.id, "\(error)\(isRefused && !examination.isRoot ? ": it takes root" : "")"))
            }
        }
        sort()
    }

    private mutating func sort() {
        // Errors before warnings; within, in the order of the rules.
        findings = findings.filter { $0.severity == .error } + findings.filter { $0.severity == .warning }
    }

    /// What was found before, held against what is found `now`, after the remedies.
    mutating func compare(with now: Checkup, tried: [HealthFinding], failures: [(HealthFinding, String)]) {
        for index in findings.indices {
            let finding = findings[index]
            let isLeft = now.findings.contains { $0.isSame(as: finding) }
            let isJudged = !now.notChecked.contains { $0.id == finding.id }
            if !isLeft, isJudged {
                findings[index].state = .fixed
            } else if let failure = failures.first(where: { $0.0.isSame(as: finding) }) {
                findings[index].state = .failed(failure.1)
            } else if tried.contains(where: { $0.isSame(as: finding) }) {
                findings[index].state = .failed("it is still so after the remedy")
            }
        }
        for finding in now.findings where !findings.contains(where: { $0.isSame(as: finding) }) {
            findings.append(finding)
        }
        let told = Set(findings.map(\.id))
        (passed, notChecked) = (now.passed.filter { !told.contains($0.id) }, now.notChecked)
        sort()
    }

    /// 0 nothing is wrong, 1 warnings, 2 errors, 3 what was wrong is mended.
    public var exitCode: Int32 {
        let open = findings.filter { $0.state != .fixed }
        if open.contains(where: { $0.severity == .error }) { return 2 }
        if !open.isEmpty { return 1 }
        return findings.isEmpty ? 0 : 3
    }

    /// Nothing is wrong, or what was is mended.
    public var isHealthy: Bool { findings.allSatisfy { $0.state == .fixed } }
}

// MARK: for people

extension Checkup {
    /// A line for each finding, failures first, with what was read, why it matters, how to mend it and how to take that back; then what could
    /// not be looked at, and how many passed. `all`: those, too.
    public func text(all: Bool = false) -> String {
        var lines: [String] = []
        var told: Set<RuleID> = []
        for finding in findings
        where !finding.isFolded || finding.state != .fixed && !findings.contains(where: { $0.id.name == "owned-rules" })
        {
            let mark = finding.state == .fixed ? "✓" : finding.severity == .error ? "✗" : "⚠"
            lines.append("\(mark) \(finding.id)  \(finding.object): \(finding.reason)")
            if finding.state != .fixed {
                lines.append("    read: \(finding.evidence)")
                if told.insert(finding.id).inserted, let why = HealthRule.all.first(where: { $0.id == finding.id })?.why
                {
                    lines.append("    why:  \(why)")
                }
            }
            switch finding.state {
            case .fixed: lines.append("    fixed: \(Checkup.words(finding.remedy.commands, or: "it is gone"))")
            case .failed(let why): lines.append("    not fixed: \(why)")
            case .open: break
            }
            guard finding.state != .fixed else { continue }
            for (index, command) in finding.remedy.commands.enumerated() {
                lines.append("    \(index == 0 ? "fix: " : "     ") \(Checkup.words([command], or: ""))")
            }
            if let harm = finding.remedy.toldOnly {
                lines.append(
                    finding.remedy.commands.isEmpty ? "    fix:  \(harm)" : "    told only, --fix leaves it: \(harm)")
            } else if !finding.remedy.undo.isEmpty {
                for (index, command) in finding.remedy.undo.enumerated() {
                    lines.append("    \(index == 0 ? "undo:" : "     ") \(Checkup.words([command], or: ""))")
                }
            }
        }
        for note in notes { lines.append("  \(note)") }
        for (id, why) in notChecked { lines.append("– \(id)  not checked: \(why)") }
        if all { for (id, evidence) in passed { lines.append("✓ \(id)  \(evidence)") } }
        lines.append("✓ \(passed.count.counted("check")) passed")
        if let undoFile { lines.append("To take back what was changed: berth doctor --undo \(undoFile)") }
        return lines.map { $0.harmless + "\n" }.joined(by: "")
    }

    /// Commands as one types them.
    static func words(_ commands: [[String]], or nothing: String) -> String {
        guard !commands.isEmpty else { return nothing }
        return commands.map { words in
            words.map { word in
                let isPlain =
                    !word.isEmpty
                    && word.utf8.allSatisfy {
                        (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
                            || "@%+=:,./-_".utf8.contains($0)
                    }
                return isPlain ? word : "'\(word)'"
            }.joined(by: " ")
        }.joined(by: "; ")
    }
}

// MARK: for programs

extension Checkup {
    /// Its keys are a promise (docs/doctor.md, docs/schema/doctor.schema.json).
    public var json: JSON {
        var object: JSONObject = [
            "version": 1, "healthy": .bool(isHealthy), "exit": .integer(Int64(exitCode)),
            "findings": .array(findings.map(\.json)),
            "passed": .array(passed.map { ["id": .string("\($0.id)"), "evidence": .string($0.evidence)] }),
            "notChecked": .array(notChecked.map { ["id": .string("\($0.id)"), "why": .string($0.why)] }),
            "notes": .array(notes.map { .string($0) }),
        ]
        if let undoFile { object["undoFile"] = .string(undoFile) }
        return .object(object)
    }
}

extension HealthFinding {
    fileprivate var json: JSON {
        let commands = { (commands: [[String]]) -> JSON in
            .array(commands.map { .array($0.map { .string($0) }) })
        }
        var object: JSONObject = [
            "rule": .string(id.name), "id": .string("\(id)"), "severity": .string(severity.rawValue),
            "object": .string(object), "reason": .string(reason), "evidence": .string(evidence),
            "fix": .string(
                remedy.commands.isEmpty ? remedy.toldOnly ?? "" : Checkup.words(remedy.commands, or: "")),
            "commands": commands(remedy.commands), "undo": commands(remedy.undo),
            "mended": .bool(state == .fixed),
        ]
        if let why = HealthRule.all.first(where: { $0.id == id })?.why { object["why"] = .string(why) }
        if let harm = remedy.toldOnly { object["toldOnly"] = .string(harm) }
        if case .failed(let why) = state { object["failure"] = .string(why) }
        return .object(object)
    }
}
