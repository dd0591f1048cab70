import CNI
import JSON
import NetCore
import NetPlan
import PluginKit

/// What bandwidth finds of the link that it shapes.
public struct BandwidthObservations: Sendable {
    /// The host's end of the container's veth pair; nil where nobody may look.
    var hostEnd: LinkName?
    var mtu: Int?
}

/// `bandwidth`: what a container is sent, and what it sends, is limited (cni.md 2.8).
public struct BandwidthPlugin: PlannedPlugin {
    public let name = "bandwidth"
    public let isChained = true
    public let entersContainer = true
    public let builtIn: @Sendable (String) -> (any Plugin)? = { _ in nil }
    /// Before, a result did not tell which links there are.
    public var supportedVersions: [SpecVersion] { SpecVersion.allCases.filter { $0 >= .v0_3_0 } }

    public init() {}

    public func configuration(_ request: Request) throws(CNIError) -> BandwidthConfiguration {
        try BandwidthConfiguration(request)
    }

    public var assumptions: BandwidthObservations { BandwidthObservations() }
    /// The MTU decides how small a burst may be.
    public func assumptions(_ request: Request) -> BandwidthObservations {
        let interfaces = request.configuration.previousResult?.interfaces ?? []
        let end = request.attachment.hostInterface.description
        return BandwidthObservations(mtu: interfaces.first { $0.name == end }?.mtu)
    }

    public func observe(
        _ request: Request, _ configuration: BandwidthConfiguration, _ kernel: inout LinuxKernel
    ) throws(CNIError) -> BandwidthObservations {
        guard configuration.ingress != nil || configuration.egress != nil else { return assumptions }
        if request.command == .add { try requireUnshaped(request.attachment, &kernel) }
        let interface = request.attachment.interface
        let inner = try answering { () throws(KernelError) in try kernel.seenLink(interface, .container) }
        var end: Link?
        if let inner {
            end = try answering { () throws(KernelError) in try Cable.hostEnd(of: inner, request, &kernel) }
        }
        if let end { return BandwidthObservations(hostEnd: LinkName(end.name), mtu: end.mtu) }
        // CHECK tells what is missing by itself.
        guard request.command == .add else { return assumptions }
        guard let inner else {
            throw CNIError(.linkMissing, "limit link \(interface): the container has no such link")
        }
        throw CNIError(
            .invalidConfiguration,
            "bandwidth cannot limit \(interface): it is \(inner.kind == "veth" ? "a cable whose other end is not on this host" : "a \(inner.kind ?? "hardware") link, no cable with an end on the host")",
            details: "put bandwidth behind a plugin that makes a cable, such as bridge or ptp")
    }

    /// No record tells of it, and yet it stands: a second ADD would take the first one's things for its own.
    private func requireUnshaped(_ attachment: Attachment, _ kernel: inout LinuxKernel) throws(CNIError) {
        let block = attachment.functionalBlock
        let isShaped = try answering { () throws(KernelError) in
            if try kernel.link(block, .host) != nil { return true }
            return try kernel.isShaped(attachment.hostInterface)
        }
        guard isShaped else { return }
        throw CNIError(
            .interfaceExists, "\(attachment) is already limited: \(block), or a qdisc of its host end, stands",
            details: "DEL it before the next ADD")
    }

    public func plan(
        _ request: Request, _ configuration: BandwidthConfiguration, lease: CNIResult,
        _ observations: BandwidthObservations
    ) throws(CNIError) -> Plan {
        let attachment = request.attachment
        let owner = Owner(plugin: name, attachment: attachment)
        var plan = Plan(owner: owner, namespace: request.netns)
        let end = observations.hostEnd ?? attachment.hostInterface
        let mtu = observations.mtu ?? 1500
        if let limit = configuration.ingress {
            plan.owned.append(
                .tokenBucket(TokenBucket(link: end, rate: limit.rate, burst: limit.least(mtu: mtu))))
        }
        if let limit = configuration.egress {
            let block = attachment.functionalBlock
            plan.owned += [
                .functionalBlock(FunctionalBlock(name: block, mtu: observations.mtu, alias: owner.alias)),
                .tokenBucket(TokenBucket(link: block, rate: limit.rate, burst: limit.least(mtu: mtu))),
                // Last: nothing is led through what is not there yet.
                .ingressRedirect(IngressRedirect(link: end, target: block)),
            ]
        }
        return plan
    }

