import CKernel
import NetCore

/// A bridge (man 8 ip-link, type bridge) with a MAC address of its own, so that it does not take on a port's and change
/// with it (which confuses neighbours), and deaf to router advertisements before it is up (CVE-2020-10749).
public struct Bridge: Hashable, Sendable {
    public let name: LinkName
    public let mac: MACAddress
    /// Set when the bridge is made; an existing one keeps its own.
    public let mtu: Int?
    public let promiscuous: Bool

    public init(name: LinkName, mtu: Int? = nil, promiscuous: Bool = false) {
        self.name = name
        self.mtu = mtu
        self.promiscuous = promiscuous
        mac = MACAddress(derivedFrom: Digest.sha256("bridge \(name)"))
    }

    var words: String {
        "bridge \(name) exists and is up" + (mtu.map { ", mtu \($0)" } ?? "") + (promiscuous ? ", promiscuous" : "")
            + ", and takes no router advertisements"
    }

    func commands(_ shell: ShellWriter) -> [String] {
        let word = ShellWriter.word(name)
        return [
            "ip link show \(word) >/dev/null 2>&1 || ip link add \(word) address \(mac)\(mtu.map { " mtu \($0)" } ?? "") type bridge",
            shell.sysctl(.host, "net/ipv6/conf/\(name)/accept_ra", "0", optional: true),
            shell.sysctl(.host, "net/ipv6/conf/\(name)/accept_dad", "0", optional: true),
            "ip link set \(word)\(promiscuous ? " promisc on" : "") up",
        ]
    }

    func ensure(_ kernel: inout LinuxKernel) throws(KernelError) {
        var link = try ignoring(.noSuchDevice) { () throws(KernelError) in try kernel.host.link(name.description) }
        if link == nil {
            let request = try LinkRequest.addBridge(name, mac: mac, mtu: mtu)
            // Another ADD may have made it in between: that is what was wanted.
            _ = try ignoring(.alreadyExists) { () throws(KernelError) in try kernel.host.perform([request]) }
            link = try kernel.host.link(name.description)
        }
        guard let link, link.kind == "bridge" else {
            throw KernelError(
                "use link \(name) as a bridge", .invalidArgument,
                "the link exists and is no bridge but \(link?.kind ?? "a device")")
        }
        kernel.remember(link, .host)
        try kernel.set(SysctlSetting(.host, "net/ipv6/conf/\(name)/accept_ra", "0", optional: true))
        // Nobody else has the bridge's own addresses; while the kernel made sure, it would ask for no IPv6 neighbour.
        if !link.isUp { try kernel.set(SysctlSetting(.host, "net/ipv6/conf/\(name)/accept_dad", "0", optional: true)) }
        guard !link.isUp || (promiscuous && !link.isPromiscuous) else { return }
        var changes = LinkRequest.Changes()
        changes.up = true
        if promiscuous { changes.promiscuous = true }
        try kernel.host.perform([try LinkRequest.set(name.description, changes, "set bridge \(name) up")])
    }

    func findings(_ kernel: inout LinuxKernel) throws(KernelError) -> [Finding] {
        let object = "bridge \(name)"
        guard let link = try kernel.link(name, .host) else {
            return [Finding(object, expected: "exists", found: "no such link")]
        }
        guard link.kind == "bridge" else {
            return [Finding(object, expected: "a bridge", found: link.kind ?? "a link of another kind")]
        }
        var findings: [Finding] = []
        if !link.isUp { findings.append(Finding(object, expected: "up", found: "down")) }
        if let finding = try mtuFinding(link, &kernel) { findings.append(finding) }
        if promiscuous, !link.isPromiscuous {
            findings.append(Finding(object, expected: "promiscuous", found: "not promiscuous"))
        }
        return findings
            + (try SysctlSetting(.host, "net/ipv6/conf/\(name)/accept_ra", "0", optional: true).findings(&kernel))
    }

    /// The kernel lowers a bridge's MTU to its smallest port's, so only one below all of them is somebody's doing. Of a
    /// bridge that is not of our making (another MAC address) none was asked for.
    func mtuFinding(_ link: Link, _ kernel: inout LinuxKernel) throws(KernelError) -> Finding? {
        guard let mtu, link.mtu < mtu, link.mac == mac else { return nil }
        let smallest = min(mtu, try kernel.host.links(master: link.index).map(\.mtu).min() ?? mtu)
        guard link.mtu < smallest else { return nil }
        return Finding("bridge \(name)", expected: "mtu \(smallest)", found: "mtu \(link.mtu)")
    }
}
