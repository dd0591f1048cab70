import Glibc
import JSON
import NetCore
import NetPlan

/// The records of a host: `attachments/` below the state directory, a file an attachment.
public struct AttachmentRecords: Sendable {
    public let state: StateDirectory

    public init(_ state: StateDirectory) { self.state = state }

    private func path(_ attachment: Attachment) -> String { "\(state.attachments)/\(attachment.tag).json" }

    /// A record for an attachment that has none: whose namespace, in which boot, called by whom.
    func new(_ attachment: Attachment, netns: String) -> AttachmentRecord {
        var record = AttachmentRecord(attachment: attachment, netns: netns)
        record.origin.namespace = NetworkNamespace.Identity(path: netns)
        record.origin.boot = Host.bootID
        record.origin.runtime = Host.callingProgram
        return record
    }

    /// The record that this process wrote last, with what tells whether the file is still that one.
    private struct Kept {
        var isOn = false
        var file = ""
        var version: FileVersion?
        var record: AttachmentRecord?
    }
    private nonisolated(unsafe) static var kept = Kept()

    /// From now on the plugins of a chain in this process spare each other the reading. Only for a process of one thread.
    public static func keepLast() { kept.isOn = true }

    /// Nil when there is none. A file that is no record, or another attachment's, reads as none: the kernel's own tags
    /// are the truth.
    public func read(_ attachment: Attachment) throws(KernelError) -> AttachmentRecord? {
        let file = path(attachment)
        let kept = AttachmentRecords.kept
        if kept.isOn, kept.file == file, let version = kept.version, version == FileVersion(file) { return kept.record }
        return try read(file: file, of: attachment)
    }

    /// The record of the attachment with that tag.
    public func read(tag: String) throws(KernelError) -> AttachmentRecord? {
        try read(file: "\(state.attachments)/\(tag).json")
    }

    private func read(file: String, of attachment: Attachment? = nil) throws(KernelError) -> AttachmentRecord? {
        let bytes = try ignoring(.noSuchFile) { () throws(KernelError) in try Files.read(file) }
        return bytes.flatMap { AttachmentRecord(bytes: $0, of: attachment) }
    }

    /// The file holds the record: what has come is appended, anything else replaces it as a whole. It is removed when no
    /// plugin has a section in it any more.
    public func write(_ record: inout AttachmentRecord) throws(KernelError) {
        let file = path(record.attachment)
        if record.plugins.isEmpty { return try remove(record.attachment) }
        var appended: FileVersion?
        if let news = record.news { appended = try append(news, to: file) }
        if appended == nil { try replace(file, with: record.bytes, isNew: record.isNew) }
        record.wasWritten()
        guard AttachmentRecords.kept.isOn else { return }
        let version = appended ?? FileVersion(file)
        AttachmentRecords.kept = Kept(isOn: true, file: file, version: version, record: record)
    }

    /// Nil when there is no file to append to. A reader sees whole lines: the kernel appends a few hundred bytes at once.
    private func append(_ lines: [UInt8], to path: String) throws(KernelError) -> FileVersion? {
        do throws(KernelError) {
            let file = try OwnedDescriptor(open: path, O_WRONLY | O_APPEND)
            try Files.write(lines, to: file.number, operation: "append to \(path)")
            return FileVersion(file.number)
        } catch  where error.errno == .noSuchFile {
            return nil
        }
    }

    private func replace(_ file: String, with bytes: [UInt8], isNew: Bool) throws(KernelError) {
        do {
            // What a kill leaves of a new file is no record, and none was there: no need of a second name.
            if isNew, try Files.create(file, with: bytes) { return }
            try Files.replace(file, with: bytes, temporary: "\(file).new")
        } catch  where error.errno == .noSuchFile {
            try Files.makeDirectories(state.attachments, mode: 0o700)
            try Files.replace(file, with: bytes, temporary: "\(file).new")
        }
    }

    /// The plugin's section is out of the record, and with the last one the record is gone. What another DEL of the same
    /// attachment takes out meanwhile stays out.
    public func drop(_ plugin: String, of attachment: Attachment) throws(KernelError) {
        do throws(KernelError) {
            let lock = try FileLock(directory: state.attachments, .exclusive)
            defer { withExtendedLifetime(lock.descriptor) {} }
            guard var record = try read(attachment) else { return try remove(attachment) }
            record[plugin] = nil
            do throws(KernelError) { try write(&record) } catch  where error.errno.isFull {
                // It is shorter than what is there, and nobody's file is needed for a DEL.
                try Files.overwrite(path(attachment), with: record.bytes)
            }
        } catch  where error.errno == .noSuchFile {
            // No records, no section.
        }
    }

