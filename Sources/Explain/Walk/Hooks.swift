import CKernel
import Glibc
import NetCore

extension Walk {
    /// Everything that waits at a hook of IP, by priority: base chains, conntrack at -200, NAT at -100 or 100. Nil: the packet goes on.
    func hook(
        _ node: Node, _ hook: nf_inet_hooks, _ packet: inout Packet, _ carried: inout Carried, input: Device?,
        output: Device?,
        physicalOutput: Device? = nil
    ) -> End? {
        let number = UInt32(hook.rawValue)
        let family = packet.family == .v4 ? UInt8(NFPROTO_IPV4) : UInt8(NFPROTO_IPV6)
        let chains = node.rules.hooked(number, family)
        var here = Situation(packet: packet, hook: number, family: family, input: input, output: output)
        (here.physicalInput, here.physicalOutput, here.macs) = (carried.physicalInput, physicalOutput, carried.macs)
        (here.flow, here.isReply, here.isUntracked) = (carried.flow, carried.isReply, carried.isUntracked)
        here.isSilent = carried.isSilent
        defer {
            packet = here.packet
            (carried.flow, carried.isReply, carried.isUntracked) = (here.flow, here.isReply, here.isUntracked)
        }
        let (tracks, natPriority): (Bool, Int32) =
            switch hook {
            case NF_INET_PRE_ROUTING, NF_INET_LOCAL_OUT: (true, -100)
            default: (false, 100)
            }
        var isTracked = !tracks
        var isTranslated = false
        let nat = chains.filter { $0.type == "nat" }
        let step = { (before: Int32, walk: Walk, here: inout Situation) -> End? in
            if !isTracked, before > -200 {
                isTracked = true
                walk.track(node, &here)
            }
            guard !isTranslated, before > natPriority else { return nil }
            isTranslated = true
            return walk.translate(node, nat, hook, &here)
        }
        for chain in chains where chain.type != "nat" {
            if let stop = step(chain.priority, self, &here) { return stop }
            if let stop = run(chain, node, hook, &here) { return stop }
        }
        return step(.max, self, &here)
    }

    private static let names = ["prerouting", "input", "forward", "output", "postrouting"]
    static func name(_ hook: nf_inet_hooks) -> String { names[Int(hook.rawValue)] }

    /// One base chain. Nil: it goes on.
    func run(_ chain: Chain, _ node: Node, _ hook: nf_inet_hooks, _ here: inout Situation) -> End? {
        let machine = Machine(node, unknowns)
        let outcome = machine.run(chain, &here) { change, here in self.apply(change, node, hook, &here) }
        let kind = Step.Kind(rawValue: Walk.name(hook)) ?? .forward
        for decision in machine.decisions {
            let place = decision.rule.map { "\(decision.chain) \($0)" } ?? decision.chain
            let isEnd = outcome == .drop && [.drop, .policy, .reject].contains(decision.kind)
            note(kind, node, "\(place): \(decision.what)\(decision.comment.map { " (\($0))" } ?? "")", isEnd: isEnd)
        }
        guard outcome == .drop else { return nil }
        let last = machine.decisions.last
        let owner = Owner.of(chain, node.rules)
        let place = last.flatMap { decision in decision.rule.map { "\(decision.chain) \($0)" } } ?? chain.words
        var words =
            last?.kind == .policy
            ? "\(chain.words)'s policy drops it: no rule of it let it through" : "\(place) drops it"
        if last?.what == "queue" { words = "\(place) gives it to a program (queue): what that does nobody can tell" }
        if last?.kind == .reject { words = "\(place) rejects it" }
        if let owner { words += " (\(owner.name)'s)" }
        var end = end(
            last?.kind == .reject && !here.isSilent ? .refused : .dropped, node, here.packet,
            at: "hook:\(Walk.name(hook))", words,
            fixes: Fixes.letThrough(chain, owner, node, here, hook), lesson: here.packet.inner == nil ? "07" : "14")
        end.isReset = last?.what == "reject with tcp reset"
        end.gate = Gatekeeper(
            node: node.name, hook: Walk.name(hook), chain: GateChain(chain, owner?.name), place: place,
            owner: Owner.named(place.split(separator: " ").dropFirst(2).first.map(String.init) ?? "") ?? owner?.name,
            isPolicy: last?.kind == .policy, input: here.input?.name, output: here.output?.name,
            isTranslated: here.flow?.rewritesDestination == true, isReply: here.isReply,
            destination: here.packet.destination, port: here.packet.isICMP ? nil : here.packet.destinationPort)
        return end
    }

