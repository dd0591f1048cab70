import CNI
import Glibc
import JSON
import NetCore
import NetPlan

extension PlannedPlugin {
    /// The attachment is there, or nothing of it (P-34).
    public func add(_ request: Request) throws(CNIError) -> CNIResult {
        // Its start takes as long as all that this process does until it asks.
        let legacy = request.expectsLegacy(name) ? LinuxKernel.startLegacy() : nil
        let configuration = try configuration(request)
        var lease = try lease(request)
        let namespace = try request.requireNamespace()
        var kernel = try openForWork(namespace, request)
        kernel.legacy = legacy
        let owner = owner(request)
        let records = AttachmentRecords(request.state)
        let lock = try request.networkLock(.shared)
        defer { withExtendedLifetime(lock.descriptor) {} }
        var record = try answering { () throws(KernelError) in
            try records.read(owner.attachment) ?? records.new(owner.attachment, netns: namespace)
        }
        try requireDetached(owner, record, &kernel)
        // Before addresses are taken: what can be wrong on this host is found now.
        var observations = try observe(request, configuration, &kernel)
        var ipamRan = false
        do throws(CNIError) {
            if let type = ipam(configuration) {
                // A delegate that fails is told to DEL (P-33); our own takes nothing when it fails, and a DEL could hurt
                // another's lease of the same name (P-40).
                ipamRan = try delegate(request).isExecuted(type)
                lease = try call(type, .add, request) ?? CNIResult()
                ipamRan = true
            }
            regard(lease, UsedAddresses(lock), &observations)
            var plan = try plan(request, configuration, lease: lease, observations)
            let variant = kernel.iptablesVariant(plan.backend)
            if let variant { plan.backend = .iptables(variant) }
            var section = AttachmentRecord.Section(since: AttachmentRecord.Section.now)
            let netfilter = plan.netfilter
            section.keys = netfilter.owned.map(\.identity)
            section.iptables = plan.iptables.isEmpty ? nil : variant
            section.notes = notes(configuration, plan, observations)
            section.configuration = request.configuration.json
            section.configuration["prevResult"] = nil
            // Only who makes the interface leaves something that may be half there: a netfilter transaction is there or not,
            // and settings are restored all the same.
            section.isDone = isChained
            if !record.hasResult { record.result = try request.configuration.previousResult?.json(version: .latest) }
            record[name] = section
            // What does nothing has nothing to remember.
            if plan.resources.isEmpty { return try result(request, configuration, plan, lease: lease, &kernel) }
            try answering { () throws(KernelError) in try records.write(&record) }
            kernel.yieldsPorts = { records.isContainer(owner.attachment.containerID, tag: $0) }
            kernel.portsOf = { records.claims(tag: $0) }
            do throws(ApplyFailure) {
                do throws(ApplyFailure) {
                    try kernel.apply(plan, netfilter)
                } catch  where request.turnsToIptables(error, plan) {
                    // Nobody asked for nftables, and this kernel has none.
                    plan.backend = .iptables(.legacy)
                    (section.keys, section.iptables) = ([], .legacy)
                    record[name] = section
                    do throws(KernelError) {
                        try records.write(&record)
                    } catch let failure {
                        throw ApplyFailure(.kernel(failure))
                    }
                    try kernel.apply(plan)
                }
                OperationLog.note(plan.resources.map(\.words))
            } catch {
                throw restored(explained(CNIError(error, owner), request, records), request, section, &kernel)
            }
            do throws(CNIError) {
                try becomeHeir(owner, of: kernel.yielded, records)
                let result = try result(request, configuration, plan, lease: lease, &kernel)
                guard !section.isDone else { return result }
                section.isDone = true
                record[name] = section
                if !isChained { record.result = try result.json(version: .latest) }
                try answering { () throws(KernelError) in try records.write(&record) }
                return result
            } catch {
                throw undone(restored(error, request, section, &kernel), owner, section, &kernel)
            }
        } catch {
            throw released(error, request, configuration, &record, records, ipamRan: ipamRan)
        }
    }

