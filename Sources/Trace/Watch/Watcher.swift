import CKernel
import Glibc
public import NetCore

/// Follows packets that others send: the first of each new flow that a filter wants, or every one. Nothing of it stays behind,
/// however the process ends.
public final class Watcher {
    /// What may be told at the most in a second before a watch of everything gives up.
    public static let busy = 2000

    private let filter: PacketFilter
    private let isFirstOnly: Bool
    private let sources: [NodeSources]
    private let ours: String
    /// Where the thread comes back to.
    private let home: NetworkNamespace
    private var flows: [WatchedFlow] = []
    /// Of all flows so far, both ways; of TCP the numbers of the SYNs, as ports are used again.
    private var knownTuples: Set<SeenTuple> = []
    private var knownSequences: Set<UInt32> = []
    /// What each node's ids of trace events stand for.
    private var glued: [[UInt32: PacketHeaders]]
    private var counters: [Counters] = []
    private var lastLook: Int64 = 0
    private var lossesThen = 0
    private var second: (began: Int64, events: Int) = (0, 0)
    /// Packets that came while too many others were followed.
    public private(set) var passedOver = 0
    /// Events of the last whole second.
    public private(set) var eventsPerSecond = 0

    /// Watches from now on. Throws what the kernel refused, and a sentence when the filter wants what no table sees.
    public init(
        _ nodes: [NodeReference], _ filter: PacketFilter, isFirstOnly: Bool = true, backend: TraceBackend = .auto
    ) throws(TraceError) {
        self.filter = filter
        self.isFirstOnly = isFirstOnly
        let matches = try Watcher.matches(filter, isFirstOnly: isFirstOnly)
        home = try Tracer.kernel { () throws(KernelError) in try NetworkNamespace.current() }
        let number = home.number
        let table = TraceTable(pid: getpid())
        ours = table.name
        var sources: [NodeSources] = []
        for node in nodes {
            sources.append(try Tracer.opened(node, number, table, backend))
        }
        self.sources = sources
        glued = sources.map { _ in [:] }
        for node in sources {
            try Tracer.kernel(node.node.name) { () throws(KernelError) in try node.trace(matches) }
        }
        try look(Watcher.now)
    }

    /// What the tables look for. Ports are not among it: NAT gives the first packet others on its way, before anybody could be
    /// told of that; so the tables tell of every first packet of the protocol, and the filter is held to it here.
    static func matches(_ filter: PacketFilter, isFirstOnly: Bool) throws(TraceError) -> [TraceTable.Match] {
        let known: Set<UInt8> = [1, 6, 17, 58]
        let wanted = (filter.protocols ?? known).intersection(known)
        guard !wanted.isEmpty else {
            throw TraceError.badProbe(
                "the filter wants none of TCP, UDP and ICMP, which are what a watch follows: berth capture shows others"
            )
        }
        return wanted.sorted().flatMap { number -> [TraceTable.Match] in
            // SYN and RST: the first packet and its answer.
            number == 6 && isFirstOnly ? [.flags(0x06)] : [.all(protocolNumber: number)]
        } + (wanted.isSubset(of: [1, 58]) ? [] : [.errors])
    }

    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// To be polled for reading.
    public var descriptors: [Int32] { sources.flatMap(\.descriptors) }
    /// Is there a packet whose end is waited for? Then `take` is to be called every 20 ms.
    public var isFollowing: Bool { flows.contains { $0.isWanted } }
    /// Messages that the kernel had no room for.
    public var losses: Int { sources.reduce(0) { $0 + $1.losses } }

    /// Takes in what waits, and gives the journeys that are over, so many at most; at the end (`isLast`) those too that are not. More
    /// than a second's work of them is passed over.
    public func take(isLast: Bool = false, atMost most: Int = .max) throws(TraceError) -> [Journey] {
        let now = Watcher.now
        var isNew = false
        for (place, node) in sources.enumerated() {
            try Tracer.kernel(node.node.name) { () throws(KernelError) in try node.drain() }
            second.events += node.newNftEvents.count + node.newLegacyEvents.count
            isNew = isNew || !node.newPackets.isEmpty || !node.newNftEvents.isEmpty
            meet(node, place, now)
        }
        if now - second.began >= 1000 {
            eventsPerSecond = second.events * 1000 / Int(max(1000, min(now - second.began, 60_000)))
            second = (now, 0)
        }
        var journeys: [Journey] = []
        var texts: [RuleTexts]?
        for flow in flows where flow.isWanted && (isLast || flow.isOver(now)) && journeys.count < most {
            guard Watcher.now - now < 1000 else {
                passedOver += 1
                continue
            }
            if texts == nil { texts = try ruleTexts() }
            if let journey = try journey(flow, texts ?? []) { journeys.append(journey) }
        }
        flows.removeAll { $0.isWanted ? $0.isOver(now) : now - $0.began > 500 }
        if isNew || now - lastLook >= 100 {
            let open = flows
            let isWanted = { (headers: PacketHeaders) in open.contains { $0.concerns(headers) } }
            let isWantedFlow = { (event: ConntrackEvent) in open.contains { $0.concerns(event) } }
            for node in sources { node.remember(isWanted, isWantedFlow) }
        }
        if now - lastLook >= 100 { try look(now) }
        return journeys
    }

    /// Counters, rules and devices as they are while no packet is on its way.
    private func look(_ now: Int64) throws(TraceError) {
        lastLook = now
        guard !isFollowing else { return }
        counters = []
        lossesThen = losses
        for node in sources {
            try Tracer.kernel(node.node.name) { () throws(KernelError) in
                try node.refresh()
                counters.append(try node.counters())
            }
        }
    }

