import CNI
import Glibc
import JSON
import NetCore
import NetPlan
import PluginKit

/// What tuning finds before it changes anything: the values that DEL restores.
public struct TuningObservations: Sendable {
    var before: LinkSettings?
    var sysctlsBefore: [(path: String, value: String)] = []
    /// The host's end of the container's veth pair, and its MTU.
    var hostEnd: LinkName?
    var hostMTU: Int?
}

/// `tuning`: sysctls and link properties of an interface that another plugin made (cni.md 2.7).
public struct TuningPlugin: PlannedPlugin {
    public let name = "tuning"
    public let isChained = true
    public let entersContainer = true
    public let builtIn: @Sendable (String) -> (any Plugin)? = { _ in nil }

    public init() {}

    public func configuration(_ request: Request) throws(CNIError) -> TuningConfiguration {
        try TuningConfiguration(request)
    }
    public var assumptions: TuningObservations { TuningObservations() }
    /// The other end of the cable is our own host end.
    public func assumptions(_ request: Request) -> TuningObservations {
        let end = request.attachment.hostInterface
        let isOurs = request.configuration.previousResult?.interfaces.contains { $0.name == end.description } ?? false
        return TuningObservations(hostEnd: isOurs ? end : nil)
    }

    public func observe(
        _ request: Request, _ configuration: TuningConfiguration, _ kernel: inout LinuxKernel
    ) throws(CNIError) -> TuningObservations {
        let interface = request.attachment.interface
        // CHECK tells what is missing by itself.
        if request.command == .check { return try lookAtHostEnd(request, configuration, &kernel) }
        var sysctls: [(path: String, value: String)] = []
        for (path, _) in configuration.sysctls {
            guard let value = try answering({ () throws(KernelError) in try kernel.sysctlToSet(path) }) else {
                let name = String(path.map { $0 == "/" ? "." : $0 == "." ? "/" : $0 })
                throw CNIError(
                    .invalidConfiguration, "\"sysctl\": \"\(name)\" is no parameter of the container's kernel")
            }
            sysctls.append((path, value))
        }
        let sysctlsBefore = sysctls
        return try answering { () throws(KernelError) in
            var seen = TuningObservations()
            seen.sysctlsBefore = sysctlsBefore
            guard !settings(interface, configuration).isEmpty else { return seen }
            guard let link = try kernel.link(interface, .container) else {
                throw KernelError("tune link \(interface)", .noSuchDevice, "the container has no such link")
            }
            var before = LinkSettings(.container, interface)
            if configuration.mac != nil { before.mac = link.mac }
            if configuration.mtu != nil { before.mtu = link.mtu }
            if configuration.promiscuous != nil { before.promiscuous = link.isPromiscuous }
            if configuration.allMulticast != nil { before.allMulticast = link.receivesAllMulticast }
            if configuration.transmitQueueLength != nil { before.transmitQueueLength = link.transmitQueueLength }
            seen.before = before
            // Both ends of a cable need the MTU, or the larger loses packets on the smaller.
            if configuration.mtu != nil, let end = try Cable.hostEnd(of: link, request, &kernel) {
                seen.hostEnd = LinkName(end.name)
                seen.hostMTU = end.mtu
            }
            return seen
        }
    }

    private func lookAtHostEnd(
        _ request: Request, _ configuration: TuningConfiguration, _ kernel: inout LinuxKernel
    ) throws(CNIError) -> TuningObservations {
        try answering { () throws(KernelError) in
            var seen = TuningObservations()
            guard configuration.mtu != nil, let link = try kernel.link(request.attachment.interface, .container),
                let end = try Cable.hostEnd(of: link, request, &kernel)
            else { return seen }
            seen.hostEnd = LinkName(end.name)
            return seen
        }
    }

    private func settings(_ interface: LinkName, _ configuration: TuningConfiguration) -> LinkSettings {
        var settings = LinkSettings(.container, interface)
        settings.mac = configuration.mac
        settings.mtu = configuration.mtu
        settings.promiscuous = configuration.promiscuous
        settings.allMulticast = configuration.allMulticast
        settings.transmitQueueLength = configuration.transmitQueueLength
        return settings
    }

