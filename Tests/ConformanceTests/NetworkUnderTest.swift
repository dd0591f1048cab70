import JSON
import NetCore
import TestSupport

/// A network configuration list, run as a container engine runs it: one process a plugin.
struct TestNetwork: Sendable {
    var name = "net1"
    var version = Call.version
    var plugins: [JSONObject]

    init(_ plugins: [JSONObject], name: String = "net1", version: String = Call.version) {
        self.plugins = plugins
        self.name = name
        self.version = version
    }

    /// A gateway bridge with addresses of both families, then what is chained to it.
    static func bridged(
        _ chained: JSONObject..., name: String = "net1", bridge: String = "cni0", v4: String? = "10.22.0.0/24",
        v6: String? = "fd22::/64", keys: JSONObject = [:], version: String = Call.version
    ) -> TestNetwork {
        let subnets = [v4, v6].compactMap { $0 }
        var first: JSONObject = ["type": "bridge", "bridge": .string(bridge), "isGateway": true, "ipMasq": true]
        for (key, value) in keys { first[key] = value }
        if first["ipam"] == nil {
            first["ipam"] = [
                "type": "host-local", "ranges": .array(subnets.map { [["subnet": .string($0)]] }),
                "routes": .array(subnets.map { ["dst": $0.contains(":") ? "::/0" : "0.0.0.0/0"] }),
            ]
        }
        return TestNetwork([first] + chained, name: name, version: version)
    }

    static let portmap: JSONObject = ["type": "portmap", "capabilities": ["portMappings": true]]
    static let firewall: JSONObject = ["type": "firewall"]

    /// The whole chain that podman and nerdctl write.
    static let everything = bridged(
        portmap, firewall,
        ["type": "tuning", "capabilities": ["mac": true], "sysctl": ["net.ipv4.conf.IFNAME.arp_filter": "1"]],
        keys: ["hairpinMode": true])
}

/// One container's interface on one network, after its ADD.
struct Attached: Sendable {
    let network: TestNetwork
    let id: String
    let namespace: String
    var interface = "eth0"
    var runtimeConfig: JSONObject = [:]
    var arguments: String?
    /// What the last plugin answered.
    var result: JSON = [:]

    /// The container's address of a family, as the result says.
    func address(_ family: AddressFamily) -> IPAddress? {
        for one in result["ips"]?.array ?? [] {
            let text = one["address"]?.string?.split(separator: "/").first.map(String.init) ?? ""
            if let address = IPAddress(text), address.family == family { return address }
        }
        return nil
    }

    func gateway(_ family: AddressFamily) -> IPAddress? {
        (result["ips"]?.array ?? []).compactMap { $0["gateway"]?.string.flatMap { IPAddress($0) } }.first {
            $0.family == family
        }
    }

    /// The result's interfaces with this name; the host's have no sandbox.
    func link(_ name: String) -> JSON? { result["interfaces"]?.array?.first { $0["name"]?.string == name } }
    var hostEnd: String? {
        result["interfaces"]?.array?.compactMap { $0["name"]?.string }.first { $0.hasPrefix("veth") }
    }

    /// The call for one plugin of the list.
    func call(_ index: Int, _ command: String, previous: JSON?) -> Call {
        var configuration = Call.whole(network.plugins[index], version: network.version, name: network.name)
        configuration["prevResult"] = previous
        if !runtimeConfig.isEmpty { configuration["runtimeConfig"] = .object(runtimeConfig) }
        var call = Call(PluginType(rawValue: network.plugins[index]["type"]!.string!)!, command, configuration)
        call.containerID = id
        call.netns = "/run/netns/\(namespace)"
        call.interface = interface
        call.arguments = arguments
        return call
    }

    /// A request of the runtime without what it may have lost (P-51).
    struct Loss: OptionSet, Sendable {
        let rawValue: Int
        static let namespace = Loss(rawValue: 1)
        static let previousResult = Loss(rawValue: 2)
        static let runtimeConfig = Loss(rawValue: 4)
    }
}

