import NetCore

/// Observations of links and bridges, read by netlink.
extension Observation {
    /// The links are ports of one bridge, which is up, and each carries frames.
    static func ports(_ node: String, _ names: [String]) -> Observation {
        Observation("ports in \(node)", "\(names.joined(by: ", ")) on one bridge, all forwarding") {
            look throws(LabError) in
            let links = try look.links(node)
            let bridges = links.filter { $0.kind == "bridge" }
            guard !bridges.isEmpty else { return Sight(false, "there is no bridge") }
            var masters: Set<Int32> = []
            for name in names {
                guard let link = links.first(where: { $0.name == name }) else { return Sight(false, "\(name) is gone") }
                guard let master = link.master, let bridge = bridges.first(where: { $0.index == master }) else {
                    return Sight(false, "\(name) is on no bridge")
                }
                guard bridge.isUp else { return Sight(false, "\(bridge.name) is down") }
                guard link.isUp else { return Sight(false, "\(name) is down") }
                // BR_STATE_FORWARDING (linux/if_bridge.h).
                guard link.portState == 3 else { return Sight(false, "\(name) is a port that does not forward yet") }
                masters.insert(master)
            }
            return Sight(masters.count == 1, masters.count == 1 ? "all three" : "on \(masters.count) bridges")
        }
    }
}