    public func plan(
        _ request: Request, _ configuration: TuningConfiguration, lease: CNIResult, _ observations: TuningObservations
    ) throws(CNIError) -> Plan {
        let interface = request.attachment.interface
        var plan = Plan(owner: Owner(plugin: name, attachment: request.attachment), namespace: request.netns)
        let settings = settings(interface, configuration)
        if !settings.isEmpty { plan.owned.append(.linkSettings(settings)) }
        if let mtu = configuration.mtu, let end = observations.hostEnd {
            var other = LinkSettings(.host, end)
            other.mtu = mtu
            plan.owned.append(.linkSettings(other))
        }
        plan.owned += configuration.sysctls.map { .sysctl(SysctlSetting(.container, $0.path, $0.value)) }
        return plan
    }

    public func notes(_ configuration: TuningConfiguration, _ plan: Plan, _ observations: TuningObservations)
        -> JSONObject
    {
        var notes: JSONObject = [:]
        if let mtu = configuration.mtu { notes["mtu"] = .integer(Int64(mtu)) }
        if let mac = configuration.mac { notes["mac"] = .string(mac.description) }
        if let before = observations.before { notes["before"] = .object(TuningPlugin.json(before)) }
        if let end = observations.hostEnd, let mtu = observations.hostMTU {
            notes["hostInterface"] = .string(end.description)
            notes["hostMTU"] = .integer(Int64(mtu))
        }
        if !observations.sysctlsBefore.isEmpty {
            notes["sysctlsBefore"] = .object(
                observations.sysctlsBefore.reduce(into: [:]) { $0[$1.path] = .string($1.value) })
        }
        return notes
    }

    private static func json(_ settings: LinkSettings) -> JSONObject {
        var object: JSONObject = [:]
        if let mac = settings.mac { object["mac"] = .string(mac.description) }
        if let mtu = settings.mtu { object["mtu"] = .integer(Int64(mtu)) }
        if let on = settings.promiscuous { object["promisc"] = .bool(on) }
        if let on = settings.allMulticast { object["allmulti"] = .bool(on) }
        if let length = settings.transmitQueueLength { object["txQLen"] = .integer(Int64(length)) }
        return object
    }

    public func result(
        _ request: Request, _ configuration: TuningConfiguration, _ plan: Plan, lease: CNIResult,
        _ kernel: inout LinuxKernel
    ) throws(CNIError) -> CNIResult {
        var result = lease
        for index in result.interfaces.indices {
            let isInner = result.interfaces[index].sandbox?.isEmpty == false
            if isInner, result.interfaces[index].name == request.interface?.description {
                if let mac = configuration.mac { result.interfaces[index].mac = mac.description }
                if let mtu = configuration.mtu { result.interfaces[index].mtu = mtu }
            }
            if !isInner, let mtu = configuration.mtu,
                plan.owned.contains(where: { $0.sets(mtuOf: result.interfaces[index].name) })
            {
                result.interfaces[index].mtu = mtu
            }
        }
        return result
    }

    /// The values from before the ADD; only while the link is still there and the record knows them.
    public func restore(_ request: Request, _ section: AttachmentRecord.Section?, _ kernel: inout LinuxKernel)
        throws(CNIError)
    {
        guard let section, let interface = request.interface else { return }
        try answering { () throws(KernelError) in
            if let name = section.notes["hostInterface"]?.string.flatMap(LinkName.init),
                let mtu = section.notes["hostMTU"]?.integer,
                try kernel.link(name, .host) != nil
            {
                var settings = LinkSettings(.host, name)
                settings.mtu = Int(mtu)
                try kernel.apply(settings)
            }
            guard let netns = request.netns else { return }
            try LinuxKernel.withContainer(netns, state: request.state) { (kernel) throws(KernelError) in
                guard try kernel.link(interface, .container) != nil else { return }
                for (path, value) in section.notes["sysctlsBefore"]?.object ?? [:] {
                    guard let text = value.string else { continue }
                    try kernel.set(SysctlSetting(.container, path, text, optional: true))
                }
                guard let before = section.notes["before"]?.object else { return }
                var settings = LinkSettings(.container, interface)
                settings.mac = before["mac"]?.string.flatMap(MACAddress.init)
                settings.mtu = before["mtu"]?.integer.map { Int($0) }
                settings.promiscuous = before["promisc"]?.bool
                settings.allMulticast = before["allmulti"]?.bool
                settings.transmitQueueLength = before["txQLen"]?.integer.map { Int($0) }
                if !settings.isEmpty { try kernel.apply(settings) }
            }
        }
    }
}

extension Resource {
    fileprivate func sets(mtuOf name: String) -> Bool {
        if case .linkSettings(let settings) = self {
            settings.place == .host && settings.link.description == name
        } else {
            false
        }
    }
}
