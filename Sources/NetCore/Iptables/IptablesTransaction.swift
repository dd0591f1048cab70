import CKernel
import Glibc

// Changes of iptables' tables in nf_tables, as parts of a transaction.
extension NftTransaction {
    /// The chain stands, with its table: a built-in one with the hook and the priority that iptables gives it.
    public mutating func add(_ chain: IptablesChain, _ family: AddressFamily) throws(KernelError) {
        try add(
            NftMessage.make(
                "add table \(chain.table.rawValue)", NFT_MSG_NEWTABLE, NLM_F_CREATE, family: family.netfilterNumber
            ) { $0.put(Int(NFTA_TABLE_NAME.rawValue), chain.table.rawValue) })
        try add(
            NftMessage.make(
                "add chain \(chain.name) of table \(chain.table.rawValue)", NFT_MSG_NEWCHAIN, NLM_F_CREATE,
                family: family.netfilterNumber
            ) {
                $0.put(Int(NFTA_CHAIN_TABLE.rawValue), chain.table.rawValue)
                $0.put(Int(NFTA_CHAIN_NAME.rawValue), chain.name)
                guard let hook = chain.hook else { return }
                $0.nest(Int(NFTA_CHAIN_HOOK.rawValue)) {
                    $0.put(Int(NFTA_HOOK_HOOKNUM.rawValue), bigEndian: hook.number)
                    $0.put(Int(NFTA_HOOK_PRIORITY.rawValue), bigEndian: UInt32(bitPattern: hook.priority))
                }
                $0.put(Int(NFTA_CHAIN_POLICY.rawValue), bigEndian: UInt32(NF_ACCEPT))
                $0.put(Int(NFTA_CHAIN_TYPE.rawValue), hook.type)
            })
    }

    /// The rule stands at the end of the chain, or before the one with the handle, or at the beginning.
    public mutating func append(_ rule: IptablesRule, _ chain: IptablesChain, _ family: AddressFamily)
        throws(KernelError)
    {
        try add(rule.nftMessage(chain, family, .end))
    }
    public mutating func insert(
        _ rule: IptablesRule, before handle: UInt64?, _ chain: IptablesChain, _ family: AddressFamily
    ) throws(KernelError) {
        try add(rule.nftMessage(chain, family, handle.map { .before(handle: $0) } ?? .beginning))
    }

    /// The rule is gone; the transaction fails with ENOENT when it was not there.
    public mutating func delete(rule handle: UInt64, _ chain: IptablesChain, _ family: AddressFamily)
        throws(KernelError)
    {
        try add(
            NftMessage.make(
                "delete rule \(handle) of chain \(chain.name) of table \(chain.table.rawValue)", NFT_MSG_DELRULE, 0,
                family: family.netfilterNumber
            ) {
                $0.put(Int(NFTA_RULE_TABLE.rawValue), chain.table.rawValue)
                $0.put(Int(NFTA_RULE_CHAIN.rawValue), chain.name)
                $0.put(Int(NFTA_RULE_HANDLE.rawValue), bigEndian: handle)
            }, deletes: true)
    }

    /// The chain is gone with its rules; the transaction fails with EBUSY when another rule leads to it.
    public mutating func delete(_ chain: IptablesChain, _ family: AddressFamily) throws(KernelError) {
        for (type, what) in [(NFT_MSG_DELRULE, "the rules of "), (NFT_MSG_DELCHAIN, "")] {
            try add(
                NftMessage.make(
                    "delete \(what)chain \(chain.name) of table \(chain.table.rawValue)", type, 0,
                    family: family.netfilterNumber
                ) {
                    // NFTA_RULE_TABLE, NFTA_RULE_CHAIN; NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME.
                    let isRule = type == NFT_MSG_DELRULE
                    $0.put(
                        Int(isRule ? NFTA_RULE_TABLE.rawValue : NFTA_CHAIN_TABLE.rawValue), chain.table.rawValue)
                    $0.put(Int(isRule ? NFTA_RULE_CHAIN.rawValue : NFTA_CHAIN_NAME.rawValue), chain.name)
                }, deletes: true)
        }
    }
}

extension IptablesChain {
    /// How the kernel calls it; nil for a chain that only rules call.
    fileprivate var hook: NftChain.Hook? {
        switch (table, name) {
        case (.raw, "PREROUTING"): .prerouting("filter", -300)
        case (.raw, "OUTPUT"): .output("filter", -300)
        case (.nat, "PREROUTING"): .prerouting("nat", -100)
        case (.nat, "INPUT"): .input("nat", 100)
        case (.nat, "OUTPUT"): .output("nat", -100)
        case (.nat, "POSTROUTING"): .postrouting("nat", 100)
        case (.filter, "INPUT"): .input("filter", 0)
        case (.filter, "FORWARD"): .forward("filter", 0)
        case (.filter, "OUTPUT"): .output("filter", 0)
        default: nil
        }
    }
}
