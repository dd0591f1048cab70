import CKernel
import Glibc
public import NetCore

extension NetworkMap {
    /// A namespace to be read, and what the caller knows of it.
    public struct Subject: Hashable, Sendable {
        public var reference: NodeReference
        public var notes: [String]

        public init(_ reference: NodeReference, notes: [String] = []) {
            self.reference = reference
            self.notes = notes
        }
    }

    /// What stands in the namespaces, by netlink; nothing is changed in them. A namespace that is named twice is read once.
    /// The calling thread enters each for a moment, and must have the right to. Throws what the kernel said.
    public init(reading subjects: [Subject]) throws(TopologyError) {
        self.init()
        var found: [NodeReading] = []
        for subject in subjects {
            let reading: NodeReading
            do throws(KernelError) {
                let namespace = try NetworkNamespace(open: subject.reference.namespace)
                let identity = try namespace.identity()
                if let index = found.firstIndex(where: { $0.identity == identity }) {
                    nodes[index].notes += subject.notes
                    continue
                }
                reading = try NodeReading(namespace, identity)
            } catch {
                throw .kernel(error, node: subject.reference.name)
            }
            found.append(reading)
            var node = reading.node
            node.name = NetworkMap.free(subject.reference.name, among: nodes)
            node.notes = subject.notes
            nodes.append(node)
        }
        do throws(KernelError) {
            try join(found)
            findOwners()
        } catch {
            throw .kernel(error, node: "the namespaces")
        }
    }

    private static func free(_ name: String, among nodes: [Node]) -> String {
        var free = name
        var number = 2
        while nodes.contains(where: { $0.name == free }) {
            free = "\(name)~\(number)"
            number += 1
        }
        return free
    }
}

/// What one namespace told.
final class NodeReading {
    let identity: NetworkNamespace.Identity
    let namespace: NetworkNamespace
    let links: [NetCore.Link]
    let node: NetworkMap.Node
    private var routes: NetlinkSocket

    init(_ namespace: consuming NetworkNamespace, _ identity: NetworkNamespace.Identity) throws(KernelError) {
        self.identity = identity
        let home = try NetworkNamespace.current()
        var routes = try NetlinkSocket(NETLINK_ROUTE, in: namespace, home: home.number)
        var netfilter = try NetlinkSocket(NETLINK_NETFILTER, in: namespace, home: home.number)
        var sockets = try NetlinkSocket(NETLINK_SOCK_DIAG, in: namespace, home: home.number)
        let links = try routes.links().sorted { $0.index < $1.index }
        let addresses = try routes.addresses()
        var node = NetworkMap.Node("")
        node.links = links.map { NetworkMap.Link($0, among: links, addresses) }
        if node.links.contains(where: \.isBridge) { node.take(try routes.bridgeEntries(), links) }
        for family in AddressFamily.allCases {
            let isForwarding = try ignoring(.notSupported, .invalidArgument, .noSuchFile) { () throws(KernelError) in
                try routes.isForwarding(family)
            }
            let forwards = (isForwarding ?? false) ?? false
            if family == .v4 { node.forwardsIPv4 = forwards } else { node.forwardsIPv6 = forwards }
            let own = try routes.routes(family, table: UInt8(RT_TABLE_MAIN.rawValue))
            if own.contains(where: { $0.gateway != nil || $0.isDefault }) { node.hasGateway = true }
        }
        node.listening = try NodeReading.listeners(&sockets)
        var chains = try netfilter.hookedChains().filter { !$0.table.hasPrefix("berth_trace_") }
        chains += try namespace.inside(home: home.number) { () throws(KernelError) in try HookedChain.legacy() }
        node.gates = NetworkMap.Gate.gates(chains)
        self.links = links
        self.node = node
        self.routes = routes
        self.namespace = namespace
    }

    /// The number by which this namespace knows the other.
    func number(of other: NodeReading) throws(KernelError) -> Int32? { try routes.number(of: other.namespace) }

    private static func listeners(_ sockets: inout NetlinkSocket) throws(KernelError) -> [NetworkMap.Listener] {
        var found: Set<NetworkMap.Listener> = []
        for (proto, word) in [(TransportProtocol.tcp, "tcp"), (.udp, "udp")] {
            for family in AddressFamily.allCases {
                let seen = try ignoring(.noSuchFile) { () throws(KernelError) in
                    try sockets.listeningSockets(proto, family)
                }
                for socket in seen ?? [] where socket.port != 0 {
                    let address = socket.address.isUnspecified ? nil : socket.address.description
                    found.insert(NetworkMap.Listener(socket.port, word, at: address))
                }
            }
        }
        return found.sorted { ($0.port, $0.proto, $0.address ?? "") < ($1.port, $1.proto, $1.address ?? "") }
    }
}

extension NetworkMap.Node {
    /// Every entry to its bridge.
    fileprivate mutating func take(_ found: [BridgeEntry], _ known: [NetCore.Link]) {
        let names = Dictionary(uniqueKeysWithValues: known.map { ($0.index, $0.name) })
        let key = { (entry: BridgeEntry) in
            (entry.isPermanent ? 0 : entry.isLearned ? 2 : 1, entry.port, entry.mac.bytes, entry.vlan ?? 0)
        }
        let byBridge = Dictionary(grouping: found, by: \.bridge)
        for index in links.indices where links[index].isBridge {
            let own = (byBridge[links[index].index] ?? []).sorted { left, right in
                let (one, other) = (key(left), key(right))
                return (one.0, one.1) != (other.0, other.1)
                    ? (one.0, one.1) < (other.0, other.1)
                    : one.2 != other.2 ? one.2.lexicographicallyPrecedes(other.2) : one.3 < other.3
            }
            let told = own.prefix(NetworkMap.ForwardingTable.most).map { entry in
                NetworkMap.ForwardingTable.Entry(
                    "\(entry.mac)", at: names[entry.port] ?? "\(entry.port)", vlan: entry.vlan.map { Int($0) },
                    entry.isPermanent ? .permanent : entry.isLearned ? .learned : .static)
            }
            links[index].forwarding = NetworkMap.ForwardingTable(told, count: own.count)
        }
    }
}

extension NetworkMap.Link {
    fileprivate init(_ link: NetCore.Link, among links: [NetCore.Link], _ addresses: [LinkAddress]) {
        self.init(link.name, kind: link.isLoopback ? "loopback" : link.kind)
        index = link.index
        isUp = link.isUp
        lacksCarrier = link.isUp && link.hasCarrier == false
        mac = link.isLoopback ? nil : link.mac?.description
        mtu = link.mtu
        self.addresses = addresses.filter { $0.link == link.index && !$0.isLinkLocal }.map { "\($0.prefix)" }
        master = link.master.flatMap { index in links.first { $0.index == index }?.name }
        if link.portState != nil {
            hairpin = link.hairpin
            isolated = link.isolated
        }
        vlan = link.vlan.map { Int($0) }
    }
}
