import CKernel
import Glibc
import NetCore

/// An intermediate functional block (ifb): what is redirected to it leaves it by a queue, and so can be shaped though it
/// comes in (the bandwidth plugin's egress).
public struct FunctionalBlock: Hashable, Sendable {
    public let name: LinkName
    /// Nothing is compared with it: no packet that is redirected here is measured by it.
    public let mtu: Int?
    /// The owner's alias: how DEL and GC recognise it.
    public let alias: String

    public init(name: LinkName, mtu: Int?, alias: String) {
        self.name = name
        self.mtu = mtu
        self.alias = alias
    }

    var words: String { "\(name) on the host is an ifb, which what the container sends can be led through" }

    func commands(_ shell: ShellWriter) -> [String] {
        [
            "ip link add \(name)\(mtu.map { " mtu \($0)" } ?? "") numtxqueues 1 numrxqueues 1 type ifb",
            "ip link set \(name) alias \(ShellWriter.word(alias))", "ip link set \(name) addrgenmode none",
            "ip link set \(name) up",
        ]
    }

    /// One send makes, tags and starts it: a kill cannot fall between.
    func create(_ kernel: inout LinuxKernel) throws(KernelError) {
        // The tag is tried even when the link is refused: it must not fall on one of somebody else's.
        if try kernel.link(name, .host) != nil {
            throw KernelError("add ifb \(name)", .alreadyExists, "the host has a link \(name)")
        }
        kernel.absent.removeAll { $0 == name.description }
        let outcomes = try kernel.host.attempt(
            [try LinkRequest.addFunctionalBlock(name, mtu: mtu)] + (try settings(makesNoAddress: true)))
        if let refusal = outcomes[0] {
            guard refusal.errno == .notSupported || refusal.errno == .noSuchFile else { throw refusal }
            throw KernelError(
                refusal.operation, refusal.errno,
                "this kernel has no ifb, by which egressRate is kept; it must be built with CONFIG_IFB")
        }
        if let refusal = outcomes[1] {
            // A kernel without IPv6, which then makes no address either.
            guard refusal.errno.rawValue == EAFNOSUPPORT else { throw refusal }
            try kernel.host.perform(try settings(makesNoAddress: false))
        }
        if let refusal = outcomes[2] { throw refusal }
    }

    private func settings(makesNoAddress: Bool) throws(KernelError) -> [NetlinkRequest] {
        var changes = LinkRequest.Changes()
        changes.alias = alias
        changes.makesNoAddress = makesNoAddress
        var upward = LinkRequest.Changes()
        upward.up = true
        return [
            try LinkRequest.set(name.description, changes, "tag link \(name)"),
            try LinkRequest.set(name.description, upward, "set link \(name) up"),
        ]
    }

    /// Made anew when it is gone; else up, and tagged.
    func mend(_ kernel: inout LinuxKernel) throws(KernelError) {
        guard let link = try kernel.link(name, .host) else { return try create(&kernel) }
        guard link.kind == "ifb", link.alias == alias || link.alias == nil || link.alias == "" else { return }
        try kernel.host.perform(try settings(makesNoAddress: false))
    }

    /// Gone, if it is ours.
    func remove(_ kernel: inout LinuxKernel) throws(KernelError) {
        guard let link = try kernel.link(name, .host), link.kind == "ifb", link.alias == alias else { return }
        try kernel.host.perform([try LinkRequest.delete(link)])
    }

    func findings(_ kernel: inout LinuxKernel) throws(KernelError) -> [Finding] {
        let object = "link \(name)"
        guard let link = try kernel.link(name, .host) else {
            return [Finding(object, expected: "exists", found: "no such link")]
        }
        var findings: [Finding] = []
        if link.kind != "ifb" {
            findings.append(Finding(object, expected: "ifb", found: link.kind ?? "another kind"))
        }
        if link.alias != alias {
            findings.append(Finding(object, expected: "alias \(alias)", found: link.alias ?? "no alias"))
        }
        if !link.isUp { findings.append(Finding(object, expected: "up", found: "down")) }
        return findings
    }
}