    /// The link is another plugin's, and its MTU may be another by the time of a CHECK.
    public func notes(_ configuration: BandwidthConfiguration, _ plan: Plan, _ observations: BandwidthObservations)
        -> JSONObject
    {
        var notes: JSONObject = [:]
        for resource in plan.owned {
            switch resource {
            case .tokenBucket(let bucket): notes["burst of \(bucket.link)"] = .integer(Int64(bucket.filter.burst))
            case .functionalBlock(let block): notes["functionalBlock"] = .string(block.name.description)
            default: break
            }
        }
        if let end = observations.hostEnd { notes["shapedLink"] = .string(end.description) }
        return notes
    }

    public func result(
        _ request: Request, _ configuration: BandwidthConfiguration, _ plan: Plan, lease: CNIResult,
        _ kernel: inout LinuxKernel
    ) throws(CNIError) -> CNIResult {
        var result = lease
        for resource in plan.owned {
            switch resource {
            case .tokenBucket(let bucket):
                let isIngress = bucket.link != plan.owner.attachment.functionalBlock
                warnOfBurst(isIngress ? configuration.ingress : configuration.egress, bucket, isIngress)
            case .functionalBlock(let block):
                let link = try answering { () throws(KernelError) in try kernel.link(block.name, .host) }
                guard let link else { continue }
                result.interfaces.append(
                    CNIResult.Interface(name: link.name, mac: link.mac?.description, mtu: link.mtu))
            default: break
            }
        }
        return result
    }

    private func warnOfBurst(_ limit: BandwidthConfiguration.Limit?, _ bucket: TokenBucket, _ isIngress: Bool) {
        guard let limit, limit.burst < bucket.filter.burst else { return }
        let key = isIngress ? "ingressBurst" : "egressBurst"
        warn(
            name,
            "\"\(key)\" is raised from \(UInt64(limit.burst) * 8) to \(UInt64(bucket.filter.burst) * 8) bits: with less, frames of the link's MTU are dropped or the rate is not reached"
        )
    }

    /// What stands on a link of somebody else's, which only the record knows; what does on a host end of our own the sweep
    /// of an attachment finds by itself.
    public func restore(_ request: Request, _ section: AttachmentRecord.Section?, _ kernel: inout LinuxKernel)
        throws(CNIError)
    {
        guard let link = section?.notes["shapedLink"]?.string.flatMap(LinkName.init) else { return }
        if request.command != .gc, link == request.attachment.hostInterface { return }
        try answering { () throws(KernelError) in try kernel.unshape(link) }
    }

    public func planToCheck(_ request: Request, _ plan: Plan, _ record: AttachmentRecord?) -> Plan {
        guard let notes = record?[name]?.notes else { return plan }
        let known = notes["shapedLink"]?.string.flatMap(LinkName.init)
        let block = plan.owner.attachment.functionalBlock
        var plan = plan
        plan.owned = plan.owned.map { resource in
            switch resource {
            case .tokenBucket(let it):
                let link = it.link == block ? block : known ?? it.link
                let burst = notes["burst of \(link)"]?.integer.flatMap { UInt32(exactly: $0) }
                return .tokenBucket(
                    TokenBucket(link: link, rate: it.filter.rate, burst: burst ?? it.filter.burst))
            case .ingressRedirect(let it):
                return .ingressRedirect(IngressRedirect(link: known ?? it.link, target: it.target))
            default: return resource
            }
        }
        return plan
    }

    public func readiness(
        _ request: Request, _ records: [AttachmentRecord], _ kernel: inout LinuxKernel
    ) throws(CNIError) {
        guard Files.exists("/proc/net/psched") else {
            throw CNIError(
                .notAvailable, "this kernel has no traffic control", details: "it must be built with CONFIG_NET_SCHED")
        }
        var blocks: [LinkName] = []
        for record in records {
            guard let block = record[name]?.notes["functionalBlock"]?.string.flatMap(LinkName.init) else { continue }
            blocks.append(block)
        }
        guard !blocks.isEmpty else { return }
        let links = try answering { () throws(KernelError) in try kernel.hostLinks(blocks) }
        let gone = zip(blocks, links).filter { $1?.isUp != true }
        guard let first = gone.first else { return }
        throw CNIError(
            .limitedConnectivity,
            "\(first.0) is \(first.1 == nil ? "gone" : "down"), through which what a container sends is led: \(gone.count) attachment\(gone.count == 1 ? " is" : "s are") cut off",
            details: "berth repair brings it back")
    }
}