    private func meet(_ node: NodeSources, _ place: Int, _ now: Int64) {
        for packet in node.newPackets { meet(packet.headers, now) }
        if glued[place].count > 100_000 { glued[place] = [:] }
        for event in node.newNftEvents {
            if let headers = event.headers {
                glued[place][event.id] = headers
                meet(headers, now)
            }
            if event.verdict == .drop, let headers = glued[place][event.id] { drop(headers) }
        }
        for event in node.newLegacyEvents { meet(event.headers, now) }
        // What NAT made of it is its own tuple from now on, before any packet of the answer was told.
        for event in node.newFlows {
            for place in flows.indices where flows[place].concerns(event) {
                add(SeenTuple(event.original), to: place)
                add(SeenTuple(event.reply).reversed, to: place)
            }
        }
    }

    private func add(_ tuple: SeenTuple, to place: Int) {
        guard flows[place].tuples.insert(tuple).inserted, tuple.protocolNumber != 6 else { return }
        if knownTuples.count > 100_000 { knownTuples = [] }
        knownTuples.insert(tuple)
    }

    private func drop(_ headers: PacketHeaders) {
        let identity = PacketIdentity(headers)
        for place in flows.indices where flows[place].identity == identity { flows[place].isDropped = true }
    }

    private func meet(_ headers: PacketHeaders, _ now: Int64) {
        if headers.isICMPError {
            for place in flows.indices where flows[place].answered == nil && isAbout(headers, flows[place]) {
                flows[place].answered = now
            }
            return
        }
        guard let tuple = SeenTuple(headers) else { return }
        let identity = PacketIdentity(headers)
        if let place = flows.firstIndex(where: { $0.identity == identity }) {
            add(tuple, to: place)
            flows[place].isWanted = flows[place].isWanted || filter.matches(headers)
            flows[place].lastNews = now
            return
        }
        // Its answer: of TCP a SYN or RST that acknowledges.
        let isAnswer = !headers.isTCP || headers.flags.map { $0 & 0x10 != 0 && $0 & 0x06 != 0 } ?? false
        if isAnswer {
            for place in flows.indices where flows[place].tuples.contains(tuple.reversed) {
                if flows[place].answered == nil { flows[place].answered = now }
            }
        }
        if isFirst(headers, tuple) { begin(headers, tuple, now) }
    }

    /// Inside the error stand the header of the packet that it is about, and its ports.
    private func isAbout(_ error: PacketHeaders, _ flow: WatchedFlow) -> Bool {
        guard error.protocolNumber == 1 else { return error.word(48) == flow.first.sourcePort }
        return error.transport.count >= 20 && error.transport[17] == flow.first.protocolNumber
            && error.word(12) == flow.first.identification
    }

    private func isFirst(_ headers: PacketHeaders, _ tuple: SeenTuple) -> Bool {
        if headers.isTCP, isFirstOnly {
            guard let flags = headers.flags, flags & 0x12 == 2, let sequence = headers.sequence else { return false }
            return !knownSequences.contains(sequence)
        }
        guard isFirstOnly else { return true }
        return !knownTuples.contains(tuple) && !knownTuples.contains(tuple.reversed)
    }

    private func begin(_ headers: PacketHeaders, _ tuple: SeenTuple, _ now: Int64) {
        guard flows.count < 500 else {
            passedOver += 1
            return
        }
        if headers.isTCP, let sequence = headers.sequence {
            if knownSequences.count > 100_000 { knownSequences = [] }
            knownSequences.insert(sequence)
        }
        var flow = WatchedFlow(headers, now, counters, losses: lossesThen)
        flow.isWanted = filter.matches(headers)
        flows.append(flow)
        add(tuple, to: flows.count - 1)
    }

    /// Of each node: programs are asked, which takes long.
    private func ruleTexts() throws(TraceError) -> [RuleTexts] {
        var texts: [RuleTexts] = []
        for node in sources {
            texts.append(
                try Tracer.kernel(node.node.name) { () throws(KernelError) in
                    try node.learnChains()
                    return try node.ruleTexts()
                })
        }
        return texts
    }

    private func journey(_ flow: WatchedFlow, _ rules: [RuleTexts]) throws(TraceError) -> Journey? {
        var facts: [NodeFacts] = []
        var changes: [Journey.CounterChange] = []
        var evidence = ["nft trace", "capture", "conntrack", "counters"]
        if sources.contains(where: \.usesLegacy) { evidence.append("legacy trace") }
        for (place, node) in sources.enumerated() {
            let name = node.node.name
            let texts = rules[place]
            let moved = try Tracer.kernel(name) { () throws(KernelError) in
                try node.counterChanges(since: place < flow.counters.count ? flow.counters[place] : nil)
            }
            changes += moved
            let events = NodeEvents(
                name: name, packets: node.packets, hooks: node.hookEvents(texts, ours: ours), flows: node.flows,
                links: node.links)
            facts.append(node.facts(events, moved, texts))
        }
        guard let way = PacketWay(flow.identity, source: nil, nodes: facts.map(\.events)), let source = way.nodes.first
        else { return nil }
        let first = way.first ?? flow.first
        let probe = Probe(
            source: source, address: first.destination, port: first.destinationPort ?? 0,
            kind: first.isTCP ? .tcp : first.isUDP ? .udp : .icmp)
        let merge = Merge(
            probe: probe, number: first.sourcePort ?? first.icmpID ?? 0, facts: facts, observed: first)
        var journey = merge.journey(
            lost: max(0, losses - flow.losses), evidence: evidence, counters: changes, notes: sources.flatMap(\.notes))
        journey.addBlindSpots(of: sources)
        return journey
    }
}
