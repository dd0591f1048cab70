import CNI
import Glibc
import JSON
import NetCore
import NetPlan
import PluginKit

/// What portmap has to know of the host before it plans.
public struct PortmapObservations: Sendable {
    /// The links by which the containers' IPv4 addresses are reached: 127.0.0.1 must be routed out of them.
    var localLinks: [LinkName] = []
}

/// `portmap`: ports of the host lead to the container (cni.md 2.5).
public struct PortmapPlugin: PlannedPlugin {
    public let name = "portmap"
    public let isChained = true
    public let entersContainer = false
    public let builtIn: @Sendable (String) -> (any Plugin)? = { _ in nil }

    public init() {}

    public func configuration(_ request: Request) throws(CNIError) -> PortmapConfiguration {
        try PortmapConfiguration(request)
    }
    public var assumptions: PortmapObservations { PortmapObservations() }
    /// A bridge in the result is what leads to the container.
    public func assumptions(_ request: Request) -> PortmapObservations {
        guard let lease = request.configuration.previousResult,
            targets(request, lease).contains(where: { $0.family == .v4 }),
            let bridge = lease.interfaces.first(where: { $0.sandbox?.isEmpty ?? true })
        else { return assumptions }
        return PortmapObservations(localLinks: [bridge.name].compactMap(LinkName.init))
    }

    public func observe(
        _ request: Request, _ configuration: PortmapConfiguration, _ kernel: inout LinuxKernel
    ) throws(CNIError) -> PortmapObservations {
        var seen = PortmapObservations()
        guard !configuration.mappings.isEmpty else { return seen }
        if request.command == .add { try HostSockets.compare(configuration, kernel: &kernel, plugin: name) }
        guard configuration.translatesSource,
            let target = targets(request, try lease(request)).first(where: { $0.family == .v4 })
        else {
            return seen
        }
        try answering { () throws(KernelError) in
            let route = try ignoring(Errno(ENETUNREACH), Errno(EHOSTUNREACH)) { () throws(KernelError) in
                try kernel.host.route(to: target.address)
            }
            // Only a link of ours to containers: never the uplink that a macvlan's address is behind (N-5).
            guard route??.gateway == nil, let link = try kernel.seenLink(index: route??.link) else { return }
            if link.kind == "bridge" || link.kind == "veth", let name = LinkName(link.name) { seen.localLinks = [name] }
        }
        return seen
    }

    private func lease(_ request: Request) throws(CNIError) -> CNIResult {
        request.configuration.previousResult ?? CNIResult()
    }

    /// The first IPv4 and the first IPv6 address of the container's interface.
    private func targets(_ request: Request, _ lease: CNIResult) -> [IPPrefix] {
        let own = lease.ips.filter { ip in
            guard let index = ip.interface, lease.interfaces.indices.contains(index) else { return true }
            let interface = lease.interfaces[index]
            return interface.sandbox?.isEmpty == false && interface.name == request.interface?.description
        }
        return AddressFamily.allCases.compactMap { family in own.first { $0.address.family == family }?.address }
    }

    public func plan(
        _ request: Request, _ configuration: PortmapConfiguration, lease: CNIResult, _ observations: PortmapObservations
    ) throws(CNIError) -> Plan {
        var plan = Plan(owner: Owner(plugin: name, attachment: request.attachment), namespace: request.netns)
        guard !configuration.mappings.isEmpty else { return plan }
        plan.backend = configuration.backend
        let targets = targets(request, lease)
        for target in targets {
            let forwards = configuration.mappings.filter { $0.family == nil || $0.family == target.family }
            guard !forwards.isEmpty else { continue }
            if configuration.everySource {
                plan.owned.append(.hairpin(Hairpin(target: target, everySource: true, marking: configuration.marking)))
            } else if configuration.translatesSource {
                plan.owned.append(.hairpin(Hairpin(target: target, marking: configuration.marking)))
            }
            let conditions = configuration.conditions.first { $0.family == target.family }?.rule
            plan.owned += forwards.map {
                .portForward(
                    PortForward(
                        hostAddress: $0.hostAddress, proto: $0.proto, hostPorts: $0.hostPorts, target: target.address,
                        targetPort: $0.containerPort, conditions: conditions))
            }
        }
        // Only where an IPv4 port is published: IPv6 knows no such parameter (N-5).
        let publishesV4 = plan.owned.contains { resource in
            if case .portForward(let forward) = resource { forward.family == .v4 } else { false }
        }
        if configuration.translatesSource, publishesV4 {
            plan.shared += observations.localLinks.map {
                .sysctl(SysctlSetting(.host, "net/ipv4/conf/\($0)/route_localnet", "1"))
            }
        }
        return plan
    }

