import CKernel
import Glibc
import NetCore

/// A link of the container with a MAC address of its own on a link that leads out, its master (man 8 ip-link, macvlan).
public struct Macvlan: Hashable, Sendable {
    /// Who hears whom among the macvlans of one master.
    public enum Mode: String, CaseIterable, Sendable {
        /// They hear each other.
        case bridge
        /// They do not.
        case `private`
        /// By a switch beyond the master, if it sends frames back.
        case vepa
        /// One alone, which has the master's MAC address.
        case passthru

        var number: UInt32 {
            switch self {
            case .bridge: MACVLAN_MODE_BRIDGE.rawValue
            case .private: MACVLAN_MODE_PRIVATE.rawValue
            case .vepa: MACVLAN_MODE_VEPA.rawValue
            case .passthru: MACVLAN_MODE_PASSTHRU.rawValue
            }
        }

        static func words(_ number: UInt32?) -> String {
            allCases.first { $0.number == number }?.rawValue ?? number.map { "\($0)" } ?? "none"
        }
    }

    public let name: LinkName
    public let master: LinkName
    /// Where the master is.
    public let masterPlace: Place
    public let mode: Mode
    public var mac: MACAddress?
    /// Nil: the master's.
    public var mtu: Int?
    /// Broadcasts that wait for this link; nil: the kernel's choice.
    public let broadcastQueueLength: UInt32?
    public let owner: Owner

    public init(
        master: LinkName, at masterPlace: Place, mode: Mode, mac: MACAddress?, mtu: Int?,
        broadcastQueueLength: UInt32? = nil, owner: Owner
    ) {
        name = owner.attachment.interface
        self.master = master
        self.masterPlace = masterPlace
        self.mode = mode
        self.mac = mac
        self.mtu = mtu
        self.broadcastQueueLength = broadcastQueueLength
        self.owner = owner
    }

    var words: String {
        "\(name) in the container is a macvlan of \(master)\(masterPlace == .host ? " on the host" : " there"), mode \(mode.rawValue)"
            + (mac.map { ", with MAC address \($0)" } ?? "") + (mtu.map { ", mtu \($0)" } ?? "")
    }

    func commands(_ shell: ShellWriter) -> [String] {
        let own = ShellWriter.word(name)
        let there = masterPlace == .host ? " netns \(ShellWriter.word(shell.namespace))" : ""
        let queue = broadcastQueueLength.map { " bcqueuelen \($0)" } ?? ""
        // A name that the host has, too, would be refused by older kernels.
        let first = owner.attachment.temporaryInterface
        return [
            shell.ip(
                masterPlace,
                "link add link \(ShellWriter.word(master)) name \(first)\(mac.map { " address \($0)" } ?? "")\(mtu.map { " mtu \($0)" } ?? "")\(there) type macvlan mode \(mode.rawValue)\(queue)"
            ), shell.ip(.container, "link set \(first) alias \(ShellWriter.word(owner.alias))"),
            shell.ip(.container, "link set \(first) name \(own)"),
        ]
    }

    /// It is made in the container, under a name that derives from the attachment: its own may be one of the host's, among
    /// whose older kernels look (6.18 does not). Then one send tags it and gives it its name. So a kill leaves a link whose
    /// name or alias says whose it is.
    func create(_ kernel: inout LinuxKernel) throws(KernelError) {
        let operation = "add macvlan \(name)"
        try kernel.flush()
        if try kernel.link(name, .container) != nil {
            throw KernelError(operation, .alreadyExists, "the container has a link \(name)")
        }
        guard let index = try kernel.index(master, masterPlace) else {
            throw KernelError(operation, .noSuchDevice, "its master \(master) is not there")
        }
        let first = owner.attachment.temporaryInterface
        do throws(KernelError) {
            switch masterPlace {
            case .host:
                let add = try kernel.withNamespaceDescriptor { (descriptor: Int32) throws(KernelError) in
                    try request(first, index, namespace: descriptor)
                }
                try kernel.host.perform([add])
            case .container:
                kernel.queue(try request(first, index, namespace: nil))
                try kernel.flush()
            }
        } catch {
            throw explained(error)
        }
        guard let made = try kernel.link(first, .container) else { throw KernelError(operation, .noSuchDevice) }
        var changes = LinkRequest.Changes()
        changes.alias = owner.alias
        kernel.queue(try LinkRequest.set(first.description, changes, "tag link \(first)"))
        kernel.queue(try LinkRequest.rename(made, to: name))
        do throws(KernelError) {
            try kernel.flush()
        } catch {
            try kernel.removeFromContainer(made)
            throw error
        }
        kernel.indexes.removeAll { $0.name == first.description }
    }

    private func request(_ first: LinkName, _ index: Int32, namespace: Int32?) throws(KernelError) -> NetlinkRequest {
        try LinkRequest.addMacvlan(
            first, for: name, master: index, mode: mode.number, mac: mac, mtu: mtu,
            broadcastQueueLength: broadcastQueueLength, namespace: namespace)
    }

