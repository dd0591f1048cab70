import CNI
import NetCore

/// The address management `host-local`: one address of each range set, kept as files that the reference host-local
/// shares (cni.md 2.3).
public struct HostLocal: Plugin {
    public init() {}

    public var name: String { "host-local" }

    /// The attachment holds one address of each set. Throws with nothing taken: code 7 for the configuration, 101 for an
    /// address or an attachment that has its lease, 102 for a full set, 11 when the lock is not to be had.
    public func add(_ request: Request) throws(CNIError) -> CNIResult {
        let configuration = try HostLocalConfiguration(request)
        var result = CNIResult()
        result.routes = configuration.routes
        if let path = configuration.resolvConf {
            result.dns = try answering { () throws(KernelError) in try ResolverFile.read(path) }
        }
        let allocations = try allocate(configuration, request.attachment)
        result.ips = allocations.map { CNIResult.IPConfiguration(address: $0.address, gateway: $0.gateway) }
        OperationLog.note(allocations.map { "\($0.address) is leased" })
        return result
    }

    /// The attachment holds nothing. Needs the network's name and `dataDir` alone; a prevResult makes it quicker (P-51).
    /// With BERTH_KEEP_LEASE=1 the lease stays: a runtime that forces a DEL past a plugin's failure must not let the address
    /// go while rules may still lead to it (cni.md R-6).
    public func del(_ request: Request) throws(CNIError) {
        if request.environment["BERTH_KEEP_LEASE"] == "1" { return }
        let dataDirectory = try HostLocalConfiguration.dataDirectory(request.configuration)
        let likely = request.configuration.previousResult?.ips.map(\.address.address) ?? []
        let failures = try answering { () throws(KernelError) -> [KernelError] in
            guard
                let store = try LeaseStore.existing(dataDirectory: dataDirectory, network: request.configuration.name)
            else { return [] }
            return try store.release(request.attachment, likely: likely)
        }
        if let failures = Failures(failures) { throw CNIError(failures) }
        OperationLog.note(["its leases are released"])
    }

    // MARK: - Choosing

    private func allocate(
        _ configuration: HostLocalConfiguration, _ attachment: Attachment
    ) throws(CNIError) -> [Allocator.Allocation] {
        let store = try HostLocal.store(configuration)
        // Whoever keeps the lock finds what it listed; a program that does not may take an address in between.
        for _ in 0..<8 {
            let (chosen, held) = try choose(configuration, attachment, store)
            let addresses = chosen.map(\.address.address)
            // The cursors first: one that moved without a lease costs nothing, and a failure here has nothing to undo.
            for (number, address) in addresses.enumerated() {
                try answering { () throws(KernelError) in try store.setCursor(address, ofSet: number) }
            }
            do throws(Failures) {
                try store.reserve(addresses, for: attachment, before: held.recorded, plainState: held.plainState)
                return chosen
            } catch {
                if error.all.count == 1, error.all[0].errno == .alreadyExists { continue }
                throw HostLocal.answer(error)
            }
        }
        throw CNIError(.tryAgainLater, "another program takes addresses of \(attachment.network) without its lock")
    }

    private static func store(_ configuration: HostLocalConfiguration) throws(CNIError) -> LeaseStore {
        do throws(KernelError) {
            return try LeaseStore(dataDirectory: configuration.dataDirectory, network: configuration.network)
        } catch {
            throw CNIError(kernel: error)
        }
    }

    /// One address of each set, nothing taken yet.
    private func choose(
        _ configuration: HostLocalConfiguration, _ attachment: Attachment, _ store: borrowing LeaseStore
    ) throws(CNIError) -> (chosen: [Allocator.Allocation], held: LeaseStore.Held) {
        let (held, isTaken) = try answering { () throws(KernelError) in try HostLocal.look(attachment, store) }
        let mine = (held.exact + held.legacy).map(\.address)
        var requested = configuration.requested
        var chosen: [Allocator.Allocation] = []
        for (number, set) in configuration.sets.enumerated() {
            if let address = mine.first(where: set.contains) {
                throw refusal(
                    number, .addressInUse,
                    "\(address) has been allocated to \(attachment.containerID), duplicate allocation is not allowed")
            }
            let wish = requested.firstIndex(where: set.contains).map { requested.remove(at: $0) }
            let cursor = try answering { () throws(KernelError) in
                wish == nil ? try store.cursor(ofSet: number) : nil
            }
            let allocator = Allocator(set)
            do throws(Allocator.Refusal) {
                if let wish {
                    chosen.append(try allocator.allocation(of: wish, isTaken: isTaken))
                } else {
                    chosen.append(try allocator.next(after: cursor, isTaken: isTaken))
                }
            } catch {
                var details: String?
                if case .exhausted = error {
                    let leased = try answering { () throws(KernelError) in try store.listing().occupied }
                    details = PoolUsage(number: number, set: set, leased: leased).json.text
                }
                throw refusal(number, HostLocal.code(error), error.description, details: details)
            }
        }
        guard requested.isEmpty else {
            throw CNIError(
                .invalidConfiguration,
                "failed to allocate all requested IPs: \(requested.map(\.description).joined(by: " "))",
                details: "range sets are \(configuration.sets.map(\.description).joined(by: "; "))")
        }
        return (chosen, held)
    }

    /// What the attachment holds, and who tells of an address whether it is taken.
    private static func look(
        _ attachment: Attachment, _ store: borrowing LeaseStore
    ) throws(KernelError) -> (held: LeaseStore.Held, isTaken: (IPAddress) -> Bool) {
        if let (fingerprint, state) = store.unchanged(), store.hasNone(attachment) {
            return (LeaseStore.Held(recorded: fingerprint, plainState: state), LeaseListing.lookup(in: store.directory))
        }
        let listing = try store.listing()
        return (try store.leases(of: attachment, in: listing, upkeep: true), listing.lookup())
    }

    private func refusal(
        _ number: Int, _ code: CNIErrorCode, _ sentence: String, details: String? = nil
    ) -> CNIError {
        CNIError(code, "failed to allocate for range \(number): \(sentence)", details: details)
    }

    private static func code(_ refusal: Allocator.Refusal) -> CNIErrorCode {
        switch refusal {
        case .exhausted: .poolExhausted
        case .taken: .addressInUse
        case .gateway, .outside: .invalidConfiguration
        }
    }

    /// What went wrong, or 105 with what stayed taken.
    private static func answer(_ failures: Failures) -> CNIError {
        let stayed = failures.all.dropFirst()
        guard !stayed.isEmpty else { return CNIError(failures.all[0]) }
        return CNIError(
            .rollbackIncomplete, "\(failures.all[0])",
            details: stayed.map(\.description).joined(by: "; "))
    }
}

/// What the body answers, or what the kernel said as the plugin's answer.
func answering<R>(_ body: () throws(KernelError) -> R) throws(CNIError) -> R {
    do throws(KernelError) {
        return try body()
    } catch {
        throw CNIError(kernel: error)
    }
}

extension CNIError {
    /// Code 11 for a lock that another process keeps, else 5.
    init(kernel error: KernelError) {
        self.init(code: error.errno == .timedOut ? .tryAgainLater : .inputOutput, error)
    }
}
