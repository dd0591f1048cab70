import Glibc
import NetCore

extension LinuxKernel {
    /// What differed of the plan is so again, as far as it can be put right without harm to anybody else: a cable whose ends
    /// are gone is made anew, an address that somebody else has by now stays his. Returns what differed; what still does,
    /// `findings` tells. Throws what the kernel refused, after the rest was put right.
    public mutating func mend(_ plan: Plan) throws(ApplyFailure) -> [Finding] {
        var found: [Finding] = []
        var failures: [ApplyFailure] = []
        for resource in plan.resources where !resource.isRule {
            do throws(KernelError) {
                let differences = try findings(resource)
                guard !differences.isEmpty else { continue }
                found += differences
                try mend(resource, of: plan)
                try flush()
                try rise()
            } catch {
                failures.append(ApplyFailure(.kernel(error)))
            }
        }
        do throws(ApplyFailure) {
            found += try mendNetfilter(plan.netfilter, owner: plan.owner)
            found += try mendIptables(plan)
            found += try mendSources(plan)
        } catch {
            failures.append(error)
        }
        if let first = failures.first { throw first }
        return found
    }

    private mutating func mend(_ resource: Resource, of plan: Plan) throws(KernelError) {
        switch resource {
        case .vethPair(let pair): try pair.mend(&self)
        case .bridge(let bridge): try bridge.mend(&self)
        case .macvlan(let link): try link.mend(&self)
        case .functionalBlock(let block): try block.mend(&self)
        case .tokenBucket(let bucket): try bucket.mend(&self)
        case .ingressRedirect(let redirect): try redirect.mend(&self)
        case .route(let route):
            do throws(KernelError) {
                try route.ensure(&self)
                try flush()
            } catch  where error.errno == Errno(ENETUNREACH) || error.errno == Errno(EHOSTUNREACH) {
                // The subnet's own route has gone, which came with the address.
                for case .address(let address) in plan.owned
                where address.place == .container && address.prefix.family == route.route.destination.family {
                    try address.renew(&self)
                }
                try route.ensure(&self)
            }
        default: try ensure(resource)
        }
    }

    // MARK: netfilter

    /// The table's constant chains, what the changes need of it, and their own elements stand again, in one transaction.
    private mutating func mendNetfilter(_ changes: NetfilterChanges, owner: Owner) throws(ApplyFailure) -> [Finding] {
        guard !changes.isEmpty else { return [] }
        var found: [Finding] = []
        var refusal: ApplyFailure.Cause?
        do throws(KernelError) {
            found = try netfilterFindings(changes, owner: owner)
            guard !found.isEmpty else { return [] }
            refusal = try lookingAgain { (kernel) throws(KernelError) in try kernel.remake(changes, owner: owner) }
        } catch {
            throw ApplyFailure(.kernel(error))
        }
        if let refusal { throw ApplyFailure(refusal) }
        return found
    }

    private mutating func remake(_ changes: NetfilterChanges, owner: Owner) throws(KernelError) -> ApplyFailure.Cause? {
        let table = BerthTable.name
        var changes = changes
        var transaction = NftTransaction(table: table)
        var absent: [NftElement] = []
        for family in changes.families {
            let owned = changes.owned.filter { $0.set.family == family }
            guard try hasTable(family) else {
                absent += owned
                continue
            }
            if family == .inet { try remakeChains(changes.chains, &transaction, orMake: false) }
            if !trustedTables.contains(family) {
                try remakeChains(BerthTable.chains(family), &transaction, orMake: true)
                for element in BerthTable.constants(family) where try standing(element) == nil {
                    try transaction.add(element, exclusive: false)
                }
            }
            for element in owned {
                guard let seen = try standing(element) else {
                    absent.append(element)
                    continue
                }
                let tag = seen.comment.flatMap(Owner.tag(inComment:))
                if tag != owner.attachment.tag {
                    // Yielded when it came: another network of the container publishes the port.
                    if let tag, yieldsPorts(tag) { continue }
                    return cause(portWords(element), seen.comment, owner)
                }
                if seen.matches(element), seen.comment?.hasPrefix(owner.commentPrefix) == true { continue }
                try transaction.delete(element.identity)
                absent.append(element)
            }
        }
        changes.owned = absent
        for conflict in try portConflicts(of: changes.owned)
        where conflict.comment?.hasPrefix(owner.commentPrefix) != true {
            guard let tag = conflict.comment.flatMap(Owner.tag(inComment:)), yieldsPorts(tag) else {
                return cause(portWords(conflict.element), conflict.comment, owner)
            }
            changes.owned.removeAll { $0 == conflict.element }
        }
        try add(missing: changes, to: &transaction)
        guard !transaction.isEmpty else { return nil }
        try withNetfilter { (socket) throws(KernelError) in try socket.commit(transaction) }
        return nil
    }

