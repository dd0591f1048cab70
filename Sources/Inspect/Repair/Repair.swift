import CNI
public import JSON
public import NetCore
public import NetPlan
import PluginKit

/// What `nft flush ruleset`, a reload of another firewall or a hand took from attachments that stand, told and brought back
/// from their records (cni.md section 4, rank 6). Nothing is made for an attachment whose ADD has not ended, or whose
/// namespace has gone.
public struct Repair: Sendable {
    public let entries: [Entry]
    /// How many attachments were looked at.
    public let attachments: Int
    /// Who took away what was missing, where somebody watched.
    public internal(set) var removals: [RemovalMemory.Entry] = []
    /// What else is to be known, a sentence each.
    public internal(set) var notes: [String] = []

    /// One plugin of one attachment, of which something differed.
    public struct Entry: Hashable, Sendable {
        public let attachment: Attachment
        /// Nil where the attachment as a whole is the matter.
        public let plugin: String?
        public let findings: [Finding]
        public let outcome: Outcome
    }

    public enum Outcome: Hashable, Sendable {
        case mended
        /// Only looked at.
        case seen
        /// It still differs; the sentence says why, or what does.
        case failed(String)
        /// Not ours to mend; the sentence says what to do.
        case skipped(String)
    }

    /// Nothing differed of what is ours to mend.
    public var isIdle: Bool { entries.allSatisfy { if case .skipped = $0.outcome { true } else { false } } }

    /// Nothing is left that differs and is ours to mend.
    public var isClean: Bool {
        entries.allSatisfy { entry in
            switch entry.outcome {
            case .mended, .skipped: true
            case .seen, .failed: false
            }
        }
    }

    /// In the order in which a chain runs: what a later one looks up, an earlier one has made.
    static let plugins = ["loopback", "bridge", "ptp", "macvlan", "portmap", "firewall", "tuning", "bandwidth"]
        .compactMap(
            OwnPlugins.planned)

    /// Looks at every attachment, of one network or of all, and with `changes` mends it. No ADD, DEL or GC of a network
    /// runs while it is looked at (cni.md P-59). Throws E-PRIVILEGE for one who may not, E-MISSING for a network that has no
    /// attachment.
    public init(
        of state: StateDirectory, network: String? = nil, changes: Bool, patience: Int = 30
    ) throws(InspectError) {
        var entries: [Entry] = []
        var count = 0
        var trusted: [NftFamily] = []
        do throws(KernelError) {
            let records = AttachmentRecords(state)
            let all = try records.all(network: network)
            if let network, all.isEmpty {
                throw KernelError("repair network \"\(network)\"", .noSuchFile, "it has no attachments here")
            }
            for listed in all {
                // One attachment at a time, so that an ADD of the network waits for no more.
                do throws(KernelError) {
                    let lock = try state.networkLock(
                        listed.attachment.network, .exclusive, seconds: patience)
                    defer { withExtendedLifetime(lock.descriptor) {} }
                    // What was listed before the lock was had may have gone.
                    guard let record = try records.read(listed.attachment), !record.plugins.isEmpty else { continue }
                    count += 1
                    entries += Repair.entries(of: record, state, changes: changes, &trusted)
                } catch  where error.errno == .timedOut {
                    // An ADD with a slow plugin of somebody else's: the others are looked at all the same.
                    entries.append(
                        Entry(
                            attachment: listed.attachment, plugin: nil, findings: [], outcome: .failed("\(error)")))
                }
            }
        } catch {
            throw InspectError(error)
        }
        self.entries = entries
        attachments = count
        if changes, network == nil { forget(state) }
    }

    /// Where nothing is missing, what was is told as restored by the doctor.
    mutating func forget(_ state: StateDirectory) {
        guard isClean else { return }
        do throws(KernelError) {
            try RemovalMemory.closeAll(state)
        } catch {
            notes.append("it could not be written down for berth doctor that all is there: \(error)")
        }
    }

    /// What differs of a packet filter's rules, as findings begin: "nftables table inet berth".
    var missingRules: [String] { entries.flatMap(\.findings).map(\.object).filter(Repair.isRule) }

    /// It is about a packet filter's rules, not about a link, an address, a route, a parameter or a source of firewalld's.
    public static func isRule(_ object: String) -> Bool {
        ["nftables ", "chain ", "table "].contains { object.hasPrefix($0) }
    }

