public import CNI
import IPAM
public import JSON
public import NetCore
import NetPlan
import PluginKit

/// What is wrong with berth's own objects on this host, each with reason and remedy, and mended where it is ours to mend
/// (`berth doctor`).
public struct Doctor: Sendable {
    public enum Rule: String, Hashable, Sendable, CaseIterable {
        /// An object of an attachment is missing or changed.
        case drift
        /// It could not be looked at, or put right.
        case unmended
        /// The container's namespace is gone: its DEL has not come.
        case deadContainer = "dead-container"
        /// An ADD was killed in the middle.
        case halfAttached = "half-attached"
        /// A DEL has failed, and has to come again.
        case pendingDelete = "pending-delete"
        /// Rules that name an attachment of which nothing else is left.
        case orphanRules = "orphan-rules"
        /// A cable that names an attachment of which there is no record.
        case unrecorded
        case leaseWithoutAttachment = "lease-without-attachment"
        case attachmentWithoutLease = "attachment-without-lease"
        case heldTwice = "address-held-twice"
        case unreadableLease = "unreadable-lease"
    }

    public struct Finding: Hashable, Sendable {
        public let rule: Rule
        /// What it is about: an attachment, a link, an address.
        public let object: String
        /// A sentence without a full stop.
        public let reason: String
        public let fix: String
        public var isMended = false
    }

    public private(set) var findings: [Finding] = []

    /// Nothing is wrong, or what was is mended.
    public var isHealthy: Bool { findings.allSatisfy(\.isMended) }

    private let state: StateDirectory
    private let directories: LeaseDirectories
    private let cache: ResultCache

    /// Looks, and with `fix` mends what is berth's: what differs of attachments that stand is made again, what is left of dead
    /// ones goes with its rules first and its lease last. Throws E-PRIVILEGE for one who may not.
    public init(
        of state: StateDirectory, in directories: LeaseDirectories, cache: ResultCache, fix: Bool
    ) throws(InspectError) {
        (self.state, self.directories, self.cache) = (state, directories, cache)
        try judgeAttachments(fix: fix)
        try judgePending()
        try judgeOwners(fix: fix)
        try judgeLeases(fix: fix)
    }

    // MARK: attachments

    private mutating func judgeAttachments(fix: Bool) throws(InspectError) {
        let records = AttachmentRecords(state)
        let repair = try Repair(of: state, changes: fix)
        for entry in repair.entries {
            let object = "\(entry.attachment)"
            let whose = entry.plugin.map { " (\($0))" } ?? ""
            switch entry.outcome {
            case .seen, .mended, .failed:
                for finding in entry.findings {
                    findings.append(
                        Finding(
                            rule: .drift, object: object + whose, reason: "\(finding)", fix: "berth repair",
                            isMended: entry.outcome == .mended))
                }
                if case .failed(let why) = entry.outcome {
                    findings.append(
                        Finding(
                            rule: .unmended, object: object + whose, reason: why,
                            fix: "take away what stands in the way, or attach the container anew"))
                }
            case .skipped(let why):
                let known = try asking { () throws(KernelError) in try records.read(entry.attachment) }
                guard let record = known else { continue }
                let isHalf = record.sections.contains { !$0.section.isDone }
                var finding = Finding(
                    rule: isHalf ? .halfAttached : .deadContainer, object: object,
                    reason: String(why.prefix { $0 != ":" }), fix: "DEL it, or berth doctor --fix")
                if fix { finding = takenDown(record, finding) }
                findings.append(finding)
            }
        }
    }

    /// What a runtime's cache says of DELs that failed. The lists' plugins may be anybody's: nothing of it is mended here.
    private mutating func judgePending() throws(InspectError) {
        for entry in try AttachmentList(of: state, cache: cache).entries {
            guard let why = entry.pendingDelete else { continue }
            findings.append(
                Finding(
                    rule: .pendingDelete, object: "\(entry.attachment)", reason: "its DEL failed: \(why)",
                    fix: "mend what it says: berth daemon tries again, as does removing the container or berth cni del")
            )
        }
    }

    /// DEL as its plugins know it, the last first: rules, links, the lease.
    private func takenDown(_ record: AttachmentRecord, _ finding: Finding) -> Finding {
        do throws(CNIError) {
            for type in record.plugins.reversed() {
                guard let plugin = OwnPlugins.planned(type) else { continue }
                var json = record[type]?.configuration ?? [:]
                if json["name"] == nil { json["name"] = .string(record.attachment.network) }
                try plugin.del(
                    Request(
                        command: .del, containerID: record.attachment.containerID, netns: record.origin.netns,
                        interface: record.attachment.interface,
                        configuration: try NetworkConfiguration(json, for: .del),
                        environment: Environment(["BERTH_STATE_DIR": state.path, "BERTH_DETACH": "0"])))
            }
            var mended = finding
            mended.isMended = true
            return mended
        } catch {
            return Finding(
                rule: finding.rule, object: finding.object,
                reason: "\(finding.reason); it could not be taken down: \(error)",
                fix: finding.fix)
        }
    }

