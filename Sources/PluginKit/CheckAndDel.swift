import CNI
import JSON
import NetCore
import NetPlan

extension PlannedPlugin {
    /// Everything is as ADD left it, or code 106 says what differs (P-54, P-55).
    public func check(_ request: Request) throws(CNIError) {
        let configuration = try configuration(request)
        guard let previous = request.configuration.previousResult else {
            throw CNIError(.invalidConfiguration, "CHECK needs the result of ADD: \"prevResult\" is missing")
        }
        let namespace = try request.requireNamespace()
        var kernel: LinuxKernel
        do throws(KernelError) {
            kernel = try LinuxKernel(namespace: entersContainer ? namespace : nil, state: request.state)
        } catch {
            throw CNIError(.invalidNamespace, "failed to open netns \"\(namespace)\": \(error)")
        }
        let records = AttachmentRecords(request.state)
        let containerID = request.containerID
        kernel.yieldsPorts = { records.isContainer(containerID, tag: $0) }
        let record = try answering { () throws(KernelError) in try records.read(request.attachment) }
        let observations = try observe(request, configuration, &kernel)
        var plan = planToCheck(
            request, try plan(request, configuration, lease: previous, observations), record)
        plan.keepVariant(record?[name])
        let findings = try answering { () throws(KernelError) in try kernel.findings(plan) }
        if !findings.isEmpty { throw CNIError(findings) }
        if let type = ipam(configuration) { _ = try call(type, .check, request) }
    }

    /// Nothing of the attachment is left; rules go first and the address last (P-52), and what is not there is no failure
    /// (P-50). Needs neither namespace nor previous result (P-51).
    public func del(_ request: Request) throws(CNIError) {
        try detach(request)
        try removeUnused(request)
    }

    private func detach(_ request: Request) throws(CNIError) {
        let owner = owner(request)
        let records = AttachmentRecords(request.state)
        let lock = try request.networkLock(.shared)
        defer { withExtendedLifetime(lock.descriptor) {} }
        let record = try answering { () throws(KernelError) in try records.read(owner.attachment) }
        var kernel: LinuxKernel
        do throws(KernelError) {
            kernel = try LinuxKernel(state: request.state, detaches: request.environment["BERTH_DETACH"] != "0")
        } catch {
            throw CNIError(refused: error)
        }
        let section = record?[name]
        try restore(request.inNamespace(of: record), section, &kernel)
        let heirs = try answering { () throws(KernelError) in try self.heirs(section, records) }
        let variants = try answering { () throws(KernelError) in try iptablesVariants(section, &kernel) }
        // What nobody remembers may be the reference plugins' work: a host that changes over leaves nothing behind.
        let foreign = section == nil ? ReferenceRules.removal(of: owner, addresses: addresses(request)) : nil
        do throws(Failures) {
            try kernel.sweep(owner, keys: section?.keys, heirs: heirs, iptables: variants, foreign: foreign)
            OperationLog.note(section.map { removals($0) } ?? [])
        } catch {
            // The address stays held: it must not be given away while stale rules lead to it.
            throw CNIError(code: .internal, error)
        }
        try answering { () throws(KernelError) in
            try afterRemoval(section, &kernel)
            try records.drop(name, of: owner.attachment)
        }
        if let type = request.configuration.root.ipamType, ipamIsOurs { _ = try call(type, .del, request) }
    }

    private func iptablesVariants(_ section: AttachmentRecord.Section?, _ kernel: inout LinuxKernel)
        throws(KernelError) -> [IptablesVariant]
    {
        guard section == nil else { return section?.iptables.map { [$0] } ?? [] }
        return IptablesNames.tables(of: name).isEmpty ? [] : try kernel.iptablesVariantsInUse()
    }

    private func addresses(_ request: Request) -> [IPAddress] {
        (request.configuration.previousResult?.ips ?? []).map(\.address.address)
    }

    /// What of the section is gone now, for the log.
    private func removals(_ section: AttachmentRecord.Section) -> [String] {
        var words: [String] = []
        if let link = section.notes["hostInterface"]?.string, !isChained { words.append("link \(link) is gone") }
        if let link = section.notes["functionalBlock"]?.string { words.append("link \(link) is gone") }
        if !section.keys.isEmpty { words.append("\(section.keys.count) elements of inet \(BerthTable.name) are gone") }
        let sources = section.zoneSources.filter { !$0.isForeign }.count
        if sources > 0 { words.append("\(sources) sources of firewalld's zones are gone") }
        return words
    }

    private func heirs(_ section: AttachmentRecord.Section?, _ records: AttachmentRecords) throws(KernelError) -> [Plan]
    {
        var plans: [Plan] = []
        for tag in (section?.notes["heirs"]?.array ?? []).compactMap(\.string) {
            guard let heir = try records.read(tag: tag), let own = heir[name] else { continue }
            if let plan = inheritance(own, Owner(plugin: name, attachment: heir.attachment)) { plans.append(plan) }
        }
        return plans
    }

    /// Whether the plugin delegates at all.
    private var ipamIsOurs: Bool { !isChained }
}

extension Request {
    /// The request without its namespace when another has the path by now: a stranger's is left alone (P-53). With the
    /// record's where the runtime has lost it and it still stands (P-51).
    fileprivate func inNamespace(of record: AttachmentRecord?) -> Request {
        guard let known = record?.origin.namespace, let path = netns ?? record?.origin.netns else { return self }
        let isSame = NetworkNamespace.Identity(path: path) == known
        guard isSame != (netns != nil) else { return self }
        return Request(
            command: command, containerID: containerID, netns: isSame ? path : nil, interface: interface,
            arguments: arguments, path: self.path, configuration: configuration, environment: environment)
    }

    /// A call about that attachment, in its namespace if that still stands.
    func about(_ record: AttachmentRecord) -> Request {
        Request(
            command: command, containerID: record.attachment.containerID, interface: record.attachment.interface,
            path: path, configuration: configuration, environment: environment
        ).inNamespace(of: record)
    }
}

extension ConfigurationObject {
    /// `ipam.type`, read leniently: DEL must not fail for a configuration that was edited meanwhile.
    var ipamType: String? {
        guard let type = value("ipam")?["type"]?.string, !type.isEmpty else { return nil }
        return type
    }
}

extension Plan {
    /// Rules that stand are looked for where ADD made them, whatever environment and host say by now.
    mutating func keepVariant(_ section: AttachmentRecord.Section?) {
        guard let section, section.isDone else { return }
        backend = section.iptables.map { .iptables($0) } ?? .nftables
    }
}