    /// The holders of ports that this attachment yielded remember it: when one goes, the ports come here.
    private func becomeHeir(_ owner: Owner, of holders: Set<String>, _ records: AttachmentRecords) throws(CNIError) {
        for tag in holders.sorted() {
            try answering { () throws(KernelError) in
                // A DEL of the holder may take out its section now.
                let lock = try FileLock(directory: records.state.attachments, .exclusive)
                defer { withExtendedLifetime(lock.descriptor) {} }
                guard var holder = try records.read(tag: tag), var section = holder[name] else { return }
                // Once, also where it was an heir before and has gone: what is handed on twice stands in its own way.
                let heirs = (section.notes["heirs"]?.array ?? []).filter { $0.string != owner.attachment.tag }
                section.notes["heirs"] = .array(heirs + [.string(owner.attachment.tag)])
                holder[name] = section
                try records.write(&holder)
            }
        }
    }

    private func openForWork(_ namespace: String, _ request: Request) throws(CNIError) -> LinuxKernel {
        do throws(KernelError) {
            return try LinuxKernel(namespace: entersContainer ? namespace : nil, state: request.state)
        } catch {
            guard error.operation.hasPrefix("open") && error.operation.holds(namespace) else {
                throw CNIError(refused: error)
            }
            throw CNIError(.invalidNamespace, "failed to open netns \"\(namespace)\": \(error)")
        }
    }

    /// A second ADD of the same attachment is refused before anything of the first is touched (P-40).
    private func requireDetached(_ owner: Owner, _ record: AttachmentRecord, _ kernel: inout LinuxKernel)
        throws(CNIError)
    {
        guard record.has(name) else { return try requireAbsent(owner.attachment, &kernel) }
        let state = record[name]?.isDone == true ? "already attached" : "half attached by an ADD that did not end"
        throw CNIError(
            .interfaceExists, "\(owner.attachment) is \(state) by \(name)", details: "DEL it before the next ADD")
    }

    /// Takes back what is a change of something that stood before.
    private func restored(
        _ error: CNIError, _ request: Request, _ section: AttachmentRecord.Section, _ kernel: inout LinuxKernel
    ) -> CNIError {
        do throws(CNIError) {
            try restore(request, section, &kernel)
            return error
        } catch let failure {
            return leaving(failure.message, error)
        }
    }

    /// Takes back a plan that holds, after a later step failed.
    private func undone(
        _ error: CNIError, _ owner: Owner, _ section: AttachmentRecord.Section, _ kernel: inout LinuxKernel
    ) -> CNIError {
        do throws(Failures) {
            try kernel.sweep(owner, keys: section.keys, heirs: [], iptables: section.iptables.map { [$0] } ?? [])
            return error
        } catch let failures {
            return leaving("\(failures)", error)
        }
    }

    /// The way back of everything that is no kernel object: settings, the record, the lease last.
    private func released(
        _ error: CNIError, _ request: Request, _ configuration: Configuration, _ record: inout AttachmentRecord,
        _ records: AttachmentRecords, ipamRan: Bool
    ) -> CNIError {
        var left: [String] = []
        if record.has(name) {
            record[name] = nil
            do throws(KernelError) {
                try records.write(&record)
            } catch {
                left.append(error.description)
            }
        }
        if ipamRan, let type = ipam(configuration) {
            do throws(CNIError) {
                _ = try call(type, .del, request)
            } catch {
                left.append("the address of \(type): \(error)")
            }
        }
        return left.isEmpty ? error : leaving(left.joined(by: "; "), error)
    }

    /// The error, and what could not be taken back besides what it says already.
    private func leaving(_ rest: String, _ error: CNIError) -> CNIError {
        CNIError(
            .rollbackIncomplete, error.message,
            details: ([error.details].compactMap { $0 } + ["left behind: " + rest]).joined(by: "; "))
    }

    func call(_ type: String, _ command: Command, _ request: Request) throws(CNIError) -> CNIResult? {
        try delegate(request).call(
            type, command, containerID: request.containerID, netns: request.netns, interface: request.interface,
            arguments: request.arguments, configuration: request.configuration.json)
    }
}
