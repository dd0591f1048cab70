import CNI
import Glibc
import JSON
import NetCore
import NetPlan

extension PlannedPlugin {
    /// Of this plugin's attachments to the network nothing is left but those in the list (P-57). Goes on past errors and
    /// reports all.
    public func gc(_ request: Request) throws(CNIError) {
        try collect(request)
        try removeUnused(request)
    }

    private func collect(_ request: Request) throws(CNIError) {
        let configuration = request.configuration
        guard let list = configuration.validAttachments else {
            throw CNIError(
                .invalidConfiguration, "\"cni.dev/valid-attachments\" is missing: GC does not guess what may go")
        }
        let started = AttachmentRecord.Section.now
        var problems: [String] = []
        // Exclusive: an ADD in progress is waited for, and what began after us is not ours to judge (P-59).
        let lock = try request.networkLock(.exclusive)
        defer { withExtendedLifetime(lock.descriptor) {} }
        let records = AttachmentRecords(request.state)
        var valid = Set(
            list.compactMap { entry in
                LinkName(entry.interface).map {
                    Attachment(network: configuration.name, containerID: entry.containerID, interface: $0)
                }
            })
        let present = try answering { () throws(KernelError) in try records.all(network: configuration.name) }
        for record in present where record.sections.contains(where: { $0.section.since >= started }) {
            valid.insert(record.attachment)
        }
        do throws(KernelError) {
            var kernel = try LinuxKernel(state: request.state)
            // What has no tag in the kernel is taken back as DEL would.
            for record in present where !valid.contains(record.attachment) {
                do throws(CNIError) {
                    try restore(request.about(record), record[name], &kernel)
                } catch {
                    problems.append("\(record.attachment): \(error)")
                }
            }
            do throws(Failures) {
                try kernel.sweep(plugin: name, network: configuration.name, except: valid)
            } catch {
                problems += error.all.map(\.description)
            }
            for var record in present where !valid.contains(record.attachment) && problems.isEmpty {
                record[name] = nil
                try records.write(&record)
            }
        } catch {
            problems.append(error.description)
        }
        // What could not be removed may still lead to its address, which stays held as after a failed DEL (P-52).
        if !isChained, problems.isEmpty, let type = configuration.root.ipamType {
            do throws(CNIError) {
                _ = try call(type, .gc, request)
            } catch {
                problems.append(error.description)
            }
        }
        guard problems.isEmpty else {
            throw CNIError(.internal, "GC of network \(configuration.name): " + problems.joined(by: "; "))
        }
    }

    /// An ADD could succeed and no attachment is harmed (P-56). Changes nothing.
    public func status(_ request: Request) throws(CNIError) {
        // What ADD would refuse cannot be served.
        _ = try configuration(request)
        do throws(CNIError) {
            try ready(request)
        } catch  where error.code == CNIErrorCode.limitedConnectivity.rawValue {
            try readyWhileNobodyChanges(request)
        }
        if !isChained, let type = request.configuration.root.ipamType { _ = try call(type, .status, request) }
    }

    /// A DEL that ended between the look at the records and that at the rules looks like rules that were flushed. While nobody adds
    /// or deletes, there is no between.
    private func readyWhileNobodyChanges(_ request: Request) throws(CNIError) {
        let lock = try request.networkLock(.exclusive)
        defer { withExtendedLifetime(lock.descriptor) {} }
        try ready(request)
    }

    private func ready(_ request: Request) throws(CNIError) {
        let records = AttachmentRecords(request.state)
        let present = try answering { () throws(KernelError) in try records.all(network: request.configuration.name) }
        var kernel: LinuxKernel
        do throws(KernelError) {
            kernel = try LinuxKernel(state: request.state)
        } catch {
            throw CNIError(.notAvailable, error.description)
        }
        try readiness(request, present.filter { $0[name]?.isDone == true }, &kernel)
    }

    /// What makes the plugin's rules can be used, and once made they are whole.
    public func requireRules(
        _ backend: Plan.Backend, of request: Request, _ records: [AttachmentRecord], _ kernel: inout LinuxKernel
    ) throws(CNIError) {
        guard let variant = kernel.iptablesVariant(backend) else {
            return try requireTable(.inet, records, isFree: request.isBackendFree, &kernel)
        }
        try requireIptables(variant, records, &kernel)
    }

    private func requireIptables(
        _ variant: IptablesVariant, _ records: [AttachmentRecord], _ kernel: inout LinuxKernel
    ) throws(CNIError) {
        let harmed = records.filter { $0[name]?.iptables == variant }
        let isStanding: Bool
        do throws(KernelError) {
            isStanding = try kernel.iptablesHolds(rulesOf: name, variant)
        } catch {
            throw CNIError(.notAvailable, "iptables-\(variant.rawValue) cannot be used: \(error)")
        }
        guard !isStanding, let first = harmed.first else { return }
        throw CNIError(
            .limitedConnectivity,
            "the rules of iptables-\(variant.rawValue) are gone, and with them those of \(harmed.count) attachment\(harmed.count == 1 ? "" : "s")",
            details: "first of them: \(first.attachment); something flushed the tables")
    }

    /// nf_tables answers, and our table, once made, is whole. For plugins that keep elements there.
    public func requireTable(
        _ family: NftFamily, _ records: [AttachmentRecord], isFree: Bool = false, _ kernel: inout LinuxKernel
    ) throws(CNIError) {
        let table = "\(family) \(BerthTable.name)"
        let findings: [Finding]?
        do throws(KernelError) {
            findings = try kernel.tableFindings(family)
        } catch  where isFree && LinuxKernel.lacksNftables(error) {
            // An ADD takes iptables then.
            return try requireIptables(.legacy, records, &kernel)
        } catch {
            throw CNIError(
                .notAvailable, "nftables cannot be used: \(error)",
                details: "the kernel needs CONFIG_NF_TABLES and CONFIG_NF_TABLES_\(family == .inet ? "INET" : "BRIDGE")"
            )
        }
        let harmed = records.filter { $0[name]?.keys.contains { $0.family == family } ?? false }
        guard let findings else {
            guard let first = harmed.first else { return }
            throw CNIError(
                .limitedConnectivity,
                "the nftables table \(table) is gone, and with it the rules of \(harmed.count) attachment\(harmed.count == 1 ? "" : "s")",
                details: "first of them: \(first.attachment); something flushed the ruleset")
        }
        guard let first = findings.first else { return }
        throw CNIError(
            .limitedConnectivity, "the nftables table \(table) was changed by somebody else: \(first)")
    }
}
