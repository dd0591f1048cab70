import CKernel
import Glibc

/// Changes of a table that may stand already, and whose rules come one by one.
extension NftTransaction {
    /// The table stands, now if it did not.
    public mutating func ensureTable(_ family: NftFamily = .inet) throws(KernelError) {
        let table = table
        try add(
            try NftMessage.make(
                "add table \(family) \(table)", NFT_MSG_NEWTABLE, NLM_F_CREATE, family: family.number
            ) { $0.put(Int(NFTA_TABLE_NAME.rawValue), table) })
    }

    /// The base chain stands, now if it did not, without its rules; `drops` is its policy, nil what it has already, and of a new one accept.
    public mutating func ensure(_ chain: NftChain, drops: Bool? = nil) throws(KernelError) {
        let table = table
        try add(
            try NftMessage.make(
                "add chain \(chain.name)", NFT_MSG_NEWCHAIN, NLM_F_CREATE, family: chain.family.number
            ) {
                $0.put(Int(NFTA_CHAIN_TABLE.rawValue), table)
                $0.put(Int(NFTA_CHAIN_NAME.rawValue), chain.name)
                guard let hook = chain.hook else { return }
                $0.nest(Int(NFTA_CHAIN_HOOK.rawValue)) {
                    $0.put(Int(NFTA_HOOK_HOOKNUM.rawValue), bigEndian: hook.number)
                    $0.put(Int(NFTA_HOOK_PRIORITY.rawValue), bigEndian: UInt32(bitPattern: hook.priority))
                }
                if let drops {
                    $0.put(Int(NFTA_CHAIN_POLICY.rawValue), bigEndian: UInt32(drops ? NF_DROP : NF_ACCEPT))
                }
                $0.put(Int(NFTA_CHAIN_TYPE.rawValue), hook.type)
            })
    }

    /// The rule with that handle is gone; the transaction fails with ENOENT when it is not there.
    public mutating func deleteRule(_ handle: UInt64, ofChain chain: String, _ family: NftFamily = .inet)
        throws(KernelError)
    {
        let table = table
        try add(
            try NftMessage.make(
                "delete rule \(handle) of chain \(chain)", NFT_MSG_DELRULE, 0, family: family.number
            ) {
                $0.put(Int(NFTA_RULE_TABLE.rawValue), table)
                $0.put(Int(NFTA_RULE_CHAIN.rawValue), chain)
                $0.put(Int(NFTA_RULE_HANDLE.rawValue), bigEndian: handle)
            }, deletes: true)
    }

    /// The table is gone with all that is in it; the transaction fails with ENOENT when it is not there.
    public mutating func deleteTable(_ family: NftFamily = .inet) throws(KernelError) {
        let table = table
        try add(
            try NftMessage.make("delete table \(family) \(table)", NFT_MSG_DELTABLE, 0, family: family.number) {
                $0.put(Int(NFTA_TABLE_NAME.rawValue), table)
            }, deletes: true)
    }
}

/// A rule where it stands.
public struct NftStandingRule: Hashable, Sendable {
    public let handle: UInt64
    public let rule: NftRuleFound
    /// What its counter counted; nil without one.
    public let packets: UInt64?

    init(_ attributes: [Attribute]) {
        handle = attributes[type: Int(NFTA_RULE_HANDLE.rawValue)]?.bigEndian64 ?? 0
        rule = NftRuleFound(attributes)
        packets =
            attributes[type: Int(NFTA_RULE_EXPRESSIONS.rawValue)]?.nested.first {
                $0.nested[type: Int(NFTA_EXPR_NAME.rawValue)]?.text == "counter"
            }?.nested[type: Int(NFTA_EXPR_DATA.rawValue)]?.nested[type: Int(NFTA_COUNTER_PACKETS.rawValue)]?.bigEndian64
    }
}

extension NetlinkSocket {
    /// A chain's rules with their handles, in order. Empty when the chain is not there.
    public mutating func standingRules(ofChain chain: String, table: String, _ family: NftFamily = .inet)
        throws(KernelError) -> [NftStandingRule]
    {
        try ruleMessages(ofChain: chain, table: table, family).map { NftStandingRule($0.attributes(after: 4)) }
    }
}

/// A rule that bears a comment, and where it stands.
public struct NftCommentedRule: Hashable, Sendable {
    /// "inet berth-net".
    public let table: String
    public let chain: String
    public let handle: UInt64
    public let comment: String

    /// Nil without a comment, and for what is no rule.
    init?(_ reply: NetlinkReply) {
        let attributes = reply.attributes(after: 4)
        guard reply.type & 0xff == Int(NFT_MSG_NEWRULE.rawValue), let number = reply.payload.first,
            let comment = NftRuleFound.comment(attributes)
        else { return nil }
        let families = [NFPROTO_INET: "inet", NFPROTO_IPV4: "ip", NFPROTO_IPV6: "ip6", NFPROTO_BRIDGE: "bridge"]
        table =
            "\(families.first { Int32($0.key) == Int32(number) }?.value ?? "?") "
            + (attributes[type: Int(NFTA_RULE_TABLE.rawValue)]?.text ?? "?")
        chain = attributes[type: Int(NFTA_RULE_CHAIN.rawValue)]?.text ?? "?"
        handle = attributes[type: Int(NFTA_RULE_HANDLE.rawValue)]?.bigEndian64 ?? 0
        self.comment = comment
    }
}

extension NetlinkSocket {
    /// Every rule of nftables that bears a comment, of all tables.
    public mutating func commentedRules() throws(KernelError) -> [NftCommentedRule] {
        let request = try NftMessage.make(
            "list rules", NFT_MSG_GETRULE, NLM_F_DUMP, family: Int32(NFPROTO_UNSPEC))
        return try ask(request).compactMap(NftCommentedRule.init)
    }
}
