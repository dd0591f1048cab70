import NetCore

/// One packet's way through all nodes: its steps in the order that the kernel's structure gives.
struct PacketWay {
    var steps: [Journey.Step] = []
    /// The headers as they were seen last.
    var last: PacketHeaders?
    /// The event whose verdict ended it.
    var dropped: HookEvent?
    /// Nodes in the order in which the packet met them.
    var nodes: [String] = []
    /// What of each node the packet saw.
    var visits: [String: Visit] = [:]
    /// Nodes that send it to each other in a ring, in their order; of each only the first visit is told.
    var ring: [String] = []
    /// Nanoseconds of the first and last capture.
    var began: Int64?
    var ended: Int64?

    /// Of the chain whose step came last: "nat", "filter".
    private var lastType: String?

    struct Visit {
        var received: [CapturedPacket] = []
        var sent: [CapturedPacket] = []
        var hooks: [HookEvent] = []

        /// A process here sent it.
        var beginsHere: Bool { hooks.first { !$0.isBridge }?.hookName == "output" || received.isEmpty }

        /// Of two nodes that which the packet met first has the lesser one.
        var rank: [Int] {
            let lives = (received + sent).map { Int($0.headers.ttl) } + hooks.map { Int($0.headers.ttl) }
            let place = received.isEmpty ? 0 : sent.isEmpty ? 2 : 1
            return [-(lives.max() ?? 0), -(lives.min() ?? 0), place]
        }

        /// Nothing of what a packet that goes round did here after it left: a router takes one of its time to live.
        mutating func keepFirst() {
            let (came, left) = (received.map(\.headers.ttl).max(), sent.map(\.headers.ttl).max())
            guard let first = [came, left].compactMap({ $0 }).max() else { return }
            let least = came == first ? first &- 1 : first
            received.removeAll { $0.headers.ttl < least }
            sent.removeAll { $0.headers.ttl < least }
            hooks.removeAll { $0.headers.ttl < least }
        }

        func reached(_ hook: String) -> Bool { hooks.contains { !$0.isBridge && $0.hookName == hook } }
    }

    /// The way of the packet `identity`; nil when nobody saw it. `source` comes first whatever the clocks say.
    init?(_ identity: PacketIdentity, source: String?, nodes: [NodeEvents]) {
        var firstSeen: [String: Int64] = [:]
        var isRound: Set<String> = []
        for node in nodes {
            var visit = Visit()
            for packet in node.packets where PacketIdentity(packet.headers) == identity && !node.isOthers(packet) {
                // A device sees a packet once in a direction; more is the same sent again, or come round.
                let known = (visit.received + visit.sent).first {
                    $0.device == packet.device && $0.isOutgoing == packet.isOutgoing
                }
                if let known {
                    if known.headers.ttl > packet.headers.ttl { isRound.insert(node.name) }
                    continue
                }
                if packet.isOutgoing { visit.sent.append(packet) } else { visit.received.append(packet) }
                firstSeen[node.name] = min(firstSeen[node.name] ?? .max, packet.time)
                began = min(began ?? .max, packet.time)
                ended = max(ended ?? .min, packet.time)
            }
            visit.hooks = PacketWay.ordered(PacketWay.once(node.hooks.filter { $0.identity == identity }))
            if !visit.hooks.isEmpty || firstSeen[node.name] != nil { visits[node.name] = visit }
        }
        guard !visits.isEmpty else { return nil }
        if !isRound.isEmpty { for name in visits.keys { visits[name]?.keepFirst() } }
        // Each router takes one of the time to live. The clock comes last: the kernel begins to stamp packets a while after it
        // was asked to, and those before bear the time at which they were read.
        let ranks = visits.mapValues(\.rank)
        self.nodes = visits.keys.sorted { left, right in
            if left == source || right == source { return left == source && right != source }
            let (first, second) = (ranks[left] ?? [], ranks[right] ?? [])
            if first != second { return first.lexicographicallyPrecedes(second) }
            return (firstSeen[left] ?? .max, left) < (firstSeen[right] ?? .max, right)
        }
        for name in self.nodes {
            if let node = nodes.first(where: { $0.name == name }), let visit = visits[name] { add(visit, node) }
        }
        // It came back to where it began.
        if self.nodes.count > 1, let name = self.nodes.first, let visit = visits[name], !visit.received.isEmpty,
            let node = nodes.first(where: { $0.name == name }), visit.beginsHere
        {
            comeBack(visit, node)
            self.nodes.append(name)
        }
        for place in steps.indices { steps[place].number = place + 1 }
        ring = self.nodes.filter(isRound.contains)
    }

