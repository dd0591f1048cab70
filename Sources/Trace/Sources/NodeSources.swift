import CKernel
import Glibc
import NetCore

/// All that is listened to in one node, and what it told. Sockets belong to the node's namespace, the thread does not.
final class NodeSources {
    let node: NodeReference
    let namespace: NetworkNamespace
    let home: Int32
    private let table: TraceTable
    /// Owner of the tables: they go with it.
    private var owner: NetlinkSocket
    private var traces: NetlinkSocket
    private var tracked: NetlinkSocket
    private var legacy: LegacySocket?
    private var logger: LegacyLogger?
    private let capture: PacketCapture
    private let before: Counters
    private(set) var families: [UInt8] = []
    private(set) var generation: UInt32?
    private(set) var links: [Int32: Link] = [:]
    private(set) var chains: [ChainName: BaseChain] = [:]
    private(set) var notes: [String] = []

    private(set) var packets: [CapturedPacket] = []
    private(set) var nftEvents: [NftTraceEvent] = []
    private(set) var legacyEvents: [LegacyTraceEvent] = []
    private(set) var flows: [ConntrackEvent] = []
    /// How much of each there was before what came last.
    private var marks = Marks()
    /// Ids of the last traversals that were forgotten: what comes of them later is not of the packet before.
    private var forgotten: Set<UInt32> = []
    private let backend: TraceBackend

    private struct Marks {
        var packets = 0
        var nftEvents = 0
        var legacyEvents = 0
        var flows = 0
    }

    /// Listens from now on; no packet is traced yet. Throws what the kernel refused; nothing stays behind.
    init(_ node: NodeReference, home: Int32, table: TraceTable, backend: TraceBackend = .auto) throws(KernelError) {
        self.node = node
        self.backend = backend
        self.home = home
        self.table = table
        namespace = try NetworkNamespace(open: node.namespace)
        owner = try NetlinkSocket(NETLINK_NETFILTER, in: namespace, home: home)
        traces = try NetlinkSocket(NETLINK_NETFILTER, in: namespace, home: home)
        tracked = try NetlinkSocket(NETLINK_NETFILTER, in: namespace, home: home)
        capture = try NodeSources.capturing(namespace, home)
        before = try namespace.inside(home: home) { () throws(KernelError) in try Counters.read() }
        var routes = try NetlinkSocket(NETLINK_ROUTE, in: namespace, home: home)
        for link in try routes.links() { links[link.index] = link }
        traces.makeRoom(bytes: 4 << 20)
        tracked.makeRoom(bytes: 1 << 20)
        try traces.join(group: 9)  // NFNLGRP_NFTRACE
        for group: Int32 in 1...3 { try tracked.join(group: group) }
        for family in TraceTable.families {
            do throws(KernelError) {
                try table.install(&owner, family: family)
                families.append(family)
            } catch {
                guard family != UInt8(NFPROTO_INET) else { throw error }
                notes.append("\(node.name): decisions of bridges are not traced: \(error)")
            }
        }
        chains = try owner.baseChains()
        if backend != .nft { try listenToLegacy() }
    }

    private static func capturing(_ namespace: borrowing NetworkNamespace, _ home: Int32) throws(KernelError)
        -> PacketCapture
    {
        let number = try namespace.inside(home: home) { () throws(KernelError) in try PacketCapture().release() }
        return PacketCapture(taking: number)
    }

    private func listenToLegacy() throws(KernelError) {
        let families = try namespace.inside(home: home) { () throws(KernelError) in LegacyLogger.families() }
        guard !families.isEmpty else { return }
        do throws(KernelError) {
            var socket = try NetlinkSocket(NETLINK_NETFILTER, in: namespace, home: home)
            socket.makeRoom(bytes: 1 << 20)
            try LegacyTraceEvent.bind(&socket)
            logger = try namespace.inside(home: home) { () throws(KernelError) in try LegacyLogger(families) }
            legacy = LegacySocket(socket)
        } catch {
            notes.append("\(node.name): rules of iptables-legacy are not traced: \(error)")
        }
    }

    /// Packets that match are traced here from now on.
    func trace(_ matches: [TraceTable.Match]) throws(KernelError) {
        for family in families { try table.trace(matches, &owner, family: family) }
        generation = try owner.generation()
    }

    var descriptors: [Int32] { [traces.descriptor, tracked.descriptor, capture.descriptor] + legacyDescriptor }
    private var legacyDescriptor: [Int32] { legacy.map { [$0.socket.descriptor] } ?? [] }

    /// Takes in what waits.
    func drain() throws(KernelError) {
        let newPackets = try capture.packets()
        let ours = table.name
        let newEvents = try traces.events("read trace events").compactMap(NftTraceEvent.init).filter {
            backend != .legacy || $0.table == ours
        }
        let newFlows = try tracked.events("read conntrack events").compactMap(ConntrackEvent.init)
        var newLegacy: [LegacyTraceEvent] = []
        if let legacy {
            newLegacy = try legacy.socket.events("read logged packets").compactMap(LegacyTraceEvent.init)
        }
        packets += newPackets
        nftEvents += newEvents
        flows += newFlows
        legacyEvents += newLegacy
    }

    /// What came since `remember`, of each source.
    var newPackets: ArraySlice<CapturedPacket> { packets[marks.packets...] }
    var newNftEvents: ArraySlice<NftTraceEvent> { nftEvents[marks.nftEvents...] }
    var newLegacyEvents: ArraySlice<LegacyTraceEvent> { legacyEvents[marks.legacyEvents...] }
    var newFlows: ArraySlice<ConntrackEvent> { flows[marks.flows...] }

