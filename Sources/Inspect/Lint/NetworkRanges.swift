import CNI
import IPAM
import JSON
import NetCore

/// What a network gives addresses from on a bridge or to cables, as far as lint can read it.
struct NetworkRanges {
    let plugin: LintPlugin
    /// Nil for ptp, which has none.
    let bridge: String?
    let isGateway: Bool
    let forcesAddress: Bool
    let ranges: [AddressRange]

    /// Those of a network's bridge and ptp plugins with host-local.
    static func of(_ network: LintNetwork) -> [NetworkRanges] {
        network.leased.compactMap { leased in
            guard Owner.cablePlugins.contains(leased.plugin.type) else { return nil }
            let isBridge = leased.plugin.type == "bridge"
            let object = leased.plugin.object
            do throws(CNIError) {
                return NetworkRanges(
                    plugin: leased.plugin, bridge: isBridge ? object["bridge"]?.string ?? "cni0" : nil,
                    isGateway: !isBridge || object["isGateway"]?.bool == true
                        || object["isDefaultGateway"]?.bool == true,
                    forcesAddress: object["forceAddress"]?.bool == true,
                    ranges: try HostLocal.network(leased.configuration).sets.flatMap(\.ranges))
            } catch {
                // bad-value has told it.
                return nil
            }
        }
    }

    /// Where a range's subnet is written: the first key that holds it.
    func place(of range: AddressRange) -> String {
        for (number, set) in (plugin.object["ipam"]?["ranges"]?.array ?? []).enumerated() {
            for (index, written) in (set.array ?? []).enumerated()
            where IPPrefix(written["subnet"]?.string ?? "") == range.subnet {
                return "ipam.ranges[\(number)][\(index)].subnet"
            }
        }
        return "ipam.subnet"
    }
}
