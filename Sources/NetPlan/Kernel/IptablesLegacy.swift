import NetCore

// The tables of before nf_tables, which libiptc changes in a program of its own: libiptc is GPL, and no other part of berth
// is (LICENSES.md). One call of it a plugin's call, under the lock that iptables itself takes.
extension LinuxKernel {
    mutating func commitLegacy(_ changes: [IptablesChanges], _ owner: Owner, isNew: Bool) throws(KernelError)
        -> ApplyFailure.Cause?
    {
        var request = IptablesRequest(.make)
        request.isNew = isNew
        request.changes = changes
        request.accepted = [owner.commentPrefix]
        // Who publishes one of the ports is asked about one by one; more than a few are never there.
        for _ in 0..<16 {
            let answer = try askLegacy(request)
            let holders = answer.filter { $0.hasPrefix("holder ") }.map { String($0.dropFirst(7)) }
            guard !holders.isEmpty else { return nil }
            let claims = changes.flatMap(\.claims)
            for comment in holders {
                if let cause = try judge(comment, claims, owner) { return cause }
                request.accepted.append(comment)
            }
        }
        throw KernelError("publish ports by iptables-legacy", .busy, "the holders of the ports change all the time")
    }

    mutating func legacyFindings(_ changes: [IptablesChanges]) throws(KernelError) -> [Finding] {
        var request = IptablesRequest(.check)
        request.changes = changes
        return try askLegacy(request).compactMap { line in
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 4, parts[0] == "finding" else { return nil }
            return Finding(parts[1], expected: parts[2], found: parts[3])
        }
    }

    mutating func removeLegacy(_ removal: IptablesRemoval, _ tables: [IptablesTable]) throws(KernelError) {
        // A table that nobody has used is not made for a removal.
        let standing = Set(AddressFamily.allCases.flatMap(IptablesVariant.legacyTables))
        let wanted = tables.filter { standing.contains($0.rawValue) }
        guard !wanted.isEmpty else { return }
        var request = IptablesRequest(.remove)
        request.removal = removal
        request.tables = wanted
        _ = try askLegacy(request)
    }

    mutating func legacyComments() throws(KernelError) -> [String] {
        var request = IptablesRequest(.comments)
        request.tables = [.nat, .filter]
        return try askLegacy(request).compactMap { $0.hasPrefix("comment ") ? String($0.dropFirst(8)) : nil }
    }

    /// berth-iptables is started, before it is known what it is to do: its start takes as long as its work.
    public static func startLegacy() -> StartedChild? {
        // Whoever asks it something is told why it could not be started.
        do throws(KernelError) { return try HelperProgram.iptables.start() } catch { return nil }
    }

    /// The lines of berth-iptables' answer. It takes the lock of all changes itself and dies with this process: should this
    /// one end first, the next waits until it has gone.
    private mutating func askLegacy(_ request: IptablesRequest) throws(KernelError) -> [String] {
        var request = request
        request.lock = try state.netfilterLockFile()
        let child: StartedChild
        if let started = legacy { child = started } else { child = try HelperProgram.iptables.start() }
        legacy = nil
        return try HelperProgram.iptables.answer(of: child, to: request.text, "change the tables of iptables-legacy")
    }
}
