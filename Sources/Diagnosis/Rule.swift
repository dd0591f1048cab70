import NetCore

/// A group of the doctor's rules.
public enum RuleGroup: String, Hashable, Sendable, CaseIterable {
    case kernel, forwarding, firewall, leaks, dns, time, disk
}

/// A rule's name, which stays: "firewall.docker-forward".
public struct RuleID: Hashable, Sendable, CustomStringConvertible {
    public let group: RuleGroup
    public let name: String

    public init(_ group: RuleGroup, _ name: String) { (self.group, self.name) = (group, name) }

    public var description: String { "\(group.rawValue).\(name)" }
}

/// How much a finding matters.
public enum Severity: String, Hashable, Sendable {
    /// Something may go wrong, or is left over.
    case warning
    /// Packets are lost, or addresses are in doubt.
    case error
}

/// What mends a finding: commands, each a list of words that no shell reads, and those that take them back.
public struct Remedy: Hashable, Sendable {
    public var commands: [[String]]
    /// In the order in which they are run.
    public var undo: [[String]]
    /// Why nobody but the host's owner should do it; nil: `--fix` does it.
    public var toldOnly: String?
    /// `berth doctor --fix` mends it as berth's own (a record tells what must stand): the commands say the same for people.
    public var isOwn = false

    public init(_ commands: [[String]], undo: [[String]] = [], toldOnly: String? = nil) {
        (self.commands, self.undo, self.toldOnly) = (commands, undo, toldOnly)
    }

    /// A sentence instead of a command.
    public static func told(_ sentence: String) -> Remedy { Remedy([], toldOnly: sentence) }

    /// A parameter of the kernel; the value that stands comes back. Nil where it cannot be read.
    static func parameter(_ path: String, _ value: String, was old: String, toldOnly: String? = nil) -> Remedy {
        Remedy(
            [["sysctl", "-w", "\(path.dotted)=\(value)"]], undo: [["sysctl", "-w", "\(path.dotted)=\(old)"]],
            toldOnly: toldOnly)
    }

    static func + (left: Remedy, right: Remedy) -> Remedy {
        Remedy(
            left.commands + right.commands, undo: right.undo + left.undo, toldOnly: left.toldOnly ?? right.toldOnly)
    }
}

/// Something that is wrong.
public struct HealthFinding: Hashable, Sendable {
    public enum State: Hashable, Sendable {
        case open
        /// Looked at again after the remedy, and gone.
        case fixed
        /// The remedy was tried; why it is not gone.
        case failed(String)
    }
    public let id: RuleID
    public var severity: Severity
    /// What it is about.
    public let object: String
    /// A sentence without a full stop.
    public let reason: String
    /// What was read, and where.
    public var evidence: String
    public var remedy: Remedy
    public var state = State.open
    /// Another finding tells it for people.
    public var isFolded = false

    public init(
        _ id: RuleID, _ severity: Severity, _ object: String, _ reason: String, evidence: String, remedy: Remedy
    ) {
        (self.id, self.severity, self.object, self.reason) = (id, severity, object, reason)
        (self.evidence, self.remedy) = (evidence, remedy)
    }

    /// The same thing, whatever is known of it by now.
    func isSame(as other: HealthFinding) -> Bool { id == other.id && object == other.object }
}

/// What a rule came to.
public enum Judgement: Sendable {
    /// What was read, and where.
    case passed(String)
    /// Why: it could not be read.
    case notChecked(String)
    case found([HealthFinding])

    /// `evidence` where nothing is found.
    init(_ findings: [HealthFinding], else evidence: String) {
        self = findings.isEmpty ? .passed(evidence) : .found(findings)
    }
}

/// One thing that the doctor looks at.
public struct HealthRule: Sendable {
    public let id: RuleID
    /// Why it matters, a sentence without a full stop.
    public let why: String
    let judge: @Sendable (Examination) throws(KernelError) -> Judgement

    init(
        _ group: RuleGroup, _ name: String, why: String,
        _ judge: @escaping @Sendable (Examination, RuleID) throws(KernelError) -> Judgement
    ) {
        let id = RuleID(group, name)
        self.id = id
        self.why = why
        self.judge = { (examination) throws(KernelError) in try judge(examination, id) }
    }

    /// Every rule, in the order of its group.
    public static let all: [HealthRule] = kernel + forwarding + firewall + own + leaks + names + time + disk
}

extension String {
    /// "net/ipv4/ip_forward" as sysctl writes it; with slashes where a name in it has a dot.
    var dotted: String { contains(".") ? self : String(map { $0 == "/" ? "." : $0 }) }

    /// Without what would move a terminal's cursor: values come from other people's files.
    var harmless: String {
        String(
            String.UnicodeScalarView(
                unicodeScalars.map { $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) ? "?" : $0 }))
    }
}