    /// No record, and no half-written one.
    public func remove(_ attachment: Attachment) throws(KernelError) {
        let file = path(attachment)
        try Files.remove(file)
        try Files.remove("\(file).new")
    }

    /// Every readable record, of one network or of all, by name; `mentioning`: of the files whose first line, which says whose they are,
    /// holds those bytes (of a thousand records one is read whole and parsed, then).
    public func all(network: String? = nil, mentioning text: String? = nil) throws(KernelError) -> [AttachmentRecord] {
        let names = try ignoring(.noSuchFile) { () throws(KernelError) in try Files.names(in: state.attachments) } ?? []
        let prefix = network.map { Attachment.networkTag($0) + "-" } ?? ""
        var records: [AttachmentRecord] = []
        for name in names.sorted() where name.hasPrefix(prefix) && name.hasSuffix(".json") {
            let file = "\(state.attachments)/\(name)"
            guard let text else {
                if let record = try read(file: file) { records.append(record) }
                continue
            }
            let record = try ignoring(.noSuchFile) { () throws(KernelError) in
                try beginning(of: file).hold(text) ? try read(file: file) : nil
            }
            if let record = record ?? nil { records.append(record) }
        }
        return records
    }

    /// The file's first line, and more.
    private func beginning(of path: String) throws(KernelError) -> [UInt8] {
        let file = try OwnedDescriptor(open: path, O_RDONLY)
        var bytes = [UInt8](repeating: 0, count: 512)
        let count: Int = try check("read \(path)") { Glibc.read(file.number, &bytes, bytes.count) }
        bytes.removeLast(bytes.count - count)
        return bytes.contains(0x0a) ? bytes : try Files.read(path)
    }

    /// The readable records of a container's interface, by name, whatever the network: their files' names tell which they are.
    public func of(container: String, _ interface: LinkName) throws(KernelError) -> [AttachmentRecord] {
        let names = try ignoring(.noSuchFile) { () throws(KernelError) in try Files.names(in: state.attachments) } ?? []
        let ending = "-\(Attachment.containerTag(container, interface)).json"
        var records: [AttachmentRecord] = []
        for name in names.sorted() where name.hasSuffix(ending) {
            guard let record = try read(file: "\(state.attachments)/\(name)"),
                record.attachment.containerID == container, record.attachment.interface == interface
            else { continue }
            records.append(record)
        }
        return records
    }

    /// What the attachment with that tag publishes; nil when no readable record tells.
    func claims(tag: String) -> [IptablesChanges.Claim]? {
        do throws(KernelError) {
            guard let section = try read(tag: tag)?["portmap"] else { return nil }
            return (section.notes["ports"]?.array ?? []).compactMap(IptablesChanges.Claim.init(note:))
        } catch {
            return nil
        }
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

/// What tells one content of a file from another: a file that is replaced has another inode, one that is written another
/// time.
private struct FileVersion: Equatable {
    let inode: UInt64
    let seconds: Int
    let nanoseconds: Int
    let size: Int

    /// Nil when there is no file.
    init?(_ path: String) {
        var found = stat()
        guard stat(path, &found) == 0 else { return nil }
        self.init(found)
    }

    /// Nil when the kernel does not tell.
    init?(_ descriptor: Int32) {
        var found = stat()
        guard fstat(descriptor, &found) == 0 else { return nil }
        self.init(found)
    }

    private init(_ found: stat) {
        inode = UInt64(found.st_ino)
        seconds = found.st_mtim.tv_sec
        nanoseconds = found.st_mtim.tv_nsec
        size = Int(found.st_size)
    }
}

extension IptablesChanges.Claim {
    /// From portmap's note of a published port; nil when it is none.
    init?(note: JSON) {
        guard let target = note["target"]?.string.flatMap({ IPAddress($0) }),
            let proto = note["protocol"]?.string.flatMap(TransportProtocol.init(rawValue:)),
            let first = note["first"]?.integer.flatMap({ UInt16(exactly: $0) }),
            let last = note["last"]?.integer.flatMap({ UInt16(exactly: $0) }), first <= last
        else { return nil }
        self.init(target.family, proto, first...last, at: note["hostIP"]?.string.flatMap { IPAddress($0) })
    }
}
