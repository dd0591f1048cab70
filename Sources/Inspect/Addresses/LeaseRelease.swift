public import CNI
public import IPAM
public import NetCore

/// Leases that are taken back by hand (`berth ipam release`): for those whose container went without its DEL.
public struct LeaseRelease: Sendable {
    /// What was released, in the order in which it was named.
    public let released: [Lease]

    /// The addresses are free. No ADD, DEL or GC of the network runs meanwhile, and either all of them are released or, thrown,
    /// none but for what the kernel refused midway. Throws E-ADDRESS for what is no address, E-MISSING for a network or an
    /// address without a lease, E-IN-USE for one that a standing attachment has, unless `force`, E-PRIVILEGE.
    public init(
        _ addresses: [String], of network: String, in directories: LeaseDirectories, dataDirectory: String? = nil,
        state: StateDirectory, cache: ResultCache, force: Bool = false
    ) throws(InspectError) {
        var wanted: [IPAddress] = []
        for text in addresses {
            guard let address = IPAddress(text) else {
                throw InspectError(
                    .address, "\"\(text)\" is no address",
                    cause: IPPrefix(text) == nil ? nil : "a lease has no prefix length",
                    fix: "write it as berth ipam ls does, such as 10.88.0.2 or fd00::2")
            }
            if !wanted.contains(address) { wanted.append(address) }
        }
        let directory =
            dataDirectory ?? directories.leased.first { $0.name == network }?.dataDirectory ?? directories.fallback
        // A name with a slash would lead to another directory.
        guard try directories.places(network).contains(where: { $0.dataDirectory == directory }) else {
            throw LeaseRelease.nothing(network, directory)
        }
        // As ADD does: the network first, then the leases.
        let lock = try asking { () throws(KernelError) in try state.networkLock(network, .exclusive) }
        defer { withExtendedLifetime(lock.descriptor) {} }
        let held = try asking { () throws(KernelError) in
            try LeaseStore.existing(dataDirectory: directory, network: network)
        }
        guard let store = held else { throw LeaseRelease.nothing(network, directory) }
        let (leases, standing) = try asking { () throws(KernelError) in
            (try store.leases(), try StandingAttachments(in: state, cache: cache, network: network))
        }
        var released: [Lease] = []
        for address in wanted {
            let found = leases.filter { $0.address == address }
            guard !found.isEmpty else {
                throw InspectError(
                    .missing, "\(address) of network \"\(network)\" is not leased",
                    cause: "\(directory)/\(network) has no such file", fix: "see what is: berth ipam ls \(network)")
            }
            if !force { try LeaseRelease.requireUnused(found, address, of: network, standing) }
            released += found
        }
        let names = Set(released.map(\.file))
        let failures = try asking { () throws(KernelError) in try store.release(unless: { !names.contains($0.file) }) }
        if let first = failures.first { throw InspectError(first) }
        self.released = released
    }

    private static func nothing(_ network: String, _ directory: String) -> InspectError {
        InspectError(
            .missing, "network \"\(network)\" has no leases", cause: "\(directory)/\(network) is not there",
            fix: "see what is: berth ipam ls; --data-dir names another directory")
    }

    private static func requireUnused(
        _ leases: [Lease], _ address: IPAddress, of network: String, _ standing: StandingAttachments
    ) throws(InspectError) {
        for lease in leases {
            guard let file = standing.unreadableFile(of: lease.holder, network: network) else { continue }
            throw InspectError(
                .inUse, "\(address) of network \"\(network)\" may be in use",
                cause: "the runtime's cache does not tell: \(file)",
                fix:
                    "look whether container \(lease.holder.containerID ?? "") runs; or release it nevertheless: --force"
            )
        }
        let user = standing.all.first { it in
            leases.contains { it.isNamed(by: $0.holder) } || it.addresses.contains(address)
        }
        guard let user else { return }
        throw InspectError(
            .inUse, "\(address) of network \"\(network)\" is in use",
            cause: user.isPendingDelete
                ? "a DEL of \(user.attachment) did not finish: rules may still lead to the address"
                : "\(user.attachment) is attached with it: container \(user.attachment.containerID), interface \(user.attachment.interface)",
            fix:
                "\(user.isPendingDelete ? "repeat that DEL" : "take it down by a DEL"), or release it nevertheless: --force"
        )
    }

    /// A line each.
    public var text: String {
        released.map { lease in
            lease.holder == .unreadable
                ? "released \(lease.address), whose lease was empty or garbled\n"
                : "released \(lease.address), which \(lease.holder) held\n"
        }.joined()
    }
}
