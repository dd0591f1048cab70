import NetCore

/// Properties of a link that exists (man 8 ip-link, set): what the tuning plugin changes.
public struct LinkSettings: Hashable, Sendable {
    public let place: Place
    public let link: LinkName
    public var mac: MACAddress?
    public var mtu: Int?
    public var promiscuous: Bool?
    public var allMulticast: Bool?
    public var transmitQueueLength: Int?

    public init(_ place: Place, _ link: LinkName) {
        self.place = place
        self.link = link
    }

    public var isEmpty: Bool {
        mac == nil && mtu == nil && promiscuous == nil && allMulticast == nil && transmitQueueLength == nil
    }

    private var arguments: String {
        [
            mac.map { "address \($0)" }, mtu.map { "mtu \($0)" }, promiscuous.map { "promisc \($0 ? "on" : "off")" },
            allMulticast.map { "allmulticast \($0 ? "on" : "off")" }, transmitQueueLength.map { "txqueuelen \($0)" },
        ].compactMap { $0 }.joined(by: " ")
    }

    var words: String { "\(link)\(place == .container ? " in the container" : "") has \(arguments)" }
    func commands(_ shell: ShellWriter) -> [String] {
        [shell.ip(place, "link set \(ShellWriter.word(link)) \(arguments)")]
    }

    /// Throws what the kernel refused.
    public func ensure(_ kernel: inout LinuxKernel) throws(KernelError) {
        var changes = LinkRequest.Changes()
        changes.mac = mac
        changes.mtu = mtu
        changes.promiscuous = promiscuous
        changes.allMulticast = allMulticast
        changes.transmitQueueLength = transmitQueueLength
        let request = try LinkRequest.set(link.description, changes, "set link \(link) \(arguments)")
        if place == .host {
            try kernel.host.perform([request])
        } else {
            kernel.queue(request)
            try kernel.flush()
        }
    }

    func findings(_ kernel: inout LinuxKernel) throws(KernelError) -> [Finding] {
        let object = "link \(link)\(place == .container ? " in the container" : "")"
        guard let found = try kernel.link(link, place) else {
            return [Finding(object, expected: "exists", found: "no such link")]
        }
        var findings: [Finding] = []
        func compare<Value: Equatable>(_ word: String, _ wanted: Value?, _ seen: Value?) {
            guard let wanted, wanted != seen else { return }
            findings.append(
                Finding(object, expected: "\(word) \(wanted)", found: seen.map { "\(word) \($0)" } ?? "no \(word)"))
        }
        compare("MAC address", mac, found.mac)
        compare("mtu", mtu, found.mtu)
        compare("promisc", promiscuous, found.isPromiscuous)
        compare("allmulticast", allMulticast, found.receivesAllMulticast)
        compare("txqueuelen", transmitQueueLength, found.transmitQueueLength)
        return findings
    }
}
