public import CNI
import NATPlugin
public import NetCore
import NetPlan

/// What lint has to know of the host that the lists are for.
public struct LintHost: Sendable {
    public struct Route: Hashable, Sendable {
        public let destination: IPPrefix
        public let link: String
        /// Reached without a gateway: those are neighbours.
        public let isDirect: Bool

        public init(destination: IPPrefix, link: String, isDirect: Bool) {
            self.destination = destination
            self.link = link
            self.isDirect = isDirect
        }
    }

    /// The link of the default route.
    public struct Uplink: Hashable, Sendable {
        public let name: String
        public let mtu: Int

        public init(name: String, mtu: Int) {
            self.name = name
            self.mtu = mtu
        }
    }

    public var routes: [Route] = []
    public var uplink: Uplink?
    /// Other people's chains that drop forwarded packets, a sentence each.
    public var drops: [String] = []
    /// What could not be looked at, a sentence each.
    public var notes: [String] = []
    /// Who finds plugins; nil when the lists are for another machine.
    var caller: PluginCaller?

    /// A host of which nothing is known: the lists are for another machine.
    public init() {}

    /// Where plugins are looked for unless CNI_PATH says: what engines take unless told otherwise.
    static let usualPath = ["/opt/cni/bin", "/usr/lib/cni"]

    /// The calling thread's host, with the plugins of CNI_PATH. Throws what the kernel refused; forward chains that an
    /// unprivileged caller may not see are a note.
    public init(running environment: Environment) throws(InspectError) {
        let path = environment.nonEmpty("CNI_PATH")?.split(separator: ":").map(String.init) ?? LintHost.usualPath
        caller = PluginCaller(builtIn: { OwnPlugins.plugin($0) }, path: path, environment: environment)
        do throws(KernelError) {
            var kernel = try LinuxKernel(state: StateDirectory())
            let links = try kernel.host.links()
            for family in AddressFamily.allCases {
                let found = try kernel.host.routes(family, table: 254)
                routes += found.filter { !$0.isDefault }.map { route in
                    Route(
                        destination: route.destination, link: links.first { $0.index == route.link }?.name ?? "?",
                        isDirect: route.gateway == nil)
                }
                if uplink == nil {
                    uplink = try kernel.uplink(family).map { Uplink(name: $0.name, mtu: $0.mtu) }
                }
            }
            let found = try ignoring(.notPermitted, .accessDenied) { () throws(KernelError) in
                try ForeignFirewall.findings(&kernel)
            }
            if let found { drops = found } else { notes.append("forward chains were not looked at: that takes root") }
        } catch {
            throw InspectError(error)
        }
    }
}
