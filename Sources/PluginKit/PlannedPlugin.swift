import CNI
import JSON
import NetCore
import NetPlan

/// A plugin that is a pure function: configuration and lease → Plan. Its six verbs are written once, in this module.
public protocol PlannedPlugin: Plugin {
    /// What the plugin reads from the configuration and request alone; every mistake in it is found here.
    associatedtype Configuration: Sendable
    /// What it has to know of the running host besides.
    associatedtype Observations: Sendable

    /// Called with a previous plugin's result, or code 7 (P-32).
    var isChained: Bool { get }
    /// Works in the container's namespace, which is opened for it.
    var entersContainer: Bool { get }
    /// The plugins of this very program, for delegation to IPAM.
    var builtIn: @Sendable (String) -> (any Plugin)? { get }

    /// Throws code 7 or 2, naming key and value.
    func configuration(_ request: Request) throws(CNIError) -> Configuration
    /// The IPAM plugin's name and configuration; nil when addresses are none of the plugin's business.
    func ipam(_ configuration: Configuration) -> String?
    /// Throws code 103 when the kernel holds the attachment already, though no record tells of it.
    func requireAbsent(_ attachment: Attachment, _ kernel: inout LinuxKernel) throws(CNIError)
    /// What it looks up on the host before it plans. Nothing is changed.
    func observe(_ request: Request, _ configuration: Configuration, _ kernel: inout LinuxKernel) throws(CNIError)
        -> Observations
    /// What an ADD has to know of its lease besides; the lease is taken, nothing else is done yet.
    func regard(_ lease: CNIResult, _ used: borrowing UsedAddresses, _ observations: inout Observations)
    /// What is assumed where nobody may look (`berth plan`).
    var assumptions: Observations { get }
    /// As above, after a chain whose assumed result the request carries.
    func assumptions(_ request: Request) -> Observations
    /// `lease` is the delegate's answer, or the previous plugin's result for a chained one.
    func plan(_ request: Request, _ configuration: Configuration, lease: CNIResult, _ observations: Observations)
        throws(CNIError) -> Plan
    /// What the record keeps besides: addresses and ports to list, values to restore.
    func notes(_ configuration: Configuration, _ plan: Plan, _ observations: Observations) -> JSONObject
    /// After the plan holds: waits for what takes a moment, warns, and tells the result.
    func result(
        _ request: Request, _ configuration: Configuration, _ plan: Plan, lease: CNIResult, _ kernel: inout LinuxKernel
    ) throws(CNIError) -> CNIResult
    /// Before the tagged objects go: what has no tag, from the record.
    func restore(_ request: Request, _ section: AttachmentRecord.Section?, _ kernel: inout LinuxKernel) throws(CNIError)
    /// What it can add to an error from the records: whose a thing is that stands in the way.
    func explained(_ error: CNIError, _ request: Request, _ records: AttachmentRecords) -> CNIError
    /// From an heir's section: what it takes over when the one that it yielded ports to goes.
    func inheritance(_ section: AttachmentRecord.Section, _ owner: Owner) -> Plan?
    /// After they are gone.
    func afterRemoval(_ section: AttachmentRecord.Section?, _ kernel: inout LinuxKernel) throws(KernelError)
    /// After DEL and GC, when no lock is held any more: shared things that nobody uses now and that are asked to go.
    func removeUnused(_ request: Request) throws(CNIError)
    /// The plan as it must hold at CHECK, after later plugins have had their say.
    func planToCheck(_ request: Request, _ plan: Plan, _ record: AttachmentRecord?) -> Plan
    /// Why an ADD could not succeed, or attachments are harmed (P-56).
    func readiness(
        _ request: Request, _ records: [AttachmentRecord], _ kernel: inout LinuxKernel)
        throws(CNIError)
}

extension PlannedPlugin {
    public func ipam(_ configuration: Configuration) -> String? { nil }
    public func assumptions(_ request: Request) -> Observations { assumptions }
    public func regard(_ lease: CNIResult, _ used: borrowing UsedAddresses, _ observations: inout Observations) {}
    public func requireAbsent(_ attachment: Attachment, _ kernel: inout LinuxKernel) throws(CNIError) {}
    public func notes(_ configuration: Configuration, _ plan: Plan, _ observations: Observations) -> JSONObject { [:] }
    public func result(
        _ request: Request, _ configuration: Configuration, _ plan: Plan, lease: CNIResult, _ kernel: inout LinuxKernel
    ) throws(CNIError) -> CNIResult { lease }
    public func restore(_ request: Request, _ section: AttachmentRecord.Section?, _ kernel: inout LinuxKernel)
        throws(CNIError)
    {}
    public func explained(_ error: CNIError, _ request: Request, _ records: AttachmentRecords) -> CNIError { error }
    public func inheritance(_ section: AttachmentRecord.Section, _ owner: Owner) -> Plan? { nil }
    public func afterRemoval(_ section: AttachmentRecord.Section?, _ kernel: inout LinuxKernel) throws(KernelError) {}
    public func removeUnused(_ request: Request) throws(CNIError) {}
    public func planToCheck(_ request: Request, _ plan: Plan, _ record: AttachmentRecord?) -> Plan { plan }
    public func readiness(
        _ request: Request, _ records: [AttachmentRecord], _ kernel: inout LinuxKernel
    ) throws(CNIError) {}

    func owner(_ request: Request) -> Owner { Owner(plugin: name, attachment: request.attachment) }

    /// The delegate or the chain before.
    func delegate(_ request: Request) -> PluginCaller {
        PluginCaller(builtIn: builtIn, path: request.path, environment: request.environment)
    }

    func lease(_ request: Request) throws(CNIError) -> CNIResult {
        guard let previous = request.configuration.previousResult else {
            guard isChained else { return CNIResult() }
            throw CNIError(.invalidConfiguration, "must be called as chained plugin: \"prevResult\" is missing")
        }
        return previous
    }
}

extension Request {
    public var state: StateDirectory {
        let path = environment["BERTH_STATE_DIR"] ?? ""
        return path.isEmpty ? StateDirectory() : StateDirectory(path)
    }

    /// The namespace's path. ADD and CHECK cannot be without.
    func requireNamespace() throws(CNIError) -> String {
        guard let netns else { throw CNIError(.invalidEnvironment, "required env variables [CNI_NETNS] missing") }
        return netns
    }
}
