import Inspect
import NetCore

/// What `Inspect.Doctor` finds of berth's own objects, each of its rules under its group.
extension HealthRule {
    static let own: [HealthRule] = Doctor.Rule.allCases.map { rule in
        HealthRule(rule.group, rule.rawValue, why: rule.why) { (examination, id) throws(KernelError) in
            let doctor = try examination.ownObjects()
            let findings = doctor.findings.filter { $0.rule == rule }.map { finding in
                var remedy = Remedy([], toldOnly: finding.fix)
                if rule.isMendable, finding.fix.holds("berth ") {
                    remedy = Remedy([
                        ["berth", rule == .drift ? "repair" : "doctor"] + (rule == .drift ? [] : ["--fix", "\(id)"])
                    ])
                    remedy.isOwn = true
                }
                var told = HealthFinding(
                    id, rule.severity, finding.object, finding.reason,
                    evidence: "records in \(examination.places.state.attachments), beside the kernel", remedy: remedy)
                told.isFolded = rule == .drift && finding.isRule
                return told
            }
            return Judgement(findings, else: "records in \(examination.places.state.attachments), beside the kernel")
        }
    }
}

extension Doctor.Rule {
    public var group: RuleGroup { self == .drift || self == .unmended ? .firewall : .leaks }

    var severity: Severity {
        switch self {
        case .drift, .unmended, .heldTwice: .error
        default: .warning
        }
    }

    /// `berth doctor --fix` mends some of it at least.
    var isMendable: Bool {
        switch self {
        case .drift, .deadContainer, .halfAttached, .orphanRules, .leaseWithoutAttachment, .unreadableLease: true
        case .unmended, .pendingDelete, .unrecorded, .attachmentWithoutLease, .heldTwice: false
        }
    }

    var why: String {
        switch self {
        case .drift: "what an ADD made is not there any more: the container's network is not as it was asked for"
        case .unmended: "something stands in the way of what an ADD made"
        case .deadContainer: "its address, its ports and its rules stay taken"
        case .halfAttached: "an ADD that was killed leaves what it had made"
        case .pendingDelete: "what a failed DEL left stays until it is tried again"
        case .orphanRules: "rules for nobody: the next container with that address or port gets them"
        case .unrecorded: "nobody knows whether it is in use"
        case .leaseWithoutAttachment: "addresses run out"
        case .attachmentWithoutLease: "the next container may get the same address"
        case .heldTwice: "two containers with one address: each loses packets to the other"
        case .unreadableLease: "an address that nobody can be given"
        }
    }
}
