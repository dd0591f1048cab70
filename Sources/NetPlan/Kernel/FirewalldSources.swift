import NetCore

// firewalld keeps its runtime configuration in its process and answers on the system bus; berth-firewalld speaks to it
// (docs/adr/0011-firewalld.md). Its changes are under a lock of their own: a call of it takes some 20 ms, and seconds while
// it starts or reloads.
extension LinuxKernel {
    /// The zones that there are and the sources that they have now. Throws ENOTCONN where firewalld is not on the system bus.
    public mutating func lookAtFirewalld() throws(KernelError) -> FirewalldState {
        if let firewalld { return firewalld }
        let lines = try HelperProgram.firewalld.ask(
            FirewalldRequest(.look).text, holding: [], "look at firewalld's zones")
        let state = FirewalldState(lines: lines)
        firewalld = state
        return state
    }

    /// The plan's sources stand in their zones; or none that it put there, and nothing of what `netfilter` made before.
    mutating func commitSources(_ plan: Plan, over netfilter: NetfilterChanges) throws(ApplyFailure) {
        let sources = plan.zoneSources
        guard !sources.isEmpty else { return }
        do throws(KernelError) {
            try add(sources)
        } catch {
            var left: [KernelError] = []
            do throws(KernelError) {
                try removeElements(of: plan.owner, keys: netfilter.owned.map(\.identity), heirs: [])
            } catch let failure {
                left.append(failure)
            }
            throw ApplyFailure(.kernel(error), leftBehind: left)
        }
    }

    /// An address that stands in another zone stays there: somebody put it there. Throws EEXIST naming the zone.
    private mutating func add(_ sources: [ZoneSource]) throws(KernelError) {
        let lock = try state.zoneLock()
        defer { withExtendedLifetime(lock.descriptor) {} }
        firewalld = nil
        let standing = try lookAtFirewalld()
        var missing: [ZoneSource] = []
        for source in sources where !standing.has(source) {
            if let other = standing.bindings(of: source).first {
                throw KernelError(
                    "make \(source.binding.source) a source of firewalld's zone \(source.zone)", .alreadyExists,
                    "it is one of zone \(other.zone): firewall-cmd --zone=\(other.zone) "
                        + "--remove-source=\(other.source), or name that zone in \"firewalldZone\""
                )
            }
            missing.append(source)
        }
        guard !missing.isEmpty else { return }
        firewalld = nil
        _ = try HelperProgram.firewalld.ask(
            FirewalldRequest(.add, missing.map(\.binding)).text, holding: [lock.descriptor],
            "add sources to firewalld's zones")
        addedSources += missing
    }

    /// In what firewalld differs from the plan.
    mutating func sourceFindings(_ plan: Plan) throws(KernelError) -> [Finding] {
        let sources = plan.zoneSources
        guard !sources.isEmpty else { return [] }
        let seen = try ignoring(.notConnected) { () throws(KernelError) in try lookAtFirewalld() }
        return sources.compactMap { source in
            guard seen?.has(source) != true else { return nil }
            let found =
                seen.map { state in
                    state.bindings(of: source).first.map { "in zone \($0.zone)" } ?? "in no zone"
                } ?? "firewalld is not on the system bus"
            return Finding(
                "source \(source.binding.source) of firewalld", expected: "in zone \(source.zone)", found: found)
        }
    }

    /// What differed in firewalld is so again.
    mutating func mendSources(_ plan: Plan) throws(ApplyFailure) -> [Finding] {
        do throws(KernelError) {
            let found = try sourceFindings(plan)
            if !found.isEmpty { try add(plan.zoneSources) }
            return found
        } catch {
            throw ApplyFailure(.kernel(error))
        }
    }

    /// The addresses are no sources of those zones any more, as berth or the reference plugin spells them, but for what the
    /// permanent configuration has. One that is gone, or was moved to another zone, and a firewalld that does not run, are no
    /// failure. The caller holds `zoneLock`.
    public mutating func removeSources(_ sources: [ZoneSource], _ lock: borrowing FileLock) throws(KernelError) {
        guard !sources.isEmpty else { return }
        firewalld = nil
        let descriptor = lock.descriptor
        _ = try ignoring(.notConnected) { () throws(KernelError) in
            try HelperProgram.firewalld.ask(
                FirewalldRequest(.remove, sources.map(\.binding)).text, holding: [descriptor],
                "remove sources from firewalld's zones")
        }
    }
}
