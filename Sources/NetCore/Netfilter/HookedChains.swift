import CKernel
import Glibc

/// A chain that packets meet at a hook of netfilter: a base chain of nftables, or a built-in one of iptables-legacy.
public struct HookedChain: Hashable, Sendable {
    /// "ip", "ip6", "inet", "bridge", "arp", "netdev".
    public var family: String
    public var table: String
    public var name: String
    /// "prerouting", "input", "forward", "output", "postrouting", "ingress", "egress".
    public var hook: String
    /// Lower comes first.
    public var priority: Int32
    /// "filter", "nat" or "route".
    public var type: String
    /// Packets that no rule of it judged are dropped.
    public var drops: Bool
    /// Rules of the chain itself; those of chains that it jumps to are not among them.
    public var rules: Int
    public var isLegacy: Bool

    public init(
        family: String, table: String, name: String, hook: String, priority: Int32 = 0, type: String = "filter",
        drops: Bool = false, rules: Int, isLegacy: Bool = false
    ) {
        self.family = family
        self.table = table
        self.name = name
        self.hook = hook
        self.priority = priority
        self.type = type
        self.drops = drops
        self.rules = rules
        self.isLegacy = isLegacy
    }
}

extension NetlinkSocket {
    /// Every base chain of nftables in the socket's namespace, with the number of its rules (`nft list ruleset`). Empty on
    /// a kernel without nf_tables. Throws what the kernel said.
    public mutating func hookedChains() throws(KernelError) -> [HookedChain] {
        let families: [Int32: String] = [
            Int32(NFPROTO_INET): "inet", Int32(NFPROTO_IPV4): "ip", Int32(NFPROTO_IPV6): "ip6",
            Int32(NFPROTO_ARP): "arp", Int32(NFPROTO_BRIDGE): "bridge", Int32(NFPROTO_NETDEV): "netdev",
        ]
        let all = Int32(NFPROTO_UNSPEC)
        let chains = try NftMessage.make("list the chains of nftables", NFT_MSG_GETCHAIN, NLM_F_DUMP, family: all)
        guard
            let found = try ignoring(.notSupported, .invalidArgument, do: { () throws(KernelError) in try ask(chains) })
        else { return [] }
        var hooked: [HookedChain] = []
        for reply in found {
            let attributes = reply.attributes(after: 4)
            guard let family = reply.payload.first.flatMap({ families[Int32($0)] }),
                let hook = attributes[type: Int(NFTA_CHAIN_HOOK.rawValue)]?.nested,
                let number = hook[type: Int(NFTA_HOOK_HOOKNUM.rawValue)]?.bigEndian32,
                let table = attributes[type: Int(NFTA_CHAIN_TABLE.rawValue)]?.text,
                let name = attributes[type: Int(NFTA_CHAIN_NAME.rawValue)]?.text
            else { continue }
            let priority = hook[type: Int(NFTA_HOOK_PRIORITY.rawValue)]?.bigEndian32 ?? 0
            hooked.append(
                HookedChain(
                    family: family, table: table, name: name, hook: HookedChain.hook(number, family),
                    priority: Int32(bitPattern: priority),
                    type: attributes[type: Int(NFTA_CHAIN_TYPE.rawValue)]?.text ?? "filter",
                    drops: attributes[type: Int(NFTA_CHAIN_POLICY.rawValue)]?.bigEndian32 == UInt32(NF_DROP), rules: 0))
        }
        guard !hooked.isEmpty else { return [] }
        let rules = try NftMessage.make("list the rules of nftables", NFT_MSG_GETRULE, NLM_F_DUMP, family: all)
        var counts: [[String]: Int] = [:]
        for reply in try ask(rules) where reply.type & 0xff == Int(NFT_MSG_NEWRULE.rawValue) {
            let attributes = reply.attributes(after: 4)
            guard let family = reply.payload.first.flatMap({ families[Int32($0)] }),
                let table = attributes[type: Int(NFTA_RULE_TABLE.rawValue)]?.text,
                let chain = attributes[type: Int(NFTA_RULE_CHAIN.rawValue)]?.text
            else { continue }
            counts[[family, table, chain], default: 0] += 1
        }
        for index in hooked.indices {
            hooked[index].rules = counts[[hooked[index].family, hooked[index].table, hooked[index].name]] ?? 0
        }
        return hooked
    }
}

extension HookedChain {
    fileprivate static let inetHooks = ["prerouting", "input", "forward", "output", "postrouting"]

    fileprivate static func hook(_ number: UInt32, _ family: String) -> String {
        let names: [String]
        switch family {
        case "netdev": names = ["ingress", "egress"]
        case "arp": names = ["input", "output"]
        case "inet": names = inetHooks + ["ingress"]
        default: names = inetHooks
        }
        return names.indices.contains(Int(number)) ? names[Int(number)] : "hook \(number)"
    }

    /// The built-in chains of the tables of iptables-legacy that stand in the calling thread's namespace; none is made by
    /// asking. Throws what the kernel said, EPERM without CAP_NET_ADMIN.
    public static func legacy() throws(KernelError) -> [HookedChain] {
        var found: [HookedChain] = []
        for family in AddressFamily.allCases {
            for (table, priority) in [
                ("raw", Int32(-300)), ("mangle", -150), ("nat", -100), ("filter", 0), ("security", 50),
            ] {
                var hooks = [berth_legacy_hook](repeating: berth_legacy_hook(), count: inetHooks.count)
                let seen = try ignoring(.noSuchFile) { () throws(KernelError) in
                    try check("read table \(table) of iptables-legacy") {
                        berth_legacy_hooks(family == .v6 ? 1 : 0, table, &hooks)
                    }
                }
                guard seen != nil else { continue }
                for (hook, state) in zip(inetHooks, hooks) where state.valid != 0 {
                    found.append(
                        HookedChain(
                            family: family == .v4 ? "ip" : "ip6", table: table, name: uppercase(hook), hook: hook,
                            // Sources are rewritten last (NF_IP_PRI_NAT_SRC).
                            priority: table == "nat" && (hook == "postrouting" || hook == "input") ? 100 : priority,
                            type: table == "nat" ? "nat" : "filter", drops: state.drops != 0, rules: Int(state.rules),
                            isLegacy: true))
                }
            }
        }
        return found
    }

    private static func uppercase(_ text: String) -> String {
        String(decoding: text.utf8.map { (0x61...0x7a).contains($0) ? $0 - 32 : $0 }, as: UTF8.self)
    }
}
