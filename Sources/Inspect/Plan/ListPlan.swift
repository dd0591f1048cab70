import BridgePlugin
public import CNI
import IPAM
public import JSON
public import NetCore
public import NetPlan
import PluginKit

/// What an ADD of a whole list would do, told without privilege and without a look at the host. What cannot be known is
/// assumed, and said.
public struct ListPlan: Sendable {
    /// One plugin of the list.
    public struct Member: Hashable, Sendable {
        public let type: String
        /// Nil for a plugin that is not ours.
        public let plan: Plan?
        /// What it gets on its standard input.
        public let configuration: JSONObject
    }

    public let list: NetworkConfigurationList
    public let parameters: AttachmentParameters
    public let members: [Member]
    /// Sentences without a full stop.
    public let assumptions: [String]
    /// What the list's last plugin would answer.
    public let result: CNIResult

    public var attachment: Attachment {
        Attachment(network: list.name, containerID: parameters.containerID, interface: parameters.interface)
    }

    /// Plans the list's plugins in turn, each with the result that is assumed of those before. `addresses` stand for what
    /// IPAM would give. With `onHost` this host is looked at: its leases, the link of its default route; nothing is changed.
    /// Throws what a plugin would refuse, and assumptions that cannot be.
    public init(
        of list: NetworkConfigurationList, for parameters: AttachmentParameters, addresses: [String] = [],
        publishing ports: [PublishedPort] = [], environment: Environment = .process, onHost: Bool = false
    ) throws(InspectError) {
        var parameters = parameters
        if !ports.isEmpty {
            let declaring = list.plugins.contains { $0["capabilities"]?["portMappings"]?.bool == true }
            guard declaring else {
                throw InspectError(
                    .publish, "network \"\(list.name)\" publishes no ports",
                    cause: "none of its plugins declares the capability portMappings",
                    fix:
                        #"add {"type": "portmap", "capabilities": {"portMappings": true}} to its plugins, or leave --publish out"#
                )
            }
            parameters.capabilities["portMappings"] = .array(ports.map(\.json))
        }
        var planner = ListPlanner(
            list: list, parameters: parameters, wanted: addresses, environment: environment, onHost: onHost)
        let members = try planner.run()
        self.list = list
        self.parameters = parameters
        self.members = members
        assumptions = planner.assumptions
        result = planner.result ?? CNIResult()
    }
}

/// The chain so far.
private struct ListPlanner {
    let list: NetworkConfigurationList
    let parameters: AttachmentParameters
    /// As given, "10.88.0.5/16" or "10.88.0.5".
    let wanted: [String]
    let environment: Environment
    let onHost: Bool
    var result: CNIResult?
    var assumptions: [String] = []
    var usesAddresses = false
    /// What was refused is an address that was named, or one that would have to be.
    var isAddressFault = false

    mutating func run() throws(InspectError) -> [ListPlan.Member] {
        var members: [ListPlan.Member] = []
        for object in list.plugins { members.append(try member(object)) }
        guard usesAddresses || wanted.isEmpty else {
            throw InspectError(
                .address, "no plugin of network \"\(list.name)\" asks for an address",
                cause: "none of them has an \"ipam\"",
                fix: "leave --address out, or give the first plugin an \"ipam\"")
        }
        return members
    }

    private mutating func member(_ object: JSONObject) throws(InspectError) -> ListPlan.Member {
        let type = object["type"]?.string ?? ""
        do throws(CNIError) {
            let configuration = try ChainRequest(list: list).attachment(
                object, capabilities: parameters.capabilities, previousResult: result)
            let request = Request(
                command: .add, containerID: parameters.containerID, netns: parameters.netns,
                interface: parameters.interface,
                arguments: parameters.arguments, configuration: try NetworkConfiguration(configuration),
                environment: environment)
            guard let plugin = OwnPlugins.planned(type) else {
                try passOver(type, request)
                return ListPlan.Member(type: type, plan: nil, configuration: configuration)
            }
            guard plugin.supportedVersions.contains(list.version) else {
                throw CNIError(
                    .incompatibleVersion, "plugin \(type) does not speak version \(list.version)",
                    details: "it speaks \(plugin.supportedVersions.map(\.rawValue).joined(separator: ", "))")
            }
            var ipam: String?
            let assumed = try plugin.assumed(request, onHost: onHost) { type throws(CNIError) in
                ipam = type
                return try lease(type, request)
            }
            if let ipam { say(ipam, of: assumed.result) }
            for case .vethPair(let pair) in assumed.plan.owned where pair.mtu == nil {
                assumptions.append(
                    "a host without a default route; with one, the cable has the MTU of its link")
            }
            for case .macvlan(let link) in assumed.plan.owned where link.master == MacvlanPlugin.unknownMaster {
                assumptions.append("\(link.master) stands for the link of the default route")
            }
            for case .bridgePort(let port) in assumed.plan.owned where port.isolated == true && type == "firewall" {
                assumptions.append(
                    "bridge-nf-call-iptables off; where it is on, nftables alone keeps neighbours apart, and ports are not isolated"
                )
            }
            result = assumed.result
            return ListPlan.Member(type: type, plan: assumed.plan, configuration: configuration)
        } catch {
            var error = error
            error.message = "plugin \(type) of network \"\(list.name)\": \(error.message)"
            guard isAddressFault else { throw InspectError(error) }
            throw InspectError(
                .address, error.message, cause: error.details,
                fix: "name an address that the network can give: --address 10.88.0.2/16, once for each")
        }
    }

