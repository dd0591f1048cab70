import CNI
import NetCore

/// Whom a lease file names: its content is `<container ID>\r\n<interface>`; older releases wrote the container ID alone.
public enum LeaseHolder: Hashable, Sendable, CustomStringConvertible {
    case attachment(containerID: String, interface: String)
    /// Legacy: any interface of the container.
    case container(String)
    /// Empty or garbled, as a crash of the reference leaves it: nobody's, and yet never handed out (I-4).
    case unreadable

    public init(_ attachment: Attachment) {
        self = .attachment(containerID: attachment.containerID, interface: attachment.interface.description)
    }

    /// White space around the content is ignored, as in the reference.
    public init(content: some Collection<UInt8>) {
        let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0d).contains(byte) }
        guard let first = content.firstIndex(where: { !isSpace($0) }) else {
            self = .unreadable
            return
        }
        var trimmed = Array(content[first...])
        while let last = trimmed.last, isSpace(last) { trimmed.removeLast() }
        let separator = trimmed.indices.dropLast().first { trimmed[$0] == 0x0d && trimmed[$0 + 1] == 0x0a }
        let containerID = trimmed[..<(separator ?? trimmed.endIndex)]
        guard LeaseHolder.isIdentifier(containerID) else {
            self = .unreadable
            return
        }
        let name = String(decoding: containerID, as: UTF8.self)
        guard let separator else {
            self = .container(name)
            return
        }
        let interface = String(decoding: trimmed[(separator + 2)...], as: UTF8.self)
        self = LeaseHolder.interface(interface).map { .attachment(containerID: name, interface: $0) } ?? .unreadable
    }

    /// The bytes of a lease file; nothing stands for nobody.
    public var content: [UInt8] {
        switch self {
        case .attachment(let containerID, let interface): Array("\(containerID)\r\n\(interface)".utf8)
        case .container(let containerID): Array(containerID.utf8)
        case .unreadable: []
        }
    }

    public var description: String {
        switch self {
        case .attachment(let containerID, let interface): "\(containerID)/\(interface)"
        case .container(let containerID): containerID
        case .unreadable: "nobody (empty or garbled)"
        }
    }

    /// cni.md P-6. The reference writes whatever it is given: what the specification forbids was not written by a plugin.
    private static func isIdentifier(_ bytes: ArraySlice<UInt8>) -> Bool {
        let isAlphanumeric = { (byte: UInt8) in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
        }
        guard let first = bytes.first, isAlphanumeric(first) else { return false }
        return bytes.allSatisfy { isAlphanumeric($0) || $0 == 0x5f || $0 == 0x2e || $0 == 0x2d }
    }

    private static func interface(_ text: String) -> String? { LinkName(text)?.description }
}