extension PrivateHost {
    /// Namespace and ADD through the whole list. Throws `PluginFailed` at the first error and undoes nothing.
    func attach(
        _ network: TestNetwork, _ id: String, namespace: String? = nil, interface: String = "eth0",
        ports: JSON? = nil, runtimeConfig: JSONObject = [:], arguments: String? = nil
    ) throws -> Attached {
        let place = namespace ?? id
        if !Files.exists("/run/netns/\(place)") { try makeNamespace(place) }
        var attached = Attached(network: network, id: id, namespace: place, interface: interface)
        attached.runtimeConfig = runtimeConfig
        attached.arguments = arguments
        if let ports { attached.runtimeConfig["portMappings"] = ports }
        var previous: JSON?
        for index in network.plugins.indices {
            let answer = try call(attached.call(index, "ADD", previous: previous))
            guard answer.succeeded, let result = answer.json else { throw PluginFailed(answer: answer) }
            previous = result
        }
        attached.result = previous ?? [:]
        return attached
    }

    /// DEL through the list from its end; every plugin is called, the first failure is thrown afterwards.
    func detach(_ attached: Attached, losing loss: Attached.Loss = []) throws {
        var failure: PluginFailed?
        for index in attached.network.plugins.indices.reversed() {
            var told = attached
            if loss.contains(.runtimeConfig) { told.runtimeConfig = [:] }
            var call = told.call(index, "DEL", previous: loss.contains(.previousResult) ? nil : attached.result)
            if loss.contains(.namespace) { call.netns = nil }
            let answer = try self.call(call)
            if !answer.succeeded || !answer.outcome.output.isEmpty { failure = failure ?? PluginFailed(answer: answer) }
        }
        if let failure { throw failure }
    }

    /// CHECK through the list: the first error, nil when all is as it was made.
    func check(_ attached: Attached) throws -> Answer? {
        for index in attached.network.plugins.indices {
            let answer = try call(attached.call(index, "CHECK", previous: attached.result))
            if !answer.succeeded || !answer.outcome.output.isEmpty { return answer }
        }
        return nil
    }

    /// GC of every plugin of a list with these attachments valid; the first error.
    func collect(_ network: TestNetwork, valid: [Attached]) throws -> Answer? {
        let list: [JSON] = valid.map { ["containerID": .string($0.id), "ifname": .string($0.interface)] }
        for plugin in network.plugins {
            var configuration = Call.whole(plugin, version: network.version, name: network.name)
            configuration["cni.dev/valid-attachments"] = .array(list)
            configuration["cni.dev/attachments"] = .array(list)
            var call = Call(PluginType(rawValue: plugin["type"]!.string!)!, "GC", configuration)
            (call.containerID, call.netns, call.interface) = (nil, nil, nil)
            let answer = try self.call(call)
            if !answer.succeeded || !answer.outcome.output.isEmpty { return answer }
        }
        return nil
    }

    /// STATUS of every plugin of a list; the first error.
    func status(_ network: TestNetwork) throws -> Answer? {
        for plugin in network.plugins {
            var call = Call(
                PluginType(rawValue: plugin["type"]!.string!)!, "STATUS",
                Call.whole(plugin, version: network.version, name: network.name))
            (call.containerID, call.netns, call.interface) = (nil, nil, nil)
            let answer = try self.call(call)
            if !answer.succeeded || !answer.outcome.output.isEmpty { return answer }
        }
        return nil
    }

    /// What one ADD and one DEL of `network` leave: the baseline that everything after is compared with.
    func baseline(_ network: TestNetwork, ports: JSON? = nil) throws -> HostState {
        let first = try attach(network, "baseline", ports: ports)
        try detach(first)
        try removeNamespace("baseline")
        return try settledState()
    }

    /// The state without what is shared for good: empty folders, locks, host-local's cursors and the digest of what its
    /// index was made from (cni.md 2.3).
    func settledState() throws -> HostState {
        try state().matching { line in
            guard line.hasPrefix("file ") else { return true }
            let isShared =
                line.hasSuffix("/") || line.hasPrefix("file /run/berth/locks/") || line.contains("/last_reserved_ip.")
                || line.contains("/lock = ") || line.contains("/.berth/.")
            return !isShared
        }
    }
}
