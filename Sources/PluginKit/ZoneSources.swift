import CNI
import JSON
import NetCore
import NetPlan

/// A source of one of firewalld's zones that an attachment needs, as its record keeps it. firewalld's sources carry no tag:
/// whose they are stands here alone.
public struct NeededSource: Hashable, Sendable {
    public let source: ZoneSource
    /// It stood already when the attachment came, and was none of berth's: it stays when the attachment goes.
    public var isForeign: Bool

    public init(_ source: ZoneSource, isForeign: Bool) {
        self.source = source
        self.isForeign = isForeign
    }
}

extension AttachmentRecord.Section {
    /// The sources that the attachment needs.
    public var zoneSources: [NeededSource] {
        get {
            (notes["sources"]?.array ?? []).compactMap { note in
                guard let zone = note["zone"]?.string, let address = note["address"]?.string.flatMap({ IPAddress($0) })
                else { return nil }
                return NeededSource(
                    ZoneSource(address: address, zone: zone), isForeign: note["foreign"]?.bool ?? false)
            }
        }
        set { notes["sources"] = newValue.isEmpty ? nil : AttachmentRecord.Section.note(newValue) }
    }

    /// The same as a note.
    public static func note(_ sources: [NeededSource]) -> JSON {
        .array(
            sources.map { needed in
                var note: JSONObject = [
                    "zone": .string(needed.source.zone), "address": .string("\(needed.source.address)"),
                ]
                if needed.isForeign { note["foreign"] = true }
                return .object(note)
            })
    }
}

extension AttachmentRecords {
    /// The sources that berth made for the attachments of this host, but for those in `excluded`.
    public func ownedSources(except excluded: Set<Attachment>) throws(KernelError) -> Set<ZoneSource> {
        var owned: Set<ZoneSource> = []
        for record in try all() where !excluded.contains(record.attachment) {
            for (_, section) in record.sections {
                for needed in section.zoneSources where !needed.isForeign { owned.insert(needed.source) }
            }
        }
        return owned
    }

    /// What a repair brought back, berth has made, whoever made it first.
    func adopt(_ sources: [ZoneSource], _ plugin: String, of attachment: Attachment) throws(KernelError) {
        guard !sources.isEmpty else { return }
        let lock = try FileLock(directory: state.attachments, .exclusive)
        defer { withExtendedLifetime(lock.descriptor) {} }
        guard var record = try read(attachment), var section = record[plugin] else { return }
        let needed = section.zoneSources
        let adopted = needed.map { sources.contains($0.source) ? NeededSource($0.source, isForeign: false) : $0 }
        guard adopted != needed else { return }
        section.zoneSources = adopted
        record[plugin] = section
        try write(&record)
    }
}

extension Request {
    /// The sources of a dead attachment are gone from their zones, but for those that another attachment needs and those that
    /// were there before it. Without a section: of the reference plugin's making, in `zone` for the previous result's addresses.
    public func releaseSources(
        _ section: AttachmentRecord.Section?, zone: String?, _ kernel: inout LinuxKernel
    ) throws(CNIError) {
        let made: [ZoneSource]
        if let section {
            made = section.zoneSources.filter { !$0.isForeign }.map(\.source)
        } else if let zone {
            made = (configuration.previousResult?.ips ?? []).map { ZoneSource(address: $0.address.address, zone: zone) }
        } else {
            return
        }
        guard !made.isEmpty else { return }
        try answering { () throws(KernelError) in
            // An ADD that finds the address standing has written its record before it takes this lock.
            let lock = try state.zoneLock()
            defer { withExtendedLifetime(lock.descriptor) {} }
            let needed = try AttachmentRecords(state).ownedSources(except: try dead())
            try kernel.removeSources(made.filter { !needed.contains($0) }, lock)
        }
    }

    /// The attachment of the request; in a collection also those that go with it.
    private func dead() throws(KernelError) -> Set<Attachment> {
        guard command == .gc, let list = configuration.validAttachments else { return [attachment] }
        let network = configuration.name
        let valid = Set(list.map { "\($0.containerID)/\($0.interface)" })
        let all = try AttachmentRecords(state).all(network: network).map(\.attachment)
        return Set(all.filter { !valid.contains("\($0.containerID)/\($0.interface)") } + [attachment])
    }
}
