import CNI
import JSON
import NetCore
import NetPlan
import PluginKit

/// The firewall plugin's keys (cni.md 2.6).
public struct FirewallConfiguration: Sendable {
    public let policy: Isolation.Policy
    public let adminChain: String
    public let publishedAcrossNetworks: Bool
    /// What makes policies and the administrator's chain.
    public let backend: Plan.Backend
    /// The zone of firewalld that the container's addresses are put into; nil where firewalld is not asked for.
    public let zone: String?

    /// Throws code 7 for a mistake, with key and value.
    public init(_ request: Request) throws(CNIError) {
        let root = request.configuration.root
        try request.arguments.requireKnown(["IP", "GATEWAY", "MAC"])
        backend = try request.backend("backend", others: ["firewalld"])
        zone = try FirewallZone.named(by: root)
        let text = try root.string("ingressPolicy") ?? "open"
        guard let policy = Isolation.Policy(rawValue: text) else {
            throw root.error(
                "ingressPolicy", "is not one of \(Isolation.Policy.allCases.map(\.rawValue).joined(by: ", "))")
        }
        self.policy = policy
        let chain = try root.string("iptablesAdminChainName") ?? "CNI-ADMIN"
        let allowed = chain.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x2d
                || byte == 0x5f
        }
        let startsWell = chain.first.map { $0.isLetter || $0 == "_" } ?? false
        // Words of nft's own, such as drop or ip6, are small letters and digits.
        let isOwn = chain.utf8.contains { (0x41...0x5a).contains($0) || $0 == 0x2d || $0 == 0x5f }
        guard allowed, startsWell, isOwn, chain.utf8.count <= 28,
            !BerthTable.chainNames.contains(chain)
        else {
            throw root.error(
                "iptablesAdminChainName",
                "is no name for a chain of yours: letters, digits, - and _, at most 28, beginning with a letter; "
                    + "and not of small letters and digits alone, which may be words of nft")
        }
        adminChain = chain
        publishedAcrossNetworks = try root.bool("publishedAcrossNetworks", default: true)
    }
}

/// What firewall has to know of the host before it plans.
public struct FirewallObservations: Sendable {
    var bridge: LinkName?
    /// The container's port of that bridge.
    var port: LinkName?
    /// Whether it is isolated already.
    var portIsIsolated = false
    /// Frames between ports of a bridge pass the IP rules too (br_netfilter).
    var filtersFrames = false
    /// Sources of the zone that stood already, and were none of berth's.
    var foreignSources: Set<IPAddress> = []
}

/// `firewall`: who may reach the container (cni.md 2.6, N-8).
public struct FirewallPlugin: PlannedPlugin {
    public let name = "firewall"
    public let isChained = true
    public let entersContainer = false
    public let builtIn: @Sendable (String) -> (any Plugin)? = { _ in nil }

    public init() {}

    public func configuration(_ request: Request) throws(CNIError) -> FirewallConfiguration {
        try FirewallConfiguration(request)
    }
    public var assumptions: FirewallObservations { FirewallObservations() }
    /// Our own host end is a port of the bridge.
    public func assumptions(_ request: Request) -> FirewallObservations {
        let end = request.attachment.hostInterface
        let isOurs = request.configuration.previousResult?.interfaces.contains { $0.name == end.description } ?? false
        return FirewallObservations(port: isOurs ? end : nil)
    }

    /// The bridge is found by the host end's master, not by its place in the result.
    public func observe(
        _ request: Request, _ configuration: FirewallConfiguration, _ kernel: inout LinuxKernel
    ) throws(CNIError) -> FirewallObservations {
        let names = (request.configuration.previousResult?.interfaces ?? []).filter { $0.sandbox?.isEmpty ?? true }.map(
            \.name)
        var seen = FirewallObservations()
        if let zone = configuration.zone, request.command == .add {
            seen.foreignSources = try FirewallZone.foreignSources(request, zone, &kernel)
        }
        return try answering { () throws(KernelError) in
            if configuration.policy == .isolated {
                let v4 = try kernel.sysctl("net/bridge/bridge-nf-call-iptables", .host)
                let v6 = try kernel.sysctl("net/bridge/bridge-nf-call-ip6tables", .host)
                seen.filtersFrames = v4 == "1" && v6 == "1"
            }
            var links: [Link] = []
            for text in names {
                if let name = LinkName(text), let link = try kernel.seenLink(name, .host) { links.append(link) }
            }
            guard let port = links.first(where: { $0.master != nil }) else {
                seen.bridge = links.first { $0.kind == "bridge" }.flatMap { LinkName($0.name) }
                return seen
            }
            seen.port = LinkName(port.name)
            seen.portIsIsolated = port.isolated ?? false
            seen.bridge = try kernel.seenLink(index: port.master).flatMap { LinkName($0.name) }
            return seen
        }
    }