    private func explained(_ error: KernelError) -> KernelError {
        switch error.errno {
        case .notSupported, .noSuchFile:
            KernelError(
                error.operation, error.errno, "this kernel has no macvlan; it must be built with CONFIG_MACVLAN")
        case .busy, .invalidArgument:
            KernelError(
                error.operation, error.errno,
                [
                    error.explanation,
                    "\(master) bears no macvlan of mode \(mode.rawValue): it may be the port of a bridge, be no Ethernet link, or bear one with passthru, which takes the whole of it",
                ].compactMap { $0 }.joined(by: ": "))
        default: error
        }
    }

    /// Made anew when it is gone; else set as it was made. One of another master or kind is not ours to change.
    func mend(_ kernel: inout LinuxKernel) throws(KernelError) {
        guard let link = try kernel.link(name, .container) else { return try create(&kernel) }
        guard link.kind == "macvlan", link.alias == owner.alias || link.alias == nil || link.alias == "" else { return }
        var changes = LinkRequest.Changes()
        changes.alias = owner.alias
        if let mac, link.mac != mac { changes.mac = mac }
        if let mtu, link.mtu != mtu { changes.mtu = mtu }
        kernel.queue(try LinkRequest.set(name.description, changes, "set link \(name) as it was made"))
        if link.macvlanMode != mode.number || queueDiffers(link) {
            kernel.queue(
                try LinkRequest.changeMacvlan(
                    link, mode: mode.number, broadcastQueueLength: broadcastQueueLength,
                    "set mode \(mode.rawValue) of link \(name)"))
        }
    }

    private func queueDiffers(_ link: Link) -> Bool {
        broadcastQueueLength != nil && link.broadcastQueueLength != broadcastQueueLength
    }

    func findings(_ kernel: inout LinuxKernel) throws(KernelError) -> [Finding] {
        let object = "link \(name) in the container"
        guard let link = try kernel.link(name, .container) else {
            return [Finding(object, expected: "exists", found: "no such link")]
        }
        guard link.kind == "macvlan" else {
            return [Finding(object, expected: "macvlan", found: link.kind ?? "another kind")]
        }
        var findings: [Finding] = []
        if link.alias != owner.alias {
            findings.append(Finding(object, expected: "alias \(owner.alias)", found: link.alias ?? "no alias"))
        }
        if link.macvlanMode != mode.number {
            findings.append(
                Finding(object, expected: "mode \(mode.rawValue)", found: "mode \(Mode.words(link.macvlanMode))"))
        }
        if let mac, link.mac != mac {
            findings.append(
                Finding(object, expected: "MAC address \(mac)", found: "MAC address \(link.mac?.description ?? "none")")
            )
        }
        if let mtu, link.mtu != mtu {
            findings.append(Finding(object, expected: "mtu \(mtu)", found: "mtu \(link.mtu)"))
        }
        if let length = broadcastQueueLength, queueDiffers(link) {
            findings.append(
                Finding(
                    object, expected: "bcqueuelen \(length)",
                    found: link.broadcastQueueLength.map { "bcqueuelen \($0)" } ?? "no bcqueuelen"))
        }
        if let finding = try masterFinding(link, object, &kernel) { findings.append(finding) }
        return findings
    }

    private func masterFinding(_ link: Link, _ object: String, _ kernel: inout LinuxKernel) throws(KernelError)
        -> Finding?
    {
        guard let seen = try kernel.link(master, masterPlace) else {
            return Finding(object, expected: "on \(master)", found: "no link \(master)")
        }
        // On a macvlan the kernel puts it on that one's own master.
        if link.peer == seen.index || (seen.kind == "macvlan" && link.peer == seen.peer) { return nil }
        let other = masterPlace == .host ? try kernel.link(index: link.peer)?.name : nil
        return Finding(object, expected: "on \(master)", found: other.map { "on \($0)" } ?? "on another link")
    }
}

extension LinuxKernel {
    /// The owner's macvlan is gone from the container, made or half made; that there is none is no failure. `isRecorded`: a
    /// record tells of it, so that one whose alias was wiped is ours, too.
    public mutating func removeMacvlan(of owner: Owner, isRecorded: Bool) throws(KernelError) {
        if let half = try link(owner.attachment.temporaryInterface, .container), half.kind == "macvlan" {
            try removeFromContainer(half)
        }
        guard let link = try link(owner.attachment.interface, .container), link.kind == "macvlan" else { return }
        let isUntagged = link.alias == nil || link.alias == ""
        guard link.alias == owner.alias || (isUntagged && isRecorded) else { return }
        try removeFromContainer(link)
    }

    mutating func removeFromContainer(_ link: Link) throws(KernelError) {
        waiting.removeAll()
        queue(try LinkRequest.delete(link))
        _ = try ignoring(.noSuchDevice) { () throws(KernelError) in try flush() }
        indexes.removeAll { $0.place == .container && $0.name == link.name }
    }

    /// The link with the default route of least metric, IPv4's before IPv6's; nil without one.
    public mutating func uplink(at place: Place) throws(KernelError) -> Link? {
        for family in AddressFamily.allCases {
            let defaults = try routes(family, place).filter { $0.isDefault && $0.link != nil && $0.table == 254 }
            guard let index = defaults.min(by: { ($0.priority ?? 0) < ($1.priority ?? 0) })?.link else { continue }
            if place == .host { return try link(index: index) }
            try requireContainer()
            return try ignoring(.noSuchDevice) { () throws(KernelError) in
                try sockets.container!.link(index: index)
            }
        }
        return nil
    }
}
