import NetCore

/// A bridge knows by which port a MAC address is reached, and does not learn otherwise from what comes in elsewhere
/// (man 8 bridge, fdb: static sticky). Goes with the port.
public struct KnownAddress: Hashable, Sendable {
    public let port: LinkName
    public let mac: MACAddress

    public init(port: LinkName, mac: MACAddress) {
        self.port = port
        self.mac = mac
    }

    var words: String { "the bridge knows that \(mac) is at \(port)" }
    func commands(_ shell: ShellWriter) -> [String] {
        ["bridge fdb replace \(mac) dev \(ShellWriter.word(port)) master static sticky"]
    }

    func ensure(_ kernel: inout LinuxKernel) throws(KernelError) {
        let request = try ForwardingEntryRequest.stick(
            mac, to: try kernel.requireIndex(port, .host), named: port.description)
        try kernel.host.perform([request])
    }

    func findings(_ kernel: inout LinuxKernel) throws(KernelError) -> [Finding] {
        let object = "forwarding entry \(mac)"
        // Without the port, or outside of a bridge, there is more to say, and the cable says it.
        guard let link = try kernel.link(port, .host), link.portState != nil else { return [] }
        guard let found = try kernel.host.forwardingEntry(mac, atBridgeOf: link.index) else {
            return [Finding(object, expected: "at \(port), static sticky", found: "no such entry")]
        }
        guard found.port == link.index, found.isSticky else {
            let name = try kernel.link(index: found.port)?.name ?? "another port"
            return [
                Finding(
                    object, expected: "at \(port), static sticky",
                    found: "at \(name)\(found.isSticky ? ", static sticky" : "")")
            ]
        }
        return []
    }
}
