import Glibc
import JSON
import NetCore
import NetPlan

/// What is remembered of one attachment until the next boot (cni.md C-1): the request, what has no tag in the kernel,
/// and the keys of its netfilter elements, so that DEL need not list a set. One file; each plugin has a section of its own.
public struct AttachmentRecord: Hashable, Sendable {
    public let attachment: Attachment
    public var netns: String?
    /// The last plugin's result: with it and a section's configuration a repair can apply a plan again.
    public var result: JSON?
    public var sections: [(plugin: String, section: Section)]

    public struct Section: Hashable, Sendable {
        /// Written before the first effect, and done when the ADD has succeeded.
        public var isDone = false
        /// Nanoseconds since 1970.
        public var since: Int64
        public var keys: [NftElementKey] = []
        /// Values to be restored, addresses, ports: whatever the plugin needs.
        public var notes: JSONObject = [:]
        /// The configuration that ADD was called with, without the previous result: what a repair applies again.
        public var configuration: JSONObject = [:]

        public init(since: Int64) { self.since = since }
    }

    public init(attachment: Attachment, netns: String?) {
        self.attachment = attachment
        self.netns = netns
        sections = []
    }

    public subscript(plugin: String) -> Section? {
        get { sections.first { $0.plugin == plugin }?.section }
        set {
            if let index = sections.firstIndex(where: { $0.plugin == plugin }) {
                if let newValue { sections[index].section = newValue } else { sections.remove(at: index) }
            } else if let newValue {
                sections.append((plugin, newValue))
            }
        }
    }

    public static func == (left: AttachmentRecord, right: AttachmentRecord) -> Bool { left.json == right.json }
    public func hash(into hasher: inout Hasher) { hasher.combine(json) }

    // MARK: JSON

    public var json: JSON {
        var plugins: JSONObject = [:]
        for (plugin, section) in sections { plugins[plugin] = section.json }
        var object: JSONObject = [
            "network": .string(attachment.network), "containerID": .string(attachment.containerID),
            "ifname": .string(attachment.interface.description),
        ]
        if let netns { object["netns"] = .string(netns) }
        if let result { object["result"] = result }
        object["plugins"] = .object(plugins)
        return .object(object)
    }

    /// Nil when the JSON is no record.
    public init?(_ json: JSON) {
        guard let network = json["network"]?.string, let id = json["containerID"]?.string,
            let interface = json["ifname"]?.string.flatMap(LinkName.init), let plugins = json["plugins"]?.object
        else { return nil }
        attachment = Attachment(network: network, containerID: id, interface: interface)
        netns = json["netns"]?.string
        result = json["result"]
        sections = []
        for (plugin, value) in plugins {
            guard let section = Section(value) else { return nil }
            sections.append((plugin, section))
        }
    }
}

extension AttachmentRecord.Section {
    /// Nanoseconds since 1970.
    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    var json: JSON {
        [
            "state": .string(isDone ? "done" : "pending"), "since": .integer(since),
            "keys": .array(
                keys.map {
                    .array(
                        [.string($0.set), .string(hexText($0.key))] + ($0.keyEnd.map { [.string(hexText($0))] } ?? []))
                }),
            "notes": .object(notes), "configuration": .object(configuration),
        ]
    }

    init?(_ json: JSON) {
        guard let since = json["since"]?.integer, let keys = json["keys"]?.array else { return nil }
        self.since = since
        isDone = json["state"]?.string == "done"
        for key in keys {
            let parts = (key.array ?? []).compactMap(\.string)
            guard (2...3).contains(parts.count), parts.count == key.array?.count,
                let bytes = AttachmentRecord.Section.bytes(parts[1])
            else { return nil }
            var end: [UInt8]?
            if parts.count > 2 {
                end = AttachmentRecord.Section.bytes(parts[2])
                if end == nil { return nil }
            }
            self.keys.append(NftElementKey(set: parts[0], key: bytes, keyEnd: end))
        }
        notes = json["notes"]?.object ?? [:]
        configuration = json["configuration"]?.object ?? [:]
    }

    private func hexText(_ bytes: [UInt8]) -> String { hex(bytes, digits: bytes.count * 2) }

    private static func bytes(_ text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count % 2 == 0, text.allSatisfy(\.isHexDigit) else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(String(decoding: digits[index...(index + 1)], as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(byte)
        }
        return bytes
    }
}

/// The records of a host: `attachments/` below the state directory, a file an attachment.
public struct AttachmentRecords: Sendable {
    public let state: StateDirectory

    public init(_ state: StateDirectory) { self.state = state }

    private func path(_ attachment: Attachment) -> String { "\(state.attachments)/\(attachment.tag).json" }

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
        guard let bytes = try ignoring(.noSuchFile, do: { () throws(KernelError) in try Files.read(file) }) else {
            return nil
        }
        do {
            return AttachmentRecord(try JSON(parsing: bytes))
        } catch {
            return nil
        }
    }

    /// The record is replaced as a whole, or removed when no plugin has a section in it any more.
    public func write(_ record: AttachmentRecord) throws(KernelError) {
        let file = path(record.attachment)
        if record.sections.isEmpty { return try remove(record.attachment) }
        let bytes = record.json.bytes
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
