import CKernel
import Glibc
import NetCore

/// One trace from the first packet to the judgement.
struct TraceRun {
    let probe: Probe
    let sources: [NodeSources]
    let home: Int32
    let ours: String
    /// Nil to all but the machine's root.
    let tracepoints: DropTracepoints?
    let options: TraceOptions
    var captures: [ProbeFrames] = []
    private var added: Set<UInt16> = []
    /// What the source's kernel said when it was asked to send.
    private var refusal: Errno?
    /// By CLOCK_MONOTONIC.
    private var sentAt: Int64 = 0
    /// What TCP carries after its handshake, once it is sent.
    var stream: ProbeStream?

    init(
        probe: Probe, sources: [NodeSources], home: Int32, ours: String, tracepoints: DropTracepoints?,
        options: TraceOptions
    ) {
        self.options = options
        self.tracepoints = tracepoints
        self.probe = probe
        self.sources = sources
        self.home = home
        self.ours = ours
    }

    mutating func traced() throws(TraceError) -> TracedProbe {
        guard let source = sources.first(where: { $0.node.name == probe.source }) else {
            throw TraceError.noSuchNode(probe.source, known: sources.map(\.node.name))
        }
        let number = try send(from: source)
        let (merge, journey) = try merged(number)
        for capture in captures { try capture.drain() }
        return TracedProbe(
            journey, captures, options, isOfProbe: { merge.isAbout($0) })
    }

    /// Gives the port or the echo's number, when the answer has come or was waited for long enough.
    private mutating func send(from source: NodeSources) throws(TraceError) -> UInt16 {
        let home = home
        let probe = probe
        let options = options
        let socket = try Tracer.kernel(source.node.name) { () throws(KernelError) in
            try ProbeSocket(in: source.namespace, home: home, probe, raw: options.raw)
        }
        let matches = socket.matches
        for node in sources {
            try Tracer.kernel(node.node.name) { () throws(KernelError) in try node.trace(matches) }
        }
        added.insert(socket.number)
        // Who was asked for in vain a moment ago is asked for again a second later (net.ipv4.neigh.*.retrans_time_ms), and the packet
        // waits for that.
        let patience: Int64 = isAsking ? 1100 : 250
        // Who waits for longer than the kernel asks for a neighbour hears what it says then.
        let isPatient = probe.milliseconds >= 3500
        sentAt = nanoseconds(CLOCK_MONOTONIC)
        var answer = socket.send()
        if case .failed(let code) = answer { refusal = code }
        // Milliseconds since something new was told; other traffic, which wakes too, does not count.
        var quiet: Int64 = 0
        var lastNews = milliseconds()
        var before = 0
        var left = Int32(max(1, min(probe.milliseconds, 600_000)))
        // Ended by an answer, or by a drop that is known; then for as long as there is still something to read.
        while left > 0 {
            if quiet >= patience, isSettled(socket), !(isPatient && isAsking) {
                // A kernel that has just ceased to ask says so in that moment: after the last look, before the question above.
                try read(socket.descriptor, 15, wantsAnswer: false)
                if told(socket) == before { break }
            }
            let isOver = answer != .nothing || !probe.waitsForReply || isDropped(socket.number)
            let step: Int32 = isOver ? 15 : min(left, 50)
            let started = milliseconds()
            try read(socket.descriptor, step, wantsAnswer: !isOver)
            let told = told(socket)
            let isRead = told != before
            before = told
            left -= max(1, Int32(truncatingIfNeeded: milliseconds() - started))
            if answer == .nothing { answer = socket.answer() }
            if isRead { lastNews = milliseconds() }
            quiet = milliseconds() - lastNews
            if answer == .answered, probe.kind == .tcp, !probe.payload.isEmpty {
                try transfer(socket)
                break
            }
            if isOver, quiet >= 15 { break }
            try follow(socket.number)
        }
        if probe.kind == .tcp { socket.abort() }
        return socket.number
    }

    private var isAsking: Bool { sources.contains { !$0.silentNeighbours(onlyAsked: true).isEmpty } }

    /// Nothing more can come of itself: the packet is inside the nodes, and there no socket of a program has it.
    private func isSettled(_ socket: borrowing ProbeSocket) -> Bool {
        let (number, sequence) = (socket.number, socket.sequence)
        let isProbe = { (headers: PacketHeaders) in
            headers.protocolNumber == probe.protocolNumber
                && (headers.sequence != nil && headers.sequence == sequence || headers.sourcePort == number
                    || headers.icmpID == number)
        }
        var sent: Set<PacketHeaders> = []
        var received: Set<PacketHeaders> = []
        for node in sources {
            if probe.kind == .udp, node.nftEvents.contains(where: { $0.chain.hasSuffix("_input") && $0.table == ours })
            {
                return false
            }
            for packet in node.packets where isProbe(packet.headers) {
                guard packet.isOutgoing else {
                    received.insert(packet.headers)
                    continue
                }
                // A bridge's own device sends to its ports.
                if node.links[packet.device]?.kind != "bridge" { sent.insert(packet.headers) }
            }
        }
        return sent.isSubset(of: received)
    }

