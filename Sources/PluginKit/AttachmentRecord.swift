import JSON
import NetCore

/// What is remembered of one attachment until the next boot (cni.md C-1, I-8): the request, what has no tag in the kernel,
/// and the keys of its netfilter elements, so that DEL need not list a set. A file of lines, each a JSON object: whose it
/// is, the interface plugin's result, and a section for each plugin. A plugin reads its own line and passes the others on
/// as they stand: in a chain each would otherwise read and write what all before it wrote. What comes is appended, and of
/// two lines about the same the later one holds.
public struct AttachmentRecord: Hashable, Sendable {
    public let attachment: Attachment
    private var head: Head
    private var resultLine: [UInt8]?
    private var lines: [Line] = []
    /// What has come since the record was read or written; nil when the file has to be written anew.
    private(set) var news: [UInt8]?
    /// Neither read nor written yet.
    private(set) var isNew = true

    /// The first line, as it was read until somebody asks.
    private enum Head: Sendable {
        case read([UInt8])
        case known(Origin)
    }

    /// Where the attachment came from.
    public struct Origin: Hashable, Sendable {
        public var netns: String?
        /// Which namespace it was: another may have its path by now (cni.md P-53).
        public var namespace: NetworkNamespace.Identity?
        /// The boot that it belongs to, and the program that called the first plugin.
        public var boot: String?
        public var runtime: String?

        public init(netns: String?) { self.netns = netns }
    }

    private struct Line: Hashable, Sendable {
        let plugin: String
        var bytes: [UInt8]
    }

    public init(attachment: Attachment, netns: String?) {
        self.attachment = attachment
        head = .known(Origin(netns: netns))
    }

    public var origin: Origin {
        get {
            switch head {
            case .known(let origin): origin
            case .read(let line): AttachmentRecord.parsed(line).map(Origin.init) ?? Origin(netns: nil)
            }
        }
        set {
            head = .known(newValue)
            news = nil
        }
    }

    /// The result of the plugin that made the interface: with it and a section's configuration a repair can apply a plan
    /// again.
    public var result: JSON? {
        get { resultLine.flatMap(AttachmentRecord.parsed)?["result"] }
        set {
            resultLine = newValue.map { JSON.object(["result": $0]).bytes }
            came(resultLine)
        }
    }
    public var hasResult: Bool { resultLine != nil }

    /// The plugins that have a section, in the order in which they came.
    public var plugins: [String] { lines.map(\.plugin) }

    /// Has the plugin a section, readable or not?
    public func has(_ plugin: String) -> Bool { lines.contains { $0.plugin == plugin } }

    /// Nil also for a section that cannot be read.
    public subscript(plugin: String) -> Section? {
        get {
            guard let line = lines.first(where: { $0.plugin == plugin }) else { return nil }
            return AttachmentRecord.parsed(line.bytes).flatMap(Section.init)
        }
        set {
            let index = lines.firstIndex { $0.plugin == plugin }
            guard let newValue else {
                if let index { lines.remove(at: index) }
                news = nil
                return
            }
            let line = Line(plugin: plugin, bytes: newValue.line(of: plugin))
            if let index { lines[index] = line } else { lines.append(line) }
            came(line.bytes)
        }
    }

    /// A line that is not in the file yet; nil for one that has gone from it.
    private mutating func came(_ line: [UInt8]?) {
        guard let line, let before = news else {
            news = nil
            return
        }
        news = before + line + [0x0a]
    }

    /// The file holds all of it.
    mutating func wasWritten() {
        news = []
        isNew = false
    }

    /// The readable sections.
    public var sections: [(plugin: String, section: Section)] {
        lines.compactMap { line in self[line.plugin].map { (line.plugin, $0) } }
    }

    // MARK: bytes

    public var bytes: [UInt8] {
        var bytes: [UInt8]
        switch head {
        case .read(let line): bytes = line
        case .known(let origin): bytes = JSON.object(origin.json(AttachmentRecord.names(attachment))).bytes
        }
        bytes.append(0x0a)
        for line in [resultLine].compactMap({ $0 }) + lines.map(\.bytes) {
            bytes += line
            bytes.append(0x0a)
        }
        return bytes
    }

