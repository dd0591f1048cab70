import CKernel
import Glibc
import NetCore

extension LinuxKernel {
    public mutating func sweep(_ owner: Owner, keys: [NftElementKey]?) throws(Failures) {
        try sweep(owner, keys: keys, heirs: [])
    }

    /// As `sweep(_:keys:)`; in the same transaction the ports go to `heirs`: the container's attachments to other networks
    /// that had yielded them.
    /// `iptables`: in which variants' tables rules of the owner may stand besides; `foreign` are the reference plugins' of
    /// the same attachment.
    public mutating func sweep(
        _ owner: Owner, keys: [NftElementKey]?, heirs: [Plan], iptables: [IptablesVariant] = [],
        foreign: IptablesRemoval? = nil
    ) throws(Failures) {
        var failures: [KernelError] = []
        do throws(KernelError) {
            try removeIptables(owner, iptables, foreign)
        } catch {
            failures.append(error)
        }
        do throws(KernelError) {
            try removeElements(of: owner, keys: keys, heirs: heirs.flatMap(\.netfilter.owned))
        } catch {
            failures.append(error)
        }
        do throws(KernelError) {
            if owner.livesInContainer, sockets.container != nil {
                try removeMacvlan(of: owner, isRecorded: false)
            }
            // Qdiscs bear no name: those of a host end of our own are found by the end's, others by the record.
            if owner.shapes { try unshape(owner.attachment.hostInterface) }
            if let name = owner.hostLink, let link = try link(name, .host), isOurs(link, owner) { try remove(link) }
        } catch {
            failures.append(error)
        }
        if let failures = Failures(failures) { throw failures }
    }

    public mutating func sweep(plugin: String, network: String, except valid: Set<Attachment>) throws(Failures) {
        var failures: [KernelError] = []
        let prefix = "\(plugin) \(Attachment.networkTag(network))-"
        let kept = Set(valid.map { Owner(plugin: plugin, attachment: $0).commentPrefix })
        do throws(KernelError) {
            try whereNftables { (kernel) throws(KernelError) in
                try kernel.removeElements(of: plugin) { comment in
                    comment.hasPrefix(prefix) && !kept.contains { comment.hasPrefix($0) }
                }
            }
        } catch {
            failures.append(error)
        }
        failures += removeIptables(of: plugin, network: network, except: valid)
        failures += removeLinks(of: plugin, network: network, except: valid)
        if let failures = Failures(failures) { throw failures }
    }

    private mutating func removeLinks(of plugin: String, network: String, except valid: Set<Attachment>)
        -> [KernelError]
    {
        guard Owner.linkPlugins.contains(plugin) else { return [] }
        let names = Set(valid.compactMap { Owner(plugin: plugin, attachment: $0).hostLink?.description })
        var failures: [KernelError] = []
        do throws(KernelError) {
            for link in try host.links() where !names.contains(link.name) {
                guard let alias = link.alias, Owner.isAlias(alias, of: plugin, network: network) else { continue }
                do throws(KernelError) {
                    let request = try LinkRequest.delete(link)
                    _ = try ignoring(.noSuchDevice) { () throws(KernelError) in try host.perform([request]) }
                } catch {
                    failures.append(error)
                }
            }
        } catch {
            failures.append(error)
        }
        return failures
    }

    /// Its name derives from the attachment; the alias confirms it, and a link whose alias was wiped is still ours.
    private func isOurs(_ link: Link, _ owner: Owner) -> Bool {
        link.kind == (owner.shapes ? "ifb" : "veth")
            && (link.alias == owner.alias || link.alias == nil || link.alias == "")
    }

    // MARK: elements

    mutating func removeElements(of owner: Owner, keys: [NftElementKey]?, heirs: [NftElement])
        throws(KernelError)
    {
        guard let keys else {
            return try whereNftables { (kernel) throws(KernelError) in
                try kernel.removeElements(of: owner.plugin) { $0.hasPrefix(owner.commentPrefix) }
            }
        }
        guard !keys.isEmpty else { return }
        try lookingAgain { (kernel) throws(KernelError) in
            let found = try kernel.withNetfilter { (socket) throws(KernelError) in
                try socket.elements(keys, table: BerthTable.name)
            }
            // Somebody else's by now, or nobody's: not ours to delete.
            let mine = found.filter { $0.comment?.hasPrefix(owner.commentPrefix) == true }
            let keys = mine.map(\.identity)
            try kernel.delete(mine, heirs: heirs.filter { keys.contains($0.identity) })
        }
    }

