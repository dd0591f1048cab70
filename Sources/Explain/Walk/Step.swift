/// One thing that a namespace's kernel does with the packet.
struct Step: Hashable, Sendable {
    enum Kind: String, Hashable, Sendable {
        case send, receive, prerouting, input, forward, output, postrouting, route, bridge, neighbour, deliver
    }
    var kind: Kind
    var node: String
    var words: String
    /// It stops here.
    var isEnd = false
}

/// Where a way ends.
struct End: Hashable, Sendable {
    enum Kind: String, Hashable, Sendable {
        case delivered, dropped, refused
        /// By a device behind which nobody here can look.
        case beyond
    }
    var kind: Kind
    var node: String
    /// "hook:forward", "dev:eth0"; nil: the namespace itself.
    var at: String?
    var reason = ""
    /// Commands that let it through.
    var fixes: [String] = []
    var lesson: String?
    /// The packet as it was there.
    var packet: Packet
    /// A RST, else an ICMP error; of what was refused.
    var isReset = false
    /// "812 nginx", of what was delivered.
    var socket: String?
    /// Its program takes what comes to any address, and answers from the one that its kernel chooses.
    var isWildcard = false
    /// The base chain that stopped it; nil where something else did.
    var gate: Gatekeeper?
    /// A bridge's port that sends nothing back to where it came from, which stopped it.
    var closedHairpin: String?
}

extension End {
    /// Of a gate that rejects after a redirect was told: the sender is not told, so that for it the packet is lost.
    func silenced(_ node: Node, _ device: Device) -> End {
        guard kind == .refused, !isReset else { return self }
        var end = self
        end.kind = .dropped
        end.reason +=
            "; \(node.name)'s kernel tells \(packet.source) nothing of it: it has just told it of a shorter way (ICMP redirect), and counts both together (net.ipv4.icmp_ratelimit)"
        end.fixes.append(
            "to be told: \(node.name): sysctl -w net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.\(device.name).send_redirects=0"
        )
        return end
    }
}
