import CNI
import JSON
import NetCore

/// How much of a range set is given out (I-6).
public struct PoolUsage: Hashable, Sendable {
    /// The set's place in the configuration, from 0.
    public let number: Int
    public let set: RangeSet
    public let used: Int

    public init(number: Int, set: RangeSet, leased: Set<IPAddress>) {
        self.number = number
        self.set = set
        used = set.used(leased)
    }

    public var total: UInt128 { self.set.capacity }
    public var free: UInt128 { total > UInt128(used) ? total - UInt128(used) : 0 }
    var isExhausted: Bool { UInt128(used) >= total }

    /// `{set, range, used, total}` (I-6); a total beyond 64 bits is written as a string.
    public var json: JSON {
        [
            "set": .integer(Int64(number)), "range": .string(set.description), "used": .integer(Int64(used)),
            "total": Int64(exactly: total).map { .integer($0) } ?? .string("\(total)"),
        ]
    }
}

/// Where a network's leases stand and what it gives them from, for those who look.
public struct LeasedNetwork: Hashable, Sendable {
    public let name: String
    public let dataDirectory: String
    /// Empty for a list that leaves its ranges to the runtime.
    public let sets: [RangeSet]
}

extension HostLocal {
    /// What a plugin's configuration with `ipam` says of its leases. Throws code 7 as ADD does.
    public static func network(_ configuration: NetworkConfiguration) throws(CNIError) -> LeasedNetwork {
        let sets =
            try HostLocalConfiguration.leavesRangesToRuntime(configuration)
            ? []
            : try HostLocalConfiguration(Request(command: .status, configuration: configuration, environment: .process))
                .sets
        return LeasedNetwork(
            name: configuration.name, dataDirectory: try HostLocalConfiguration.dataDirectory(configuration), sets: sets
        )
    }
}
