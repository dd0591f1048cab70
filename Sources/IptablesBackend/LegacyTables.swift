import Glibc
import NetCore
import NetPlan

/// What is asked for, done with the legacy tables, under the lock that iptables itself takes (man 8 iptables, "-w").
enum LegacyTables {
    /// The lines of the answer. Throws what the kernel said, after what was made of the changes before is taken back.
    static func answer(_ request: IptablesRequest) throws(KernelError) -> [String] {
        // The kernel tells a table whole: a look needs no lock.
        switch request.verb {
        case .check: return try check(request.changes)
        case .comments: return try comments(request.tables)
        case .make, .remove: break
        }
        // First berth's own, which says that no other plugin looks or changes, then the one of all who use iptables.
        guard let file = request.lock else {
            throw KernelError("read the request", .invalidArgument, "it names no lock")
        }
        let own = try FileLock(file, .exclusive, seconds: 30)
        defer { withExtendedLifetime(own.descriptor) {} }
        let lock = try FileLock(IptablesVariant.lockFile, .exclusive, seconds: 30)
        defer { withExtendedLifetime(lock.descriptor) {} }
        guard request.verb == .remove else { return try make(request) }
        for (table, family) in standing(request.tables) { try remove(request.removal, table, family) }
        return []
    }

    // MARK: make

    private static func make(_ request: IptablesRequest) throws(KernelError) -> [String] {
        var done: [(changes: IptablesChanges, table: IptablesTable)] = []
        var holders: [String] = []
        do throws(KernelError) {
            for changes in request.changes {
                // What protects stands before what opens.
                for table in [IptablesTable.raw, .filter, .nat] where touches(changes, table) && holders.isEmpty {
                    holders = try make(changes, table, request)
                    if holders.isEmpty { done.append((changes, table)) }
                }
            }
        } catch {
            try takeBack(done)
            throw error
        }
        if !holders.isEmpty { try takeBack(done) }
        return holders.map { "holder \($0)" }
    }

    private static func takeBack(_ done: [(changes: IptablesChanges, table: IptablesTable)]) throws(KernelError) {
        for (changes, table) in done where !changes.ownerPrefix.isEmpty {
            var removal = IptablesRemoval()
            removal.prefixes = [changes.ownerPrefix]
            removal.chains = changes.ownChains.filter { $0.table == table }
            try remove(removal, table, changes.family)
        }
    }

    private static func touches(_ changes: IptablesChanges, _ table: IptablesTable) -> Bool {
        // To ask who has a port makes no table.
        let asks = table == .nat && !changes.claims.isEmpty
        return tables(of: changes).contains(table)
            || asks && IptablesVariant.legacyTables(changes.family).contains("nat")
    }

    /// The changes of one table are made, or nothing is and the holders of the ports are named.
    private static func make(_ changes: IptablesChanges, _ table: IptablesTable, _ request: IptablesRequest)
        throws(KernelError) -> [String]
    {
        try again { () throws(KernelError) in
            let handle = try LegacyTable(table, changes.family)
            let present = changes.required.filter { $0.table != table || handle.has($0.name) }
            try changes.requireChains(where: present.contains)
            let standing = standing(of: changes, in: handle, isNew: request.isNew)
            if table == .nat {
                let holders = standing.holders(of: changes.claims, except: request.accepted)
                guard holders.isEmpty else { return holders }
            }
            let edits = standing.edits(toMake: changes.only(table))
            guard !edits.isEmpty else { return [] }
            try handle.apply(edits, counts: standing.counts)
            try handle.commit()
            return []
        }
    }

    // MARK: check, remove, list

    private static func check(_ changes: [IptablesChanges]) throws(KernelError) -> [String] {
        var lines: [String] = []
        for part in changes {
            for table in tables(of: part) {
                let findings: [Finding]
                if IptablesVariant.legacyTables(part.family).contains(table.rawValue) {
                    let handle = try LegacyTable(table, part.family)
                    findings = IptablesFindings.list(
                        part.only(table), standing(of: part, in: handle, isNew: false), "iptables-legacy")
                } else {
                    // A look makes no table.
                    findings = [IptablesFindings.missing(table: table, part.family, "iptables-legacy")]
                }
                lines += findings.map { "finding\t\($0.object)\t\($0.expected)\t\($0.found)" }
            }
        }
        return lines
    }

    private static func remove(_ removal: IptablesRemoval, _ table: IptablesTable, _ family: AddressFamily)
        throws(KernelError)
    {
        try again { () throws(KernelError) in
            let handle = try LegacyTable(table, family)
            var standing = IptablesStanding<LegacyRule>(family)
            for name in handle.chains { standing.chains[IptablesChain(table, name)] = handle.rules(of: name) }
            let edits = standing.edits(toRemove: removal)
            guard !edits.isEmpty else { return }
            try handle.apply(edits, counts: standing.counts)
            try handle.commit()
        }
    }

    private static func comments(_ tables: [IptablesTable]) throws(KernelError) -> [String] {
        var lines: [String] = []
        for (table, family) in standing(tables) {
            let handle = try LegacyTable(table, family)
            for chain in handle.chains {
                lines += handle.rules(of: chain).compactMap { $0.comment.map { "comment \($0)" } }
            }
        }
        return lines
    }

    // MARK: parts

    /// Of these tables those that exist.
    private static func standing(_ tables: [IptablesTable]) -> [(IptablesTable, AddressFamily)] {
        AddressFamily.allCases.flatMap { family in
            let present = IptablesVariant.legacyTables(family)
            return tables.filter { present.contains($0.rawValue) }.map { ($0, family) }
        }
    }

    private static func tables(of changes: IptablesChanges) -> [IptablesTable] {
        IptablesTable.allCases.filter { table in
            changes.ownChains.contains { $0.table == table } || changes.shared.contains { $0.chain.table == table }
                || changes.owned.contains { $0.chain.table == table }
                || changes.absent.contains { $0.chain.table == table }
        }
    }

    private static func standing(of changes: IptablesChanges, in handle: LegacyTable, isNew: Bool)
        -> IptablesStanding<LegacyRule>
    {
        var standing = IptablesStanding<LegacyRule>(changes.family)
        for chain in changes.chains + changes.absent.map(\.chain) + [IptablesNames.destinations]
        where chain.table == handle.table && standing.chains[chain] == nil && handle.has(chain.name) {
            let isAppended =
                isNew && !changes.ownChains.contains(chain) && chain != IptablesNames.destinations
                && !(changes.shared + changes.absent).contains { $0.chain == chain }
            standing.chains[chain] = isAppended ? [] : handle.rules(of: chain.name)
        }
        return standing
    }

    /// Somebody who does not take the lock may have changed the table between our reading and our writing.
    private static func again<Value>(_ body: () throws(KernelError) -> Value) throws(KernelError) -> Value {
        for _ in 0..<4 {
            do throws(KernelError) {
                return try body()
            } catch  where error.errno == .tryAgain {
                continue
            }
        }
        return try body()
    }
}

extension IptablesStanding {
    fileprivate var counts: [IptablesChain: Int] { chains.mapValues(\.count) }
}

extension IptablesChanges {
    /// What of them is about one table.
    fileprivate func only(_ table: IptablesTable) -> IptablesChanges {
        var part = self
        part.shared.removeAll { $0.chain.table != table }
        part.absent.removeAll { $0.chain.table != table }
        part.owned.removeAll { $0.chain.table != table }
        part.ownChains.removeAll { $0.table != table }
        return part
    }
}
