import NetCore

/// A link of the container stays down (`ip link set NAME down`), so that whoever runs there decides when it begins.
public struct LinkDown: Hashable, Sendable {
    public let link: LinkName

    public init(_ link: LinkName) { self.link = link }

    var words: String { "\(link) in the container stays down" }
    func commands(_ shell: ShellWriter) -> [String] {
        [shell.ip(.container, "link set \(ShellWriter.word(link)) down")]
    }

    func ensure(_ kernel: inout LinuxKernel) throws(KernelError) {
        var changes = LinkRequest.Changes()
        changes.up = false
        kernel.queue(try LinkRequest.set(link.description, changes, "set link \(link) down"))
    }

    func findings(_ kernel: inout LinuxKernel) throws(KernelError) -> [Finding] {
        let object = "link \(link) in the container"
        // That it is there at all is the cable's to say.
        guard let found = try kernel.link(link, .container) else { return [] }
        var findings = found.isUp ? [Finding(object, expected: "down", found: "up")] : []
        for address in try kernel.addresses(of: found.index, .container) {
            findings.append(Finding(object, expected: "no address", found: "\(address.prefix)"))
        }
        return findings
    }
}