    public func plan(
        _ request: Request, _ configuration: FirewallConfiguration, lease: CNIResult,
        _ observations: FirewallObservations
    ) throws(CNIError) -> Plan {
        var plan = Plan(owner: Owner(plugin: name, attachment: request.attachment), namespace: request.netns)
        plan.backend = configuration.backend
        let bridge = observations.bridge ?? assumedBridge(request, lease)
        plan.shared.append(.adminChain(AdminChain(name: configuration.adminChain)))
        if let bridge, configuration.policy == .open {
            plan.shared.append(.isolation(Isolation(bridge: bridge, policy: .open)))
        }
        if configuration.policy != .open {
            guard let bridge else {
                throw CNIError(
                    .invalidConfiguration,
                    "\"ingressPolicy\": \"\(configuration.policy.rawValue)\" needs a bridge, and the container has no port of one",
                    details: "put the firewall plugin behind the bridge plugin, or leave ingressPolicy out")
            }
            plan.shared.append(.isolation(Isolation(bridge: bridge, policy: configuration.policy)))
            // Between ports of one bridge frames pass without the IP rules: the port stops them. With br_netfilter the rules
            // do, and an isolated port would stop what goes to a published port, too.
            if configuration.policy == .isolated, !observations.filtersFrames, let port = observations.port {
                plan.owned.append(.bridgePort(BridgePort(link: port, isolated: true)))
            }
        }
        plan.owned += lease.ips.map {
            .firewallMember(
                FirewallMember(
                    address: $0.address.address, publishedAcrossNetworks: configuration.publishedAcrossNetworks))
        }
        if let zone = configuration.zone {
            plan.owned += lease.ips.map { .zoneSource(ZoneSource(address: $0.address.address, zone: zone)) }
        }
        return plan
    }

    /// For a plan without a look at the host: the first interface outside the container.
    private func assumedBridge(_ request: Request, _ lease: CNIResult) -> LinkName? {
        let end = request.attachment.hostInterface.description
        // The cable of ptp ends at no bridge.
        return lease.interfaces.first { ($0.sandbox?.isEmpty ?? true) && $0.name != end }.flatMap { LinkName($0.name) }
    }

    /// The port is another plugin's, and sources carry no tag: what was before stands in the record.
    public func notes(_ configuration: FirewallConfiguration, _ plan: Plan, _ observations: FirewallObservations)
        -> JSONObject
    {
        var notes: JSONObject = [:]
        for case .bridgePort(let port) in plan.owned {
            notes["port"] = .string(port.link.description)
            notes["isolatedBefore"] = .bool(observations.portIsIsolated)
        }
        let sources = plan.zoneSources.map {
            NeededSource($0, isForeign: observations.foreignSources.contains($0.address))
        }
        if !sources.isEmpty { notes["sources"] = AttachmentRecord.Section.note(sources) }
        return notes
    }

    public func restore(_ request: Request, _ section: AttachmentRecord.Section?, _ kernel: inout LinuxKernel)
        throws(CNIError)
    {
        try request.releaseSources(section, zone: FirewallZone.stated(in: request.configuration.root), &kernel)
        guard let port = section?.notes["port"]?.string.flatMap(LinkName.init),
            let isolated = section?.notes["isolatedBefore"]?.bool
        else { return }
        try answering { () throws(KernelError) in try kernel.restore(BridgePort(link: port, isolated: isolated)) }
    }

    public func result(
        _ request: Request, _ configuration: FirewallConfiguration, _ plan: Plan, lease: CNIResult,
        _ kernel: inout LinuxKernel
    ) throws(CNIError) -> CNIResult {
        ForeignFirewall.warn(name, plan, &kernel)
        return lease
    }

    public func readiness(
        _ request: Request, _ records: [AttachmentRecord], _ kernel: inout LinuxKernel
    ) throws(CNIError) {
        let configuration = try FirewallConfiguration(request)
        try requireRules(configuration.backend, of: request, records, &kernel)
        if let zone = configuration.zone { try FirewallZone.requireReady(zone, records, &kernel) }
    }
}
