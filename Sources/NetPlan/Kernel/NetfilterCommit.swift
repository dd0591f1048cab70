import CKernel
import Glibc
import NetCore

extension LinuxKernel {
    /// Looks what stands and makes the rest in one transaction, under the host's lock. An ADD deletes nothing: after an
    /// nftables delete, closing the socket waits for the kernel's grace period.
    mutating func commit(_ changes: NetfilterChanges, owner: Owner) throws(ApplyFailure) {
        guard !changes.isEmpty else { return }
        let refusal: ApplyFailure.Cause?
        do throws(KernelError) {
            refusal = try lookingAgain { (kernel) throws(KernelError) in try kernel.attempt(changes, owner: owner) }
        } catch {
            throw ApplyFailure(.kernel(error))
        }
        if let refusal { throw ApplyFailure(refusal) }
    }

    /// Looks and changes under the host's lock. Others change our tables without it (`nft flush ruleset`): what was looked
    /// at may be gone when it is changed, and nothing has happened then (ENOENT). It is tried again, five times in all.
    mutating func lookingAgain<Value>(_ body: (inout LinuxKernel) throws(KernelError) -> Value) throws(KernelError)
        -> Value
    {
        let state = state
        return try state.withNetfilterLock { () throws(KernelError) in
            for _ in 0..<4 {
                do throws(KernelError) {
                    return try body(&self)
                } catch  where error.errno == .noSuchFile {
                    continue
                }
            }
            return try body(&self)
        }
    }

    mutating func attempt(_ changes: NetfilterChanges, owner: Owner) throws(KernelError) -> ApplyFailure.Cause? {
        let conflicts = try portConflicts(of: changes.owned)
        for conflict in conflicts where !mayYield(conflict, owner) {
            return cause(portWords(conflict.element), conflict.comment, owner)
        }
        var changes = changes
        changes.owned.removeAll { element in conflicts.contains { $0.element == element } }
        let transaction = try missing(changes)
        do throws(KernelError) {
            try withNetfilter { (socket) throws(KernelError) in try socket.commit(transaction) }
        } catch
            where error.errno == .noSuchFile && error.operation.hasPrefix("add chain ")
            && changes.families.contains(.bridge)
        {
            // What the kernel says of a kind of chain that it does not know.
            throw KernelError(
                error.operation, error.errno,
                "rules for a bridge's frames (table bridge \(BerthTable.name)) need a kernel with CONFIG_NF_TABLES_BRIDGE"
            )
        } catch  where error.errno == .alreadyExists {
            guard let refusal = try holder(of: changes.owned, owner: owner) else { throw error }
            return refusal
        }
        return nil
    }

    /// One container on two networks publishes its ports once: they lead to the first of its addresses.
    mutating func mayYield(_ conflict: PortConflict, _ owner: Owner) -> Bool {
        guard let tag = conflict.comment.flatMap(Owner.tag(inComment:)), tag != owner.attachment.tag, yieldsPorts(tag)
        else {
            return false
        }
        yielded.insert(tag)
        return true
    }

    /// The tables and chains that are not there yet, and the elements.
    mutating func missing(_ changes: NetfilterChanges) throws(KernelError) -> NftTransaction {
        var transaction = NftTransaction(table: BerthTable.name)
        try add(missing: changes, to: &transaction)
        return transaction
    }

    mutating func add(missing changes: NetfilterChanges, to transaction: inout NftTransaction) throws(KernelError) {
        let table = BerthTable.name
        let families = changes.families
        // All of what this asks the kernel by name goes in one question.
        let names = changes.chains.map(\.name) + changes.adminChains
        let keys = changes.shared.map(\.identity) + changes.absent.prefix(1)
        let seen = try withNetfilter { (socket) throws(KernelError) in
            try socket.look(table: table, families, chains: names, elements: keys)
        }
        var chains: [NftChain] = []
        for family in families where !seen.families.contains(family) {
            try transaction.addTable(family)
            for set in BerthTable.sets(family) { try transaction.add(set) }
            for element in BerthTable.constants(family) { try transaction.add(element, exclusive: false) }
            chains += BerthTable.chains(family)
        }
        for chain in changes.chains where !seen.chains.contains(chain.name) { chains.append(chain) }
        for chain in chains { try transaction.add(chain) }
        for chain in chains { try transaction.addRules(chain.rules, to: chain.name, chain.family) }
        for name in changes.adminChains {
            let call = NetfilterChanges.call(name)
            if !seen.chains.contains(name) { try transaction.add(NftChain(name, rules: [])) }
            let calls = try withNetfilter { (socket) throws(KernelError) in
                try socket.ruleComments(ofChain: BerthTable.admin, table: table)
            }
            if !calls.contains(call.comment) { try transaction.addRules([call], to: BerthTable.admin) }
        }
        for element in changes.shared {
            let found = seen.elements.first { $0.identity == element.identity }
            if let found, found.matches(element) { continue }
            // The bridge's policy has changed: the rare delete of an ADD.
            if let found { try transaction.delete(found.identity) }
            try transaction.add(element, exclusive: false)
        }
        // The others only ever stand with the first.
        if let first = changes.absent.first, seen.elements.contains(where: { $0.identity == first }) {
            for key in changes.absent {
                let found = try withNetfilter { (socket) throws(KernelError) in try socket.element(key, table: table) }
                if found != nil { try transaction.delete(key) }
            }
        }
        for element in changes.owned { try transaction.add(element, exclusive: true) }
    }

