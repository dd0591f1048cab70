import CNI
import JSON
import NetCore
import NetPlan
import PluginKit

/// What the macvlan plugin has to know of the host before it plans.
public struct MacvlanObservations: Sendable {
    /// The configured master, else the link with the default route; nil where nobody may look.
    var master: LinkName?
}

/// `macvlan`: a link of the container on one that leads out, with a MAC address of its own (cni.md 2.10).
public struct MacvlanPlugin: PlannedPlugin {
    public let name = "macvlan"
    public let isChained = false
    public let entersContainer = true
    public let builtIn: @Sendable (String) -> (any Plugin)?

    /// `builtIn` gives the IPAM plugins of this program.
    public init(builtIn: @escaping @Sendable (String) -> (any Plugin)? = { _ in nil }) { self.builtIn = builtIn }

    public func configuration(_ request: Request) throws(CNIError) -> MacvlanConfiguration {
        try MacvlanConfiguration(request)
    }
    public func ipam(_ configuration: MacvlanConfiguration) -> String? { configuration.ipamType }
    public var assumptions: MacvlanObservations { MacvlanObservations() }

    public func observe(
        _ request: Request, _ configuration: MacvlanConfiguration, _ kernel: inout LinuxKernel
    ) throws(CNIError) -> MacvlanObservations {
        let place = configuration.masterPlace
        guard request.command == .add else {
            // What ADD chose the record knows.
            guard configuration.master == nil else { return MacvlanObservations(master: configuration.master) }
            let uplink = try answering { () throws(KernelError) in try kernel.uplink(at: place) }
            return MacvlanObservations(master: uplink.flatMap { LinkName($0.name) })
        }
        let link = try answering { () throws(KernelError) in
            if let name = configuration.master { return try kernel.link(name, place) }
            return try kernel.uplink(at: place)
        }
        let there = place == .host ? "this host" : "the container"
        guard let link, let master = LinkName(link.name) else {
            guard let name = configuration.master else {
                throw CNIError(
                    .invalidConfiguration,
                    "\"master\" is missing, and \(there) has no default route whose link could be the master",
                    details: "name the link that leads out, such as \"master\": \"eth0\"")
            }
            throw CNIError(
                .linkMissing, "\"master\": \"\(name)\" is no link of \(there)",
                details: "ip link shows which there are; linkInContainer says where it is looked for")
        }
        if let mtu = configuration.mtu, mtu > link.mtu {
            throw request.configuration.root.error("mtu", "is above \(link.mtu), the mtu of its master \(master)")
        }
        return MacvlanObservations(master: master)
    }

    public func requireAbsent(_ attachment: Attachment, _ kernel: inout LinuxKernel) throws(CNIError) {
        let link = try answering { () throws(KernelError) in try kernel.link(attachment.interface, .container) }
        guard link != nil else { return }
        throw CNIError(
            .interfaceExists, "interface \(attachment.interface) exists already in the container's namespace",
            details: "DEL it before the next ADD, or give the attachment of \(attachment) another name")
    }

    public func plan(
        _ request: Request, _ configuration: MacvlanConfiguration, lease: CNIResult, _ observations: MacvlanObservations
    ) throws(CNIError) -> Plan {
        let attachment = request.attachment
        let owner = Owner(plugin: name, attachment: attachment)
        let interface = attachment.interface
        let ips = Cable.own(lease, interface)
        if let type = configuration.ipamType, ips.isEmpty {
            throw CNIError(.invalidConfiguration, "IPAM plugin \(type) gave no address")
        }
        let hasIPv6 = ips.contains { $0.address.family == .v6 }
        var plan = Plan(owner: owner, namespace: request.netns)
        plan.owned.append(
            .macvlan(
                Macvlan(
                    master: observations.master ?? configuration.master ?? MacvlanPlugin.unknownMaster,
                    at: configuration.masterPlace, mode: configuration.mode, mac: configuration.mac,
                    mtu: configuration.mtu, broadcastQueueLength: configuration.broadcastQueueLength, owner: owner)))
        plan.owned += sysctls(interface, hasIPv6).map { .sysctl($0) }
        plan.owned += ips.map { .address(PlannedAddress(.container, link: interface, prefix: $0.address)) }
        plan.owned.append(.linkUp(LinkUp(.container, interface)))
        plan.owned += lease.routes.map { .route(Cable.planned($0, ips, interface)) }
        return plan
    }

    /// Stands for the link of the default route in a plan that nobody has looked at a host for.
    public static let unknownMaster = LinkName("MASTER")!

