import NetCore

/// Flags of a link as a bridge's port (man 8 bridge, link set).
public struct BridgePort: Hashable, Sendable {
    public let link: LinkName
    /// Frames may leave by the port that they came in by: a container reaches itself by its published port.
    public let hairpin: Bool?
    /// No frames between this port and other isolated ones.
    public let isolated: Bool?
    /// The bridge remembers from which addresses frames have come in.
    public let learning: Bool?

    public init(link: LinkName, hairpin: Bool? = nil, isolated: Bool? = nil, learning: Bool? = nil) {
        self.link = link
        self.hairpin = hairpin
        self.isolated = isolated
        self.learning = learning
    }

    private var parts: [(word: String, on: Bool)] {
        [hairpin.map { ("hairpin", $0) }, isolated.map { ("isolated", $0) }, learning.map { ("learning", $0) }]
            .compactMap { $0 }
    }
    /// Nothing is said of the port.
    public var isEmpty: Bool { parts.isEmpty }
    var words: String { "port \(link): " + parts.map { "\($0.word) \($0.on ? "on" : "off")" }.joined(by: ", ") }

    func commands(_ shell: ShellWriter) -> [String] {
        [
            "ip link set \(ShellWriter.word(link)) type bridge_slave "
                + parts.map { "\($0.word) \($0.on ? "on" : "off")" }.joined(by: " ")
        ]
    }

    func ensure(_ kernel: inout LinuxKernel) throws(KernelError) {
        var changes = LinkRequest.Changes()
        changes.hairpin = hairpin
        changes.isolated = isolated
        changes.learning = learning
        try kernel.host.perform([try LinkRequest.set(link.description, changes, "set \(words)")])
    }

    /// As before; a link that is gone, or no port any more, has nothing to take back.
    fileprivate func restore(_ kernel: inout LinuxKernel) throws(KernelError) {
        guard try kernel.link(link, .host)?.isolated != nil else { return }
        _ = try ignoring(.noSuchDevice) { () throws(KernelError) in try ensure(&kernel) }
    }

    func findings(_ kernel: inout LinuxKernel) throws(KernelError) -> [Finding] {
        guard let found = try kernel.link(link, .host) else {
            return [Finding("port \(link)", expected: "exists", found: "no such link")]
        }
        return [
            ("hairpin", hairpin, found.hairpin), ("isolated", isolated, found.isolated),
            ("learning", learning, found.learning),
        ].compactMap { word, wanted, seen in
            guard let wanted, seen != wanted else { return nil }
            return Finding(
                "port \(link)", expected: "\(word) \(wanted ? "on" : "off")",
                found: seen.map { "\(word) \($0 ? "on" : "off")" } ?? "no bridge port")
        }
    }
}

extension LinuxKernel {
    /// The way back of a port's flags that stood before the plan (`firewall`).
    public mutating func restore(_ port: BridgePort) throws(KernelError) { try port.restore(&self) }
}