    /// `trusted` are the tables of which a plugin with rules there was seen to have all that it needs.
    private static func entries(
        of record: AttachmentRecord, _ state: StateDirectory, changes: Bool, _ trusted: inout [NftFamily]
    ) -> [Entry] {
        if let reason = reasonToSkip(record) {
            return [Entry(attachment: record.attachment, plugin: nil, findings: [], outcome: .skipped(reason))]
        }
        var entries: [Entry] = []
        for plugin in plugins where record.has(plugin.name) {
            do throws(CNIError) {
                let found = try plugin.differences(record, state, trusting: trusted)
                let families = record[plugin.name]?.keys.map(\.family) ?? []
                func trust() { for family in families where !trusted.contains(family) { trusted.append(family) } }
                guard !found.isEmpty else {
                    trust()
                    continue
                }
                var outcome = Outcome.seen
                if changes {
                    do throws(CNIError) {
                        _ = try plugin.mend(record, state, trusting: trusted)
                        let left = try plugin.differences(record, state, trusting: trusted)
                        outcome = left.isEmpty ? .mended : .failed(left.map(\.description).joined(by: "; "))
                        if left.isEmpty { trust() }
                    } catch {
                        outcome = .failed("\(error)")
                    }
                }
                entries.append(
                    Entry(attachment: record.attachment, plugin: plugin.name, findings: found, outcome: outcome))
            } catch {
                let outcome = Outcome.failed("\(error)")
                entries.append(
                    Entry(attachment: record.attachment, plugin: plugin.name, findings: [], outcome: outcome))
            }
        }
        return entries
    }

    /// Nil for an attachment whose namespace stands and whose ADD has ended.
    private static func reasonToSkip(_ record: AttachmentRecord) -> String? {
        if record.sections.contains(where: { !$0.section.isDone }) {
            return "its ADD has not ended: DEL it, or wait"
        }
        guard let netns = record.origin.netns, let known = record.origin.namespace else { return nil }
        guard let found = NetworkNamespace.Identity(path: netns) else {
            return "its namespace \(netns) is gone: DEL it"
        }
        return found == known ? nil : "another namespace has its path \(netns) by now: DEL it"
    }
}

extension Repair {
    /// A line for each who took something away, one for each thing that differed, and one that sums up.
    public var text: String {
        var lines = removals.map(\.words) + notes
        for entry in entries {
            let whose = "\(entry.attachment)" + (entry.plugin.map { " (\($0))" } ?? "")
            for finding in entry.findings { lines.append("\(whose): \(finding)") }
            switch entry.outcome {
            case .mended, .seen: break
            case .failed(let why): lines.append("\(whose): not mended: \(why)")
            case .skipped(let why): lines.append("\(whose): left alone: \(why)")
            }
        }
        let count = { (isWanted: (Outcome) -> Bool) in entries.filter { isWanted($0.outcome) }.count }
        let failed = count { if case .failed = $0 { true } else { false } }
        let (mended, seen) = (count { $0 == .mended }, count { $0 == .seen })
        var parts = ["\(attachments) attachment\(attachments == 1 ? "" : "s") looked at"]
        if mended > 0 { parts.append("\(mended) of their plugins mended") }
        if seen > 0 { parts.append("\(seen) of their plugins to be mended: berth repair") }
        if failed > 0 { parts.append("\(failed) not mended") }
        if mended + seen + failed == 0 { parts.append("nothing to mend") }
        lines.append(parts.joined(separator: ", "))
        return lines.map { $0.visible + "\n" }.joined()
    }

    /// For programs; its keys are a promise (docs/cli.md).
    public var json: JSON {
        let list = entries.map { entry -> JSON in
            let (state, why): (String, String?) =
                switch entry.outcome {
                case .mended: ("mended", nil)
                case .seen: ("broken", nil)
                case .failed(let why): ("failed", why)
                case .skipped(let why): ("skipped", why)
                }
            return [
                "network": .string(entry.attachment.network), "containerID": .string(entry.attachment.containerID),
                "ifname": .string(entry.attachment.interface.description),
                "plugin": entry.plugin.map { .string($0) } ?? .null, "state": .string(state),
                "reason": why.map { .string($0) } ?? .null,
                "findings": .array(
                    entry.findings.map {
                        [
                            "object": .string($0.object), "expected": .string($0.expected), "found": .string($0.found),
                        ]
                    }),
            ]
        }
        var object: JSONObject = [
            "version": 1, "attachments": .integer(Int64(attachments)), "repairs": .array(list),
        ]
        if !removals.isEmpty { object["removals"] = .array(removals.map(\.json)) }
        if !notes.isEmpty { object["notes"] = .array(notes.map { .string($0) }) }
        return .object(object)
    }
}
