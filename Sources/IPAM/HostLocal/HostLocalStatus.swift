import CNI
import Glibc
import JSON
import NetCore

extension HostLocal {
    /// Throws code 50 when a set has no address left, or leases could not be written (P-56, I-6). Changes nothing.
    public func status(_ request: Request) throws(CNIError) {
        if try HostLocalConfiguration.leavesRangesToRuntime(request.configuration) { return }
        let configuration = try HostLocalConfiguration(request)
        try requireWritable("\(configuration.dataDirectory)/\(configuration.network)")
        let leased = try answering { () throws(KernelError) -> Set<IPAddress> in
            guard
                let store = try LeaseStore.reading(
                    dataDirectory: configuration.dataDirectory, network: configuration.network)
            else { return [] }
            return try store.listing().occupied
        }
        let full = configuration.sets.enumerated()
            .map { PoolUsage(number: $0.offset, set: $0.element, leased: leased) }
            .filter(\.isExhausted)
        guard full.isEmpty else {
            throw CNIError(
                .notAvailable,
                "no IP addresses available in range set: \(full.map(\.set.description).joined(by: "; "))",
                details: JSON.array(full.map(\.json)).text)
        }
    }

    /// Code 50 unless the directory, or the one in which it would be made, takes new files.
    private func requireWritable(_ directory: String) throws(CNIError) {
        var path = directory
        while !Files.exists(path), path != "/", path != "." { path = Files.directory(of: path) }
        guard access("\(path)/.", W_OK | X_OK) == 0 else {
            throw CNIError(code: .notAvailable, KernelError("write leases in \(path)", .current))
        }
    }
}
