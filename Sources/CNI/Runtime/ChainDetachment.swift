import Glibc
import JSON
import NetCore

/// DEL, and what it shares with the undoing of an ADD (cni.md ).
extension ChainRunner {
    /// Nothing of the attachment exists, and the cache has forgotten it. The list as it was at ADD is run in reverse,
    /// with the final result; `list` serves where the cache has none. The first error halts and is thrown; then the
    /// cache keeps the attachment, so that DEL can be repeated. With `force` the others run all the same, all errors
    /// are thrown, and plugins after a failed one are asked to keep the address reserved (BERTH_KEEP_LEASE=1): rules
    /// may still name it. A plugin that is no longer there is passed over with a report.
    public func del(
        network name: String, _ list: NetworkConfigurationList?, _ parameters: AttachmentParameters, force: Bool = false
    ) throws(CNIError) {
        let hold = try locks.hold(network: name, .shared, container: parameters.containerID)
        defer { hold.end() }
        try detach(name, list, parameters, force: force)
    }

    /// DEL under locks that the caller holds.
    func detach(
        _ name: String, _ list: NetworkConfigurationList?, _ parameters: AttachmentParameters, force: Bool
    ) throws(CNIError) {
        let known = recall(name, list, parameters)
        guard let list = known.list else {
            throw CNIError(
                .invalidConfiguration,
                "network \"\(name)\" has neither a configuration nor a cached one for "
                    + "\(parameters.containerID)/\(parameters.interface)")
        }
        try requireForeignNamespace(known.parameters.netns)
        let attachment = Attachment(list, parameters)
        let failures = takeDown(list, known.parameters, known.result, force: force) { _, _ in false }
        if let failure = CNIError.joined(failures) {
            if var cached = known.cached {
                cached.pendingDelete = failure.message
                remember(cached)
            }
            throw failure
        }
        do throws(KernelError) {
            try cache.remove(attachment)
        } catch {
            report("\(attachment) is detached, but the cache still has it: \(error)")
        }
    }

    /// The error of a failed ADD, once everything that had been done is undone; its details say what was not.
    func undone(
        _ list: NetworkConfigurationList, _ parameters: AttachmentParameters, _ result: CNIResult?, failedAt: Int,
        _ first: CNIError
    ) -> CNIError {
        let failures = takeDown(list, parameters, result, force: false) { index, error in
            // Of a plugin that never ran, or that refused the request as such, there is nothing to take down.
            index > failedAt || (index == failedAt && ChainRunner.refusals.contains(error.code))
        }
        guard let failure = CNIError.joined(failures) else { return first }
        var json: JSON?
        do throws(CNIError) { json = try result?.json(version: list.version) } catch { json = nil }
        remember(
            CachedAttachment(
                network: list.name, parameters: parameters, configuration: list.bytes, result: json, owner: owner,
                pendingDelete: failure.message))
        var error = first
        error.details = [first.details, "undoing it failed, DEL must be repeated: \(failure.message)", failure.details]
            .compactMap { $0 }.joined(by: "; ")
        return error
    }

    /// Codes that a plugin gives before it has touched anything.
    private static let refusals: Set<Int> = [
        CNIErrorCode.incompatibleVersion.rawValue, CNIErrorCode.unsupportedField.rawValue,
        CNIErrorCode.invalidEnvironment.rawValue, CNIErrorCode.decoding.rawValue,
        CNIErrorCode.invalidConfiguration.rawValue, CNIErrorCode.invalidNamespace.rawValue,
    ]

    /// DEL of every plugin, last to first. Errors that are not `tolerated` halt it, unless forced; what it was that
    /// failed.
    private func takeDown(
        _ list: NetworkConfigurationList, _ parameters: AttachmentParameters, _ result: CNIResult?, force: Bool,
        tolerated: (Int, CNIError) -> Bool
    ) -> [CNIError] {
        var failures: [CNIError] = []
        var caller = caller
        let previous = list.version >= .v0_4_0 ? result : nil
        for (index, plugin) in list.plugins.enumerated().reversed() {
            do throws(CNIError) {
                guard try caller.locate(plugin.type) != nil else {
                    report("\(caller.notFound(plugin.type).message): what it made may still be there")
                    continue
                }
                let configuration = try ChainRequest(list: list).attachment(
                    plugin, capabilities: parameters.capabilities, previousResult: previous)
                _ = try call(plugin, .del, parameters, configuration, by: caller)
            } catch  where tolerated(index, error) {
                continue
            } catch {
                failures.append(error.from(plugin, "delete"))
                guard force else { break }
                caller = caller.setting("BERTH_KEEP_LEASE", to: "1")
            }
        }
        return failures
    }

    private func remember(_ cached: CachedAttachment) {
        do throws(KernelError) {
            try cache.write(cached)
        } catch {
            report("the cache could not note that DEL of \(cached.attachment) must be repeated: \(error)")
        }
    }

    /// What is known of an attachment.
    struct Recollection {
        /// The list as it was at ADD, else the caller's.
        var list: NetworkConfigurationList?
        /// The caller's word first, then what ADD was told.
        var parameters: AttachmentParameters
        var result: CNIResult?
        var cached: CachedAttachment?
    }

    /// What the cache adds to what the caller knows; whatever cannot be read is reported and left out.
    func recall(
        _ name: String, _ list: NetworkConfigurationList?, _ parameters: AttachmentParameters
    ) -> Recollection {
        var known = Recollection(list: list, parameters: parameters)
        let attachment = Attachment(
            network: name, containerID: parameters.containerID, interface: parameters.interface)
        let result: JSON?
        switch cache.entry(attachment) {
        case .absent: return known
        case .broken(let why):
            report("the cache is passed over: \(why)")
            return known
        case .legacy(let bare): result = bare
        case .attachment(let cached):
            known.cached = cached
            result = cached.result
            if known.parameters.netns == nil { known.parameters.netns = cached.parameters.netns }
            if parameters.arguments.pairs.isEmpty { known.parameters.arguments = cached.parameters.arguments }
            if parameters.capabilities.isEmpty { known.parameters.capabilities = cached.parameters.capabilities }
            do throws(CNIError) {
                let asAdded = try NetworkConfigurationList(decoding: cached.configuration)
                if asAdded.name == name { known.list = asAdded }
            } catch {
                report("the cached configuration of \(attachment) is passed over: \(error.message)")
            }
        }
        do throws(CNIError) {
            known.result = try result.map { json throws(CNIError) in
                try CNIResult(decoding: json, version: known.list?.version ?? .latest)
            }
        } catch {
            report("the cached result of \(attachment) is passed over: \(error.message)")
        }
        return known
    }
}
