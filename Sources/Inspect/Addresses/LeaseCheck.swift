public import CNI
import Glibc
import IPAM
public import JSON
public import NetCore

/// Leases compared with the attachments that stand: what neither DEL nor GC will put right by itself (`berth ipam check`).
public struct LeaseCheck: Sendable {
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case leaseWithoutAttachment = "lease-without-attachment"
        case attachmentWithoutLease = "attachment-without-lease"
        case heldTwice = "address-held-twice"
        case unreadable = "unreadable-lease"
    }

    public struct Finding: Hashable, Sendable {
        public let kind: Kind
        public let network: String
        public let address: IPAddress
        /// A sentence without a full stop.
        public let reason: String
        public let fix: String
    }

    /// By network and address.
    public let findings: [Finding]
    public let leases: Int
    public let attachments: Int
    /// Files of the runtime's cache that cannot be read: leases that may be theirs are passed over.
    public let notes: [String]

    /// Seconds for which a lease may be without an attachment where berth's own plugins do not keep a record: an engine writes
    /// its cache when the whole ADD is done.
    static let grace = 60

    /// Looks at one network or at all, each while no ADD, DEL or GC of it is at work. Changes nothing. Throws E-MISSING for a
    /// network that is nowhere, E-PRIVILEGE for one who may not.
    public init(
        in directories: LeaseDirectories, state: StateDirectory, cache: ResultCache, network: String? = nil
    ) throws(InspectError) {
        var comparison = LeaseComparison(directories: directories, state: state, cache: cache)
        let places = try directories.places(network)
        do throws(KernelError) {
            let standing = try StandingAttachments(in: state, cache: cache, network: network)
            notes = standing.unreadable
            let names = Set(places.map(\.network) + standing.all.map(\.attachment.network))
            for name in names.sorted() { try comparison.look(at: name, places.filter { $0.network == name }) }
        } catch {
            throw InspectError(error)
        }
        comparison.compareAcrossNetworks()
        findings = comparison.findings.sorted {
            ($0.network, $0.address, $0.kind.rawValue) < ($1.network, $1.address, $1.kind.rawValue)
        }
        leases = comparison.leases
        attachments = comparison.standing.count
    }

    /// A line and a remedy for each finding, and a last line that counts.
    public var text: String {
        let counts = "\(leases.counted("lease")), \(attachments.counted("attachment"))"
        return findings.map { "\($0.network) \($0.address): \($0.reason.visible)\n  fix: \($0.fix)\n" }.joined()
            + notes.map { "note: \($0.visible)\n" }.joined()
            + (findings.isEmpty ? "\(counts): they agree\n" : "\(counts): \(findings.count.counted("finding"))\n")
    }

    /// For programs; its keys are a promise (docs/cli.md).
    public var json: JSON {
        [
            "leases": .integer(Int64(leases)), "attachments": .integer(Int64(attachments)),
            "notes": .array(notes.map { .string($0) }),
            "findings": .array(
                findings.map {
                    [
                        "kind": .string($0.kind.rawValue), "network": .string($0.network),
                        "address": .string("\($0.address)"), "reason": .string($0.reason), "fix": .string($0.fix),
                    ]
                }),
        ]
    }
}

/// The comparison, network by network.
private struct LeaseComparison {
    let directories: LeaseDirectories
    let state: StateDirectory
    let cache: ResultCache
    var findings: [LeaseCheck.Finding] = []
    var leases = 0
    var standing: [StandingAttachment] = []

