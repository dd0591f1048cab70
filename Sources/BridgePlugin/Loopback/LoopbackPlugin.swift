import CNI
import JSON
import NetCore
import NetPlan
import PluginKit

/// `loopback`: the container's `lo` is up (cni.md 2.9). CNI_IFNAME is ignored.
public struct LoopbackPlugin: PlannedPlugin {
    public struct None: Sendable {}
    public let name = "loopback"
    public let isChained = false
    public let entersContainer = true
    public let builtIn: @Sendable (String) -> (any Plugin)? = { _ in nil }
    private static let lo = LinkName("lo")!

    public init() {}

    public func configuration(_ request: Request) throws(CNIError) -> None {
        try request.arguments.requireKnown(["IP", "GATEWAY", "MAC"])
        return None()
    }
    public var assumptions: None { None() }
    public func observe(_ request: Request, _ configuration: None, _ kernel: inout LinuxKernel) throws(CNIError) -> None
    { None() }

    public func plan(_ request: Request, _ configuration: None, lease: CNIResult, _ observations: None) throws(CNIError)
        -> Plan
    {
        Plan(
            owner: Owner(plugin: name, attachment: request.attachment), namespace: request.netns,
            owned: [.linkUp(LinkUp(.container, LoopbackPlugin.lo))])
    }

    /// The previous result passes through; without one, what `lo` has.
    public func result(
        _ request: Request, _ configuration: None, _ plan: Plan, lease: CNIResult, _ kernel: inout LinuxKernel
    ) throws(CNIError) -> CNIResult {
        if request.configuration.previousResult != nil { return lease }
        return try answering { () throws(KernelError) in
            var result = CNIResult()
            guard let link = try kernel.link(LoopbackPlugin.lo, .container) else { return result }
            result.interfaces = [
                CNIResult.Interface(name: "lo", mac: MACAddress.zero.description, mtu: link.mtu, sandbox: request.netns)
            ]
            for address in try kernel.addresses(of: link.index, .container) {
                result.ips.append(CNIResult.IPConfiguration(address: address.prefix, interface: 0))
            }
            return result
        }
    }

    /// `lo` is down again, where the namespace still is and an ADD of ours is known: a stranger's `lo` stays as it is (P-53).
    public func restore(_ request: Request, _ section: AttachmentRecord.Section?, _ kernel: inout LinuxKernel)
        throws(CNIError)
    {
        guard section != nil, let netns = request.netns else { return }
        try answering { () throws(KernelError) in
            try LinuxKernel.withContainer(netns, state: request.state) { (kernel) throws(KernelError) in
                try kernel.setDown(LoopbackPlugin.lo)
            }
        }
    }
}
