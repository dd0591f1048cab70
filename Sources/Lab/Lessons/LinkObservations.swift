import Glibc
import NetCore

/// Observations of links, cables and bridges, read by netlink.
extension Observation {
    /// The link is up.
    static func up(_ node: String, _ name: String) -> Observation {
        Observation("\(name) of \(node)", "up") { look throws(LabError) in
            guard let link = try look.links(node).first(where: { $0.name == name }) else {
                return Sight(false, "there is no \(name)")
            }
            return Sight(link.isUp, link.isUp ? "up" : "down")
        }
    }

    /// A program takes connections on that TCP port, at whatever address.
    static func listens(_ node: String, port: UInt16) -> Observation {
        Observation("port \(port) of \(node)", "a program listens there") { look throws(LabError) in
            var ports = try look.listeningPorts(node)
            // A program that was just started needs a moment.
            for _ in 0..<15 where !ports.contains(port) {
                usleep(100_000)
                ports = try look.listeningPorts(node)
            }
            let words =
                ports.isEmpty
                ? "nobody listens in \(node)" : "ports that are listened on: \(ports.map(String.init).joined(by: ", "))"
            return Sight(ports.contains(port), words)
        }
    }

    /// A veth's ends are in the two nodes: each names the other as its peer.
    static func joined(_ near: String, _ far: String) -> Observation {
        Observation("cables of \(near)", "a veth whose other end is in \(far)") { look throws(LabError) in
            let here = try look.links(near).filter { $0.kind == "veth" }
            let there = try look.links(far).filter { $0.kind == "veth" }
            if let one = here.first(where: { one in there.contains { $0.index == one.peer && $0.peer == one.index } }) {
                return Sight(true, "\(one.name)")
            }
            guard let one = here.first else { return Sight(false, "there is no veth in \(near)") }
            return Sight(false, "\(one.name) is a veth, and its other end is not in \(far)")
        }
    }

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