    /// Nil when the bytes are no record, or not that of the `expected` attachment.
    public init?(bytes: [UInt8], of expected: Attachment? = nil) {
        var lines = AttachmentRecord.lines(bytes)[...]
        // A last line that was cut off by a kill announces what did not happen.
        let isTorn = bytes.last != 0x0a
        if lines.count > 1, isTorn { lines.removeLast() }
        guard let first = lines.popFirst() else { return nil }
        if let expected, AttachmentRecord.begins(first, with: expected) {
            attachment = expected
            head = .read(Array(first))
        } else {
            guard let json = AttachmentRecord.parsed(Array(first)), let found = AttachmentRecord.attachment(json),
                expected == nil || found == expected
            else { return nil }
            attachment = found
            head = .known(Origin(json))
        }
        for line in lines {
            if line.starts(with: AttachmentRecord.resultStart) {
                resultLine = Array(line)
            } else if let plugin = Section.plugin(ofLine: line) {
                let line = Line(plugin: plugin, bytes: Array(line))
                let index = self.lines.firstIndex { $0.plugin == plugin }
                if let index { self.lines[index] = line } else { self.lines.append(line) }
            } else {
                return nil
            }
        }
        wasWritten()
        if isTorn { news = nil }
    }

    public static func == (left: AttachmentRecord, right: AttachmentRecord) -> Bool { left.bytes == right.bytes }
    public func hash(into hasher: inout Hasher) { hasher.combine(bytes) }

    private static func names(_ attachment: Attachment) -> JSONObject {
        [
            "network": .string(attachment.network), "containerID": .string(attachment.containerID),
            "ifname": .string(attachment.interface.description),
        ]
    }

    private static func attachment(_ head: JSON) -> Attachment? {
        guard let network = head["network"]?.string, let id = head["containerID"]?.string,
            let interface = head["ifname"]?.string.flatMap(LinkName.init)
        else { return nil }
        return Attachment(network: network, containerID: id, interface: interface)
    }

    /// Whether the line is one that berth wrote for the attachment: that is seen without reading it.
    private static func begins(_ line: ArraySlice<UInt8>, with attachment: Attachment) -> Bool {
        let whole = JSON.object(names(attachment)).bytes
        guard line.last == UInt8(ascii: "}"), line.starts(with: whole.dropLast()) else { return false }
        return line.count == whole.count || line[line.startIndex + whole.count - 1] == UInt8(ascii: ",")
    }

    private static func lines(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var start = 0
        for index in bytes.indices where bytes[index] == 0x0a {
            if index > start { lines.append(bytes[start..<index]) }
            start = index + 1
        }
        if start < bytes.count { lines.append(bytes[start...]) }
        return lines
    }

    private static let resultStart = Array("{\"result\":".utf8)

    private static func parsed(_ line: [UInt8]) -> JSON? {
        do throws(JSONError) {
            return try JSON(parsing: line)
        } catch {
            return nil
        }
    }
}

extension AttachmentRecord.Origin {
    init(_ json: JSON) {
        netns = json["netns"]?.string
        if let device = json["namespace"]?["device"]?.integer, let inode = json["namespace"]?["inode"]?.integer {
            namespace = NetworkNamespace.Identity(device: UInt64(bitPattern: device), inode: UInt64(bitPattern: inode))
        }
        boot = json["boot"]?.string
        runtime = json["runtime"]?.string
    }

    fileprivate func json(_ names: JSONObject) -> JSONObject {
        var head = names
        if let netns { head["netns"] = .string(netns) }
        if let namespace {
            head["namespace"] = [
                "device": .integer(Int64(namespace.device)), "inode": .integer(Int64(namespace.inode)),
            ]
        }
        if let boot { head["boot"] = .string(boot) }
        if let runtime { head["runtime"] = .string(runtime) }
        return head
    }
}