    // MARK: objects without a record

    private mutating func judgeOwners(fix: Bool) throws(InspectError) {
        var dead: [String: Set<String>] = [:]
        try asking { () throws(KernelError) in
            var kernel = try LinuxKernel(state: state)
            let standing = try kernel.standingOwners()
            // Read afterwards: an ADD writes its record before it makes anything.
            let known = Set(try AttachmentRecords(state).all().map(\.attachment.tag))
            let owners = standing.filter { !known.contains($0.tag) }
                .sorted { ($0.words, $0.plugin) < ($1.words, $1.plugin) }
            let cabled = Set(owners.filter { $0.link != nil }.map(\.tag))
            for owner in owners {
                if let link = owner.link {
                    findings.append(
                        Finding(
                            rule: .unrecorded, object: "link \(link)",
                            reason: "it is \(owner.words)'s, of which there is no record: it may be in use",
                            fix:
                                "DEL it; or, when the container is gone, ip link delete \(link), then berth doctor --fix"
                        ))
                } else if cabled.contains(owner.tag) {
                    findings.append(
                        Finding(
                            rule: .unrecorded, object: owner.words,
                            reason: "\(owner.elements.counted("rule")) of \(owner.plugin) stand, and no record of it",
                            fix: "DEL it"))
                } else {
                    dead[owner.plugin, default: []].insert(owner.tag)
                    findings.append(
                        Finding(
                            rule: .orphanRules, object: owner.words,
                            reason:
                                "\(owner.elements.counted("rule")) of \(owner.plugin) stand, and nothing else of it",
                            fix: "berth doctor --fix"))
                }
            }
            guard fix else { return }
            for (plugin, tags) in dead.sorted(by: { $0.key < $1.key }) {
                try kernel.removeElements(of: plugin, tags: tags)
            }
        }
        if fix {
            for index in findings.indices where findings[index].rule == .orphanRules { findings[index].isMended = true }
        }
    }

    // MARK: leases

    private mutating func judgeLeases(fix: Bool) throws(InspectError) {
        let check = try LeaseCheck(in: directories, state: state, cache: cache)
        for lease in check.findings {
            let rule: Rule =
                switch lease.kind {
                case .leaseWithoutAttachment: .leaseWithoutAttachment
                case .attachmentWithoutLease: .attachmentWithoutLease
                case .heldTwice: .heldTwice
                case .unreadable: .unreadableLease
                }
            var finding = Finding(
                rule: rule, object: "\(lease.network) \(lease.address)", reason: lease.reason, fix: lease.fix)
            // Whose rules were unknown has none by now, or stands under "unrecorded".
            let isFree = !findings.contains { $0.rule == .unrecorded }
            if fix, isFree, lease.kind == .leaseWithoutAttachment || lease.kind == .unreadable {
                do throws(InspectError) {
                    _ = try LeaseRelease(
                        ["\(lease.address)"], of: lease.network, in: directories, state: state, cache: cache)
                    finding.isMended = true
                } catch {
                    finding = Finding(
                        rule: rule, object: finding.object, reason: "\(lease.reason); \(error.message)", fix: lease.fix)
                }
            }
            findings.append(finding)
        }
    }
}

extension Doctor {
    /// Three lines a finding, and one that sums up.
    public var text: String {
        var text = ""
        for finding in findings {
            text += "\(finding.object): \(finding.reason) [\(finding.rule.rawValue)]".visible + "\n"
            text += finding.isMended ? "  mended\n" : "  fix: \(finding.fix.visible)\n"
        }
        let mended = findings.filter(\.isMended).count
        switch (findings.count, mended) {
        case (0, _): return "nothing is wrong\n"
        case (let all, 0): return text + "\(all.counted("finding"))\n"
        case (let all, let mended): return text + "\(all.counted("finding")), \(mended) mended\n"
        }
    }

    /// For programs; its keys are a promise (docs/cli.md).
    public var json: JSON {
        [
            "version": 1, "healthy": .bool(isHealthy),
            "findings": .array(
                findings.map {
                    [
                        "rule": .string($0.rule.rawValue), "object": .string($0.object), "reason": .string($0.reason),
                        "fix": .string($0.fix), "mended": .bool($0.isMended),
                    ]
                }),
        ]
    }
}
