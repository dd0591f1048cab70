import CNI
import NetCore

extension HostLocal {
    /// What ADD would answer on a host where nothing is leased yet, told without a look at it (`berth plan`). Each of
    /// `wanted` stands for an address that a runtime asks for. Throws code 7 as ADD does. DNS is left out.
    public static func assumedLease(_ request: Request, wanted: [IPAddress] = []) throws(CNIError) -> CNIResult {
        let configuration = try HostLocalConfiguration(request)
        var requested = wanted.isEmpty ? configuration.requested : wanted
        var result = CNIResult()
        result.routes = configuration.routes
        for (number, set) in configuration.sets.enumerated() {
            let wish = requested.firstIndex(where: set.contains).map { requested.remove(at: $0) }
            do throws(Allocator.Refusal) {
                let allocator = Allocator(set)
                let chosen =
                    if let wish { try allocator.allocation(of: wish, occupied: []) } else {
                        try allocator.next(after: nil, occupied: [])
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
}
