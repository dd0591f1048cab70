import Glibc
import JSON
import NetCore

/// GC of a network (cni.md R-8).
extension ChainRunner {
    /// Of the network nothing exists but `valid`; without a list, but what the cache has whose namespace is still
    /// there. Cached attachments that are not valid get a DEL; then every plugin is asked to collect, last to first,
    /// where the version has GC. Nothing else runs on the network meanwhile. Errors do not stop it; all are thrown as
    /// one. Throws code 7 and touches nothing when that would take away another owner's attachment, unless `allOwners`.
    public func gc(
        _ list: NetworkConfigurationList, valid: [ValidAttachment]?, allOwners: Bool = false
    ) throws(CNIError) {
        guard !list.disableGC else {
            report("network \"\(list.name)\" has \"disableGC\": true: nothing was collected")
            return
        }
        let hold = try locks.hold(network: list.name, .exclusive)
        defer { hold.end() }

        let cached = try known(list.name, guessing: valid == nil)
        let valid = valid ?? cached.filter(ChainRunner.isAlive).map(\.valid)
        let stale = cached.filter { !valid.contains($0.valid) }
        if !allOwners { try requireOwn(stale, list.name) }

        var errors: [CNIError] = []
        for attachment in stale {
            do throws(CNIError) {
                let hold = try locks.hold(container: attachment.parameters.containerID)
                defer { hold.end() }
                try detach(list.name, list, attachment.parameters, force: false)
            } catch {
                errors.append(.of(error, "failed to delete stale attachment \(attachment.attachment)"))
            }
        }
        if list.version >= Command.gc.since {
            // Last to first, as for DEL: rules go before the address that they name is free again. After a plugin that could
            // not, the others are asked to keep the addresses.
            var caller = caller
            for plugin in list.plugins.reversed() {
                do throws(CNIError) {
                    let configuration = ChainRequest(list: list).collection(plugin, valid: valid)
                    _ = try call(plugin, .gc, nil, configuration, by: caller)
                } catch {
                    errors.append(error.from(plugin, "gc"))
                    caller = caller.setting("BERTH_KEEP_LEASE", to: "1")
                }
            }
        }
        if let error = CNIError.joined(errors) { throw error }
    }

    /// The network's attachments in the cache. Throws code 5 when it cannot be read: an empty answer would let
    /// everything go.
    private func known(_ network: String, guessing: Bool) throws(CNIError) -> [CachedAttachment] {
        do throws(KernelError) {
            let (attachments, broken) = try cache.attachments(of: network)
            if !guessing || broken.isEmpty {
                for why in broken { report("the cache is passed over: \(why)") }
                return attachments
            }
            throw KernelError(
                "tell the valid attachments of network \"\(network)\"", .badMessage,
                "name them, or remove what cannot be read: " + broken.joined(by: "; "))
        } catch {
            throw CNIError(error)
        }
    }

    /// An attachment whose namespace is not known counts as alive; one that waits for its DEL does not.
    private static func isAlive(_ cached: CachedAttachment) -> Bool {
        guard cached.pendingDelete == nil else { return false }
        return cached.parameters.netns.map(Files.exists) ?? true
    }

    private func requireOwn(_ stale: [CachedAttachment], _ network: String) throws(CNIError) {
        let foreign = stale.filter { $0.owner != owner }
        guard !foreign.isEmpty else { return }
        let named = foreign.map { "\($0.attachment) of \($0.owner.map { "\"\($0)\"" } ?? "another runtime")" }
        throw CNIError(
            .invalidConfiguration,
            "GC of network \"\(network)\" would remove attachments that \"\(owner)\" did not make: "
                + named.joined(by: ", "),
            details: "name them as valid, or allow it with --all-owners")
    }
}
