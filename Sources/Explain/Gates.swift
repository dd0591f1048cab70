import CKernel
import Glibc
public import NetCore

/// A base chain that packets meet at a hook of IP, and whose it is.
public struct GateChain: Hashable, Sendable {
    /// "ip filter FORWARD".
    public let words: String
    public let table: String
    public let name: String
    /// "prerouting", "input", "forward", "output", "postrouting".
    public let hook: String
    /// Lower comes first.
    public let priority: Int32
    public let type: String
    /// Its policy.
    public let drops: Bool
    public let rules: Int
    /// A built-in chain of iptables-legacy.
    public let isLegacy: Bool
    public let family: [AddressFamily]
    /// "Docker", "ufw", "firewalld", "Kubernetes", "libvirt", "netavark", "berth"; nil: nobody's whose names are known.
    public let owner: String?

    init(_ chain: Chain, _ owner: String?) {
        (words, table, name, priority, type) = (chain.words, chain.table, chain.name, chain.priority, chain.type)
        hook = chain.hook.map { Walk.name(nf_inet_hooks(rawValue: $0)) } ?? ""
        (drops, rules, isLegacy, self.owner) = (chain.drops, chain.rules.count, chain.isLegacy, owner)
        family =
            switch Int32(chain.family) {
            case Int32(NFPROTO_IPV4): [.v4]
            case Int32(NFPROTO_IPV6): [.v6]
            default: AddressFamily.allCases
            }
    }

    /// Of iptables, whichever of its two kinds.
    public var isIptables: Bool { isLegacy || Chain.iptablesNames.contains(name) }
}

/// The base chain at which a packet's way ends.
public struct Gatekeeper: Hashable, Sendable {
    public let node: String
    public let hook: String
    public let chain: GateChain
    /// "ip filter FORWARD", or the very rule: "ip filter ufw-user-forward #12".
    public let place: String
    /// Whose the chain of that very rule is, where its name tells (several programs share a table of iptables); else whose the table is.
    public let owner: String?
    /// No rule let it through, and the policy drops it.
    public let isPolicy: Bool
    public let input: String?
    public let output: String?
    /// Its destination was rewritten: it goes to a published port.
    public let isTranslated: Bool
    public let isReply: Bool
    public let destination: IPAddress
    public let port: UInt16?
}

/// A port that a rule of DNAT outside of berth's waits for.
public struct AskedPort: Hashable, Sendable {
    public let family: AddressFamily
    public let isUDP: Bool
    public let port: UInt16
    /// The chain in which the rule stands.
    public let chain: String
    public let owner: String?
}

extension Explainer {
    /// Every base chain of IP of a namespace, in the order of hooks and priorities. Throws what the kernel refused.
    public static func gates(of reference: NodeReference) throws(KernelError) -> [GateChain] {
        try inside(reference) { node in
            node.rules.chains.values.filter { $0.hook.map { $0 < 5 } ?? false && $0.family != UInt8(NFPROTO_BRIDGE) }
                .map { GateChain($0, Owner.of($0, node.rules)?.name) }
                .sorted { ($0.hook, $0.priority, $0.words) < ($1.hook, $1.priority, $1.words) }
        }
    }

    /// The chains of one table of iptables, those that others jump to among them, and where each jumps. Throws what the kernel refused.
    public static func jumps(of reference: NodeReference, table: String) throws(KernelError) -> [(
        chain: String, isLegacy: Bool, family: AddressFamily, targets: [String]
    )] {
        try inside(reference) { node in
            node.rules.chains.values.filter { $0.table == table }.compactMap { chain in
                let family: AddressFamily
                switch Int32(chain.family) {
                case Int32(NFPROTO_IPV4): family = .v4
                case Int32(NFPROTO_IPV6): family = .v6
                default: return nil
                }
                return (chain.name, chain.isLegacy, family, chain.rules.compactMap(\.jumpTarget))
            }.sorted { $0.chain < $1.chain }
        }
    }

    /// Ports that rules of DNAT of others than berth wait for at prerouting. A map's keys are not among them. Throws what the kernel refused.
    public static func askedPorts(of reference: NodeReference) throws(KernelError) -> [AskedPort] {
        try inside(reference) { node in
            let tables = Set(
                node.rules.chains.values.filter { $0.type == "nat" && $0.hook == NF_INET_PRE_ROUTING.rawValue }
                    .map { Ruleset.Name(family: $0.family, table: $0.table, chain: "", isLegacy: $0.isLegacy) })
            var found: Set<AskedPort> = []
            for chain in node.rules.chains.values where chain.table != "berth" {
                guard
                    tables.contains(
                        .init(family: chain.family, table: chain.table, chain: "", isLegacy: chain.isLegacy))
                else { continue }
                let families: [AddressFamily] =
                    Int32(chain.family) == Int32(NFPROTO_IPV4)
                    ? [.v4] : Int32(chain.family) == Int32(NFPROTO_IPV6) ? [.v6] : AddressFamily.allCases
                for rule in chain.rules {
                    guard let asked = rule.askedPort else { continue }
                    for family in families {
                        found.insert(
                            AskedPort(
                                family: family, isUDP: asked.isUDP, port: asked.port, chain: chain.words,
                                owner: Owner.of(chain, node.rules)?.name))
                    }
                }
            }
            return found.sorted { ($0.port, $0.chain) < ($1.port, $1.chain) }
        }
    }

