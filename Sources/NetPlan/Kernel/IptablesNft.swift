import NetCore

// iptables' tables in nf_tables, changed by netlink: both families and all tables in one transaction, which a restore a
// family and table is not (docs/adr/0010-iptables.md).
extension LinuxKernel {
    /// The changes hold, or nothing has changed. Says who has a port that is to be published.
    /// `isNew`: no rule of the owner stands yet, so that of a long chain only what is shared is looked at.
    mutating func commitNft(_ changes: [IptablesChanges], _ owner: Owner, isNew: Bool) throws(KernelError)
        -> ApplyFailure.Cause?
    {
        try lookingAgain { (kernel) throws(KernelError) in
            var transaction = NftTransaction(table: "")
            for part in changes {
                let standing = try kernel.nftStanding(of: part, isNew: isNew)
                try part.requireChains { standing.chains[$0] != nil }
                for comment in standing.holders(of: part.claims, except: [owner.commentPrefix]) {
                    if let cause = try kernel.judge(comment, part.claims, owner) { return cause }
                }
                try kernel.add(standing.edits(toMake: part), standing, to: &transaction)
            }
            guard !transaction.isEmpty else { return nil }
            try kernel.withNetfilter { (socket) throws(KernelError) in try socket.commit(transaction) }
            return nil
        }
    }

    mutating func nftFindings(_ changes: IptablesChanges) throws(KernelError) -> [Finding] {
        let standing = try nftStanding(of: changes, isNew: false)
        return IptablesFindings.list(changes, standing, "iptables-nft")
    }

    /// The rules are gone. `isWhole`: it looks at all rules of the tables, not only at the chains that the removal names.
    mutating func removeNft(_ removal: IptablesRemoval, _ places: [IptablesChain], isWhole: Bool) throws(KernelError) {
        try lookingAgain { (kernel) throws(KernelError) in
            var transaction = NftTransaction(table: "")
            for family in AddressFamily.allCases {
                let standing =
                    isWhole
                    ? try kernel.nftStanding(tables: Array(Set(places.map(\.table))), family)
                    : try kernel.nftStanding(chains: places, family)
                try kernel.add(standing.edits(toRemove: removal), standing, to: &transaction)
            }
            guard !transaction.isEmpty else { return }
            try kernel.withNetfilter { (socket) throws(KernelError) in try socket.commit(transaction) }
            if kernel.detaches, transaction.deletes {
                try kernel.withNetfilter { (socket) throws(KernelError) in DetachedChild.keep(socket.descriptor) }
            }
        }
    }

    // MARK: looking

    private mutating func nftStanding(of changes: IptablesChanges, isNew: Bool) throws(KernelError)
        -> IptablesStanding<IptablesRuleFound>
    {
        var chains = changes.chains + changes.required
        if !changes.claims.isEmpty, !chains.contains(IptablesNames.destinations) {
            chains.append(IptablesNames.destinations)
        }
        for placement in changes.absent where !chains.contains(placement.chain) { chains.append(placement.chain) }
        guard isNew else { return try nftStanding(chains: chains, changes.family) }
        var standing = IptablesStanding<IptablesRuleFound>(changes.family)
        let present = try withNetfilter { (socket) throws(KernelError) in
            try socket.iptablesChains(among: chains, changes.family)
        }
        for chain in present { standing.chains[chain] = try rules(of: chain, needed: changes) }
        return standing
    }

    /// As many of a chain's rules as an ADD has to know.
    private mutating func rules(of chain: IptablesChain, needed changes: IptablesChanges) throws(KernelError)
        -> [IptablesRuleFound]
    {
        let family = changes.family
        let shared = changes.shared.filter { $0.chain == chain }
        let asksAll =
            changes.ownChains.contains(chain) || shared.contains { !$0.isFirst }
            || changes.absent.contains { $0.chain == chain }
            || (!changes.claims.isEmpty && chain == IptablesNames.destinations)
        if asksAll {
            return try withNetfilter { (socket) throws(KernelError) in
                try socket.iptablesRules(chain.table, chain: chain.name, family)
            }
        }
        // Only the attachment's own, which go to its end.
        guard !shared.isEmpty else { return [] }
        var missing = shared.map(\.rule)
        return try NetlinkSocket.firstIptablesRules(chain, family) { rule in
            missing.removeAll { rule.says($0, family) }
            return missing.isEmpty
        }
    }

    private mutating func nftStanding(chains: [IptablesChain], _ family: AddressFamily) throws(KernelError)
        -> IptablesStanding<IptablesRuleFound>
    {
        try withNetfilter { (socket) throws(KernelError) in
            var standing = IptablesStanding<IptablesRuleFound>(family)
            for chain in try socket.iptablesChains(among: chains, family) {
                standing.chains[chain] = try socket.iptablesRules(chain.table, chain: chain.name, family)
            }
            return standing
        }
    }

    /// All chains of whole tables.
    mutating func nftStanding(tables: [IptablesTable], _ family: AddressFamily) throws(KernelError)
        -> IptablesStanding<IptablesRuleFound>
    {
        try withNetfilter { (socket) throws(KernelError) in
            var standing = IptablesStanding<IptablesRuleFound>(family)
            for table in tables {
                for chain in try socket.iptablesChains(table, family) { standing.chains[chain] = [] }
                for rule in try socket.iptablesRules(table, family) {
                    standing.chains[rule.chain, default: []].append(rule)
                }
            }
            return standing
        }
    }

    // MARK: changing

    private func add(
        _ edits: IptablesEdits, _ standing: IptablesStanding<IptablesRuleFound>, to transaction: inout NftTransaction
    ) throws(KernelError) {
        let family = edits.family
        for chain in edits.newChains { try transaction.add(chain, family) }
        for (chain, slots) in edits.chains {
            let rules = standing.chains[chain] ?? []
            var kept = Set<Int>()
            for case .standing(let index) in slots { kept.insert(index) }
            for (place, slot) in slots.enumerated() {
                guard case .new(let rule) = slot else { continue }
                var following: UInt64?
                for case .standing(let index) in slots[place...] {
                    following = rules[index].handle
                    break
                }
                if let following {
                    try transaction.insert(rule, before: following, chain, family)
                } else {
                    try transaction.append(rule, chain, family)
                }
            }
            for index in rules.indices where !kept.contains(index) {
                try transaction.delete(rule: rules[index].handle, chain, family)
            }
        }
        for chain in edits.goneChains { try transaction.delete(chain, family) }
    }
}
