import IPAM
import NetCore

/// Where the leases of this host stand: in the data directories of its configured networks, and in one more for networks
/// whose configuration is gone.
public struct LeaseDirectories: Sendable {
    public let configured: ConfiguredNetworks
    /// What host-local says of the configured networks.
    let leased: [LeasedNetwork]
    /// Files and networks that cannot be used, a sentence each.
    public let warnings: [String]
    /// For networks without a configuration.
    let fallback: String

    /// `dataDirectory` is for networks without a configuration: host-local's own unless given.
    public init(_ configured: ConfiguredNetworks, dataDirectory: String? = nil) {
        self.configured = configured
        let leased = configured.leased
        self.leased = leased.networks
        warnings = configured.warnings + leased.warnings
        fallback = dataDirectory ?? LeaseStore.defaultDataDirectory
    }

    /// A network's directory in one data directory.
    struct Place: Hashable {
        let network: String
        let dataDirectory: String

        var path: String { "\(dataDirectory)/\(network)" }
    }

    /// Every network that has a directory, or `network` alone, by name. Throws E-MISSING for one that has neither directory
    /// nor configuration.
    func places(_ network: String?) throws(InspectError) -> [Place] {
        var places: [Place] = []
        do throws(KernelError) {
            for directory in Set(leased.map(\.dataDirectory) + [fallback]).sorted() {
                places += try LeaseStore.networks(in: directory).map { Place(network: $0, dataDirectory: directory) }
            }
        } catch {
            throw InspectError(error)
        }
        places.sort { ($0.network, $0.dataDirectory) < ($1.network, $1.dataDirectory) }
        guard let network else { return places }
        let own = places.filter { $0.network == network }
        guard own.isEmpty, configured[network] == nil else { return own }
        let names = Set(places.map(\.network) + configured.networks.map(\.list.name)).sorted()
        throw InspectError(
            .missing, "there is no network \"\(network)\"",
            cause: "no list in \(configured.directory) and no leases in \(fallback) have that name; "
                + (names.isEmpty ? "there is none at all" : "there is \(names.joined(separator: ", "))"),
            fix: "name one of those, or none for all; NETCONFPATH and --data-dir say where to look")
    }
}