    /// Lists the plugin's sets: time grows with them, so only where no record tells the keys.
    mutating func removeElements(of plugin: String, where isDead: (String) -> Bool) throws(KernelError) {
        let sets = BerthTable.ownedSets(of: plugin)
        guard !sets.isEmpty else { return }
        try lookingAgain { (kernel) throws(KernelError) in
            var dead: [NftElementFound] = []
            for set in sets {
                // Without the table, or the set, there is nothing.
                let elements = try kernel.withNetfilter { (socket) throws(KernelError) in
                    try socket.elements(ofSet: set.name, table: BerthTable.name, set.family)
                }
                dead += elements.filter { $0.comment.map(isDead) ?? false }
            }
            try kernel.delete(dead, heirs: [])
        }
    }

    /// Nothing is left of a bridge's policy, for a bridge that is gone for good: no DEL removes what containers share.
    public mutating func forgetPolicy(of bridge: LinkName) throws(KernelError) {
        let keys = Isolation(bridge: bridge, policy: .open).netfilter().absent
        try whereNftables { (kernel) throws(KernelError) in
            guard try kernel.hasTable(.inet) else { return }
            let found = try kernel.withNetfilter { (socket) throws(KernelError) in
                try socket.elements(keys, table: BerthTable.name)
            }
            try kernel.delete(found, heirs: [])
        }
    }

    private mutating func delete(_ elements: [NftElementFound], heirs: [NftElement]) throws(KernelError) {
        guard !elements.isEmpty else { return }
        var transaction = NftTransaction(table: BerthTable.name)
        for element in elements { try transaction.delete(element.identity) }
        for chain in try unused(after: elements) { try transaction.delete(chain: chain) }
        for element in heirs { try transaction.add(element, exclusive: true) }
        try withNetfilter { (socket) throws(KernelError) in try socket.commit(transaction) }
        if detaches {
            try withNetfilter { (socket) throws(KernelError) in DetachedChild.keep(socket.descriptor) }
        }
    }

    /// The chains of a network or subnet to which only these elements lead: they go with them.
    private mutating func unused(after elements: [NftElementFound]) throws(KernelError) -> [String] {
        var references: [String: Int] = [:]
        for chain in elements.compactMap(\.chain) where !BerthTable.chainNames.contains(chain) {
            references[chain, default: 0] += 1
        }
        var unused: [String] = []
        for (chain, count) in references.sorted(by: { $0.key < $1.key }) {
            let table = BerthTable.name
            let uses = try withNetfilter { (socket) throws(KernelError) in try socket.uses(ofChain: chain, table: table)
            }
            let rules = try withNetfilter { (socket) throws(KernelError) in
                try socket.ruleComments(ofChain: chain, table: table)
            }
            if uses == rules.count + count { unused.append(chain) }
        }
        return unused
    }

    // MARK: links

    /// The link's name and addresses are gone when this returns; the kernel may still be tidying up, which a child waits for.
    private mutating func remove(_ link: Link) throws(KernelError) {
        let request = try LinkRequest.delete(link)
        guard detaches else {
            _ = try ignoring(.noSuchDevice) { () throws(KernelError) in try host.perform([request]) }
            return
        }
        var watch = try NetlinkSocket(NETLINK_ROUTE)
        try watch.join(group: Int32(RTNLGRP_LINK.rawValue))
        var ends: [Int32] = [-1, -1]
        try check("make a pipe") { berth_pipe_cloexec(&ends) }
        defer { close(ends[0]) }
        var failed: KernelError?
        do throws(KernelError) {
            try DetachedChild.run(inheriting: [ends[1]]) {
                var code: Int32 = 0
                do throws(KernelError) {
                    var socket = try NetlinkSocket(NETLINK_ROUTE)
                    try socket.perform([request])
                } catch {
                    code = error.errno.rawValue
                }
                Glibc.write(ends[1], &code, 4)
                close(ends[1])
            }
        } catch {
            failed = error
        }
        close(ends[1])
        if let failed { throw failed }
        guard try !awaitRemoval(link, watch, ends[0], request.operation) else { return }
        _ = try ignoring(.noSuchDevice) { () throws(KernelError) in try host.perform([request]) }
    }

    /// False: the child was killed before it could say what has become of the link.
    private func awaitRemoval(_ link: Link, _ watch: borrowing NetlinkSocket, _ pipe: Int32, _ operation: String)
        throws(KernelError) -> Bool
    {
        for _ in 0..<10_000 {
            var events = [
                pollfd(fd: watch.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: pipe, events: Int16(POLLIN), revents: 0),
            ]
            let ready = try check(operation) { poll(&events, 2, 30_000) }
            guard ready > 0 else {
                throw KernelError(operation, .timedOut, "the kernel has not removed it in 30 seconds")
            }
            if events[0].revents != 0, try watch.removals(operation).contains(link.index) { return true }
            if events[1].revents != 0 {
                var code: Int32 = 0
                guard read(pipe, &code, 4) == 4 else { return false }
                guard code != 0, code != ENODEV else { return true }
                throw KernelError(operation, Errno(code))
            }
        }
        throw KernelError(operation, .timedOut)
    }
}