    func milliseconds() -> Int64 { nanoseconds(CLOCK_MONOTONIC) / 1_000_000 }

    private func nanoseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// How much was told of the probe and its answer; what else passes the nodes does not count.
    func told(_ socket: borrowing ProbeSocket) -> Int {
        var count = 0
        for node in sources {
            count += node.nftEvents.count + node.legacyEvents.count
            for packet in node.packets {
                let headers = packet.headers
                if [headers.sourcePort, headers.destinationPort, headers.icmpID].contains(socket.number)
                    || socket.sequence.map({ headers.sequence == $0 || headers.acknowledgement == $0 &+ 1 }) ?? false
                    || headers.isICMPError
                {
                    count += 1
                }
            }
        }
        return count
    }

    /// Waits for anything, takes in all.
    func read(_ socket: Int32, _ wait: Int32, wantsAnswer: Bool) throws(TraceError) {
        var waiting = sources.flatMap(\.descriptors).map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        if wantsAnswer {
            waiting.append(
                pollfd(
                    fd: socket, events: Int16(probe.kind == .tcp && options.raw == nil ? POLLOUT : POLLIN), revents: 0))
        }
        poll(&waiting, nfds_t(waiting.count), wait)
        for node in sources { try Tracer.kernel(node.node.name) { () throws(KernelError) in try node.drain() } }
        for capture in captures { try capture.drain() }
        tracepoints?.drain()
    }

    /// Has a table dropped the probe's own packet?
    private func isDropped(_ number: UInt16) -> Bool {
        sources.contains { node in
            var ids: Set<UInt32> = []
            for event in node.nftEvents {
                if let headers = event.headers {
                    if headers.sourcePort == number || headers.icmpID == number {
                        ids.insert(event.id)
                    } else {
                        ids.remove(event.id)
                    }
                }
                if event.verdict == .drop, ids.contains(event.id) { return true }
            }
            return false
        }
    }

    /// A source NAT that had to take another port is traced by that one from now on.
    mutating func follow(_ number: UInt16) throws(TraceError) {
        guard probe.kind != .icmp else { return }
        let ports = Set(
            sources.flatMap(\.flows).filter { added.contains($0.original.sourcePort) }.map(\.reply.destinationPort))
        let new = ports.subtracting(added)
        guard !new.isEmpty, added.count < 16 else { return }
        let matches = new.map { TraceTable.Match.port($0, protocolNumber: probe.protocolNumber) }
        for node in sources {
            try Tracer.kernel(node.node.name) { () throws(KernelError) in try node.trace(matches) }
        }
        added.formUnion(new)
    }

    private func merged(_ number: UInt16) throws(TraceError) -> (Merge, Journey) {
        var facts: [NodeFacts] = []
        var counters: [Journey.CounterChange] = []
        var lost = 0
        var evidence = ["nft trace", "capture", "conntrack", "counters"]
        if sources.contains(where: \.usesLegacy) { evidence.append("legacy trace") }
        for node in sources {
            let name = node.node.name
            let texts = try Tracer.kernel(name) { () throws(KernelError) in try node.ruleTexts() }
            let changes = try Tracer.kernel(name) { () throws(KernelError) in try node.counterChanges() }
            lost += node.losses
            counters += changes
            let events = NodeEvents(
                name: name, packets: node.packets, hooks: node.hookEvents(texts, ours: ours), flows: node.flows,
                links: node.links)
            var own = node.facts(events, changes, texts)
            own.otherEnd = { [sources] in node.otherEnd(of: $0, among: sources) }
            facts.append(own)
            try Tracer.kernel(name) { () throws(KernelError) in try node.end() }
        }
        if tracepoints != nil { evidence.append("kernel drop reasons") }
        var merge = Merge(
            probe: probe, number: number, facts: facts, drops: tracepoints?.drops() ?? [], refusal: refusal)
        merge.sentAt = sentAt
        merge.stream = stream
        merge.realtimeAhead = nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_MONOTONIC)
        var notes = sources.flatMap(\.notes)
        if let missed = tracepoints?.losses, missed > 0 {
            notes.append("the kernel had no room for \(missed) of the machine's events: its word may be missing here")
        }
        if options.backend == .legacy, !sources.contains(where: \.usesLegacy) {
            notes.append("no node has tables of iptables-legacy: no rule can be told")
        }
        var journey = merge.journey(lost: lost, evidence: evidence, counters: counters, notes: notes)
        journey.addBlindSpots(of: sources)
        return (merge, journey)
    }
}