    /// Before the link comes up, so that its neighbours hear of its addresses then.
    private func sysctls(_ interface: LinkName, _ hasIPv6: Bool) -> [SysctlSetting] {
        let (four, six) = ("net/ipv4/conf/\(interface)", "net/ipv6/conf/\(interface)")
        var settings: [SysctlSetting] = []
        if hasIPv6 {
            settings += [
                SysctlSetting(.container, "net/ipv6/conf/lo/disable_ipv6", "0"),
                SysctlSetting(.container, "\(six)/disable_ipv6", "0"),
                SysctlSetting(.container, "\(six)/keep_addr_on_down", "1", optional: true),
            ]
        }
        settings.append(SysctlSetting(.container, "\(six)/ndisc_notify", "1", optional: true))
        settings.append(SysctlSetting(.container, "\(four)/arp_notify", "1"))
        return settings
    }

    public func notes(_ configuration: MacvlanConfiguration, _ plan: Plan, _ observations: MacvlanObservations)
        -> JSONObject
    {
        var addresses: [JSON] = []
        for case .address(let address) in plan.owned { addresses.append(.string("\(address.prefix)")) }
        var notes: JSONObject = ["addresses": .array(addresses)]
        if let master = observations.master { notes["master"] = .string(master.description) }
        return notes
    }

    public func result(
        _ request: Request, _ configuration: MacvlanConfiguration, _ plan: Plan, lease: CNIResult,
        _ kernel: inout LinuxKernel
    ) throws(CNIError) -> CNIResult {
        let interface = request.attachment.interface
        try Cable.waitForAddresses(interface, lease, &kernel)
        let link = try answering { () throws(KernelError) in try kernel.link(interface, .container) }
        guard let link else {
            throw CNIError(.linkMissing, "link \(interface) is gone from the container while it was set up")
        }
        var result = lease
        result.interfaces = [
            CNIResult.Interface(name: link.name, mac: link.mac?.description, mtu: link.mtu, sandbox: request.netns)
        ]
        for index in result.ips.indices { result.ips[index].interface = 0 }
        configuration.names.direct(&result.dns)
        return result
    }

    /// Its link is in the container, where only DEL with the namespace comes; with the namespace it goes by itself.
    public func restore(_ request: Request, _ section: AttachmentRecord.Section?, _ kernel: inout LinuxKernel)
        throws(CNIError)
    {
        guard request.interface != nil, let netns = request.netns else { return }
        let owner = Owner(plugin: name, attachment: request.attachment)
        try answering { () throws(KernelError) in
            try LinuxKernel.withContainer(netns, state: request.state) { (kernel) throws(KernelError) in
                try kernel.removeMacvlan(of: owner, isRecorded: section != nil)
            }
        }
    }

    public func planToCheck(_ request: Request, _ plan: Plan, _ record: AttachmentRecord?) -> Plan {
        guard let previous = request.configuration.previousResult else { return plan }
        let inner = previous.interfaces.first {
            $0.name == request.interface?.description && $0.sandbox?.isEmpty == false
        }
        let master = record?[name]?.notes["master"]?.string.flatMap(LinkName.init)
        let tuned = record?["tuning"]?.notes["mtu"]?.integer.map { Int($0) }
        var plan = plan
        plan.owned = plan.owned.map { resource in
            guard case .macvlan(let link) = resource else { return resource }
            return .macvlan(
                Macvlan(
                    master: master ?? link.master, at: link.masterPlace, mode: link.mode,
                    mac: inner?.mac.flatMap(MACAddress.init) ?? link.mac, mtu: inner?.mtu ?? tuned ?? link.mtu,
                    broadcastQueueLength: link.broadcastQueueLength, owner: link.owner))
        }
        return plan
    }

    public func readiness(
        _ request: Request, _ records: [AttachmentRecord], _ kernel: inout LinuxKernel
    ) throws(CNIError) {
        // What is in a container, only its ADD can tell.
        guard try !request.configuration.root.bool("linkInContainer") else { return }
        let name = try request.configuration.root.string("master")
        let link = try answering { () throws(KernelError) in
            if let name {
                return try LinkName(name).flatMap { (name) throws(KernelError) in try kernel.link(name, .host) }
            }
            return try kernel.uplink(at: .host)
        }
        let code: CNIErrorCode = records.isEmpty ? .notAvailable : .limitedConnectivity
        guard let link else {
            throw CNIError(
                code,
                name.map { "its master \($0) is gone" }
                    ?? "this host has no default route whose link could be the master",
                details: "bring it back, or name another: \"master\"")
        }
        guard !records.isEmpty, !link.isUp else { return }
        throw CNIError(
            code, "its master \(link.name) is down: containers of \(request.configuration.name) reach nothing",
            details: "ip link set \(link.name) up")
    }
}
