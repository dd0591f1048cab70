import CNI
import Glibc
import JSON
import NetCore
import NetPlan
import PluginKit

/// `ptp`: a cable between the host and a container, without a bridge: the host routes each address (cni.md 2.2).
public struct PtpPlugin: PlannedPlugin {
    public let name = "ptp"
    public let isChained = false
    public let entersContainer = true
    public let builtIn: @Sendable (String) -> (any Plugin)?

    /// `builtIn` gives the IPAM plugins of this program.
    public init(builtIn: @escaping @Sendable (String) -> (any Plugin)? = { _ in nil }) { self.builtIn = builtIn }

    public func configuration(_ request: Request) throws(CNIError) -> CableKeys {
        let keys = try CableKeys(request)
        guard keys.ipamType != nil else {
            throw CNIError(
                .invalidConfiguration,
                "\"ipam\" is missing: ptp routes a container's addresses and is nothing without",
                details:
                    "name an IPAM plugin, such as \"ipam\": {\"type\": \"host-local\", \"subnet\": \"10.22.0.0/24\"}"
            )
        }
        return keys
    }
    public func ipam(_ configuration: CableKeys) -> String? { configuration.ipamType }
    public var assumptions: PtpObservations { PtpObservations() }

    public func observe(
        _ request: Request, _ configuration: CableKeys, _ kernel: inout LinuxKernel
    ) throws(CNIError) -> PtpObservations {
        var seen = PtpObservations()
        // CHECK asks for what ADD chose, which the record knows: the uplink may be another by now.
        guard request.command == .add else { return seen }
        try answering { () throws(KernelError) in
            if configuration.mtu == nil { seen.uplinkMTU = try Cable.uplinkMTU(&kernel) }
            seen.notForwarding = try Cable.notForwarding(&kernel)
        }
        return seen
    }

    public func requireAbsent(_ attachment: Attachment, _ kernel: inout LinuxKernel) throws(CNIError) {
        try Cable.requireAbsent(attachment, &kernel)
    }

    public func notes(_ configuration: CableKeys, _ plan: Plan, _ observations: PtpObservations) -> JSONObject {
        var addresses: [JSON] = []
        for case .address(let address) in plan.owned where address.place == .container {
            addresses.append(.string("\(address.prefix)"))
        }
        var notes: JSONObject = [
            "addresses": .array(addresses),
            "hostInterface": .string(plan.owner.attachment.hostInterface.description),
        ]
        if configuration.mtu == nil, let mtu = observations.uplinkMTU { notes["mtu"] = .integer(Int64(mtu)) }
        if let switched = Cable.switchedOn(plan, observations.notForwarding) { notes["switchedOn"] = switched }
        return notes
    }

    public func result(
        _ request: Request, _ configuration: CableKeys, _ plan: Plan, lease: CNIResult, _ kernel: inout LinuxKernel
    ) throws(CNIError) -> CNIResult {
        let attachment = request.attachment
        let end = try waitForCarrier(attachment.hostInterface, &kernel)
        Cable.warnOfAdvertisements(name, plan, &kernel)
        let inner = try answering { () throws(KernelError) in
            try kernel.waitForReception(plan)
            return try kernel.seenLink(attachment.interface, .container)
        }
        var result = lease
        result.interfaces = [(end, nil), (inner, request.netns)].compactMap { link, netns in
            guard let link else { return nil }
            return CNIResult.Interface(
                name: link.name, mac: link.mac?.description, mtu: link.mtu, sandbox: netns)
        }
        result.ips = lease.ips.map { ip in
            var ip = ip
            ip.interface = 1
            ip.gateway = Cable.gateway(of: ip)
            return ip
        }
        configuration.names.direct(&result.dns)
        return result
    }

    /// The host's end once it sends: the kernel sees to it a moment after the other end is up. Its link-local address, by
    /// which it asks for IPv6 neighbours, comes with that.
    private func waitForCarrier(_ end: LinkName, _ kernel: inout LinuxKernel) throws(CNIError) -> Link? {
        var nap: UInt32 = 100
        while true {
            let link = try answering { () throws(KernelError) in try kernel.link(end, .host) }
            if link?.isOperational == true { return link }
            guard nap < 3_000_000 / 2 else { break }
            usleep(nap)
            nap *= 2
        }
        throw CNIError(
            .internal, "wait for link \(end) to come up: in 3 seconds it has not",
            details: "did somebody set it or its other end down?")
    }

    public func planToCheck(_ request: Request, _ plan: Plan, _ record: AttachmentRecord?) -> Plan {
        guard let previous = request.configuration.previousResult else { return plan }
        var plan = plan
        plan.owned = plan.owned.map { resource in
            guard case .vethPair(let pair) = resource else { return resource }
            return .vethPair(Cable.handedOn(pair, by: name, request, previous, record))
        }
        return plan
    }

    public func readiness(
        _ request: Request, _ records: [AttachmentRecord], _ kernel: inout LinuxKernel
    ) throws(CNIError) {
        if try request.configuration.root.bool("ipMasq") {
            try requireRules(request.backend("ipMasqBackend"), of: request, records, &kernel)
        }
        for family in AddressFamily.allCases {
            let needs = records.contains { record in
                record[name]?.notes["addresses"]?.array?.contains { IPPrefix($0.string ?? "")?.family == family }
                    ?? false
            }
            let setting = Cable.forwarding(family)
            if needs, try answering({ () throws(KernelError) in try kernel.sysctl(setting.path, .host) }) != "1" {
                throw CNIError(
                    .limitedConnectivity,
                    "\(setting.path) is off: containers of \(request.configuration.name) reach nothing beyond this host",
                    details: "sysctl -w \(setting.path)=1, or berth repair")
            }
        }
    }
}
