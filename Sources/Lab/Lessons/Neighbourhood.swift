import CKernel
import Glibc
import NetCore
import Trace

/// What checks read of ARP and of a bridge's table, and how they make a node's own kernel speak.
extension Look {
    /// The node's entry for an address (`ip neigh`); nil when it has none.
    func neighbour(_ node: String, _ address: IPAddress) throws(LabError) -> Neighbour? {
        try socket(node, NETLINK_ROUTE) { (socket) throws(KernelError) in
            try socket.neighbours().first { $0.address == address }
        }
    }

    /// The port by which the node's bridge would send a frame to that MAC (`bridge fdb`); nil when it would send it to all.
    func bridgePort(_ node: String, _ mac: MACAddress) throws(LabError) -> String? {
        let links = try links(node)
        guard let port = links.first(where: { $0.portState != nil }) else { return nil }
        let entry = try socket(node, NETLINK_ROUTE) { (socket) throws(KernelError) in
            try socket.forwardingEntry(mac, atBridgeOf: port.index)
        }
        return entry.flatMap { entry in links.first { $0.index == entry.port }?.name }
    }

    /// The MAC of a node's link; nil when there is no such link.
    func mac(_ node: String, _ link: String) throws(LabError) -> MACAddress? {
        try links(node).first { $0.name == link }?.mac
    }

    /// The first IPv4 address of a node's cable; nil when it has none.
    func address(_ node: String) throws(LabError) -> IPAddress? {
        try socket(node, NETLINK_ROUTE) { (socket) throws(KernelError) in
            let loopbacks = Set(try socket.links().filter(\.isLoopback).map(\.index))
            return try socket.addresses().first { $0.prefix.address.family == .v4 && !loopbacks.contains($0.link) }?
                .prefix.address
        }
    }

    /// The node's kernel asks aloud who has `target`, in the name of one of the node's own addresses, and sends a datagram there: its
    /// entry for `target` is forgotten before. False when the node does not have the address.
    func speak(_ node: String, as address: IPAddress, to target: IPAddress) throws(LabError) -> Bool {
        if let entry = try neighbour(node, target) {
            try socket(node, NETLINK_ROUTE) { (socket) throws(KernelError) in
                let request = try NeighbourRequest.forget(target, on: entry.link, named: node)
                _ = try ignoring(.noSuchFile) { () throws(KernelError) in try socket.perform([request]) }
            }
        }
        let isOwn = try inside(node, "let node \(node) speak as \(address)") { () throws(KernelError) in
            let number = try check("open a socket") {
                Glibc.socket(
                    Int32(address.family.constant), Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            }
            defer { close(number) }
            let own = Look.socketAddress(address, 0)
            let code = own.withUnsafeBytes {
                bind(number, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
            }
            guard code == 0 else { return false }
            // To the port that throws away (RFC 863); what comes of it does not matter.
            let other = Look.socketAddress(target, 9)
            _ = other.withUnsafeBytes {
                sendto(
                    number, "berth", 5, Int32(MSG_DONTWAIT),
                    $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
            }
            return true
        }
        guard isOwn else { return false }
        // Once it has an answer, whoever was to hear the question has heard it.
        for _ in 0..<30 {
            usleep(10_000)
            if try neighbour(node, target)?.isReachable ?? false { break }
        }
        return true
    }

    /// Who of the nodes has the address, and as which MAC `witness` knows it after each has spoken to it.
    func claims(_ address: IPAddress, of nodes: [String], to witness: String, at target: IPAddress) throws(LabError)
        -> [(node: String, mac: MACAddress)]
    {
        var found: [(node: String, mac: MACAddress)] = []
        for node in nodes where try speak(node, as: address, to: target) {
            if let mac = try neighbour(witness, address)?.mac { found.append((node, mac)) }
        }
        return found
    }

    /// The frames that come to each of the nodes while `body` runs.
    func heard(in nodes: [String], while body: () throws(LabError) -> Void) throws(LabError) -> [String: [Frame]] {
        var captures: [(String, FrameCapture)] = []
        for node in world.references where nodes.contains(node.name) {
            captures.append(
                (node.name, try listening(node.name) { () throws(TraceError) in try FrameCapture(node) }))
        }
        try body()
        usleep(100_000)
        var found: [String: [Frame]] = [:]
        for (name, capture) in captures {
            // Not heard is not the same as not listened to.
            let frames = try listening(name) { () throws(TraceError) in try capture.frames() }
            found[name] = frames.filter { !$0.isOutgoing }
        }
        return found
    }
}
