import NetCore

/// What the host remembers of an address's last holder is forgotten, so that a re-used address is found at once.
public struct ForgottenNeighbour: Hashable, Sendable {
    public let link: LinkName
    public let address: IPAddress

    public init(link: LinkName, address: IPAddress) {
        self.link = link
        self.address = address
    }

    var words: String { "the host forgets who had \(address) before" }
    func commands(_ shell: ShellWriter) -> [String] {
        ["ip neigh del \(address) dev \(ShellWriter.word(link)) 2>/dev/null || true"]
    }

    func ensure(_ kernel: inout LinuxKernel) throws(KernelError) {
        let request = try NeighbourRequest.forget(
            address, on: try kernel.requireIndex(link, .host), named: link.description)
        _ = try ignoring(.noSuchFile) { () throws(KernelError) in try kernel.host.perform([request]) }
    }
}
