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
    /// Its bridge, or its cable, carries a gateway address of this host, so that no other network may have its addresses.
    let isRouted: Bool
    let isPendingDelete: Bool
    /// The runtime alone remembers it, and its namespace is gone: nobody uses its addresses.
    let isGone: Bool

    /// Does the lease's holder name it, or its container as older releases did?
    func isNamed(by holder: LeaseHolder) -> Bool {
        holder == LeaseHolder(attachment) || holder == .container(attachment.containerID)
    }

    init(_ record: AttachmentRecord) {
        attachment = record.attachment
        let section = record.cable
        addresses = AttachmentList.Entry(record).addresses.compactMap { IPPrefix($0)?.address }
        dataDirectory = StandingAttachment.dataDirectory(section?.configuration)
        isRouted = record["ptp"] != nil || section?.notes["isGateway"]?.bool ?? false
        isPendingDelete = false
        isGone = false
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
        isGone = cached.parameters.netns.map { !Files.exists($0) } ?? false
    }

    private static func dataDirectory(_ plugin: JSONObject?) -> String? {
        guard let ipam = plugin?["ipam"], ipam["type"]?.string == "host-local" else { return nil }
        return ipam["dataDir"]?.string.flatMap { $0.isEmpty ? nil : $0 } ?? LeaseStore.defaultDataDirectory
    }
}

/// What stands of one network or of all, and what cannot be told.
struct StandingAttachments: Sendable {
    private(set) var all: [StandingAttachment]
    /// Files of the runtime's cache that do not say whose they are, a sentence each, which begins with the file's path.
    let unreadable: [String]

    /// Each attachment once: a record says more than the cache. Throws what the kernel said.
    init(in state: StateDirectory, cache: ResultCache, network: String? = nil) throws(KernelError) {
        all = try AttachmentRecords(state).all(network: network).map { StandingAttachment($0) }
        let (cached, broken) = try cache.attachments(of: network)
        unreadable = broken
        for cached in cached {
            let index = all.firstIndex { $0.attachment == cached.attachment }
            if let index {
                // Behind a plugin of somebody else's only the list tells who gave the address.
                if all[index].dataDirectory == nil { all[index] = StandingAttachment(cached) }
            } else {
                all.append(StandingAttachment(cached))
            }
        }
    }

    /// The file that may be the holder's, by its name `<network>-<container>-<interface>` alone; nil when there is none.
    func unreadableFile(of holder: LeaseHolder, network: String) -> String? {
        guard let containerID = holder.containerID else { return nil }
        return unreadable.first { $0.holds("/results/\(network)-\(containerID)-") }
    }
}