    mutating func look(at network: String, _ places: [LeaseDirectories.Place]) throws(KernelError) {
        // An ADD takes its lease before it writes its record, under this lock.
        let lock = try state.networkLock(network, .exclusive)
        defer { withExtendedLifetime(lock.descriptor) {} }
        var found: [(place: LeaseDirectories.Place, lease: Lease)] = []
        for place in places {
            let store = try LeaseStore.reading(dataDirectory: place.dataDirectory, network: network)
            for lease in try store?.leases() ?? [] { found.append((place, lease)) }
        }
        let known = try StandingAttachments(in: state, cache: cache, network: network)
        let attached = known.all
        leases += found.count
        standing += attached
        for (place, lease) in found { judge(lease, in: place, known) }
        for it in attached { requireLeases(it, found) }
        for (index, entry) in found.enumerated() {
            guard let first = found[..<index].first(where: { $0.lease.address == entry.lease.address }) else {
                continue
            }
            add(
                .heldTwice, network, entry.lease.address,
                "address held twice: by \(first.lease.holder) in \(first.place.path)/\(first.lease.file) and by \(entry.lease.holder) in \(entry.place.path)/\(entry.lease.file)",
                fix: "take one of the containers down, and remove its file")
        }
    }

    /// What is wrong with a lease by itself.
    private mutating func judge(
        _ lease: Lease, in place: LeaseDirectories.Place, _ known: StandingAttachments
    ) {
        let release =
            "berth ipam release \(place.network) \(lease.address)"
            + (place.dataDirectory == dataDirectory(place.network) ? "" : " --data-dir \(place.dataDirectory)")
        if lease.holder == .unreadable {
            add(
                .unreadable, place.network, lease.address,
                "unreadable lease: \(place.path)/\(lease.file) is empty or garbled, as a crash leaves it",
                fix: "\(release); the next GC takes it, too")
        } else if !known.all.contains(where: { $0.isNamed(by: lease.holder) }) {
            if known.unreadableFile(of: lease.holder, network: place.network) != nil { return }
            let isNew = time(nil) - lease.modified < LeaseCheck.grace
            if isNew, !hasOwnRecords(place.network) { return }
            add(
                .leaseWithoutAttachment, place.network, lease.address,
                "lease without an attachment: \(lease.holder) has it since \(UniversalTime.text(lease.modified))",
                fix: release)
        }
    }

    /// Every address that host-local gave the attachment is still leased to it.
    private mutating func requireLeases(
        _ it: StandingAttachment, _ found: [(place: LeaseDirectories.Place, lease: Lease)]
    ) {
        guard !it.isGone, let directory = it.dataDirectory else { return }
        let leases = found.filter { $0.place.dataDirectory == directory }.map(\.lease)
        for address in it.addresses {
            let holders = leases.filter { $0.address == address }.map(\.holder)
            if holders.contains(where: it.isNamed) { continue }
            let other = holders.first.map { ", \($0) has it" } ?? ""
            add(
                .attachmentWithoutLease, it.attachment.network, address,
                "attachment without a lease: \(it.attachment) uses the address\(other), which host-local may give away",
                fix: "attach \(it.attachment.containerID) anew: DEL, then ADD")
        }
    }

    /// Of networks that this host routes, no two attachments may have one address; nor of one network in any case.
    mutating func compareAcrossNetworks() {
        for (index, it) in standing.enumerated() {
            for address in it.addresses {
                let twin = standing[..<index].first { other in
                    other.addresses.contains(address)
                        && (other.attachment.network == it.attachment.network || (other.isRouted && it.isRouted))
                }
                guard let twin else { continue }
                add(
                    .heldTwice, it.attachment.network, address,
                    "address held twice: by the attachments \(twin.attachment) and \(it.attachment)",
                    fix: "take one of them down; berth lint tells of networks that overlap")
            }
        }
    }

    /// A plugin of berth makes the interface: its record comes under the network's lock.
    private func hasOwnRecords(_ network: String) -> Bool {
        directories.configured[network]?.list.plugins.contains {
            Owner.interfacePlugins.contains($0["type"]?.string ?? "")
        } ?? false
    }

    private func dataDirectory(_ network: String) -> String {
        directories.leased.first { $0.name == network }?.dataDirectory ?? LeaseStore.defaultDataDirectory
    }

    private mutating func add(
        _ kind: LeaseCheck.Kind, _ network: String, _ address: IPAddress, _ reason: String, fix: String
    ) {
        findings.append(
            LeaseCheck.Finding(kind: kind, network: network, address: address, reason: reason, fix: fix))
    }
}
