import CKernel
import Glibc
import NetCore

/// A cable: one end on the host, usually a bridge's port, the other in the container (man 4 veth).
public struct VethPair: Hashable, Sendable {
    public let host: LinkName
    public let container: LinkName
    public let containerMAC: MACAddress?
    public let mtu: Int?
    /// The bridge whose port the host end becomes.
    public let master: LinkName?
    /// The owner's alias: how DEL and GC recognise it.
    public let alias: String

    public init(
        host: LinkName, container: LinkName, containerMAC: MACAddress?, mtu: Int?, master: LinkName?, alias: String
    ) {
        self.host = host
        self.container = container
        self.containerMAC = containerMAC
        self.mtu = mtu
        self.master = master
        self.alias = alias
    }

    var words: String {
        "a cable: \(host) on the host\(master.map { ", a port of \($0)," } ?? "") and \(container) in the container"
            + (containerMAC.map { " with MAC address \($0)" } ?? "") + (mtu.map { ", mtu \($0)" } ?? "")
    }

    func commands(_ shell: ShellWriter) -> [String] {
        let size = mtu.map { " mtu \($0)" } ?? ""
        return [
            "ip link add \(host)\(size) numtxqueues 1 numrxqueues 1 type veth peer name \(ShellWriter.word(container))"
                + "\(containerMAC.map { " address \($0)" } ?? "")\(size) numtxqueues 1 numrxqueues 1 netns \(ShellWriter.word(shell.namespace))",
            "ip link set \(host) alias \(ShellWriter.word(alias))",
            master == nil ? nil : "ip link set \(host) addrgenmode none",
            shell.sysctl(.host, "net/ipv6/conf/\(host)/accept_ra", "0", optional: true),
            master.map { "ip link set \(host) master \(ShellWriter.word($0))" },
            "ip link set \(host) up",
        ].compactMap { $0 }
    }

    /// One message makes both ends, the next in the same send tags the host's: a kill cannot fall between.
    /// `port` are the flags of the host end as a port of its bridge.
    func create(_ kernel: inout LinuxKernel, as port: BridgePort? = nil) throws(KernelError) {
        // The tag is tried even when the cable is refused: it must not fall on a link of somebody else's.
        // A look of this very call is good for one try.
        let wasAbsent = kernel.absent.contains(host.description)
        kernel.absent.removeAll { $0 == host.description }
        let isTaken = wasAbsent ? false : try kernel.link(host, .host) != nil
        if isTaken {
            throw KernelError("add veth pair \(host) and \(container)", .alreadyExists, "the host has a link \(host)")
        }
        var masterIndex: Int32?
        if let master {
            guard let index = try kernel.index(master, .host) else {
                throw KernelError("add veth pair \(host)", .noSuchDevice, "its bridge \(master) is gone")
            }
            masterIndex = index
        }
        let add = try kernel.withNamespaceDescriptor { (descriptor: Int32) throws(KernelError) in
            try LinkRequest.addVethPair(
                host: host, up: false, master: masterIndex, mtu: mtu, container: container, containerMAC: containerMAC,
                namespace: descriptor)
        }
        var changes = LinkRequest.Changes()
        changes.alias = alias
        changes.hairpin = port?.hairpin
        changes.isolated = port?.isolated
        changes.learning = port?.learning
        let words = "tag link \(host)\(port.map { " and set \($0.words)" } ?? "")"
        // As a port it needs no address of its own: a thousand of them are a thousand routes, which the kernel walks
        // whenever a link comes or goes. Without a bridge it does: it asks for IPv6 neighbours by its link-local address.
        changes.makesNoAddress = master != nil
        let tag = try LinkRequest.set(host.description, changes, words)
        var upward = LinkRequest.Changes()
        upward.up = true
        let up = try LinkRequest.set(host.description, upward, "set link \(host) up")
        // A cable's second end that comes up has the kernel settle both, for 0.08 ms, in which whatever else is asked of links
        // waits: a port comes up when its container's end has all that it is to have.
        let later = master != nil
        do throws(KernelError) {
            let outcomes = try kernel.host.attempt(later ? [add, tag] : [add, tag, up])
            if let refusal = outcomes[0] { throw refusal }
            if let refusal = outcomes[1] {
                // A kernel without IPv6, which then makes no address either.
                guard changes.makesNoAddress, refusal.errno.rawValue == EAFNOSUPPORT else { throw refusal }
                changes.makesNoAddress = false
                try kernel.host.perform([try LinkRequest.set(host.description, changes, words)])
            }
            if !later, let refusal = outcomes[2] { throw refusal }
        } catch  where error.errno == .exchangeFull || error.errno == .busy {
            throw KernelError(error.operation, error.errno, "the bridge is full: a bridge takes 1,023 ports")
        }
        // Nor does it listen to a container's advertisements.
        try kernel.write([SysctlSetting(.host, "net/ipv6/conf/\(host)/accept_ra", "0", optional: true)])
        if later { kernel.rising.append(up) }
    }

    func findings(_ kernel: inout LinuxKernel) throws(KernelError) -> [Finding] {
        var findings: [Finding] = []
        let object = "link \(host)"
        if let link = try kernel.link(host, .host) {
            if !link.isUp { findings.append(Finding(object, expected: "up", found: "down")) }
            if link.kind != "veth" {
                findings.append(Finding(object, expected: "veth", found: link.kind ?? "another kind"))
            }
            if link.alias != alias {
                findings.append(Finding(object, expected: "alias \(alias)", found: link.alias ?? "no alias"))
            }
            if let master {
                let found = try kernel.link(index: link.master)?.name
                if found != master.description {
                    findings.append(
                        Finding(
                            object, expected: "port of \(master)", found: found.map { "port of \($0)" } ?? "no port"))
                }
            }
            if let mtu, link.mtu != mtu {
                findings.append(Finding(object, expected: "mtu \(mtu)", found: "mtu \(link.mtu)"))
            }
        } else {
            findings.append(Finding(object, expected: "exists", found: "no such link"))
        }
        let inner = "link \(container) in the container"
        if let link = try kernel.link(container, .container) {
            if let containerMAC, link.mac != containerMAC {
                findings.append(
                    Finding(
                        inner, expected: "MAC address \(containerMAC)",
                        found: "MAC address \(link.mac?.description ?? "none")"))
            }
            if let mtu, link.mtu != mtu {
                findings.append(Finding(inner, expected: "mtu \(mtu)", found: "mtu \(link.mtu)"))
            }
        } else {
            findings.append(Finding(inner, expected: "exists", found: "no such link"))
        }
        return findings
    }
}
