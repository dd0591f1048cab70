import CKernel
import Glibc
import MiniRuntime
import NetCore

/// All of a node that a learner may change, at one moment.
struct NodeState: Equatable {
    var links: [LinkState] = []
    /// By `KernelMessages.rawValue`.
    var messages: [[[UInt8]]] = []
    var parameters = ParameterState()
    var nft = NftState()
    var legacy = LegacyState()

    /// What is equal is kept once.
    mutating func share(_ older: NodeState) {
        if links == older.links { links = older.links }
        if messages == older.messages { messages = older.messages }
        if parameters == older.parameters { parameters = older.parameters }
        if nft == older.nft { nft = older.nft }
        if legacy == older.legacy { legacy = older.legacy }
    }

    /// The same but for routes: what the kernel adds and removes by itself, as a cable is plugged.
    func isSame(butForRoutes other: NodeState) -> Bool {
        var copy = other
        if messages.count == other.messages.count, !messages.isEmpty {
            copy.messages[KernelMessages.route.rawValue] = messages[KernelMessages.route.rawValue]
        }
        return self == copy
    }
}

/// A node as the recorder has it open.
final class RecordedNode {
    let name: String
    let namespace: NetworkNamespace
    let home: Int32
    var routes: NetlinkSocket
    var rules: NetlinkSocket
    /// Namespaces' numbers, as this node knows them, and the nodes' places.
    private var numbers: [Int32: Int] = [:]

    init(_ name: String, home: Int32) throws(KernelError) {
        self.name = name
        self.home = home
        namespace = try NetworkNamespace(open: try NamedNamespace.path(name))
        routes = try NetlinkSocket(NETLINK_ROUTE, in: namespace, home: home)
        rules = try NetlinkSocket(NETLINK_NETFILTER, in: namespace, home: home)
    }

    /// What stands in it. `all` are the world's nodes, this one at `place`.
    func read(_ all: [RecordedNode], _ place: Int) throws(KernelError) -> NodeState {
        var state = NodeState()
        state.links = try links(all, place)
        for kind in KernelMessages.allCases { state.messages.append(try kind.read(&routes, state.links)) }
        state.nft = try NftState.read(&rules)
        (state.parameters, state.legacy) = try namespace.inside(home: home) { () throws(KernelError) in
            (ParameterState.read(), LegacyState.read())
        }
        return state
    }

    func links(_ all: [RecordedNode], _ place: Int) throws(KernelError) -> [LinkState] {
        // RTEXT_FILTER_SKIP_STATS 8.
        let request = NetlinkRequest(
            "list links", type: Int(RTM_GETLINK), flags: NLM_F_DUMP,
            payload: [UInt8](repeating: 0, count: 16) + RawAttribute.number(Int(IFLA_EXT_MASK), 8))
        let replies = try routes.ask(request)
        let unknown = replies.contains { reply in
            let number = reply.attributes(after: 16)[type: Int(IFLA_LINK_NETNSID)]?.u32
            return number.map { numbers[Int32(bitPattern: $0)] == nil } ?? false
        }
        if unknown {
            for (other, node) in all.enumerated() where other != place {
                if let number = try routes.number(of: node.namespace) { numbers[number] = other }
            }
        }
        return replies.compactMap { reply in
            LinkState(reply) { number in number.map { numbers[$0] } ?? place }
        }
    }
}
