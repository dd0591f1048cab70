/// What the CNI specification keys everything by: one interface of one container on one network (SPEC section 2).
public struct Attachment: Sendable, CustomStringConvertible {
    public let network: String
    public let containerID: String
    public let interface: LinkName
    /// 16 hex digits of SHA-256(network), a hyphen, 16 of SHA-256(containerID NUL interface): what an element's comment
    /// begins with after its plugin (cni.md C-1). Kept, because everything of an attachment is named by it.
    public let tag: String

    public init(network: String, containerID: String, interface: LinkName) {
        self.network = network
        self.containerID = containerID
        self.interface = interface
        tag = "\(Attachment.networkTag(network))-\(Attachment.containerTag(containerID, interface))"
    }

    public var description: String { "\(network)/\(containerID)/\(interface)" }

    /// 16 hex digits of SHA-256(network): the first half of every tag (cni.md C-1).
    public static func networkTag(_ network: String) -> String { hex(Digest.sha256(network), digits: 16) }
    /// 16 hex digits of SHA-256(containerID NUL interface): the second half.
    public static func containerTag(_ containerID: String, _ interface: LinkName) -> String {
        hex(Digest.sha256("\(containerID)\0\(interface)"), digits: 16)
    }
    /// The host end's name, found without a dump: `veth` and 11 hex digits of SHA-256(network, containerID, interface).
    public var hostInterface: LinkName {
        LinkName("veth" + hex(Digest.sha256("\(network)\0\(containerID)\0\(interface)"), digits: 11))!
    }
    /// The name that a link of the container has until it gets its own: `mvl` and 12 of the same digits.
    public var temporaryInterface: LinkName {
        LinkName("mvl" + hex(Digest.sha256("\(network)\0\(containerID)\0\(interface)"), digits: 12))!
    }
    /// The name of the ifb that shapes what the container sends: `bwp` and 12 of the same digits, so that two interfaces of
    /// a container have one each (cni.md 2.8).
    public var functionalBlock: LinkName {
        LinkName("bwp" + hex(Digest.sha256("\(network)\0\(containerID)\0\(interface)"), digits: 12))!
    }
}

// The tag follows from the rest.
extension Attachment: Hashable {
    public static func == (left: Attachment, right: Attachment) -> Bool {
        left.network == right.network && left.containerID == right.containerID && left.interface == right.interface
    }
    public func hash(into hasher: inout Hasher) {
        hasher.combine(network)
        hasher.combine(containerID)
        hasher.combine(interface)
    }
}

/// One plugin's share in one attachment: what a tag in the kernel names.
public struct Owner: Hashable, Sendable, CustomStringConvertible {
    public let plugin: String
    public let attachment: Attachment

    public init(plugin: String, attachment: Attachment) {
        self.plugin = plugin
        self.attachment = attachment
    }

    public var description: String { "\(plugin) of \(attachment)" }

    /// The plugins that make a cable, whose host end carries the alias.
    public static let cablePlugins = ["bridge", "ptp"]

    /// The plugins that make the container's interface.
    public static let interfacePlugins = cablePlugins + ["macvlan"]

    /// The plugins that make a link on the host, which carries the alias.
    public static let linkPlugins = cablePlugins + ["bandwidth"]

    /// It shapes the host end, which another plugin has made.
    public var shapes: Bool { plugin == "bandwidth" }

    /// Its link, which carries the alias, is in the container and not on the host.
    public var livesInContainer: Bool { plugin == "macvlan" }

    /// The link of the host that carries the alias; nil for a plugin that makes none there.
    public var hostLink: LinkName? {
        if Owner.cablePlugins.contains(plugin) { return attachment.hostInterface }
        return shapes ? attachment.functionalBlock : nil
    }

    /// A rule's or element's comment: `portmap 0123456789abcdef-fedcba9876543210 net/container/eth0`, at most 127 bytes
    /// (the kernel's limit for user data is 256, nft's for a comment 128 with its end).
    /// A quotation mark in an interface's name would end the comment in nft's text: an apostrophe stands for it.
    public var comment: String {
        let quote = UInt8(ascii: "\"")
        var names = attachment.description
        if names.utf8.contains(quote) {
            names = String(decoding: names.utf8.map { $0 == quote ? UInt8(ascii: "'") : $0 }, as: UTF8.self)
        }
        return Owner.clipped("\(plugin) \(attachment.tag) \(names)", to: 127)
    }

    /// What a comment of this owner begins with: enough to recognise it.
    public var commentPrefix: String { "\(plugin) \(attachment.tag) " }

    /// The attachment's tag in a comment of ours; nil in any other.
    public static func tag(inComment comment: String) -> String? {
        let parts = comment.split(separator: " ", maxSplits: 2)
        return parts.count == 3 && parts[1].utf8.count == 33 ? String(parts[1]) : nil
    }

    /// A link's alias: `berth:bridge/net/container/eth0`; beyond 255 bytes the tag stands for the names.
    public var alias: String {
        let readable = "berth:\(plugin)/\(attachment)"
        return readable.utf8.count <= 255 ? readable : "berth:\(plugin)/\(attachment.tag)"
    }

    /// Is that the alias of a link of this plugin on this network, in either form?
    public static func isAlias(_ alias: String, of plugin: String, network: String) -> Bool {
        if alias.hasPrefix("berth:\(plugin)/\(network)/") { return true }
        // Another network's readable alias may begin so, too; it goes on after a slash.
        let hashed = "berth:\(plugin)/\(Attachment.networkTag(network))-"
        return alias.hasPrefix(hashed) && alias.utf8.count == hashed.utf8.count + 16
            && !alias.dropFirst(hashed.count).contains("/")
    }

    private static func clipped(_ text: String, to limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        var end = text.utf8.index(text.startIndex, offsetBy: limit)
        while end.samePosition(in: text) == nil { end = text.utf8.index(before: end) }
        return String(text[..<end])
    }
}

/// The first `digits` hexadecimal digits of a digest.
public func hex(_ digest: [UInt8], digits: Int) -> String {
    let count = min(digits, digest.count * 2)
    return String(unsafeUninitializedCapacity: count) { text in
        for place in 0..<count {
            let digit = place % 2 == 0 ? digest[place / 2] >> 4 : digest[place / 2] & 15
            text[place] = digit < 10 ? 0x30 + digit : 0x61 - 10 + digit
        }
        return count
    }
}
