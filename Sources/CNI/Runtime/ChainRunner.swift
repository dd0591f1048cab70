import Glibc
import JSON
import NetCore

/// Runs the plugins of a list as a container runtime does (cni.md ). All of a list runs in this
/// process as far as the plugins are its own.
public struct ChainRunner: Sendable {
    let caller: PluginCaller
    let cache: ResultCache
    let locks: ChainLocks
    /// Who attaches: GC leaves the attachments of others alone.
    let owner: String
    let report: @Sendable (String) -> Void

    /// `report` gets sentences that people should read and that are no errors. The cache and the locks stand where
    /// BERTH_CNI_CACHE_DIR and BERTH_STATE_DIR say.
    public init(caller: PluginCaller, owner: String, report: @escaping @Sendable (String) -> Void) {
        self.caller = caller
        self.owner = owner
        self.report = report
        cache = ResultCache(environment: caller.environment)
        locks = ChainLocks(environment: caller.environment)
    }

    /// The attachment exists and is in the cache; the final result. Throws the first plugin's error; then DEL has run
    /// over the whole list, and the error's details say when that failed too. Throws code 103 for what is attached
    /// already: its first attachment is not touched.
    public func add(
        _ list: NetworkConfigurationList, _ parameters: AttachmentParameters
    ) throws(CNIError) -> CNIResult {
        let hold = try locks.hold(network: list.name, .shared, container: parameters.containerID)
        defer { hold.end() }
        try requireCaller()
        try requireForeignNamespace(parameters.netns)
        try requireNew(Attachment(list, parameters))

        var result: CNIResult?
        for (index, plugin) in list.plugins.enumerated() {
            do throws(CNIError) {
                let configuration = try ChainRequest(list: list).attachment(
                    plugin, capabilities: parameters.capabilities, previousResult: nil)
                // The plugins in this process get the result without a detour by text.
                result = try call(plugin, .add, parameters, configuration, previousResult: result)
                if PendingSignal.take() { throw PendingSignal.error }
            } catch {
                throw undone(list, parameters, result, failedAt: index, error.from(plugin, "add"))
            }
        }
        guard let result else { throw CNIError(.invalidConfiguration, "network \"\(list.name)\" has no plugins") }
        do {
            try cache.write(
                CachedAttachment(
                    network: list.name, parameters: parameters, configuration: list.bytes,
                    result: try result.json(version: list.version), owner: owner))
        } catch {
            // Nobody would know what to delete.
            let first = CNIError.of(error, "failed to set network \"\(list.name)\" cached result")
            throw undone(list, parameters, result, failedAt: list.plugins.count, first)
        }
        return result
    }

    /// With the lock held: a daemon that was killed may have a successor, whose DEL was quicker. Nobody would undo this ADD then.
    private func requireCaller() throws(CNIError) {
        guard let caller = caller.environment.nonEmpty("BERTH_CNI_CALLER"), caller != "\(getppid())" else { return }
        throw CNIError(.tryAgainLater, "process \(caller), which asked for this, has ended: nothing was changed")
    }

    /// Everything is as ADD left it, as far as the plugins can tell. Throws the first plugin's error, code 1 before
    /// 0.4.0, 3 when the attachment is not in the cache. A list with `disableCheck` is not run.
    public func check(_ list: NetworkConfigurationList, _ parameters: AttachmentParameters) throws(CNIError) {
        let hold = try locks.hold(network: list.name, .shared, container: parameters.containerID)
        defer { hold.end() }
        let known = recall(list.name, list, parameters)
        guard !list.disableCheck, let current = known.list, !current.disableCheck else {
            report("network \"\(list.name)\" has \"disableCheck\": true: nothing was checked")
            return
        }
        guard current.version >= Command.check.since else {
            throw CNIError(
                .incompatibleVersion, "configuration version \"\(current.version)\" does not support the CHECK command",
                details: "CHECK is of \"\(Command.check.since)\"")
        }
        try requireForeignNamespace(known.parameters.netns)
        guard let result = known.result else {
            throw CNIError(
                .unknownContainer, "\(Attachment(list, parameters)) has no cached result: it was not added here",
                details: "the cache is \(cache.directory)/results")
        }
        for plugin in current.plugins {
            do throws(CNIError) {
                let configuration = try ChainRequest(list: current).attachment(
                    plugin, capabilities: known.parameters.capabilities, previousResult: result)
                _ = try call(plugin, .check, known.parameters, configuration)
                if PendingSignal.take() { throw PendingSignal.error }
            } catch {
                throw error.from(plugin, "check")
            }
        }
    }

