import NetCore

/// A route in the container or on the host (man 8 ip-route). Nil leaves the kernel's default; `mtu`, `advmss`, `priority`, `table` and
/// `scope` are the specification's 1.1.0 fields (cni.md P-38).
public struct PlannedRoute: Hashable, Sendable {
    public let place: Place
    public let link: LinkName
    public let route: Route

    public init(_ place: Place = .container, link: LinkName, route: Route) {
        self.place = place
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
        if let scope = route.scope { text += " scope \(scope == 253 ? "link" : "\(scope)")" }
        if let mtu = route.mtu { text += " mtu \(mtu)" }
        if let advmss = route.advmss { text += " advmss \(advmss)" }
        return text
    }

    private var arguments: String { arguments(link.description) }

    var words: String { "\(place == .container ? "in the container" : "on the host"), route \(arguments)" }
    func commands(_ shell: ShellWriter) -> [String] {
        [
            shell.ip(
                place,
                "\(route.destination.family == .v6 ? "-6 " : "")route \(place == .container ? "append" : "add") \(arguments(ShellWriter.word(link)))"
            )
        ]
    }

    func ensure(_ kernel: inout LinuxKernel) throws(KernelError) {
        var wanted = route
        wanted.link = try kernel.requireIndex(link, place)
        guard place == .host else { return kernel.queue(try wanted.addRequest(arguments)) }
        do throws(KernelError) {
            try kernel.host.perform([try wanted.addAloneRequest(arguments)])
        } catch  where error.errno == .alreadyExists {
            throw KernelError(
                error.operation, error.errno,
                "the host reaches \(route.destination.address) elsewhere: two networks give out the same addresses, or somebody set that route (ip route show table main)"
            )
        }
    }

    func findings(_ kernel: inout LinuxKernel) throws(KernelError) -> [Finding] {
        let object = "route \(arguments) \(place == .container ? "in the container" : "on the host")"
        guard let index = try kernel.index(link, place) else {
            return [Finding(object, expected: "present", found: "no link \(link)")]
        }
        let table = route.table ?? 254
        let candidates = try kernel.routes(route.destination.family, place).filter {
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
