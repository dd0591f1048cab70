import CKernel
import Glibc
import NetCore

/// Makes a description true in network namespaces that are there, by netlink.
public final class WorldBuilder {
    private let description: WorldDescription
    private var nodes: [String: Node] = [:]

    private final class Node {
        let namespace: NetworkNamespace
        var socket: NetlinkSocket
        var indexes: [String: Int32] = [:]

        init(_ namespace: consuming NetworkNamespace) throws(KernelError) {
            let home = try NetworkNamespace.current()
            socket = try NetlinkSocket(NETLINK_ROUTE, in: namespace, home: home.number)
            self.namespace = namespace
        }
    }

    /// Opens every node's namespace (`path` gives it) and looks whether it may be changed, before anything is. Throws
    /// E-GUARD where it may not, and what the kernel says.
    public init(
        _ description: WorldDescription, guard networks: NetworkGuard, path: (String) -> String
    ) throws(LabError) {
        if let fault = description.fault {
            throw LabError(
                .name, "world \(description.name) cannot be built", cause: fault, fix: "mend its description")
        }
        self.description = description
        for node in description.nodes {
            let namespace = try during("open node \(node.name)") { () throws(KernelError) in
                try NetworkNamespace(open: path(node.name))
            }
            try networks.permit(namespace)
            do throws(KernelError) {
                nodes[node.name] = try Node(namespace)
            } catch {
                throw LabError(error, "open node \(node.name)")
            }
        }
    }

    /// Everything that the description says is true. Throws at the first thing that cannot be made; what is made until then
    /// goes with its namespaces.
    public func build() throws(LabError) {
        for node in description.nodes {
            try during("set up node \(node.name)") { () throws(KernelError) in try begin(node) }
        }
        for cable in description.cables {
            try during("plug \(cable.near.node) into \(cable.far.node)") { () throws(KernelError) in try plug(cable) }
        }
        for node in description.nodes {
            try during("give node \(node.name) its routes") { () throws(KernelError) in try route(node) }
        }
    }

    private func begin(_ node: NodeDescription) throws(KernelError) {
        let place = nodes[node.name]!
        try place.namespace.inside { () throws(KernelError) in
            try NodeParameters.write(NodeParameters.of(node))
        }
        if node.loopback {
            var changes = LinkRequest.Changes()
            changes.up = true
            try place.socket.perform([try LinkRequest.set("lo", changes, "set lo of \(node.name) up")])
        }
        for bridge in node.bridges {
            let name = LinkName(bridge.name)!
            try place.socket.perform([
                try LinkRequest.addBridge(name, mac: description.mac(node.name, bridge.name), mtu: nil)
            ])
            try raise(place, node.name, bridge.name, bridge.addresses, master: nil)
        }
        try place.namespace.inside { () throws(KernelError) in try NodeParameters.write(node.parameters) }
    }

    private func plug(_ cable: CableDescription) throws(KernelError) {
        let ends = cable.ends.map { end in
            LinkRequest.CableEnd(
                LinkName(end.link)!, mac: description.mac(end.node, end.link)!,
                namespace: nodes[end.node]!.namespace.number)
        }
        try nodes[cable.near.node]!.socket.perform([try LinkRequest.addCable(ends[0], ends[1])])
        for end in cable.ends {
            let place = nodes[end.node]!
            try raise(place, end.node, end.link, end.addresses, master: end.bridge.flatMap { place.indexes[$0] })
        }
    }

    /// The link is up, a port of its bridge, and has its addresses, usable at once.
    private func raise(
        _ place: Node, _ node: String, _ link: String, _ addresses: [IPPrefix], master: Int32?
    ) throws(KernelError) {
        let index = try place.socket.link(link).index
        place.indexes[link] = index
        var changes = LinkRequest.Changes()
        changes.up = true
        changes.master = master
        var requests = [try LinkRequest.set(link, changes, "set \(link) of \(node) up")]
        for address in addresses {
            requests.append(
                try AddressRequest.add(address, to: index, named: "\(link) of \(node)", skippingDetection: true))
        }
        try place.socket.perform(requests)
    }

    private func route(_ node: NodeDescription) throws(KernelError) {
        let requests = try node.routes.map { (route) throws(KernelError) in
            try Route(destination: route.destination, gateway: route.gateway).addAloneRequest(
                "\(route.destination) via \(route.gateway) in \(node.name)")
        }
        try nodes[node.name]!.socket.perform(requests)
    }
}
