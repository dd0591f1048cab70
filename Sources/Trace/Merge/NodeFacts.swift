import CKernel
import NetCore

/// What a judge may ask of a node besides the packets: all of it read when the trace ends.
struct NodeFacts {
    var events: NodeEvents
    /// Of this node alone: "Ip:InAddrErrors" → by how much.
    var counters: [String: Int64]
    /// "net/ipv4/ip_forward" → value.
    var sysctl: (String) -> String?
    /// Who listens at an address and port: "tcp *:80 pid 211 nc"; nil when nobody does.
    var listener: (PacketHeaders) -> String?
    /// The ports at which somebody listens for the packet's protocol.
    var ports: (PacketHeaders) -> [UInt16] = { _ in [] }
    /// Of a packet to an address, from another one that came in by a device.
    var route: (_ to: IPAddress, _ from: IPAddress?, _ input: Int32?) -> RouteAnswer? = { _, _, _ in nil }
    /// Neighbours that do not answer, by device.
    var silent: [Int32: Set<IPAddress>] = [:]
    var texts = RuleTexts()
    /// The other end of a cable, and its node; nil where that is none of those that are listened to.
    var otherEnd: (Link) -> (node: String, link: Link)? = { _ in nil }
    /// "ip lab post" of a chain that does NAT after routing; nil when there is none.
    var sourceNAT: String?

    var name: String { events.name }
}

extension NodeSources {
    func facts(_ events: NodeEvents, _ changes: [Journey.CounterChange], _ texts: RuleTexts) -> NodeFacts {
        var facts = NodeFacts(
            events: events, counters: Dictionary(changes.map { ($0.name, $0.change) }, uniquingKeysWith: { $1 }),
            sysctl: sysctl, listener: { self.listener($0) }, ports: { self.ports($0) },
            route: { self.route(to: $0, from: $1, input: $2) }, silent: silentNeighbours())
        facts.texts = texts
        let chain = chains.first { $0.value.type == "nat" && $0.value.hook == 4 && $0.key.family != 10 }?.key
        facts.sourceNAT = chain.map { "\(HookEvent.familyNames[$0.family] ?? "ip") \($0.table) \($0.chain)" }
        return facts
    }

    /// The other end of a cable, where one of `all` has it.
    func otherEnd(of link: Link, among all: [NodeSources]) -> (node: String, link: Link)? {
        guard link.kind == "veth", let peer = link.peer, let id = link.peerNamespace,
            var socket = try? NetlinkSocket(NETLINK_ROUTE, in: namespace, home: home)
        else { return nil }
        for other in all where other !== self {
            guard let end = other.links[peer], (try? socket.number(of: other.namespace.number)) == id else { continue }
            return (other.node.name, end)
        }
        return nil
    }

    private func ports(_ headers: PacketHeaders) -> [UInt16] {
        let proto: TransportProtocol = headers.isTCP ? .tcp : .udp
        let found = [AddressFamily.v4, .v6].flatMap { (try? listeningSockets(proto, $0)) ?? [] }
        return Set(found.filter { $0.receives(at: headers.destination) }.map(\.port)).sorted()
    }

    /// "tcp *:80 pid 211 nc": who would receive a packet with these headers here.
    private func listener(_ headers: PacketHeaders) -> String? {
        guard let port = headers.destinationPort, headers.isTCP || headers.isUDP else { return nil }
        let proto: TransportProtocol = headers.isTCP ? .tcp : .udp
        let family = headers.destination.family
        for kind in [family, .v6] {
            let sockets = (try? listeningSockets(proto, kind)) ?? []
            guard
                let found = sockets.first(where: { $0.port == port && $0.receives(at: headers.destination) })
            else { continue }
            let place = found.address.isUnspecified ? "*" : "\(found.address)"
            let process = found.process().map { " pid \($0)" } ?? ""
            return "\(proto) \(place):\(port)\(process)"
        }
        return nil
    }
}
