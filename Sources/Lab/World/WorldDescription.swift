public import NetCore

/// A world as a value: which nodes there are, what is plugged into what, and who has which address. Nothing is made by it.
public struct WorldDescription: Hashable, Sendable {
    /// What `berth lab start` takes.
    public var name: String
    /// A sentence for people.
    public var title: String
    public var nodes: [NodeDescription]
    public var cables: [CableDescription]
    /// What chose among the world's variants, where it has any.
    public var seed: Int?

    public init(_ name: String, title: String, nodes: [NodeDescription], cables: [CableDescription] = []) {
        self.name = name
        self.title = title
        self.nodes = nodes
        self.cables = cables
    }
}

/// One network stack with a host name and processes of its own.
public struct NodeDescription: Hashable, Sendable {
    public var name: String
    public var bridges: [BridgeDescription] = []
    public var routes: [RouteDescription] = []
    /// net.ipv4.ip_forward and net.ipv6.conf.all.forwarding.
    public var forwards = false
    /// `lo` is up.
    public var loopback = true
    /// Further parameters, after the ones that every node gets (`NodeParameters`): path below /proc/sys, value.
    public var parameters: [Parameter] = []
    /// berth's containers run in it: a daemon, an image and control groups of its own. Root alone can build such a node.
    public var hasContainers = false

    public struct Parameter: Hashable, Sendable {
        public var path: String
        public var value: String

        public init(_ path: String, _ value: String) { (self.path, self.value) = (path, value) }
    }

    public init(_ name: String) { self.name = name }
}

/// A switch in a node, and the node's own port on it.
public struct BridgeDescription: Hashable, Sendable {
    public var name: String
    public var addresses: [IPPrefix]

    public init(_ name: String, addresses: [IPPrefix] = []) { (self.name, self.addresses) = (name, addresses) }
}

public struct RouteDescription: Hashable, Sendable {
    public var destination: IPPrefix
    public var gateway: IPAddress

    public init(_ destination: IPPrefix, via gateway: IPAddress) {
        (self.destination, self.gateway) = (destination, gateway)
    }
}

/// A veth pair.
public struct CableDescription: Hashable, Sendable {
    public var near: End
    public var far: End

    public struct End: Hashable, Sendable {
        public var node: String
        public var link: String
        public var addresses: [IPPrefix]
        /// The bridge of the node whose port this end is.
        public var bridge: String?

        public init(_ node: String, _ link: String, addresses: [IPPrefix] = [], bridge: String? = nil) {
            self.node = node
            self.link = link
            self.addresses = addresses
            self.bridge = bridge
        }
    }

    public init(_ near: End, _ far: End) { (self.near, self.far) = (near, far) }
    public var ends: [End] { [near, far] }
}

extension WorldDescription {
    /// One of its nodes runs containers.
    public var hasContainers: Bool { nodes.contains(where: \.hasContainers) }

    public func node(_ name: String) -> NodeDescription? { nodes.first { $0.name == name } }

    /// The links of a node that are not `lo`, in the order in which they are numbered: bridges, then cables' ends.
    public func links(of node: String) -> [String] {
        (self.node(node)?.bridges.map(\.name) ?? [])
            + cables.flatMap(\.ends).filter { $0.node == node }.map(\.link)
    }

    /// 02:00:00:00:NODE:LINK, both counted from 1 in the description's order: the same in every run. Nil for a link that
    /// the description does not have.
    public func mac(_ node: String, _ link: String) -> MACAddress? {
        guard let place = nodes.firstIndex(where: { $0.name == node }), place < 255,
            let port = links(of: node).firstIndex(of: link), port < 255
        else { return nil }
        return MACAddress(bytes: [2, 0, 0, 0, UInt8(place + 1), UInt8(port + 1)])
    }

    /// What keeps the description from being built, as a sentence; nil when nothing does.
    public var fault: String? {
        if nodes.isEmpty { return "world \(name) has no node" }
        if nodes.count > 254 { return "world \(name) has more than 254 nodes" }
        for (index, node) in nodes.enumerated() {
            let letters = node.name.utf8
            guard (1...32).contains(letters.count),
                letters.allSatisfy({ (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d })
            else { return "node name \"\(node.name)\" is not of a to z, 0 to 9 and - alone, at most 32" }
            if nodes[..<index].contains(where: { $0.name == node.name }) { return "two nodes are called \(node.name)" }
            let links = links(of: node.name)
            if links.count > 254 { return "node \(node.name) has more than 254 links" }
            for (index, link) in links.enumerated() {
                if let fault = LinkName.fault(in: link) { return "link name \"\(link)\" of \(node.name) \(fault)" }
                if link == "lo" || links[..<index].contains(link) { return "node \(node.name) has \(link) twice" }
            }
            if let wrong = node.parameters.first(where: { Sysctl.path($0.path) != $0.path }) {
                return "parameter \(wrong.path) of \(node.name) is not one below net/"
            }
        }
        for end in cables.flatMap(\.ends) {
            guard let node = node(end.node) else { return "a cable ends at \(end.node), which is no node" }
            if let bridge = end.bridge, !node.bridges.contains(where: { $0.name == bridge }) {
                return "\(end.link) of \(end.node) is to be a port of \(bridge), which is no bridge there"
            }
        }
        return nil
    }
}