    private mutating func standing(_ element: NftElement) throws(KernelError) -> NftElementFound? {
        try withNetfilter { (socket) throws(KernelError) in
            try socket.element(element.identity, table: BerthTable.name)
        }
    }

    /// The chains have their rules and no others. The administrator's calls are left alone.
    private mutating func remakeChains(_ chains: [NftChain], _ transaction: inout NftTransaction, orMake: Bool)
        throws(KernelError)
    {
        var wrong: [NftChain] = []
        for chain in chains {
            guard try has(chain) else {
                guard orMake else { continue }
                try transaction.add(chain)
                wrong.append(chain)
                continue
            }
            guard chain.name != BerthTable.admin else { continue }
            let rules = try withNetfilter { (socket) throws(KernelError) in
                try socket.rules(ofChain: chain.name, table: BerthTable.name, chain.family)
            }
            let isSame = rules.count == chain.rules.count && zip(chain.rules, rules).allSatisfy { $1.matches($0) }
            guard !isSame else { continue }
            if !rules.isEmpty { try transaction.deleteRules(ofChain: chain.name, chain.family) }
            wrong.append(chain)
        }
        for chain in wrong { try transaction.addRules(chain.rules, to: chain.name, chain.family) }
    }
}

extension PlannedAddress {
    /// Taken off and put on again, with the routes that the kernel makes for it.
    fileprivate func renew(_ kernel: inout LinuxKernel) throws(KernelError) {
        let index = try kernel.requireIndex(link, place)
        kernel.queue(try AddressRequest.delete(prefix, from: index, named: link.description))
        try ensure(&kernel)
        try kernel.flush()
    }
}

extension VethPair {
    /// Made anew when it is gone as a whole; else its ends are set as they were made.
    fileprivate func mend(_ kernel: inout LinuxKernel) throws(KernelError) {
        let outer = try kernel.link(host, .host)
        let inner = try kernel.link(container, .container)
        guard let outer else {
            if inner == nil { try create(&kernel) }
            return
        }
        guard outer.kind == "veth", outer.alias == alias || outer.alias == nil || outer.alias == "" else { return }
        var changes = LinkRequest.Changes()
        changes.up = true
        changes.alias = alias
        changes.mtu = mtu
        if let master, let bridge = try kernel.link(master, .host), bridge.index != outer.master {
            changes.master = bridge.index
        }
        try kernel.host.perform([try LinkRequest.set(host.description, changes, "set link \(host) as it was made")])
        guard let inner else { return }
        var own = LinkRequest.Changes()
        if let containerMAC, inner.mac != containerMAC { own.mac = containerMAC }
        if let mtu, inner.mtu != mtu { own.mtu = mtu }
        guard own != LinkRequest.Changes() else { return }
        kernel.queue(try LinkRequest.set(container.description, own, "set link \(container) as it was made"))
    }
}

extension Bridge {
    /// Also its MTU, which `ensure` leaves to the network that made the bridge.
    fileprivate func mend(_ kernel: inout LinuxKernel) throws(KernelError) {
        try ensure(&kernel)
        guard let link = try kernel.link(name, .host), try mtuFinding(link, &kernel) != nil else { return }
        var changes = LinkRequest.Changes()
        changes.mtu = mtu
        try kernel.host.perform([try LinkRequest.set(name.description, changes, "set the mtu of bridge \(name)")])
    }
}
