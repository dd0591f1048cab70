import CKernel
import Glibc
import NetCore
import Trace

/// The network that berth itself was started in; asked before a world is entered.
enum StartersNetwork {
    static let inode = NetworkNamespace.Identity(path: "/proc/self/ns/net")?.inode
}

extension Look {
    /// The nodes' network namespaces as `lsns -t net` lists them, with what each has of its own.
    func namespaces(_ nodes: [String]) throws(LabError) -> [String] {
        var rows = [["NS", "NPROCS", "NODE", "LINKS", "TCP PORTS", "RULES", "CONNTRACK"]]
        var inodes: [String] = []
        for name in nodes {
            let path = "/proc/\(try world.node(name).process.pid)/ns/net"
            let identity = NetworkNamespace.Identity(path: path)
            let inode = identity.map { "\($0.inode)" } ?? "?"
            inodes.append(inode)
            let links = try links(name).map { $0.name + ($0.isUp ? " up" : " down") }
            let ports = try listeningPorts(name).map(String.init)
            rows.append([
                inode, "\(identity.map(Look.processes) ?? 0)", name, links.joined(by: ", "),
                ports.isEmpty ? "none" : ports.joined(by: ", "), "\(try ruleCount(name))", try trackingWords(name),
            ])
        }
        let pair = zip(nodes, inodes).map { "\($0) is \($1)" }.joined(by: ", ")
        let own = StartersNetwork.inode.map { ", and berth itself was started in \($0)" } ?? ""
        return aligned(rows)
            + wrapped(
                "Another inode is another stack: \(pair)\(own). Ports, routes, rules, conntrack are all per-namespace; and "
                    + "conntrack is off until a rule needs it.", Shown.width)
    }

    /// Processes in a namespace, as far as one may see them.
    private static func processes(in namespace: NetworkNamespace.Identity) -> Int {
        let names = (try? Files.names(in: "/proc")) ?? []
        return names.count {
            Int32($0) != nil && NetworkNamespace.Identity(path: "/proc/\($0)/ns/net") == namespace
        }
    }

    /// Rules of nftables and of iptables in a node.
    private func ruleCount(_ node: String) throws(LabError) -> Int {
        try rules(node).chains.reduce(0) { $0 + $1.rules.count }
    }

    private func trackingWords(_ node: String) throws(LabError) -> String {
        switch try tracks(node) {
        case true?: "on"
        case false?: "off: no entry made"
        case nil: "no packet passes"
        }
    }

    /// Whether the node tracks flows: a datagram to its own 127.0.0.1 leaves an entry, or none. Nil where none can be sent.
    private func tracks(_ node: String) throws(LabError) -> Bool? {
        let number = try open(node, .v4, SOCK_DGRAM)
        defer { close(number) }
        // To the port that throws away (RFC 863); what comes of it does not matter.
        let target = Look.socketAddress(IPAddress("127.0.0.1")!, 9)
        let code = target.withUnsafeBytes {
            connect(number, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        guard code == 0, send(number, "berth", 5, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)) == 5 else { return nil }
        var own = [UInt8](repeating: 0, count: 16)
        var size = socklen_t(16)
        let isNamed = own.withUnsafeMutableBytes {
            getsockname(number, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), &size) == 0
        }
        guard isNamed else { return nil }
        let port = UInt16(own[2]) << 8 | UInt16(own[3])
        return try flows(node).contains { $0.original.protocolNumber == 17 && $0.original.sourcePort == port }
    }

    /// Every rule of a node.
    func rules(_ node: String) throws(LabError) -> NodeRules {
        guard let place = world.references.first(where: { $0.name == node }) else { return NodeRules() }
        do throws(TraceError) {
            return try quietly { () throws(TraceError) in try NodeRules(place) }
        } catch {
            throw LabError(
                .kernel, "cannot read the rules of \(node)", cause: "\(error)",
                fix: "build the world anew: berth lab reset")
        }
    }
}