    private func apply(_ change: Change, _ node: Node, _ hook: nf_inet_hooks, _ here: inout Situation) {
        switch change {
        case .mark(let mark): here.packet.mark = mark
        case .connectionMark(let mark): here.flow?.mark = mark
        case .untracked:
            here.flow = nil
            here.isUntracked = true
        case .reject: break
        case .destination(let address, let port):
            guard let flow = here.flow, address == nil || address?.family == here.packet.family else { return }
            flow.reply.source = address ?? here.packet.destination
            flow.reply.sourcePort = here.packet.isICMP ? nil : port ?? here.packet.destinationPort
            flow.hasDestination = true
        case .source(let address, let port):
            guard let flow = here.flow, address == nil || address?.family == here.packet.family else { return }
            flow.reply.destination = address ?? here.packet.source
            flow.reply.destinationPort = here.packet.isICMP ? nil : port ?? here.packet.sourcePort
            flow.hasSource = true
        case .masquerade:
            guard let flow = here.flow, let device = here.output else { return }
            let own = node.addresses.filter {
                $0.device == device.index && $0.prefix.family == here.packet.family && !$0.prefix.address.isLinkLocal
            }
            let hop = node.route(to: here.packet.destination, mark: here.packet.mark).gateway ?? here.packet.destination
            let chosen = own.first { $0.prefix.contains(hop) } ?? own.first
            flow.reply.destination = chosen?.prefix.address ?? here.packet.source
            flow.hasSource = true
        case .redirect(let port):
            guard let flow = here.flow else { return }
            let own = here.input.flatMap { input in
                node.addresses.first { $0.device == input.index && $0.prefix.family == here.packet.family }
            }
            let loopback = IPAddress(here.packet.family == .v4 ? "127.0.0.1" : "::1")!
            flow.reply.source = hook == NF_INET_LOCAL_OUT ? loopback : own?.prefix.address ?? loopback
            flow.reply.sourcePort = port ?? here.packet.destinationPort
            flow.hasDestination = true
        }
    }

    /// conntrack: the flow that the packet belongs to, or a new one.
    private func track(_ node: Node, _ here: inout Situation) {
        // What comes in by lo has it with it.
        guard here.flow == nil, !here.isUntracked else { return }
        let packet = here.packet
        let tuple = packet.inner ?? Tuple(packet)
        for flow in node.flows where packet.inner != nil || flow.proto == packet.proto {
            if flow.reply == tuple || flow.original == tuple {
                (here.flow, here.isReply) = (flow, flow.reply == tuple && flow.original != tuple)
                if here.isReply { flow.isAnswered = true }
                return
            }
        }
        if packet.inner == nil, !packet.isICMP, packet.sourcePort != nil {
            for known in node.knownFlows(packet.family) where known.original.protocolNumber == packet.proto {
                let isOriginal = Tuple(known.original) == tuple
                guard isOriginal || Tuple(known.reply) == tuple else { continue }
                let flow = Flow(known: known, mark: 0)
                node.flows.append(flow)
                (here.flow, here.isReply) = (flow, !isOriginal)
                return
            }
        }
        // SYN and ACK, RST, an echo's answer or an error begin no flow: they are invalid.
        guard packet.inner == nil, !(packet.proto != UInt8(IPPROTO_UDP) && (packet.isAnswer || packet.isReset)) else {
            return
        }
        let flow = Flow(packet)
        node.flows.append(flow)
        (here.flow, here.isReply) = (flow, false)
    }

    /// NAT: the rules for a flow's first packet, the memory for every other.
    private func translate(_ node: Node, _ chains: [Chain], _ hook: nf_inet_hooks, _ here: inout Situation) -> End? {
        guard let flow = here.flow else { return nil }
        let isDestination = hook == NF_INET_PRE_ROUTING || hook == NF_INET_LOCAL_OUT
        let isDone = isDestination ? flow.hasDestination : flow.hasSource
        if !isDone, !here.isReply, here.packet.inner == nil, hook != NF_INET_FORWARD {
            for chain in chains {
                if let stop = run(chain, node, hook, &here) { return stop }
                if isDestination ? flow.hasDestination : flow.hasSource { break }
            }
            if isDestination { flow.hasDestination = true } else { flow.hasSource = true }
        } else if flow.isKnown, !here.isReply, isDestination, flow.rewritesDestination {
            let way = Packet.endpoint(flow.reply.source, flow.reply.sourcePort)
            note(
                Step.Kind(rawValue: Walk.name(hook)) ?? .prerouting, node,
                "conntrack knows this flow, and asks no rule: to \(way)")
            remember(flow, node, chains, hook, here)
        }
        guard hook != NF_INET_FORWARD else { return nil }
        let before = here.packet
        let end = here.isReply ? flow.original : flow.reply
        if here.packet.inner != nil {
            // Of an error also the packet that it is about; one that is of no such translation keeps its sender, a router on the way
            // (nf_nat_icmp_reply_translation).
            guard isDestination == here.isReply ? flow.rewritesSource : flow.rewritesDestination else { return nil }
        }
        if isDestination {
            here.packet.destination = end.source
            if !here.packet.isICMP { here.packet.destinationPort = end.sourcePort }
            here.packet.inner?.destination = end.source
            here.packet.inner?.destinationPort = end.sourcePort
        } else {
            here.packet.source = end.destination
            if !here.packet.isICMP { here.packet.sourcePort = end.destinationPort }
            here.packet.inner?.source = end.destination
            here.packet.inner?.sourcePort = end.destinationPort
        }
        if here.isReply, here.packet.from != before.from || here.packet.to != before.to {
            note(
                Step.Kind(rawValue: Walk.name(hook)) ?? .prerouting, node,
                isDestination
                    ? "conntrack turns the destination back: \(before.to) → \(here.packet.to)"
                    : "conntrack turns the source back: \(before.from) → \(here.packet.from)")
        }
        return nil
    }
}
