public import IPAM
public import JSON
import NetCore

/// The host-local leases of this host, and how much of each range they take (`berth ipam ls`).
public struct LeaseList: Sendable {
    /// A lease with the network whose directory it stands in.
    public struct Entry: Hashable, Sendable {
        public let network: String
        public let dataDirectory: String
        public let lease: Lease
    }

    /// A range set of a configured network.
    public struct Pool: Hashable, Sendable {
        public let network: String
        public let usage: PoolUsage
    }

    /// By network, then by address.
    public let entries: [Entry]
    public let pools: [Pool]

    /// Reads every lease, of one network or of all, under its network's lock. Throws E-MISSING for a network that is nowhere,
    /// E-PRIVILEGE for one who may not read them.
    public init(in directories: LeaseDirectories, network: String? = nil) throws(InspectError) {
        var entries: [Entry] = []
        for place in try directories.places(network) {
            do throws(KernelError) {
                let store = try LeaseStore.reading(dataDirectory: place.dataDirectory, network: place.network)
                let leases = try store?.leases() ?? []
                entries += leases.map {
                    Entry(network: place.network, dataDirectory: place.dataDirectory, lease: $0)
                }
            } catch {
                throw InspectError(error)
            }
        }
        self.entries = entries.sorted {
            ($0.network, $0.lease.address, $0.lease.file) < ($1.network, $1.lease.address, $1.lease.file)
        }
        pools = directories.leased.filter { network == nil || $0.name == network }
            .sorted { $0.name < $1.name }.flatMap { leased in
                let taken = Set(
                    entries.filter { $0.network == leased.name && $0.dataDirectory == leased.dataDirectory }
                        .map(\.lease.address))
                return leased.sets.enumerated().map { number, set in
                    Pool(network: leased.name, usage: PoolUsage(number: number, set: set, leased: taken))
                }
            }
    }

    /// Leases and ranges, each under its titles.
    public var table: String {
        let leases =
            entries.isEmpty
            ? "no leases\n"
            : TextTable.text(
                ["NETWORK", "ADDRESS", "CONTAINER", "INTERFACE", "SINCE"],
                entries.map { entry in
                    let since = UniversalTime.text(entry.lease.modified)
                    return [entry.network, "\(entry.lease.address)"]
                        + (entry.lease.holder == .unreadable
                            ? ["(unreadable)", ""]
                            : [entry.lease.holder.containerID?.shortenedID ?? "", entry.lease.holder.interface ?? ""])
                        + [since]
                })
        guard !pools.isEmpty else { return leases }
        return leases + "\n"
            + TextTable.text(
                ["NETWORK", "RANGE", "USED", "FREE", "TOTAL"],
                pools.map { pool in
                    [
                        pool.network, pool.usage.set.description, "\(pool.usage.used)", "\(pool.usage.free)",
                        "\(pool.usage.total)",
                    ]
                })
    }

    /// For programs; its keys are a promise (docs/cli.md).
    public var json: JSON {
        [
            "leases": .array(
                entries.map { entry in
                    var object: JSONObject = [
                        "network": .string(entry.network), "address": .string("\(entry.lease.address)"),
                    ]
                    object["containerID"] = entry.lease.holder.containerID.map { .string($0) }
                    object["ifname"] = entry.lease.holder.interface.map { .string($0) }
                    object["readable"] = .bool(entry.lease.holder != .unreadable)
                    object["since"] = .string(UniversalTime.text(entry.lease.modified))
                    object["file"] = .string("\(entry.dataDirectory)/\(entry.network)/\(entry.lease.file)")
                    return .object(object)
                }),
            "ranges": .array(pools.map { .object($0.usage.object(network: $0.network)) }),
        ]
    }
}

extension PoolUsage {
    /// `{network, set, range, used, free, total}`; a number beyond 64 bits is written as a string.
    func object(network: String? = nil) -> JSONObject {
        let number = { (value: UInt128) in Int64(exactly: value).map { JSON.integer($0) } ?? .string("\(value)") }
        var object: JSONObject = [:]
        object["network"] = network.map { .string($0) }
        object["set"] = .integer(Int64(self.number))
        object["range"] = .string(set.description)
        object["used"] = .integer(Int64(used))
        object["free"] = number(free)
        object["total"] = number(total)
        return object
    }
}

extension LeaseHolder {
    var containerID: String? {
        switch self {
        case .attachment(let id, _), .container(let id): id
        case .unreadable: nil
        }
    }
    var interface: String? { if case .attachment(_, let name) = self { name } else { nil } }
}
