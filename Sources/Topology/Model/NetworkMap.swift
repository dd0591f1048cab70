public import NetCore

/// What stands in a set of network namespaces, as a value: the one thing that pictures are drawn from.
public struct NetworkMap: Hashable, Sendable {
    /// Of the JSON form (docs/lab/graph.md).
    public static let version: Int64 = 1

    /// In the order in which they were asked for; the first is the outermost one.
    public var nodes: [Node]
    public var cables: [Cable]

    public init(nodes: [Node] = [], cables: [Cable] = []) {
        self.nodes = nodes
        self.cables = cables
    }

    /// A network namespace.
    public struct Node: Hashable, Sendable {
        public var name: String
        /// What the caller knows of it beyond the kernel: a published port, an attachment's network.
        public var notes: [String] = []
        public var links: [Link] = []
        /// In the order in which packets meet them.
        public var gates: [Gate] = []
        /// Listening sockets: "80/tcp" on any address, "127.0.0.1 53/udp" on one alone.
        public var listening: [Listener] = []
        public var forwardsIPv4 = false
        public var forwardsIPv6 = false
        /// A route of either family that leads beyond the links' own networks.
        public var hasGateway = false
        /// The nodes that a picture shows as this one; empty for one that was read. Not saved.
        var stands: [String] = []

        public init(_ name: String) { self.name = name }

        public func link(_ name: String) -> Link? { links.first { $0.name == name } }
    }

    /// A device.
    public struct Link: Hashable, Sendable {
        public var name: String
        public var index: Int32 = 0
        /// "veth", "bridge", "vlan" …; "loopback" for lo; nil for a device without a kind, a hardware one.
        public var kind: String?
        public var isUp = true
        /// Nothing is plugged in, or the other end is down.
        public var lacksCarrier = false
        public var mac: String?
        public var mtu = 1500
        /// "10.88.0.1/24"; those that the kernel made itself (IPv6 link-local) are not among them.
        public var addresses: [String] = []
        /// The bridge (or bond …) whose port it is.
        public var master: String?
        /// Of a bridge's port.
        public var hairpin: Bool?
        public var isolated: Bool?
        /// Of a bridge; nil where it was not read.
        public var forwarding: ForwardingTable?
        public var vlan: Int?
        /// The link of this namespace that it stands on (VLAN, macvlan).
        public var parent: String?
        /// Its other end is in a namespace that was not read.
        public var leadsElsewhere = false

        public init(_ name: String, kind: String? = nil) {
            self.name = name
            self.kind = kind
        }

        public var isLoopback: Bool { kind == "loopback" }
        public var isBridge: Bool { kind == "bridge" }
    }

    /// Where netfilter judges packets: a hook at which at least one chain holds a rule or has a policy other than accept.
    public struct Gate: Hashable, Sendable {
        /// "prerouting", "forward", "bridge forward", "ingress" …
        public var hook: String
        /// By priority.
        public var chains: [HookedChain]

        public init(_ hook: String, _ chains: [HookedChain]) {
            self.hook = hook
            self.chains = chains
        }

        public var rules: Int { chains.reduce(0) { $0 + $1.rules } }
        public var drops: Bool { chains.contains { $0.drops } }
    }

    public struct Listener: Hashable, Sendable {
        public var port: UInt16
        /// "tcp" or "udp".
        public var proto: String
        /// Nil for every address.
        public var address: String?

        public init(_ port: UInt16, _ proto: String = "tcp", at address: String? = nil) {
            self.port = port
            self.proto = proto
            self.address = address
        }
    }

    public struct End: Hashable, Sendable {
        public var node: String
        public var link: String

        public init(_ node: String, _ link: String) {
            self.node = node
            self.link = link
        }
    }

    /// What joins two links: a veth pair, or a macvlan or VLAN with the link of another namespace that it stands on.
    public struct Cable: Hashable, Sendable {
        /// The end of the node that stands first in the map.
        public var near: End
        public var far: End
        public var kind: String
        public var isUp: Bool

        public init(_ near: End, _ far: End, kind: String = "veth", isUp: Bool = true) {
            self.near = near
            self.far = far
            self.kind = kind
            self.isUp = isUp
        }

        /// The end that is not at `end`; nil when neither is there.
        public func other(than end: End) -> End? { near == end ? far : far == end ? near : nil }
    }

    public func node(_ name: String) -> Node? { nodes.first { $0.name == name } }

    /// What the link is joined to.
    public func peer(of end: End) -> (end: End, cable: Cable)? {
        for cable in cables {
            if let other = cable.other(than: end) { return (other, cable) }
        }
        return nil
    }
}

extension NetworkMap.Gate {
    /// The gates that chains make: those that let everything pass unread are none.
    public static func gates(_ chains: [HookedChain]) -> [NetworkMap.Gate] {
        let order = [
            "ingress", "bridge prerouting", "prerouting", "bridge input", "input", "bridge forward", "forward",
            "bridge output", "output", "bridge postrouting", "postrouting", "egress", "arp input", "arp output",
        ]
        var gates: [NetworkMap.Gate] = []
        for chain in chains where chain.rules > 0 || chain.drops {
            let prefix = chain.family == "bridge" || chain.family == "arp" ? "\(chain.family) " : ""
            let hook = prefix + chain.hook
            if let index = gates.firstIndex(where: { $0.hook == hook }) {
                gates[index].chains.append(chain)
            } else {
                gates.append(NetworkMap.Gate(hook, [chain]))
            }
        }
        let key = { (chain: HookedChain) in [chain.family, chain.table, chain.name] }
        for index in gates.indices {
            gates[index].chains.sort {
                $0.priority != $1.priority
                    ? $0.priority < $1.priority : key($0).lexicographicallyPrecedes(key($1))
            }
        }
        let place = { (hook: String) in order.firstIndex(of: hook) ?? order.count }
        return gates.sorted { (place($0.hook), $0.hook) < (place($1.hook), $1.hook) }
    }
}
