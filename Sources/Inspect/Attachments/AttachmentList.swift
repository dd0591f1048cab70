public import CNI
public import JSON
public import NetCore
import NetPlan
public import PluginKit

/// The attachments of this host, as their records tell them.
public struct AttachmentList: Sendable {
    public let entries: [Entry]

    /// One attachment.
    public struct Entry: Hashable, Sendable {
        public let attachment: Attachment
        public let netns: String?
        /// "10.88.0.2/16"
        public let addresses: [String]
        public let ports: [Port]
        public let bridge: String?
        /// The cable's end on the host.
        public let hostInterface: String?
        /// Its traffic leaves with the host's address.
        public let isMasqueraded: Bool
        /// False while an ADD runs, or after one that did not end.
        public let isDone: Bool
        public let plugins: [String]
        /// Why the last DEL did not finish, as the runtime remembers it: it must be repeated.
        public var pendingDelete: String?

        /// "done", "pending" or "pending-delete".
        public var state: String { pendingDelete != nil ? "pending-delete" : isDone ? "done" : "pending" }
    }

    /// A published port: "0.0.0.0:8080/tcp" and where it leads.
    public struct Port: Hashable, Sendable {
        public let published: String
        public let target: String
        public let port: Int
    }

    /// What the runtime could not take down is told even when no plugin has a record of it any more: its address is
    /// still reserved.
    public init(_ records: [AttachmentRecord], cached: [CachedAttachment] = []) {
        var entries = records.map(Entry.init)
        for cached in cached {
            guard let reason = cached.pendingDelete else { continue }
            if let index = entries.firstIndex(where: { $0.attachment == cached.attachment }) {
                entries[index].pendingDelete = reason
            } else {
                entries.append(Entry(cached))
            }
        }
        self.entries = entries.sorted { $0.sortKey.lexicographicallyPrecedes($1.sortKey) }
    }

    /// Reads the records below the state directory, of one network or of all, and what the runtime's cache says of DELs
    /// that must be repeated. A file of the cache that cannot be used is passed over. Throws E-PRIVILEGE for one who may
    /// not.
    /// `mentioning`: of the records in whose file those bytes stand.
    public init(
        of state: StateDirectory, cache: ResultCache? = nil, network: String? = nil, mentioning text: String? = nil
    ) throws(InspectError) {
        do throws(KernelError) {
            let records = try AttachmentRecords(state).all(network: network, mentioning: text)
            self.init(records, cached: try cache?.attachments(of: network).attachments ?? [])
        } catch {
            throw InspectError(error)
        }
    }

    /// Reads the records of one interface of a container alone. Throws E-PRIVILEGE for one who may not.
    public init(of state: StateDirectory, container: String, _ interface: LinkName) throws(InspectError) {
        do throws(KernelError) {
            self.init(try AttachmentRecords(state).of(container: container, interface))
        } catch {
            throw InspectError(error)
        }
    }
}

extension AttachmentRecord {
    /// The section of the plugin that made the container's interface, a cable mostly; nil where none of ours did.
    var cable: AttachmentRecord.Section? { Owner.interfacePlugins.lazy.compactMap { self[$0] }.first }
}

extension AttachmentList.Entry {
    init(_ record: AttachmentRecord) {
        attachment = record.attachment
        netns = record.origin.netns
        let cable = record.cable
        // Behind a plugin that is not ours, the result that it handed on tells.
        addresses =
            cable.map { ($0.notes["addresses"]?.array ?? []).compactMap(\.string) }
            ?? AttachmentList.Entry.addresses(record.result, record.attachment.interface)
        bridge = cable?.notes["bridge"]?.string
        hostInterface = cable?.notes["hostInterface"]?.string
        isMasqueraded = cable?.configuration["ipMasq"]?.bool ?? false
        ports = (record["portmap"]?.notes["ports"]?.array ?? []).compactMap { note in
            guard let published = note["published"]?.string, let target = note["target"]?.string,
                let port = note["port"]?.integer
            else { return nil }
            return AttachmentList.Port(published: published, target: target, port: Int(port))
        }
        isDone = record.sections.allSatisfy(\.section.isDone)
        plugins = record.plugins
    }

    /// Of an attachment that only the runtime remembers.
    init(_ cached: CachedAttachment) {
        attachment = cached.attachment
        netns = cached.parameters.netns
        addresses = AttachmentList.Entry.addresses(cached.result, cached.attachment.interface)
        ports = []
        bridge = nil
        hostInterface = nil
        isMasqueraded = false
        isDone = false
        plugins = []
        pendingDelete = cached.pendingDelete
    }

    /// Those of the container's interface in a result; none when it cannot be read.
    static func addresses(_ json: JSON?, _ interface: LinkName) -> [String] {
        guard let json else { return [] }
        do throws(CNIError) {
            let result = try CNIResult(decoding: json, version: .latest)
            return result.ips.filter { ip in
                guard let index = ip.interface, result.interfaces.indices.contains(index) else { return true }
                return result.interfaces[index].name == interface.description
            }.map { "\($0.address)" }
        } catch {
            return []
        }
    }

    fileprivate var sortKey: [String] {
        [attachment.network, attachment.containerID, attachment.interface.description]
    }

    var shortID: String { attachment.containerID.shortenedID }
}

extension AttachmentList {
    /// One line an attachment under a line of titles; a sentence when there is none.
    public var table: String {
        guard !entries.isEmpty else { return "no attachments\n" }
        return TextTable.text(
            ["NETWORK", "CONTAINER", "INTERFACE", "ADDRESSES", "PORTS", "LINK", "STATE"],
            entries.map { entry in
                [
                    entry.attachment.network, entry.shortID, entry.attachment.interface.description,
                    entry.addresses.joined(separator: ","),
                    entry.ports.map { "\($0.published)->\($0.port)" }.joined(separator: ","),
                    entry.hostInterface ?? "", entry.state + (entry.pendingDelete.map { ": \($0)" } ?? ""),
                ]
            })
    }

    /// For programs; its keys are a promise (docs/cli.md).
    public var json: JSON {
        .array(
            entries.map { entry in
                var object: JSONObject = [
                    "network": .string(entry.attachment.network), "containerID": .string(entry.attachment.containerID),
                    "ifname": .string(entry.attachment.interface.description),
                ]
                if let netns = entry.netns { object["netns"] = .string(netns) }
                object["addresses"] = .array(entry.addresses.map { .string($0) })
                object["ports"] = .array(
                    entry.ports.map {
                        [
                            "published": .string($0.published), "target": .string($0.target),
                            "port": .integer(Int64($0.port)),
                        ]
                    })
                if let bridge = entry.bridge { object["bridge"] = .string(bridge) }
                if let link = entry.hostInterface { object["hostInterface"] = .string(link) }
                object["plugins"] = .array(entry.plugins.map { .string($0) })
                object["state"] = .string(entry.state)
                if let reason = entry.pendingDelete { object["reason"] = .string(reason) }
                return .object(object)
            })
    }
}

extension String {
    /// A container's id as engines shorten those that they make: 12 digits of a long hexadecimal one.
    var shortenedID: String { count > 20 && allSatisfy(\.isHexDigit) ? String(prefix(12)) : self }
}