    mutating func has(_ chain: NftChain) throws(KernelError) -> Bool {
        try withNetfilter { (socket) throws(KernelError) in
            try socket.hasChain(chain.name, table: BerthTable.name, chain.family)
        }
    }

    mutating func hasTable(_ family: NftFamily) throws(KernelError) -> Bool {
        try withNetfilter { (socket) throws(KernelError) in try socket.hasTable(BerthTable.name, family) }
    }

    // MARK: looking

    mutating func netfilterFindings(_ changes: NetfilterChanges, owner: Owner) throws(KernelError) -> [Finding] {
        let table = BerthTable.name
        var found: [Finding] = []
        for family in changes.families {
            guard try hasTable(family) else {
                found.append(Finding("nftables table \(family) \(table)", expected: "exists", found: "no such table"))
                continue
            }
            if !trustedTables.contains(family) {
                found += try chainFindings(BerthTable.chains(family)) + constantFindings(family)
            }
            found += try findings(of: changes, in: family, owner)
        }
        return found
    }

    private mutating func findings(
        of changes: NetfilterChanges, in family: NftFamily, _ owner: Owner
    ) throws(KernelError) -> [Finding] {
        let table = BerthTable.name
        var found = family == .inet ? try sharedFindings(changes) : []
        let elements = changes.owned.map { ($0, true) } + changes.shared.map { ($0, false) }
        for (element, isOwned) in elements where element.set.family == family {
            let command = element.command(table: table)
            let object = "nftables element of \(element.set.name)"
            guard
                let seen = try withNetfilter({ (socket) throws(KernelError) in
                    try socket.element(element.identity, table: table)
                })
            else {
                found.append(Finding(object, expected: command, found: "no such element"))
                continue
            }
            if isOwned, let tag = seen.comment.flatMap(Owner.tag(inComment:)), tag != owner.attachment.tag,
                yieldsPorts(tag)
            {
                continue
            }
            if !seen.matches(element) {
                found.append(
                    Finding(
                        object, expected: command,
                        found: seen.chain.map { "jump \($0)" } ?? "other data: \(hex(seen.data, digits: 64))"))
            } else if isOwned, seen.comment?.hasPrefix(owner.commentPrefix) != true {
                found.append(Finding(object, expected: "owner \(owner)", found: seen.comment ?? "no owner"))
            }
        }
        return found
    }

    /// Chains of networks, calls of administrators' chains, and what must not be.
    private mutating func sharedFindings(_ changes: NetfilterChanges) throws(KernelError) -> [Finding] {
        let table = BerthTable.name
        var found = try chainFindings(changes.chains)
        for chain in changes.adminChains {
            let calls = try withNetfilter { (socket) throws(KernelError) in
                try socket.ruleComments(ofChain: BerthTable.admin, table: table)
            }
            if !calls.contains(NetfilterChanges.call(chain).comment) {
                found.append(
                    Finding("nftables chain \(BerthTable.admin)", expected: "calls \(chain)", found: "no such rule"))
            }
        }
        for key in changes.absent {
            guard try withNetfilter({ (socket) throws(KernelError) in try socket.element(key, table: table) }) != nil
            else { continue }
            found.append(
                Finding(
                    "nftables element of \(key.set)", expected: "absent",
                    found: "present: the bridge has another policy"))
        }
        return found
    }

    /// Is our table whole? Nil: it was not made yet. What STATUS asks.
    public mutating func tableFindings(_ family: NftFamily) throws(KernelError) -> [Finding]? {
        guard try hasTable(family) else { return nil }
        return try chainFindings(BerthTable.chains(family)) + constantFindings(family)
    }

    /// Elements that stand since the table was made: without them no port is published.
    private mutating func constantFindings(_ family: NftFamily) throws(KernelError) -> [Finding] {
        var found: [Finding] = []
        for element in BerthTable.constants(family) {
            let seen = try withNetfilter { (socket) throws(KernelError) in
                try socket.element(element.identity, table: BerthTable.name)
            }
            guard seen == nil else { continue }
            let command = element.command(table: BerthTable.name)
            found.append(
                Finding("nftables element of \(element.set.name)", expected: command, found: "no such element"))
        }
        return found
    }

    private mutating func chainFindings(_ chains: [NftChain]) throws(KernelError) -> [Finding] {
        let table = BerthTable.name
        var found: [Finding] = []
        for chain in chains {
            let object =
                "nftables chain \(chain.name)\(chain.family == .inet ? "" : " of table \(chain.family) \(table)")"
            guard try has(chain) else {
                found.append(Finding(object, expected: "exists", found: "no such chain"))
                continue
            }
            // The administrator's calls come and go.
            guard chain.name != BerthTable.admin else { continue }
            let rules = try withNetfilter { (socket) throws(KernelError) in
                try socket.rules(ofChain: chain.name, table: table, chain.family)
            }
            if rules.count != chain.rules.count {
                found.append(Finding(object, expected: "\(chain.rules.count) rules", found: "\(rules.count) rules"))
                continue
            }
            for (wanted, rule) in zip(chain.rules, rules) where !rule.matches(wanted) {
                found.append(Finding(object, expected: "rule \(wanted)", found: "another rule in its place"))
            }
        }
        return found
    }
}

extension LinuxKernel {
    /// Base chains of other tables than berth's at the forward hook, such as "ip filter FORWARD".
    public mutating func foreignForwardChains() throws(KernelError) -> [ForeignChain] {
        try withNetfilter { (socket) throws(KernelError) in
            try socket.foreignChains(hook: UInt32(NF_INET_FORWARD.rawValue), except: BerthTable.name)
        }
    }
}
