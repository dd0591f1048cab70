import CNI
import Glibc
import JSON
import NetCore
import NetPlan
import PluginKit

/// `bridge`: a cable between a container and a bridge on the host, addresses by IPAM, the gateway and masquerade where
/// asked for (cni.md 2.1).
public struct BridgePlugin: PlannedPlugin {
    public let name = "bridge"
    public let isChained = false
    public let entersContainer = true
    public let builtIn: @Sendable (String) -> (any Plugin)?

    /// `builtIn` gives the IPAM plugins of this program.
    public init(builtIn: @escaping @Sendable (String) -> (any Plugin)? = { _ in nil }) { self.builtIn = builtIn }

    public func configuration(_ request: Request) throws(CNIError) -> BridgeConfiguration {
        try BridgeConfiguration(request)
    }
    public func ipam(_ configuration: BridgeConfiguration) -> String? { configuration.cable.ipamType }
    public var assumptions: BridgeObservations { BridgeObservations(uplinkMTU: nil) }

    public func observe(
        _ request: Request, _ configuration: BridgeConfiguration, _ kernel: inout LinuxKernel
    ) throws(CNIError) -> BridgeObservations {
        var seen = BridgeObservations()
        // CHECK asks for what ADD chose, which the record knows: the uplink may be another by now.
        guard request.command == .add else { return seen }
        try answering { () throws(KernelError) in
            if configuration.cable.mtu == nil { seen.uplinkMTU = try Cable.uplinkMTU(&kernel) }
            guard configuration.isGateway else { return }
            seen.notForwarding = try Cable.notForwarding(&kernel)
        }
        return seen
    }

    public func regard(_ lease: CNIResult, _ used: borrowing UsedAddresses, _ observations: inout BridgeObservations) {
        observations.announces = used.use(lease.ips.map(\.address.address))
    }

    public func requireAbsent(_ attachment: Attachment, _ kernel: inout LinuxKernel) throws(CNIError) {
        try Cable.requireAbsent(attachment, &kernel)
    }

    /// Which network's the bridge in the way is (cni.md 2.1, forceAddress; N-1).
    public func explained(_ error: CNIError, _ request: Request, _ records: AttachmentRecords) -> CNIError {
        guard error.code == CNIErrorCode.addressInUse.rawValue else { return error }
        var error = error
        do throws(KernelError) {
            for other in try records.all() where other.attachment.network != request.configuration.name {
                guard let bridge = other[name]?.notes["bridge"]?.string, error.message.holds("\"\(bridge)\"") else {
                    continue
                }
                error.message += "; network \"\(other.attachment.network)\" uses \(bridge)"
                break
            }
        } catch {
            // Without records the error is less telling, no other.
        }
        return error
    }

    public func notes(_ configuration: BridgeConfiguration, _ plan: Plan, _ observations: BridgeObservations)
        -> JSONObject
    {
        var addresses: [JSON] = []
        for case .address(let address) in plan.owned { addresses.append(.string("\(address.prefix)")) }
        var notes: JSONObject = [
            "bridge": .string(configuration.bridge.description), "addresses": .array(addresses),
            "hostInterface": .string(plan.owner.attachment.hostInterface.description),
            "isGateway": .bool(configuration.isGateway),
        ]
        if configuration.cable.mtu == nil, let mtu = observations.uplinkMTU { notes["mtu"] = .integer(Int64(mtu)) }
        // A repair has no CNI_ARGS, which may have named it.
        for case .senderCheck(let check) in plan.owned { notes["sender"] = .string("\(check.mac)") }
        if let switched = Cable.switchedOn(plan, observations.notForwarding) { notes["switchedOn"] = switched }
        return notes
    }

    public func result(
        _ request: Request, _ configuration: BridgeConfiguration, _ plan: Plan, lease: CNIResult,
        _ kernel: inout LinuxKernel
    ) throws(CNIError) -> CNIResult {
        let attachment = request.attachment
        var links = try waitForPort(attachment.hostInterface, of: configuration, &kernel)
        if configuration.detectsDuplicates { try Cable.waitForAddresses(attachment.interface, lease, &kernel) }
        Cable.warnOfAdvertisements(name, plan, &kernel)
        links.append(
            try answering { () throws(KernelError) in
                try kernel.waitForReception(plan)
                let link = try kernel.seenLink(attachment.interface, .container)
                if plan.announces, let link { try kernel.announce(link) }
                return link
            })
        var result = lease
        result.interfaces = links.enumerated().compactMap { index, link in
            guard let link else { return nil }
            return CNIResult.Interface(
                name: link.name, mac: link.mac?.description, mtu: link.mtu, sandbox: index == 2 ? request.netns : nil)
        }
        result.ips = lease.ips.map { ip in
            var ip = ip
            ip.interface = 2
            if configuration.isGateway, ip.gateway == nil { ip.gateway = Cable.gateway(of: ip) }
            return ip
        }
        result.routes = routes(lease, lease.ips, configuration)
        configuration.cable.names.direct(&result.dns)
        return result
    }

