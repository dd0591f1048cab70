import CNI
import NetCore

extension HostLocal {
    /// What ADD would answer on a host where nothing is leased yet, told without a look at it (`berth plan`). Each of
    /// `wanted` stands for an address that a runtime asks for. With `onHost` the leases of this host are read, and the answer is
    /// what the next ADD would get; nothing is taken. Throws code 7 as ADD does. DNS is left out.
    public static func assumedLease(
        _ request: Request, wanted: [IPAddress] = [], onHost: Bool = false
    ) throws(CNIError) -> CNIResult {
        let configuration = try HostLocalConfiguration(request)
        let leased = onHost ? try standing(configuration) : Standing()
        var requested = wanted.isEmpty ? configuration.requested : wanted
        var result = CNIResult()
        result.routes = configuration.routes
        for (number, set) in configuration.sets.enumerated() {
            let wish = requested.firstIndex(where: set.contains).map { requested.remove(at: $0) }
            do throws(Allocator.Refusal) {
                let allocator = Allocator(set)
                // Whoever names an address may be the one that holds it.
                let taken = wish != nil && !wanted.isEmpty ? [] : leased.occupied
                let chosen =
                    if let wish { try allocator.allocation(of: wish, occupied: taken) } else {
                        try allocator.next(after: leased.cursors[number], occupied: taken)
                    }
                result.ips.append(CNIResult.IPConfiguration(address: chosen.address, gateway: chosen.gateway))
            } catch {
                throw CNIError(.invalidConfiguration, "failed to allocate for range \(number): \(error)")
            }
        }
        guard requested.isEmpty else {
            throw CNIError(
                .invalidConfiguration,
                "failed to allocate all requested IPs: \(requested.map(\.description).joined(by: " "))",
                details: "range sets are \(configuration.sets.map(\.description).joined(by: "; "))")
        }
        return result
    }

    private struct Standing {
        var occupied: Set<IPAddress> = []
        var cursors: [Int: IPAddress] = [:]
    }

    /// What is leased, and where the search goes on; a network without leases has none.
    private static func standing(_ configuration: HostLocalConfiguration) throws(CNIError) -> Standing {
        try answering { () throws(KernelError) in
            var standing = Standing()
            guard
                let store = try LeaseStore.reading(
                    dataDirectory: configuration.dataDirectory, network: configuration.network)
            else { return standing }
            standing.occupied = try store.listing().occupied
            for number in configuration.sets.indices { standing.cursors[number] = try store.cursor(ofSet: number) }
            return standing
        }
    }
}