    /// All that is there counts as old; of what was old already only that stays which is wanted, by its headers.
    func remember(_ isWanted: (PacketHeaders) -> Bool, _ isWantedFlow: (ConntrackEvent) -> Bool) {
        packets = packets[..<marks.packets].filter { isWanted($0.headers) } + packets[marks.packets...]
        legacyEvents =
            legacyEvents[..<marks.legacyEvents].filter { isWanted($0.headers) } + legacyEvents[marks.legacyEvents...]
        flows = flows[..<marks.flows].filter(isWantedFlow) + flows[marks.flows...]
        var kept: [NftTraceEvent] = []
        for (place, event) in nftEvents.enumerated() {
            if let headers = event.headers {
                if place >= marks.nftEvents || isWanted(headers) {
                    forgotten.remove(event.id)
                } else {
                    forgotten.insert(event.id)
                }
            }
            if !forgotten.contains(event.id) { kept.append(event) }
        }
        nftEvents = kept
        marks = Marks(
            packets: packets.count, nftEvents: nftEvents.count, legacyEvents: legacyEvents.count, flows: flows.count)
    }

    /// Chains that came since are known, too.
    func learnChains() throws(KernelError) {
        guard try owner.generation() != generation else { return }
        for (name, chain) in try owner.baseChains() { chains[name] = chain }
    }

    /// Rules and devices may have changed since: they are read again when they have.
    func refresh() throws(KernelError) {
        let now = try owner.generation()
        if now != generation {
            chains = try owner.baseChains()
            generation = now
        }
        notes.removeAll { $0.holds("the rules changed meanwhile") }
        guard packets.contains(where: { links[$0.device] == nil }) else { return }
        var routes = try NetlinkSocket(NETLINK_ROUTE, in: namespace, home: home)
        for link in try routes.links() { links[link.index] = link }
    }

    func counters() throws(KernelError) -> Counters {
        try namespace.inside(home: home) { () throws(KernelError) in try Counters.read() }
    }

    /// Messages that the kernel had no room for.
    var losses: Int { descriptors.reduce(0) { $0 + SocketLosses.count($1) } }

    var usesLegacy: Bool { logger != nil }

    /// Since then, or since all began.
    func counterChanges(since earlier: Counters? = nil) throws(KernelError) -> [Journey.CounterChange] {
        try counters().changes(since: earlier ?? before, node: node.name)
    }

    /// A parameter of this namespace; nil when there is none of that name.
    func sysctl(_ path: String) -> String? {
        try? namespace.inside(home: home) { () throws(KernelError) in try Sysctl.read(path) }
    }

    /// The rules that the events name, in words, unless they have changed since.
    func ruleTexts() throws(KernelError) -> RuleTexts {
        let ours = table.name
        let wantsNft = nftEvents.contains { ($0.handle != nil || $0.verdict == .drop) && $0.table != ours }
        let tables = Set(legacyEvents.map { RuleTexts.LegacyTable(program: $0.program, table: $0.table) })
        guard wantsNft || !tables.isEmpty else { return RuleTexts() }
        let isSame = try owner.generation() == generation
        if wantsNft, !isSame { notes.append("\(node.name): the rules changed meanwhile: only their handles are shown") }
        return try namespace.inside(home: home) { () throws(KernelError) in
            RuleTexts.read(nft: wantsNft && isSame, legacyTables: tables)
        }
    }

    func listeningSockets(_ proto: TransportProtocol, _ family: AddressFamily) throws(KernelError) -> [ListeningSocket]
    {
        var socket = try NetlinkSocket(NETLINK_SOCK_DIAG, in: namespace, home: home)
        return try socket.listeningSockets(proto, family)
    }

    /// Nil when the kernel cannot say.
    func route(to target: IPAddress, from source: IPAddress?, input: Int32?) -> RouteAnswer? {
        guard var socket = try? NetlinkSocket(NETLINK_ROUTE, in: namespace, home: home) else { return nil }
        return try? socket.routeAnswer(to: target, from: source, input: input)
    }

    func silentNeighbours(onlyAsked: Bool = false) -> [Int32: Set<IPAddress>] {
        guard var socket = try? NetlinkSocket(NETLINK_ROUTE, in: namespace, home: home) else { return [:] }
        return (try? socket.silentNeighbours(onlyAsked: onlyAsked)) ?? [:]
    }

    /// The logger of iptables-legacy is as before, and the tables are gone: with their socket they would be as soon as no child of
    /// another thread has it any more.
    func end() throws(KernelError) {
        for family in families { try? table.remove(&owner, family: family) }
        families = []
        guard let logger else { return }
        self.logger = nil
        try namespace.inside(home: home) { () throws(KernelError) in try logger.restore() }
    }

    deinit { try? end() }
}

/// Whose rules are told.
public enum TraceBackend: String, Hashable, Sendable, CaseIterable {
    /// Those of nftables, and of iptables-legacy where it has tables.
    case auto
    /// Those of nftables, and of iptables-nft, which are the same: the logger of iptables-legacy stays as it is.
    case nft
    case legacy
}

/// A socket that may be missing.
private final class LegacySocket {
    let socket: NetlinkSocket
    init(_ socket: consuming NetlinkSocket) { self.socket = socket }
}