    /// What the base chains of input would say of a stranger's packet to a port of the node's own, if it were not led elsewhere: the
    /// chain that stops it; nil: none. `device` is where it comes in. Throws what the kernel refused.
    public static func inputGate(of reference: NodeReference, from question: ReachQuestion, device name: String)
        throws(KernelError) -> Gatekeeper?
    {
        try inside(reference) { node in
            guard let device = node.device(named: name), let source = question.stranger else { return nil }
            var packet = Packet(
                source: source, destination: question.address, proto: question.proto, destinationPort: question.port)
            packet.type = question.address.family == .v6 ? 128 : 8
            let walk = Walk(Unknowns())
            var carried = Walk.Carried(flow: Flow(packet))
            return walk.hook(node, NF_INET_LOCAL_IN, &packet, &carried, input: device, output: nil)?.gate
        }
    }

    private static func inside<R>(_ reference: NodeReference, _ body: (Node) -> R) throws(KernelError) -> R {
        let surroundings = try Surroundings([reference])
        defer { withExtendedLifetime(surroundings) {} }
        let node = try Node(reference, among: surroundings)
        let found = body(node)
        if let refusal = surroundings.refusal { throw refusal }
        return found
    }
}

extension Rule {
    /// The chain that it jumps or goes to.
    var jumpTarget: String? {
        if let entry { return entry.jump }
        for expression in expressions where expression.name == "immediate" {
            let data = expression.data[type: Int(NFTA_IMMEDIATE_DATA.rawValue)]?.nested ?? []
            guard let verdict = data[type: Int(NFTA_DATA_VERDICT.rawValue)].flatMap({ Verdict($0.nested) }) else {
                continue
            }
            switch verdict {
            case .jump(let chain), .goto(let chain): return chain
            default: continue
            }
        }
        return nil
    }

    /// The single port that it waits for and rewrites, by matches of xt_tcp and xt_udp or a comparison of nftables.
    var askedPort: (port: UInt16, isUDP: Bool)? {
        if let entry {
            guard ["DNAT", "REDIRECT"].contains(entry.target.name) else { return nil }
            return entry.matches.lazy.compactMap(Rule.port).first
        }
        var isTranslated = false
        var found: (port: UInt16, isUDP: Bool)?
        var (isUDP, isPort, isProtocol) = (false, false, false)
        for expression in expressions {
            let data = expression.data
            switch expression.name {
            case "match":
                let part = LegacyEntry.Extension(
                    name: data[type: Int(NFTA_MATCH_NAME.rawValue)]?.text ?? "", revision: 0,
                    data: data[type: Int(NFTA_MATCH_INFO.rawValue)].map { Array($0.payload) } ?? [])
                found = found ?? Rule.port(part)
            case "target":
                isTranslated =
                    isTranslated
                    || ["DNAT", "REDIRECT"].contains(data[type: Int(NFTA_TARGET_NAME.rawValue)]?.text ?? "")
            case "nat":
                // NFT_NAT_DNAT.
                isTranslated = isTranslated || expression.number(NFTA_NAT_TYPE.rawValue) == 1
            case "redir": isTranslated = true
            case "meta": isProtocol = expression.number(NFTA_META_KEY.rawValue) == UInt32(NFT_META_L4PROTO.rawValue)
            case "payload":
                // Of the transport header: the destination's port; of IP's: the protocol.
                let base = expression.number(NFTA_PAYLOAD_BASE.rawValue)
                let (at, length) = (
                    expression.number(NFTA_PAYLOAD_OFFSET.rawValue), expression.number(NFTA_PAYLOAD_LEN.rawValue)
                )
                isPort = base == UInt32(NFT_PAYLOAD_TRANSPORT_HEADER.rawValue) && at == 2 && length == 2
                isProtocol = base == UInt32(NFT_PAYLOAD_NETWORK_HEADER.rawValue) && at == 9 && length == 1
            case "cmp":
                let value =
                    data[type: Int(NFTA_CMP_DATA.rawValue)]?.nested[type: Int(NFTA_DATA_VALUE.rawValue)]
                    .map { Array($0.payload) } ?? []
                if isProtocol, value.first == UInt8(IPPROTO_UDP) { isUDP = true }
                if isPort, value.count == 2, expression.number(NFTA_CMP_OP.rawValue) == 0 {
                    found = (value.big16(0), isUDP)
                }
                (isPort, isProtocol) = (false, false)
            default: break
            }
        }
        guard isTranslated, let found else { return nil }
        return (found.port, found.isUDP || isUDP)
    }

    /// struct xt_tcp and xt_udp begin with ranges of both ports, in this machine's order.
    private static func port(_ part: LegacyEntry.Extension) -> (port: UInt16, isUDP: Bool)? {
        guard ["tcp", "udp"].contains(part.name), part.data.count >= 8 else { return nil }
        let (low, high) = (part.data.little16(4), part.data.little16(6))
        return low == high && low > 0 ? (low, part.name == "udp") : nil
    }
}
