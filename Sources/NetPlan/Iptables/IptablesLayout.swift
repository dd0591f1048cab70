import NetCore

// The reference plugins' layout (cni.md C-4, 2.1, 2.5, 2.6): what a person looks for who knows `iptables -t nat -n -L`. Each
// rule of an attachment bears its owner in the comment, as nftables elements do.
extension Plan {
    /// The netfilter half in iptables' words. Nothing for a family of which the plan has no addresses.
    public func iptables(_ family: AddressFamily) -> IptablesChanges {
        var changes = IptablesChanges(family)
        changes.ownerPrefix = owner.commentPrefix
        let comment = IptablesRule.Match.comment(owner.comment)
        var forwards: [PortForward] = []
        var hairpin: Hairpin?
        var members: [FirewallMember] = []
        for resource in resources {
            switch resource {
            case .masquerade(let it) where it.source.family == family: changes.add(it, owner, comment)
            case .portForward(let it) where it.family == family: forwards.append(it)
            case .hairpin(let it) where it.target.family == family: hairpin = it
            case .firewallMember(let it) where it.address.family == family: members.append(it)
            default: break
            }
        }
        if !forwards.isEmpty { changes.add(forwards, hairpin, owner, comment) }
        guard !members.isEmpty else { return changes }
        let bridges = resources.compactMap { resource -> Isolation? in
            if case .isolation(let isolation) = resource { isolation } else { nil }
        }
        for case .adminChain(let chain) in resources { changes.addForwarding(admin: chain.name) }
        for bridge in bridges { changes.add(bridge) }
        for member in members { changes.add(member, comment, hasBridge: !bridges.isEmpty) }
        return changes
    }
}

extension IptablesChanges {
    // MARK: masquerade

    fileprivate mutating func add(_ masquerade: Masquerade, _ owner: Owner, _ comment: IptablesRule.Match) {
        let chain = IptablesNames.masquerade(owner.attachment)
        ownChains.append(chain)
        var call = IptablesRule(.jump(chain.name), comment)
        call.source = .init(IPPrefix(host: masquerade.source.address))
        own(IptablesNames.postrouting, call)
        for inside in [masquerade.source.network] + masquerade.exceptions {
            var rule = IptablesRule(.accept, comment)
            rule.destination = .init(inside)
            own(chain, rule)
        }
        var outside = IptablesRule(
            masquerade.translation.map { .translateSource($0) } ?? .masquerade(fullyRandom: masquerade.fullyRandom),
            comment)
        outside.destination = .init(IPPrefix(family == .v4 ? "224.0.0.0/4" : "ff00::/8")!, not: true)
        own(chain, outside)
    }

    // MARK: published ports

    fileprivate mutating func add(
        _ forwards: [PortForward], _ hairpin: Hairpin?, _ owner: Owner, _ comment: IptablesRule.Match
    ) {
        // Only what is addressed to this host (CVE-2025-67499).
        share(IptablesNames.prerouting, IptablesRule(.jump(IptablesNames.destinations.name), .toThisHost))
        var local = IptablesRule(.jump(IptablesNames.destinations.name), .toThisHost)
        // No kernel routes from ::1 to a container: refused at once is better than lost.
        if family == .v6 { local.destination = .init(IPPrefix("::1/128")!, not: true) }
        share(IptablesNames.output, local)
        if family == .v4 { shareLoopback() }
        var marking: String?
        switch hairpin?.marking {
        case nil: break
        case .bit(let bit):
            marking = IptablesNames.setMark(bit).name
            share(
                IptablesNames.postrouting,
                IptablesRule(
                    .jump(IptablesNames.masquerading.name), .comment("CNI portfwd requiring masquerade")), first: true)
            let mark = UInt32(1) << UInt32(bit)
            share(
                IptablesNames.masquerading,
                IptablesRule(.masquerade(fullyRandom: false), .mark(mark, mask: mark)))
            share(
                IptablesNames.setMark(bit),
                IptablesRule(.setMark(mark), .comment("CNI portfwd masquerade mark")))
        case .chain(let name):
            marking = name
            required.append(IptablesChain(.nat, name))
        }
        let chain = IptablesNames.ports(owner.attachment)
        ownChains.append(chain)
        addCalls(forwards, chain.name, comment)
        for forward in forwards {
            claims.append(Claim(family, forward.proto, forward.hostPorts, at: forward.hostAddress))
            let keepsPorts = forward.hostPorts.lowerBound == forward.targetPort
            // A range that is shifted has a rule a port: DNAT would choose among the others.
            for part in keepsPorts ? [forward.hostPorts] : forward.hostPorts.map({ $0...$0 }) {
                if let marking, let hairpin {
                    for source in sources(hairpin) {
                        own(chain, rule(.jump(marking), forward, part, comment, from: source))
                    }
                }
                let port = forward.targetPort + (part.lowerBound - forward.hostPorts.lowerBound)
                own(
                    chain,
                    rule(
                        .translateDestination(forward.target, port: part.count == 1 ? port : nil), forward, part,
                        comment, from: nil))
            }
        }
    }

    /// 127.0.0.0/8 stays on this host, whatever route_localnet says (CVE-2020-8558, cni.md N-5, N-7).
    private mutating func shareLoopback() {
        for isDestination in [true, false] {
            var rule = IptablesRule(.drop, .comment("CNI portfwd: 127.0.0.0/8 comes from lo alone"))
            rule.incoming = .init("lo", not: true)
            let loopback = IptablesRule.Condition(IPPrefix("127.0.0.0/8")!)
            if isDestination { rule.destination = loopback } else { rule.source = loopback }
            share(IptablesChain(.raw, "PREROUTING"), rule)
        }
    }