    /// Whatever it does, the chain needs its result: an interface with the addresses that were named.
    private mutating func passOver(_ type: String, _ request: Request) throws(CNIError) {
        guard result == nil else { return }
        var assumed = CNIResult()
        if let ipam = request.configuration.root.value("ipam")?["type"]?.string {
            assumed = try lease(ipam, request)
            usesAddresses = true
        }
        assumed.interfaces = [CNIResult.Interface(name: parameters.interface.description, sandbox: parameters.netns)]
        for index in assumed.ips.indices { assumed.ips[index].interface = 0 }
        assumptions.append(
            "\(type) makes \(parameters.interface) with "
                + (assumed.ips.isEmpty ? "no address" : assumed.ips.map { "\($0.address)" }.joined(separator: " and ")))
        result = assumed
    }

    private mutating func lease(_ ipam: String, _ request: Request) throws(CNIError) -> CNIResult {
        do throws(CNIError) {
            return try assumedLease(ipam, request)
        } catch {
            isAddressFault = !["host-local", "static"].contains(ipam) || !wanted.isEmpty
            throw error
        }
    }

    private func assumedLease(_ ipam: String, _ request: Request) throws(CNIError) -> CNIResult {
        if ipam == "host-local" {
            let lease = try HostLocal.assumedLease(
                request, wanted: try wanted.map { text throws(CNIError) in try address(text) }, onHost: onHost)
            for text in wanted {
                guard let prefix = IPPrefix(text),
                    let own = lease.ips.first(where: { $0.address.address == prefix.address })?.address,
                    own.length != prefix.length
                else { continue }
                throw CNIError(
                    .invalidConfiguration, "--address \(text) has another length than its subnet",
                    details: "host-local would give it as \(own)")
            }
            return lease
        }
        if ipam == "static", wanted.isEmpty { return try StaticAddresses().add(request) }
        guard !wanted.isEmpty else {
            throw CNIError(
                .invalidConfiguration, "the addresses that \"\(ipam)\" would give are not known",
                details: "it is not ours; name them: --address 10.88.0.2/16")
        }
        var lease = CNIResult()
        for text in wanted {
            guard let prefix = IPPrefix(text) else {
                throw CNIError(
                    .invalidConfiguration, "--address \(text) is no address with a length, such as 10.88.0.2/16",
                    details: "only host-local's addresses have a subnet to take it from")
            }
            lease.ips.append(CNIResult.IPConfiguration(address: prefix))
        }
        return lease
    }

    private func address(_ text: String) throws(CNIError) -> IPAddress {
        guard let address = IPPrefix(text)?.address ?? IPAddress(text) else {
            throw CNIError(
                .invalidConfiguration, "--address \(text) is no IP address", details: "write 10.88.0.2/16 or fd00::2/64"
            )
        }
        return address
    }

    private mutating func say(_ ipam: String, of result: CNIResult) {
        usesAddresses = true
        // The list says them; nothing is assumed.
        if ipam == "static", wanted.isEmpty { return }
        let addresses = result.ips.map { "\($0.address)" }.joined(separator: " and ")
        if onHost {
            if wanted.isEmpty { assumptions.append("\(addresses), the next that \(ipam) gives; it is not taken") }
            return
        }
        assumptions.append(
            wanted.isEmpty
                ? "\(addresses), what \(ipam) gives first where nothing is leased (--address says another)"
                : "\(addresses), as --address says")
    }
}