    public func notes(_ configuration: PortmapConfiguration, _ plan: Plan, _ observations: PortmapObservations)
        -> JSONObject
    {
        var ports: [JSON] = []
        for case .portForward(let forward) in plan.owned {
            ports.append([
                "published": .string(forward.published),
                "hostIP": forward.hostAddress.map { .string("\($0)") } ?? .null, "target": .string("\(forward.target)"),
                "port": .integer(Int64(forward.targetPort)), "first": .integer(Int64(forward.hostPorts.lowerBound)),
                "last": .integer(Int64(forward.hostPorts.upperBound)), "protocol": .string(forward.proto.rawValue),
            ])
        }
        return ["ports": .array(ports)]
    }

    /// Flows that conntrack remembers from before the rules would not see them (N-4).
    public func result(
        _ request: Request, _ configuration: PortmapConfiguration, _ plan: Plan, lease: CNIResult,
        _ kernel: inout LinuxKernel
    ) throws(CNIError) -> CNIResult {
        var forwards: [PortForward] = []
        for case .portForward(let forward) in plan.owned { forwards.append(forward) }
        do throws(KernelError) {
            try StaleFlows.forget(udp: forwards.filter { $0.proto == .udp }, &kernel.host) { flow, forward in
                flow.reply.source != forward.target
            }
        } catch {
            warn(name, "old UDP flows may still go where they went: \(error)")
        }
        if !forwards.isEmpty { ForeignFirewall.warn(name, plan, &kernel) }
        for mapping in configuration.mappings where !forwards.contains(where: mapping.leads) {
            let family = mapping.family.map { " IPv\($0.rawValue)" } ?? ""
            warn(name, "port \(mapping.text) is published nowhere: the container has no\(family) address")
        }
        return lease
    }

    public func inheritance(_ section: AttachmentRecord.Section, _ owner: Owner) -> Plan? {
        let forwards = (section.notes["ports"]?.array ?? []).compactMap(PortForward.init(note:))
        return Plan(owner: owner, namespace: nil, owned: forwards.map { .portForward($0) })
    }

    public func afterRemoval(_ section: AttachmentRecord.Section?, _ kernel: inout LinuxKernel) throws(KernelError) {
        let forwards = (section?.notes["ports"]?.array ?? []).compactMap(PortForward.init(note:)).filter {
            $0.proto == .udp
        }
        do throws(KernelError) {
            try StaleFlows.forget(udp: forwards, &kernel.host) { flow, forward in flow.reply.source == forward.target }
        } catch {
            warn(name, "old UDP flows may still go where they went: \(error)")
        }
    }

    public func readiness(
        _ request: Request, _ records: [AttachmentRecord], _ kernel: inout LinuxKernel
    ) throws(CNIError) {
        try requireRules(PortmapConfiguration(request).backend, of: request, records, &kernel)
    }
}

extension PortForward {
    /// From the record's note; nil when it is none.
    init?(note: JSON) {
        guard let target = note["target"]?.string.flatMap({ IPAddress($0) }),
            let proto = note["protocol"]?.string.flatMap(TransportProtocol.init(rawValue:)),
            let first = note["first"]?.integer.flatMap({ UInt16(exactly: $0) }),
            let last = note["last"]?.integer.flatMap({ UInt16(exactly: $0) }), first <= last,
            let port = note["port"]?.integer.flatMap({ UInt16(exactly: $0) })
        else { return nil }
        let host = note["hostIP"]?.string.flatMap { IPAddress($0) }
        self.init(hostAddress: host, proto: proto, hostPorts: first...last, target: target, targetPort: port)
    }
}