    /// The bridge and its port once it forwards and takes packets for the container, which the kernel sees to a moment after
    /// the link is up. The reference waits for 2.5 seconds at most, we for 3.
    private func waitForPort(
        _ port: LinkName, of configuration: BridgeConfiguration, _ kernel: inout LinuxKernel
    ) throws(CNIError) -> [Link?] {
        var nap: UInt32 = 100
        while true {
            let links = try answering { () throws(KernelError) in
                try kernel.hostLinks([configuration.bridge, port])
            }
            // Its other end is down: it has no carrier.
            if configuration.leavesDown { return links }
            if let seen = links[1], seen.portState == 3, seen.isOperational { return links }
            guard nap < 3_000_000 / 2 else { break }
            usleep(nap)
            nap *= 2
        }
        throw CNIError(
            .internal, "bridge port in error state: \(port) does not forward",
            details: "is spanning tree on, or the port disabled?")
    }

    public func planToCheck(_ request: Request, _ plan: Plan, _ record: AttachmentRecord?) -> Plan {
        guard let previous = request.configuration.previousResult else { return plan }
        let sender = record?[name]?.notes["sender"]?.string.flatMap(MACAddress.init)
        let chosen = record?[name]?.notes["mtu"]?.integer.map { Int($0) }
        var plan = plan
        plan.shared = plan.shared.map { resource in
            guard case .bridge(let bridge) = resource, bridge.mtu == nil else { return resource }
            return .bridge(Bridge(name: bridge.name, mtu: chosen, promiscuous: bridge.promiscuous))
        }
        plan.owned = plan.owned.map { resource in
            switch resource {
            case .senderCheck(let check): return .senderCheck(SenderCheck(port: check.port, mac: sender ?? check.mac))
            case .knownAddress(let known):
                return .knownAddress(KnownAddress(port: known.port, mac: sender ?? known.mac))
            default: break
            }
            guard case .vethPair(let pair) = resource else { return resource }
            return .vethPair(Cable.handedOn(pair, by: name, request, previous, record))
        }
        return plan
    }

    public func readiness(
        _ request: Request, _ records: [AttachmentRecord], _ kernel: inout LinuxKernel
    ) throws(CNIError) {
        let root = request.configuration.root
        if try root.bool("ipMasq") { try requireRules(request.backend("ipMasqBackend"), of: request, records, &kernel) }
        if try root.bool("macspoofchk") { try requireTable(.bridge, records, &kernel) }
        guard let bridge = LinkName(try root.string("bridge") ?? "cni0") else { return }
        let link = try answering { () throws(KernelError) in try kernel.link(bridge, .host) }
        guard let link else {
            guard let first = records.first else { return }
            throw CNIError(
                .limitedConnectivity,
                "bridge \(bridge) is gone, and with it the network of \(records.count) attachment\(records.count == 1 ? "" : "s")",
                details: "first of them: \(first.attachment)")
        }
        guard link.kind == "bridge" else {
            throw CNIError(.notAvailable, "link \(bridge) exists and is no bridge but \(link.kind ?? "a device")")
        }
        if !records.isEmpty, !link.isUp { throw CNIError(.limitedConnectivity, "bridge \(bridge) is down") }
        let gateways = records.filter { $0[name]?.notes["isGateway"]?.bool == true }
        for family in AddressFamily.allCases {
            let needs = gateways.contains { record in
                record[name]?.notes["addresses"]?.array?.contains { IPPrefix($0.string ?? "")?.family == family }
                    ?? false
            }
            let setting = Cable.forwarding(family)
            if needs, try answering({ () throws(KernelError) in try kernel.sysctl(setting.path, .host) }) != "1" {
                throw CNIError(
                    .limitedConnectivity,
                    "\(setting.path) is off: containers of \(request.configuration.name) reach nothing beyond their bridge"
                )
            }
        }
        let ports = try answering { () throws(KernelError) in try kernel.host.links(master: link.index).count }
        if ports >= 1023 {
            throw CNIError(.notAvailable, "bridge \(bridge) is full: a bridge takes 1,023 ports and has \(ports)")
        }
    }
}
