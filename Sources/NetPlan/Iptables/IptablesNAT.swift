import NetCore

/// The nat table that makes of attachments what berth makes of them, in the layout of the reference plugins (cni.md C-4, 2.1,
/// 2.5): what a person looks for who knows `iptables -t nat -n -L`.
public struct IptablesNAT: Hashable, Sendable {
    public let family: AddressFamily
    public let chains: [Chain]

    public struct Chain: Hashable, Sendable {
        public let name: String
        /// Whether the kernel calls it, and the policy is ACCEPT.
        public let isBuiltIn: Bool
        public var rules: [IptablesRule]
    }

    /// The mark that asks for masquerading, portmap's default (markMasqBit 13).
    static let mark: UInt32 = 0x2000

    /// Of resources and their owners those that are NAT, of that family.
    public init(_ family: AddressFamily, _ owned: [(owner: Owner, resources: [Resource])]) {
        self.family = family
        var builtIn: [String: [IptablesRule]] = [:]
        var own: [Chain] = []
        var destinations: [IptablesRule] = []
        for (owner, resources) in owned {
            let comment = "name: \"\(owner.attachment.network)\" id: \"\(owner.attachment.containerID)\""
            for case .masquerade(let masquerade) in resources where masquerade.source.family == family {
                let chain = IptablesNAT.chain(masquerade, owner, comment)
                var call = IptablesRule(.jump(chain.name), .comment(comment))
                call.source = IPPrefix(masquerade.source.address, length: family.bits)
                builtIn["POSTROUTING", default: []].append(call)
                own.append(chain)
            }
            let forwards = resources.compactMap { resource -> PortForward? in
                if case .portForward(let forward) = resource, forward.family == family { forward } else { nil }
            }
            guard !forwards.isEmpty else { continue }
            let hairpin = resources.compactMap { resource -> Hairpin? in
                if case .hairpin(let hairpin) = resource, hairpin.target.family == family { hairpin } else { nil }
            }.first
            let chain = Chain(
                name: "CNI-DN-\(IptablesNAT.digest(owner, length: 21))", isBuiltIn: false,
                rules: forwards.flatMap { IptablesNAT.rules($0, hairpin) })
            destinations += IptablesNAT.calls(forwards, chain.name, comment)
            own.append(chain)
        }
        if !destinations.isEmpty {
            let local = IptablesRule(.jump("CNI-HOSTPORT-DNAT"), .toThisHost)
            builtIn["PREROUTING"] = [local]
            builtIn["OUTPUT"] = [local]
            builtIn["POSTROUTING", default: []].insert(
                IptablesRule(.jump("CNI-HOSTPORT-MASQ"), .comment("CNI portfwd requiring masquerade")), at: 0)
            own.append(Chain(name: "CNI-HOSTPORT-DNAT", isBuiltIn: false, rules: destinations))
            own.append(
                Chain(
                    name: "CNI-HOSTPORT-MASQ", isBuiltIn: false,
                    rules: [IptablesRule(.masquerade(fullyRandom: false), .mark(IptablesNAT.mark))]))
            own.append(
                Chain(
                    name: "CNI-HOSTPORT-SETMARK", isBuiltIn: false,
                    rules: [
                        IptablesRule(.setMark(IptablesNAT.mark), .comment("CNI portfwd masquerade mark"))
                    ]))
        }
        let names = ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]
        chains =
            names.map { Chain(name: $0, isBuiltIn: true, rules: builtIn[$0] ?? []) }
            + own.sorted { $0.name < $1.name }
    }

    // MARK: masquerade

    private static func chain(_ masquerade: Masquerade, _ owner: Owner, _ comment: String) -> Chain {
        let family = masquerade.source.family
        var rules: [IptablesRule] = []
        for inside in [masquerade.source.network] + masquerade.exceptions {
            var rule = IptablesRule(.accept, .comment(comment))
            rule.destination = inside
            rules.append(rule)
        }
        var outside = IptablesRule(
            masquerade.translation.map { .translateSource($0) } ?? .masquerade(fullyRandom: masquerade.fullyRandom),
            .comment(comment))
        outside.destination = IPPrefix(family == .v4 ? "224.0.0.0/4" : "ff00::/8")
        outside.isNotTo = true
        rules.append(outside)
        return Chain(name: "CNI-\(digest(owner, length: 24))", isBuiltIn: false, rules: rules)
    }

    // MARK: published ports

    private static func rules(_ forward: PortForward, _ hairpin: Hairpin?) -> [IptablesRule] {
        let keepsPorts = forward.hostPorts.lowerBound == forward.targetPort
        // A range that is shifted has a rule a port: DNAT would choose among the others.
        let parts = keepsPorts ? [forward.hostPorts] : forward.hostPorts.map { $0...$0 }
        return parts.flatMap { part -> [IptablesRule] in
            var rules: [IptablesRule] = []
            var sources: [IPPrefix?] = []
            if let hairpin {
                sources = hairpin.everySource ? [nil] : [hairpin.target.network]
                if !hairpin.everySource, forward.family == .v4 { sources.append(IPPrefix("127.0.0.1/32")) }
            }
            for source in sources {
                rules.append(rule(.jump("CNI-HOSTPORT-SETMARK"), forward, part, from: source))
            }
            let port = forward.targetPort + (part.lowerBound - forward.hostPorts.lowerBound)
            rules.append(
                rule(
                    .translateDestination(forward.target, port: part.count == 1 ? port : nil), forward, part, from: nil)
            )
            return rules
        }
    }

    private static func rule(
        _ target: IptablesRule.Target, _ forward: PortForward, _ ports: ClosedRange<UInt16>, from source: IPPrefix?
    ) -> IptablesRule {
        var rule = IptablesRule(target, .port(ports))
        rule.proto = forward.proto
        rule.source = source
        rule.destination = forward.hostAddress.map { IPPrefix($0, length: $0.family.bits) }
        return rule
    }

    /// By protocol, at most 15 numbers a rule.
    private static func calls(_ forwards: [PortForward], _ chain: String, _ comment: String) -> [IptablesRule] {
        var rules: [IptablesRule] = []
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
                var rule = IptablesRule(.jump(chain), .comment("dnat \(comment)"), .ports(Array(part)))
                rule.proto = proto
                rules.append(rule)
            }
        }
        return rules
    }

    private static func digest(_ owner: Owner, length: Int) -> String {
        hex(Digest.sha256("\(owner.attachment)"), digits: length)
    }

    // MARK: text

    /// As `iptables -t nat -n -L` prints it.
    public var listed: String {
        chains.map { chain in
            let calls = chains.flatMap(\.rules).filter { $0.target == .jump(chain.name) }.count
            let note = chain.isBuiltIn ? "policy ACCEPT" : "\(calls) references"
            let header = "target     prot opt source               destination         "
            return (["Chain \(chain.name) (\(note))", header] + chain.rules.map { $0.listed(family) }).map {
                $0 + "\n"
            }.joined()
        }.joined(by: "\n")
    }

    /// As `iptables-restore` reads it on a host without them.
    public var commands: String {
        (["*nat"] + chains.filter { !$0.isBuiltIn }.map { ":\($0.name) - [0:0]" }
            + chains.flatMap { chain in chain.rules.map { $0.command(chain: chain.name) } } + ["COMMIT"]).map {
                $0 + "\n"
            }.joined()
    }
}