    /// The events up to a second traversal of the same chain: the packet sent again.
    private static func once(_ events: [HookEvent]) -> [HookEvent] {
        var found: [HookEvent] = []
        for event in events {
            let isAgain =
                event.isSnapshot
                && found.contains {
                    $0.isSnapshot && $0.step.table == event.step.table && $0.step.chain == event.step.chain
                        && $0.hook == event.hook && $0.input == event.input && $0.output == event.output
                        && $0.step.handle == event.step.handle && $0.step.kind == event.step.kind
                }
            if isAgain { break }
            found.append(event)
        }
        return found
    }

    /// Events of iptables-legacy come by a socket of their own: hooks and priorities tell where they belong. Those of
    /// one socket keep its order.
    private static func ordered(_ events: [HookEvent]) -> [HookEvent] {
        let legacy = events.filter(\.isLegacy)
        guard !legacy.isEmpty else { return events }
        var found = events.filter { !$0.isLegacy }
        // A bridge has an output of its own, also for what is only passed on.
        let isSentHere = events.contains { !$0.isBridge && $0.hookName == "output" }
        let order = isSentHere ? ["output", "postrouting", "prerouting", "input"] : TraceTable.hooks
        let key = { (event: HookEvent) in
            (order.firstIndex(of: event.hookName) ?? order.count, event.priority ?? 0)
        }
        // One hook and priority at a time. Where both have chains there, that which decided had the last word: no packet comes
        // to a chain of NAT after another one took it.
        var place = 0
        while place < legacy.count {
            let first = legacy[place]
            let group = Array(legacy[place...].prefix { key($0) == key(first) })
            place += group.count
            let isDecided = group.contains { $0.decides }
            let next = found.firstIndex {
                !$0.isBridge && (key($0) > key(first) || !isDecided && key($0) == key(first))
            }
            found.insert(contentsOf: group, at: next ?? found.endIndex)
        }
        return found
    }

    private mutating func add(_ visit: Visit, _ node: NodeEvents) {
        let (received, sent) = (visit.received, visit.sent)
        let inner = visit.hooks.filter { !$0.isBridge }
        let bridge = visit.hooks.filter(\.isBridge)
        let early = bridge.filter { $0.hookName == "prerouting" || $0.hookName == "input" }
        let late = bridge.filter { $0.hookName != "prerouting" && $0.hookName != "input" }
        // Of what a process here sends to itself the way out comes before the way in.
        let beginsHere = visit.beginsHere
        let wayOut = beginsHere ? inner.prefix { $0.hookName == "output" || $0.hookName == "postrouting" } : []
        let wayIn = inner.dropFirst(wayOut.count)
        if beginsHere {
            through(Array(wayOut), node)
            // A bridge's own device hands it to the bridge, and that to a port.
            let bridges = sent.filter { node.links[$0.device]?.kind == "bridge" }
            for packet in bridges { device(packet, node) }
            through(late, node)
            for packet in sent where node.links[packet.device]?.kind != "bridge" { device(packet, node) }
            // What went through other nodes comes back after them.
            if visits.count > 1, !received.isEmpty { return }
            for packet in received { device(packet, node) }
            through(early + wayIn, node)
        } else {
            for packet in received.prefix(1) { device(packet, node) }
            if bridge.contains(where: { $0.hookName == "forward" }) {
                // Only the bridge passed it on, from port to port: all is in the socket's order, also chains of IP within the bridge's.
                through(visit.hooks, node)
                for packet in received.dropFirst() + sent { device(packet, node) }
                return
            }
            // With br_netfilter the chains of IP run inside those of the bridge: the socket's order tells.
            let nested = (visit.hooks.lastIndex { early.contains($0) } ?? -1) + 1
            through(Array(visit.hooks[..<nested]), node)
            for packet in received.dropFirst() { device(packet, node) }
            let before = visit.hooks[..<nested].last { !$0.isBridge }?.hookName
            through(visit.hooks[nested...].filter { !$0.isBridge }, node, from: before)
            for packet in sent.dropLast() { device(packet, node) }
            through(late, node)
            for packet in sent.suffix(1) { device(packet, node) }
        }
    }