    /// Every plugin could serve an ADD now. Throws the first plugin's error, 50 for one that is not found.
    public func status(_ list: NetworkConfigurationList) throws(CNIError) {
        guard list.version >= Command.status.since else {
            report(
                "STATUS is of CNI \(Command.status.since), network \"\(list.name)\" of \(list.version): no plugin was asked"
            )
            return
        }
        for plugin in list.plugins {
            do throws(CNIError) {
                try status(plugin, of: list)
            } catch {
                throw error.from(plugin, "status")
            }
        }
    }

    /// One plugin of the list could serve an ADD now. Throws its own error, 50 when it is not found, 1 for a list of before
    /// 1.1.0.
    public func status(_ plugin: JSONObject, of list: NetworkConfigurationList) throws(CNIError) {
        guard try caller.locate(plugin.type) != nil else {
            throw CNIError(.notAvailable, caller.notFound(plugin.type).message)
        }
        _ = try call(plugin, .status, nil, ChainRequest(list: list).status(plugin))
    }

    func call(
        _ plugin: JSONObject, _ command: Command, _ parameters: AttachmentParameters?, _ configuration: JSONObject,
        previousResult: CNIResult? = nil, by caller: PluginCaller? = nil
    ) throws(CNIError) -> CNIResult? {
        try (caller ?? self.caller).call(
            plugin.type, command, containerID: parameters?.containerID ?? "", netns: parameters?.netns,
            interface: parameters?.interface, arguments: parameters?.arguments ?? CNIArguments(),
            configuration: configuration, previousResult: previousResult)
    }

    /// Code 8 when the container's namespace is the caller's own, unless CNI_NETNS_OVERRIDE says that this is meant:
    /// each plugin in a process of its own looks itself, those in this process are spared the look (cni.md P-9).
    func requireForeignNamespace(_ netns: String?) throws(CNIError) {
        guard let netns else { return }
        let override = caller.environment["CNI_NETNS_OVERRIDE"]?.lowercased()
        if override == "1" || override == "true" { return }
        guard let own = NetworkNamespace.Identity.own(), let other = NetworkNamespace.Identity(path: netns) else {
            return
        }
        guard own != other else {
            throw CNIError(
                .invalidNamespace, "\"\(netns)\" is the network namespace that this program runs in, not a container's",
                details: "CNI_NETNS_OVERRIDE=1 allows it")
        }
    }

    /// A second ADD must not hurt the first, and its rollback would (cni.md P-40).
    private func requireNew(_ attachment: Attachment) throws(CNIError) {
        switch cache.entry(attachment) {
        case .absent: return
        case .broken(let why): report("the cache does not tell whether \(attachment) is attached already: \(why)")
        case .legacy, .attachment:
            throw CNIError(
                .interfaceExists, "\(attachment) is attached already: DEL it first",
                details: "\(cache.directory)/results has it")
        }
    }
}

extension JSONObject {
    /// A plugin's type; a list was only made of plugins that have one.
    var type: String { self["type"]?.string ?? "" }
}

extension Attachment {
    init(_ list: NetworkConfigurationList, _ parameters: AttachmentParameters) {
        self.init(network: list.name, containerID: parameters.containerID, interface: parameters.interface)
    }
}

extension CNIError {
    /// The error with the plugin that it came from, in libcni's words.
    func from(_ plugin: JSONObject, _ operation: String) -> CNIError {
        var error = self
        error.message = "plugin type=\"\(plugin.type)\" failed (\(operation)): \(message)"
        return error
    }

    /// Whatever a step of our own threw.
    static func of(_ error: any Error, _ subject: String) -> CNIError {
        switch error {
        case var error as CNIError:
            error.message = "\(subject): \(error.message)"
            return error
        default: return CNIError(.inputOutput, "\(subject): \(error)")
        }
    }

    /// Several errors as one, with the first one's code; nil for none.
    static func joined(_ errors: [CNIError]) -> CNIError? {
        guard var joined = errors.first else { return nil }
        joined.message = errors.map(\.message).joined(by: "; ")
        let details = errors.compactMap(\.details)
        joined.details = details.isEmpty ? nil : details.joined(by: "; ")
        return joined
    }
}
