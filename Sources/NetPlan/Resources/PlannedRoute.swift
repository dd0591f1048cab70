import NetCore

/// A route in the container (man 8 ip-route). Nil leaves the kernel's default; `mtu`, `advmss`, `priority`, `table` and
/// `scope` are the specification's 1.1.0 fields (cni.md P-38).
public struct PlannedRoute: Hashable, Sendable {
    public let link: LinkName
    public let route: Route

    public init(link: LinkName, route: Route) {
        self.link = link
        self.route = route
    }

    /// As `ip route` takes it.
    private func arguments(_ link: String) -> String {
        var text = route.isDefault ? "default" : "\(route.destination.network)"
        if let gateway = route.gateway { text += " via \(gateway)" }
        text += " dev \(link)"
        if let priority = route.priority { text += " metric \(priority)" }
        if let table = route.table { text += " table \(table)" }
        if let scope = route.scope { text += " scope \(scope)" }
        if let mtu = route.mtu { text += " mtu \(mtu)" }
        if let advmss = route.advmss { text += " advmss \(advmss)" }
        return text
    }

    private var arguments: String { arguments(link.description) }

    var words: String { "in the container, route \(arguments)" }
    func commands(_ shell: ShellWriter) -> [String] {
        [
            shell.ip(
                .container,
                "\(route.destination.family == .v6 ? "-6 " : "")route append \(arguments(ShellWriter.word(link)))")
        ]
    }

    func ensure(_ kernel: inout LinuxKernel) throws(KernelError) {
        var wanted = route
        wanted.link = try kernel.requireIndex(link, .container)
        kernel.queue(try wanted.addRequest(arguments))
    }

    func findings(_ kernel: inout LinuxKernel) throws(KernelError) -> [Finding] {
        let object = "route \(arguments) in the container"
        guard let index = try kernel.index(link, .container) else {
            return [Finding(object, expected: "present", found: "no link \(link)")]
        }
        let table = route.table ?? 254
        let candidates = try kernel.containerRoutes(route.destination.family).filter {
            $0.destination.network == route.destination.network && $0.link == index && $0.table == table
        }
        let matching = candidates.contains {
            $0.gateway == route.gateway && (route.mtu == nil || $0.mtu == route.mtu)
                && (route.advmss == nil || $0.advmss == route.advmss)
                && (route.priority == nil || $0.priority == route.priority)
        }
        guard !matching else { return [] }
        let seen = candidates.map { "via \($0.gateway?.description ?? "the link")\($0.mtu.map { " mtu \($0)" } ?? "")" }
        return [
            Finding(
                object, expected: "present", found: seen.isEmpty ? "absent" : "another: " + seen.joined(by: ", ")
            )
        ]
    }
}