    private mutating func comeBack(_ visit: Visit, _ node: NodeEvents) {
        for packet in visit.received { device(packet, node) }
        let early = visit.hooks.filter { $0.isBridge && ($0.hookName == "prerouting" || $0.hookName == "input") }
        let inner = visit.hooks.filter { !$0.isBridge }
        through(early + inner.drop { $0.hookName == "output" || $0.hookName == "postrouting" }, node)
    }

    private mutating func device(_ packet: CapturedPacket, _ node: NodeEvents) {
        var step = Journey.Step(
            node: node.name, at: "dev:\(node.device(packet.device))", kind: packet.isOutgoing ? .tx : .rx)
        step.l3 = packet.headers.network
        step.l4 = packet.headers.transportWords
        step.time = (packet.time - (began ?? packet.time)) / 1000
        step.changed = PacketWay.change(last, packet.headers, withTTL: true)
        last = packet.headers
        steps.append(step)
    }

    /// The steps of the hooks in their order, with the route between them.
    private mutating func through(_ events: [HookEvent], _ node: NodeEvents, from before: String? = nil) {
        var hook = before
        for event in events {
            if event.isSnapshot {
                rewrite(event, node)
                if !event.isBridge, event.hookName != hook { route(from: hook, event, node) }
                last = event.headers
            }
            hook = event.hookName
            if event.verdict == .drop, dropped == nil { dropped = event }
            // A chain that no rule of matched says so by its policy.
            let isSilent = event.step.kind == .rule && event.step.handle == nil && event.verdict != .drop
            if event.isOurs || isSilent { continue }
            steps.append(event.step)
            lastType = event.type
        }
    }

    private mutating func rewrite(_ event: HookEvent, _ node: NodeEvents) {
        guard var changed = PacketWay.change(last, event.headers, withTTL: false), changed.isAddress else { return }
        changed.ttl = nil
        let before = steps.last { $0.node == node.name }
        var step = Journey.Step(
            node: node.name, at: before?.hook != nil ? before!.at : event.step.at, kind: .rewrite)
        step.changed = changed
        // Only a chain of type nat changes addresses, by a rule that accepts.
        let isRuled = before?.kind == .rule && before?.verdict == "accept" && lastType == "nat"
        if isRuled, let before {
            step.result = "by \(before.table ?? "") \(before.chain ?? "") #\(before.handle ?? 0)"
        } else {
            step.result = event.conntrack(in: node).map { "no rule; conntrack \($0)" } ?? "no rule; conntrack"
        }
        steps.append(step)
    }

    private mutating func route(from before: String?, _ event: HookEvent, _ node: NodeEvents) {
        let target = event.headers.destination
        let result: String
        switch (before, event.hookName) {
        case ("prerouting", "forward"):
            guard let output = event.output else { return }
            result = "\(target) dev \(node.device(output))"
        case ("prerouting", "input"): result = "\(target) is local"
        default: return
        }
        var step = Journey.Step(node: node.name, at: "route", kind: .fib)
        step.result = result
        steps.append(step)
    }

    static func change(_ old: PacketHeaders?, _ new: PacketHeaders, withTTL: Bool) -> Journey.Change? {
        guard let old else { return nil }
        var change = Journey.Change()
        if old.from != new.from { change.source = .init(old.from, new.from) }
        if old.to != new.to { change.destination = .init(old.to, new.to) }
        if withTTL, old.ttl != new.ttl { change.ttl = .init(Int(old.ttl), Int(new.ttl)) }
        return change == Journey.Change() ? nil : change
    }
}

/// What one node told, ready to be merged.
struct NodeEvents {
    var name: String
    var packets: [CapturedPacket]
    var hooks: [HookEvent]
    var flows: [ConntrackEvent]
    var links: [Int32: Link]

    /// A frame for somebody else, which a bridge sent to all its ports as it did not know to which: PACKET_OTHERHOST at a device that
    /// hands on to no other one.
    func isOthers(_ packet: CapturedPacket) -> Bool {
        guard packet.kind == 3, let link = links[packet.device], link.master == nil, link.kind != "bridge" else {
            return false
        }
        return !links.values.contains { ["macvlan", "macvtap", "ipvlan", "vlan"].contains($0.kind ?? "") }
    }

    func device(_ index: Int32) -> String { links[index]?.name ?? "#\(index)" }
}

extension HookEvent {
    /// The id of the flow that the packet is of, where it is known.
    fileprivate func conntrack(in node: NodeEvents) -> String? {
        if let mark = step.conntrack { return mark.id }
        return node.flows.last { $0.original.matches(headers) || $0.reply.matches(headers) }.map { hexadecimal($0.id) }
    }
}
