import Glibc
import NetCore

/// The records of a host: `attachments/` below the state directory, a file an attachment.
public struct AttachmentRecords: Sendable {
    public let state: StateDirectory

    public init(_ state: StateDirectory) { self.state = state }

    private func path(_ attachment: Attachment) -> String { "\(state.attachments)/\(attachment.tag).json" }

    /// A record for an attachment that has none: whose namespace, in which boot, called by whom.
    func new(_ attachment: Attachment, netns: String) -> AttachmentRecord {
        var record = AttachmentRecord(attachment: attachment, netns: netns)
        record.namespace = NetworkNamespace.Identity(path: netns)
        record.boot = Host.bootID
        record.runtime = Host.callingProgram
        return record
    }

    /// Nil when there is none. A file that is no record, or another attachment's, reads as none: the kernel's own tags
    /// are the truth.
    public func read(_ attachment: Attachment) throws(KernelError) -> AttachmentRecord? {
        guard let record = try read(file: path(attachment)), record.attachment == attachment else { return nil }
        return record
    }

    /// The record of the attachment with that tag.
    public func read(tag: String) throws(KernelError) -> AttachmentRecord? {
        try read(file: "\(state.attachments)/\(tag).json")
    }

    private func read(file: String) throws(KernelError) -> AttachmentRecord? {
        try ignoring(.noSuchFile) { () throws(KernelError) in try Files.read(file) }.flatMap(AttachmentRecord.init)
    }

    /// The record is replaced as a whole, or removed when no plugin has a section in it any more.
    public func write(_ record: AttachmentRecord) throws(KernelError) {
        let file = path(record.attachment)
        if record.plugins.isEmpty { return try remove(record.attachment) }
        let bytes = record.bytes
        do {
            try Files.replace(file, with: bytes, temporary: "\(file).new")
        } catch  where error.errno == .noSuchFile {
            try Files.makeDirectories(state.attachments, mode: 0o700)
            try Files.replace(file, with: bytes, temporary: "\(file).new")
        }
    }

    /// No record, and no half-written one.
    public func remove(_ attachment: Attachment) throws(KernelError) {
        let file = path(attachment)
        try Files.remove(file)
        try Files.remove("\(file).new")
    }

    /// Every readable record, of one network or of all, by name.
    public func all(network: String? = nil) throws(KernelError) -> [AttachmentRecord] {
        let names = try ignoring(.noSuchFile) { () throws(KernelError) in try Files.names(in: state.attachments) } ?? []
        let prefix = network.map { Attachment.networkTag($0) + "-" } ?? ""
        var records: [AttachmentRecord] = []
        for name in names.sorted() where name.hasPrefix(prefix) && name.hasSuffix(".json") {
            if let record = try read(file: "\(state.attachments)/\(name)") { records.append(record) }
        }
        return records
    }

    /// Is the attachment with that tag one of this container? What cannot be read is not.
    func isContainer(_ containerID: String, tag: String) -> Bool {
        do throws(KernelError) {
            return try read(tag: tag)?.attachment.containerID == containerID
        } catch {
            return false
        }
    }
}
