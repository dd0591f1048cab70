import CNI
import JSON
import NetCore
import NetPlan

extension PlannedPlugin {
    /// What differs of what the record says must be so; empty when nothing does, or the record has no finished section of the
    /// plugin's. `trusting`: nftables tables whose constant half was just seen to be whole. Throws what kept it from looking.
    public func differences(_ record: AttachmentRecord, _ state: StateDirectory, trusting: [NftFamily]) throws(CNIError)
        -> [Finding]
    {
        try withPlan(of: record, state) { (plan, kernel) throws(CNIError) in
            kernel.trustedTables = trusting
            return try answering { () throws(KernelError) in try kernel.findings(plan) }
        } ?? []
    }

    /// The rules that the plugin's ADD has made in iptables' tables, by what the record says; none where it made them in nftables. Throws what
    /// kept it from reading that.
    public func iptablesRules(_ record: AttachmentRecord, _ state: StateDirectory) throws(CNIError)
        -> [IptablesFindings.Wanted]
    {
        guard record[name]?.iptables != nil else { return [] }
        return try withPlan(of: record, state) { (plan, kernel) throws(CNIError) in
            guard let variant = kernel.iptablesVariant(plan.backend) else { return [] }
            return plan.iptables.flatMap { IptablesFindings.wanted($0, variant) }
        } ?? []
    }

    /// As `differences`, and nothing of it differs any more where that can be. Throws what it could not put right.
    public func mend(_ record: AttachmentRecord, _ state: StateDirectory, trusting: [NftFamily]) throws(CNIError)
        -> [Finding]
    {
        let owner = Owner(plugin: name, attachment: record.attachment)
        return try withPlan(of: record, state) { (plan, kernel) throws(CNIError) in
            kernel.trustedTables = trusting
            var found: [Finding] = []
            var failure: CNIError?
            do throws(ApplyFailure) {
                found = try kernel.mend(plan)
            } catch {
                failure = CNIError(error, owner)
            }
            let added = kernel.addedSources
            try answering { () throws(KernelError) in
                try AttachmentRecords(state).adopt(added, name, of: record.attachment)
            }
            if let failure { throw failure }
            return found
        } ?? []
    }

    /// Runs `body` with the plan that CHECK would hold against the kernel; nil where no ADD of the plugin stands.
    func withPlan<Value>(
        of record: AttachmentRecord, _ state: StateDirectory,
        _ body: (Plan, inout LinuxKernel) throws(CNIError) -> Value
    ) throws(CNIError) -> Value? {
        guard let section = record[name], section.isDone, let netns = record.origin.netns else { return nil }
        var json = section.configuration
        json["prevResult"] = nil
        var configuration = try NetworkConfiguration(json)
        let previous = try record.lastResult()
        configuration.previousResult = previous
        let request = Request(
            command: .check, containerID: record.attachment.containerID, netns: netns,
            interface: record.attachment.interface, configuration: configuration,
            environment: Environment(["BERTH_STATE_DIR": state.path]))
        let own = try self.configuration(request)
        var kernel: LinuxKernel
        do throws(KernelError) {
            kernel = try LinuxKernel(namespace: entersContainer ? netns : nil, state: state)
        } catch {
            throw CNIError(.invalidNamespace, "failed to open netns \"\(netns)\": \(error)")
        }
        let records = AttachmentRecords(state)
        kernel.portsOf = { records.claims(tag: $0) }
        kernel.yieldsPorts = { records.isContainer(record.attachment.containerID, tag: $0) }
        let observations = try observe(request, own, &kernel)
        var plan = planToCheck(
            request, try plan(request, own, lease: previous ?? CNIResult(), observations), record)
        plan.keepVariant(section)
        return try body(plan, &kernel)
    }
}

extension AttachmentRecord {
    /// The chain's result as its last plugin handed it on: the interface plugin's, with what `tuning` changed.
    fileprivate func lastResult() throws(CNIError) -> CNIResult? {
        guard let json = result else { return nil }
        var last = try CNIResult(decoding: json, version: .latest, path: "result")
        guard let tuned = self["tuning"], tuned.isDone else { return last }
        let mtu = tuned.notes["mtu"]?.integer.map { Int($0) }
        for index in last.interfaces.indices {
            let isInner = last.interfaces[index].sandbox?.isEmpty == false
            if isInner, last.interfaces[index].name == attachment.interface.description {
                if let mac = tuned.notes["mac"]?.string { last.interfaces[index].mac = mac }
                if let mtu { last.interfaces[index].mtu = mtu }
            }
            if !isInner, let mtu, last.interfaces[index].name == tuned.notes["hostInterface"]?.string {
                last.interfaces[index].mtu = mtu
            }
        }
        return last
    }
}
