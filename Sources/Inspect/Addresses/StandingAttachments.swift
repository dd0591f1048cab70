import CNI
import IPAM
import JSON
import NetCore
import PluginKit

/// An attachment that nobody has taken down: a plugin keeps its record, or the runtime remembers it. A DEL that has to be
/// repeated counts: rules may still lead to its address (cni.md R-6).
struct StandingAttachment: Hashable, Sendable {
    let attachment: Attachment
    /// Without lengths.
    let addresses: [IPAddress]
    /// Where host-local keeps its leases; nil when another plugin gave the addresses, or nobody knows which.
    let dataDirectory: String?
    /// Its bridge carries a gateway address of this host, so that no other network may have its addresses.
    let isRouted: Bool
    let isPendingDelete: Bool

    /// Does the lease's holder name it, or its container as older releases did?
    func isNamed(by holder: LeaseHolder) -> Bool {
        holder == LeaseHolder(attachment) || holder == .container(attachment.containerID)
    }

    init(_ record: AttachmentRecord) {
        attachment = record.attachment
        let section = record["bridge"]
        addresses = AttachmentList.Entry(record).addresses.compactMap { IPPrefix($0)?.address }
        dataDirectory = StandingAttachment.dataDirectory(section?.configuration)
        isRouted = section?.notes["isGateway"]?.bool ?? false
        isPendingDelete = false
    }

    init(_ cached: CachedAttachment) {
        attachment = cached.attachment
        addresses = AttachmentList.Entry.addresses(cached.result, cached.attachment.interface).compactMap {
            IPPrefix($0)?.address
        }
        var directory: String?
        do throws(CNIError) {
            let plugins = try NetworkConfigurationList(decoding: cached.configuration).plugins
            directory = plugins.compactMap(StandingAttachment.dataDirectory).first
        } catch {
            // A cache that tells less than it should: nothing is expected of its leases.
        }
        dataDirectory = directory
        isRouted = false
        isPendingDelete = cached.pendingDelete != nil
    }

    private static func dataDirectory(_ plugin: JSONObject?) -> String? {
        guard let ipam = plugin?["ipam"], ipam["type"]?.string == "host-local" else { return nil }
        return ipam["dataDir"]?.string.flatMap { $0.isEmpty ? nil : $0 } ?? LeaseStore.defaultDataDirectory
    }
}

extension [StandingAttachment] {
    /// Those of one network or of all, each once: a record says more than the cache. Throws what the kernel said.
    init(in state: StateDirectory, cache: ResultCache, network: String? = nil) throws(KernelError) {
        var standing = try AttachmentRecords(state).all(network: network).map { StandingAttachment($0) }
        for cached in try cache.attachments(of: network).attachments {
            let index = standing.firstIndex { $0.attachment == cached.attachment }
            if let index {
                // Behind a plugin of somebody else's only the list tells who gave the address.
                if standing[index].dataDirectory == nil { standing[index] = StandingAttachment(cached) }
            } else {
                standing.append(StandingAttachment(cached))
            }
        }
        self = standing
    }
}
