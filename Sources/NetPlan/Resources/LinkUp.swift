import NetCore

/// A link is up (`ip link set NAME up`).
public struct LinkUp: Hashable, Sendable {
    public let place: Place
    public let link: LinkName

    public init(_ place: Place, _ link: LinkName) {
        self.place = place
        self.link = link
    }

    var words: String { "\(link)\(place == .container ? " in the container" : "") is up" }
    func commands(_ shell: ShellWriter) -> [String] { [shell.ip(place, "link set \(ShellWriter.word(link)) up")] }

    func ensure(_ kernel: inout LinuxKernel) throws(KernelError) {
        var changes = LinkRequest.Changes()
        changes.up = true
        let request = try LinkRequest.set(link.description, changes, "set link \(link) up")
        if place == .host {
            try kernel.host.perform([request])
        } else {
            kernel.queue(request)
        }
    }

    func findings(_ kernel: inout LinuxKernel) throws(KernelError) -> [Finding] {
        let object = "link \(link)\(place == .container ? " in the container" : "")"
        guard let found = try kernel.link(link, place) else {
            return [Finding(object, expected: "up", found: "no such link")]
        }
        return found.isUp ? [] : [Finding(object, expected: "up", found: "down")]
    }
}