    /// Whose packets are marked for masquerading: nil is everybody's.
    private func sources(_ hairpin: Hairpin) -> [IPPrefix?] {
        if hairpin.everySource { return [nil] }
        return [hairpin.target.network] + (family == .v4 ? [IPPrefix("127.0.0.0/8")] : [])
    }

    private func rule(
        _ target: IptablesRule.Target, _ forward: PortForward, _ ports: ClosedRange<UInt16>,
        _ comment: IptablesRule.Match, from source: IPPrefix?
    ) -> IptablesRule {
        var rule = IptablesRule(target, comment, .port(ports))
        rule.proto = .init(forward.proto)
        rule.source = source.map { .init($0) }
        rule.destination = forward.hostAddress.map { .init(IPPrefix(host: $0)) }
        return rule
    }

    /// By protocol, at most 15 numbers a rule.
    private mutating func addCalls(_ forwards: [PortForward], _ chain: String, _ comment: IptablesRule.Match) {
        for proto in TransportProtocol.allCases {
            var ports: [ClosedRange<UInt16>] = []
            for forward in forwards where forward.proto == proto && !ports.contains(forward.hostPorts) {
                ports.append(forward.hostPorts)
            }
            while !ports.isEmpty {
                var room = 15
                let part = ports.prefix { range in
                    room -= range.count == 1 ? 1 : 2
                    return room >= 0
                }
                ports.removeFirst(part.count)
                var rule = forwards.first?.conditions ?? IptablesRule(.comeBack)
                rule.target = .jump(chain)
                rule.proto = .init(proto)
                rule.matches = [comment, .ports(Array(part))] + rule.matches
                own(IptablesNames.destinations, rule)
            }
        }
    }

    // MARK: who may reach whom

    /// The administrator's chain is asked first, then who may not reach whom.
    fileprivate mutating func addForwarding(admin: String) {
        let top = IptablesRule(.jump(IptablesNames.forward.name), .comment("CNI firewall plugin rules"))
        share(IptablesChain(.filter, "FORWARD"), top, first: true)
        share(
            IptablesNames.forward, IptablesRule(.jump(admin), .comment("CNI firewall plugin admin overrides")),
            first: true)
        share(
            IptablesNames.forward,
            IptablesRule(
                .jump(IptablesNames.isolation.name), .comment("CNI firewall plugin rules (ingressPolicy)")), first: true
        )
        // What has begun goes on, and published ports answer every network.
        share(
            IptablesNames.isolation, IptablesRule(.comeBack, .states([.related, .established, .translated])),
            first: true)
        share(
            IptablesNames.published, IptablesRule(.comeBack, .states([.related, .established])), first: true)
    }

    fileprivate mutating func add(_ isolation: Isolation) {
        let name = isolation.bridge.description
        var leaving = IptablesRule(.jump(IptablesNames.closed.name))
        leaving.incoming = .init(name)
        leaving.outgoing = .init(name, not: true)
        share(IptablesNames.isolation, leaving)
        share(IptablesNames.published, leaving)
        var among = IptablesRule(.drop)
        among.incoming = .init(name)
        among.outgoing = .init(name)
        var entering = IptablesRule(.drop)
        entering.outgoing = .init(name)
        var hosts = IptablesRule(.jump(IptablesNames.strict.name))
        hosts.incoming = .init(name)
        // The last ADD's policy holds: what an earlier one left of a stricter policy goes.
        let rules: [(IptablesChain, IptablesRule, [Isolation.Policy])] = [
            (IptablesNames.isolation, among, [.isolated]),
            (IptablesNames.published, among, [.isolated]),
            (IptablesNames.closed, entering, [.sameBridge, .isolated, .strict]),
            (IptablesChain(.filter, "INPUT"), hosts, [.strict]),
        ]
        for (chain, rule, policies) in rules {
            if policies.contains(isolation.policy) {
                share(chain, rule, first: chain.isBuiltIn)
            } else {
                absent.append(Placement(chain, rule))
            }
        }
        if isolation.policy == .strict { addStrict() }
    }

    /// Of the host's services only DNS and DHCP.
    private mutating func addStrict() {
        share(IptablesNames.strict, IptablesRule(.comeBack, .states([.related, .established])))
        let services: [(IptablesRule.IPProtocol, UInt16)] = [(.udp, 53), (.tcp, 53), (.udp, 67), (.udp, 547)]
        for (proto, port) in services {
            var rule = IptablesRule(.comeBack, .port(port...port))
            rule.proto = proto
            share(IptablesNames.strict, rule)
        }
        if family == .v6 {
            var rule = IptablesRule(.comeBack)
            rule.proto = .icmpv6
            share(IptablesNames.strict, rule)
        }
        share(IptablesNames.strict, IptablesRule(.drop))
    }

    fileprivate mutating func add(_ member: FirewallMember, _ comment: IptablesRule.Match, hasBridge: Bool) {
        let own = IptablesRule.Condition(IPPrefix(host: member.address))
        var answered = IptablesRule(
            .accept, comment,
            // Policies were asked before.
            .states([.related, .established, .translated]))
        answered.destination = own
        var sending = IptablesRule(.accept, comment)
        sending.source = own
        self.own(IptablesNames.forward, answered)
        self.own(IptablesNames.forward, sending)
        if !member.publishedAcrossNetworks {
            // Its published ports keep to the policies of bridges: asked before they are let through.
            var reached = IptablesRule(.jump(IptablesNames.published.name), comment, .states([.translated]))
            reached.destination = own
            self.own(IptablesNames.isolation, reached, first: true)
        }
        guard !hasBridge else { return }
        // A container of no bridge keeps to the bridges' policies too.
        var leaving = IptablesRule(.jump(IptablesNames.closed.name), comment)
        leaving.source = own
        self.own(IptablesNames.isolation, leaving)
    }
}
