import JSON
import NetCore

/// What is remembered of one attachment until the next boot (cni.md C-1, I-8): the request, what has no tag in the kernel,
/// and the keys of its netfilter elements, so that DEL need not list a set. A file of lines, each a JSON object: whose it
/// is, the interface plugin's result, and a section for each plugin. A plugin reads its own line and passes the others on
/// as they stand: in a chain each would otherwise read and write what all before it wrote.
public struct AttachmentRecord: Hashable, Sendable {
    public let attachment: Attachment
    public var netns: String?
    /// Which namespace it was: another may have its path by now (cni.md P-53).
    public var namespace: NetworkNamespace.Identity?
    /// The boot that it belongs to, and the program that called the first plugin.
    public var boot: String?
    public var runtime: String?
    private var resultLine: [UInt8]?
    private var lines: [Line] = []

    private struct Line: Hashable, Sendable {
        let plugin: String
        var bytes: [UInt8]
    }

    public init(attachment: Attachment, netns: String?) {
        self.attachment = attachment
        self.netns = netns
    }

    /// The result of the plugin that made the interface: with it and a section's configuration a repair can apply a plan
    /// again.
    public var result: JSON? {
        get { resultLine.flatMap(AttachmentRecord.parsed)?["result"] }
        set { resultLine = newValue.map { JSON.object(["result": $0]).bytes } }
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
                return
            }
            let line = Line(plugin: plugin, bytes: newValue.line(of: plugin))
            if let index { lines[index] = line } else { lines.append(line) }
        }
    }

    /// The readable sections.
    public var sections: [(plugin: String, section: Section)] {
        lines.compactMap { line in self[line.plugin].map { (line.plugin, $0) } }
    }

    // MARK: bytes

    public var bytes: [UInt8] {
        var head: JSONObject = [
            "network": .string(attachment.network), "containerID": .string(attachment.containerID),
            "ifname": .string(attachment.interface.description),
        ]
        if let netns { head["netns"] = .string(netns) }
        if let namespace {
            head["namespace"] = [
                "device": .integer(Int64(namespace.device)), "inode": .integer(Int64(namespace.inode)),
            ]
        }
        if let boot { head["boot"] = .string(boot) }
        if let runtime { head["runtime"] = .string(runtime) }
        var bytes = JSON.object(head).bytes
        for line in [resultLine].compactMap({ $0 }) + lines.map(\.bytes) {
            bytes.append(0x0a)
            bytes += line
        }
        return bytes
    }

    /// Nil when the bytes are no record.
    public init?(bytes: [UInt8]) {
        var lines = AttachmentRecord.lines(bytes)[...]
        guard let first = lines.popFirst(), let head = AttachmentRecord.parsed(Array(first)),
            let network = head["network"]?.string, let id = head["containerID"]?.string,
            let interface = head["ifname"]?.string.flatMap(LinkName.init)
        else { return nil }
        self.init(
            attachment: Attachment(network: network, containerID: id, interface: interface),
            netns: head["netns"]?.string)
        if let device = head["namespace"]?["device"]?.integer, let inode = head["namespace"]?["inode"]?.integer {
            namespace = NetworkNamespace.Identity(
                device: UInt64(bitPattern: device), inode: UInt64(bitPattern: inode))
        }
        boot = head["boot"]?.string
        runtime = head["runtime"]?.string
        for line in lines {
            if line.starts(with: AttachmentRecord.resultStart) {
                resultLine = Array(line)
            } else if let plugin = Section.plugin(ofLine: line) {
                self.lines.append(Line(plugin: plugin, bytes: Array(line)))
            } else {
                return nil
            }
        }
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
