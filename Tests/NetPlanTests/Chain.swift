import BridgePlugin
import CNI
import JSON
import NATPlugin
import NetCore
import NetPlan
import PluginKit

/// A chain of plugins with the addresses that IPAM gives, as plans for one attachment.
struct Chain: Sendable, CustomStringConvertible {
    let description: String
    let plugins: [JSONObject]
    let addresses: [String]
    var routes: [JSON] = []

    static let v4 = ["10.88.0.2/16"]
    static let v6 = ["fd88::2/64"]

    /// Throws what the plugins say of the configurations.
    func plans(
        _ container: String = "c1", network: String = "net1", interface: String = "eth0",
        netns: String = "/run/netns/blue",
        addresses: [String]? = nil
    ) throws -> [Plan] {
        var lease = CNIResult()
        lease.ips = (addresses ?? self.addresses).map { text in
            let prefix = IPPrefix(text)!
            return CNIResult.IPConfiguration(address: prefix, gateway: prefix.first.advanced(by: 1))
        }
        lease.routes = try CNIResult(decoding: ["routes": .array(routes)], version: .latest).routes
        var result: CNIResult?
        var plans: [Plan] = []
        for plugin in plugins {
            var json: JSONObject = ["cniVersion": "1.1.0", "name": .string(network)]
            json.merge(plugin)
            if let result { json["prevResult"] = try result.json(version: .latest) }
            if ["bridge", "ptp", "macvlan"].contains(json["type"]?.string), !lease.ips.isEmpty {
                json["ipam"] = ["type": "host-local"]
            }
            let request = Request(
                command: .add, containerID: container, netns: netns, interface: LinkName(interface)!,
                configuration: try NetworkConfiguration(json), environment: Environment([:]))
            let told = try Chain.plugin(json["type"]?.string ?? "").assumed(request) { _ throws(CNIError) in lease }
            plans.append(told.plan)
            result = told.result
        }
        return plans
    }

    private static func plugin(_ type: String) -> any PlannedPlugin {
        switch type {
        case "bridge": BridgePlugin()
        case "ptp": PtpPlugin()
        case "macvlan": MacvlanPlugin()
        case "loopback": LoopbackPlugin()
        case "tuning": TuningPlugin()
        case "portmap": PortmapPlugin()
        case "bandwidth": BandwidthPlugin()
        default: FirewallPlugin()
        }
    }

    // MARK: examples

    static func bridge(_ name: String, _ keys: JSONObject = [:], _ addresses: [String] = v4, routes: [JSON] = [])
        -> Chain
    {
        var json: JSONObject = ["type": "bridge", "bridge": "cni0", "mtu": 1500]
        for (key, value) in keys { json[key] = value }
        return Chain(description: "bridge: \(name)", plugins: [json], addresses: addresses, routes: routes)
    }

    static let gateway: JSONObject = [
        "type": "bridge", "bridge": "cni0", "mtu": 1500, "isGateway": true, "ipMasq": true,
    ]

    static func behind(_ name: String, _ plugin: JSONObject, _ addresses: [String] = v4 + v6) -> Chain {
        Chain(description: name, plugins: [gateway, plugin], addresses: addresses)
    }

    static func ports(_ name: String, _ mappings: [JSON], _ keys: JSONObject = [:], _ addresses: [String] = v4 + v6)
        -> Chain
    {
        var json: JSONObject = ["type": "portmap", "runtimeConfig": ["portMappings": .array(mappings)]]
        for (key, value) in keys { json[key] = value }
        return behind("portmap: \(name)", json, addresses)
    }

    static let bridges: [Chain] = [
        bridge("without addresses", [:], []), bridge("without a gateway"),
        bridge("with a gateway", ["isGateway": true]),
        bridge("default route by the gateway", ["isDefaultGateway": true]),
        bridge("masquerade", ["isGateway": true, "ipMasq": true]),
        bridge("hairpin", ["isGateway": true, "hairpinMode": true]), bridge("promiscuous", ["promiscMode": true]),
        bridge("IPv6", ["isDefaultGateway": true, "ipMasq": true], v6),
        bridge("dual stack", ["isDefaultGateway": true, "ipMasq": true, "hairpinMode": true], v4 + v6),
        bridge("duplicates are looked for", ["isGateway": true, "enabledad": true], v6),
        bridge("MAC address and MTU", ["mtu": 1400, "runtimeConfig": ["mac": "c2:11:22:33:44:55"]]),
        bridge(
            "translated to fixed addresses",
            [
                "isGateway": true, "ipMasq": true, "snatTo": ["192.0.2.1", "2001:db8::1"],
                "noMasqTo": ["172.16.0.0/12", "fd00:1::/64"],
            ],
            v4 + v6),
        bridge("an isolated port", ["isGateway": true, "portIsolation": true]),
        bridge("a checked sender", ["isGateway": true, "ipMasq": true, "macspoofchk": true], v4 + v6),
        bridge(
            "left down, with every flag of its port",
            ["disableContainerInterface": true, "macspoofchk": true, "portIsolation": true, "hairpinMode": true], []),
        bridge("fully random ports", ["isGateway": true, "ipMasq": true, "fullyRandom": true]),
        bridge("the gateway's address replaces another", ["isGateway": true, "forceAddress": true]),
        bridge("two addresses of a family", ["isGateway": true, "ipMasq": true], ["10.88.0.2/16", "10.88.0.3/16"]),
        bridge("a point-to-point prefix", ["isGateway": true], ["10.88.0.2/30"]),
        bridge(
            "routes with every field", ["isGateway": true], v4 + v6,
            routes: [
                ["dst": "0.0.0.0/0"],
                ["dst": "192.0.2.0/24", "gw": "10.88.0.9", "mtu": 1400, "advmss": 1360, "priority": 50],
                ["dst": "198.51.100.0/24", "table": 1000], ["dst": "203.0.113.0/24", "scope": 253],
                ["dst": "2001:db8::/32", "gw": "fd88::1"],
            ]),
    ]

    static let chained: [Chain] = [
        ports("one port", [["hostPort": 8080, "containerPort": 80, "protocol": "tcp"]]),
        ports(
            "every protocol",
            ["tcp", "UDP", "sctp"].map { ["hostPort": 53, "containerPort": 53, "protocol": .string($0)] }),
        ports("at an address", [["hostPort": 8080, "containerPort": 80, "hostIP": "127.0.0.1"]]),
        ports("at an IPv6 address", [["hostPort": 8080, "containerPort": 80, "hostIP": "fd99::1"]]),
        ports("a range", [["hostPort": 8000, "containerPort": 8000, "range": 11]]),
        ports(
            "a range at an address",
            [["hostPort": 8000, "containerPort": 8000, "range": 11, "hostIP": "192.0.2.1", "protocol": "udp"]]),
        ports("a shifted range", [["hostPort": 8000, "containerPort": 9000, "range": 5]]),
        ports("every source", [["hostPort": 8080, "containerPort": 80]], ["masqAll": true]),
        ports("no hairpin", [["hostPort": 8080, "containerPort": 80]], ["snat": false]), ports("none", []),
        ports("IPv4 alone", [["hostPort": 8080, "containerPort": 80]], [:], v4),
        ports("IPv6 alone", [["hostPort": 8080, "containerPort": 80]], [:], v6),
        behind("firewall: open", ["type": "firewall"]),
        behind("firewall: same-bridge", ["type": "firewall", "ingressPolicy": "same-bridge"]),
        behind("firewall: strict", ["type": "firewall", "ingressPolicy": "strict", "publishedAcrossNetworks": false]),
        behind("firewall: the administrator's chain", ["type": "firewall", "iptablesAdminChainName": "MINE"]),
    ]

    static let everything = Chain(
        description: "the whole chain",
        plugins: [
            [
                "type": "bridge", "bridge": "cni0", "mtu": 1500, "isDefaultGateway": true, "ipMasq": true,
                "hairpinMode": true, "portIsolation": true, "macspoofchk": true,
            ],
            [
                "type": "portmap",
                "runtimeConfig": [
                    "portMappings": [
                        ["hostPort": 8080, "containerPort": 80],
                        ["hostPort": 9000, "containerPort": 9000, "range": 20, "protocol": "udp"],
                    ]
                ],
            ], ["type": "firewall", "ingressPolicy": "same-bridge"],
        ], addresses: v4 + v6)

    private static let cable: JSONObject = ["type": "ptp", "mtu": 1500, "ipMasq": true]
    static let cables: [Chain] = [
        Chain(description: "ptp: IPv4", plugins: [cable], addresses: v4, routes: [["dst": "0.0.0.0/0"]]),
        Chain(
            description: "ptp: dual stack, with ports and firewall",
            plugins: [
                cable,
                [
                    "type": "portmap",
                    "runtimeConfig": ["portMappings": [["hostPort": 8080, "containerPort": 80, "protocol": "tcp"]]],
                ], ["type": "firewall"],
            ], addresses: v4 + v6, routes: [["dst": "0.0.0.0/0"], ["dst": "::/0"]]),
    ]

    static let limits: [Chain] = [
        behind("bandwidth: ingress", ["type": "bandwidth", "ingressRate": 1_000_000, "ingressBurst": 100_000]),
        behind("bandwidth: egress", ["type": "bandwidth", "egressRate": 1_000_000, "egressBurst": 100_000]),
        behind(
            "bandwidth: both, beyond 32 bits",
            [
                "type": "bandwidth",
                "runtimeConfig": [
                    "bandwidth": [
                        "ingressRate": 100_000_000_000, "ingressBurst": 30_000_000_000, "egressRate": 8,
                        "egressBurst": 8,
                    ]
                ],
            ]),
        Chain(
            description: "bandwidth: behind ptp",
            plugins: [
                cable,
                [
                    "type": "bandwidth", "ingressRate": 1_000_000, "ingressBurst": 100_000, "egressRate": 2_000_000,
                    "egressBurst": 100_000,
                ],
            ], addresses: v4), behind("bandwidth: none", ["type": "bandwidth"]),
    ]

    static let outward: [Chain] = [
        Chain(
            description: "macvlan: without addresses", plugins: [["type": "macvlan", "master": "wan0"]], addresses: []),
        Chain(
            description: "macvlan: dual stack, every key",
            plugins: [
                [
                    "type": "macvlan", "master": "wan0", "mode": "vepa", "mtu": 1400, "bcqueuelen": 500,
                    "mac": "c2:11:22:33:44:55",
                ]
            ], addresses: v4 + v6, routes: [["dst": "0.0.0.0/0"], ["dst": "::/0"]]),
        Chain(
            description: "macvlan: passthru", plugins: [["type": "macvlan", "master": "wan0", "mode": "passthru"]],
            addresses: v4),
        Chain(
            description: "macvlan: a master in the container",
            plugins: [["type": "macvlan", "master": "wan1", "linkInContainer": true]], addresses: v4),
    ]

    /// Only who reaches into the container can take it away.
    var livesInContainer: Bool { plugins.last?["type"] == "macvlan" }

    static let all = bridges + cables + chained + [everything] + limits + outward

    /// What changes settings of what stands already: its own way back is the plugin's, not the sweep's.
    static let settings: [Chain] = [
        behind(
            "tuning: every property",
            [
                "type": "tuning", "mtu": 1400, "mac": "c2:11:22:33:44:66", "promisc": true, "allmulti": true,
                "txQLen": 500,
            ]),
        // Without br_netfilter the bridge plugin's port is isolated.
        behind("firewall: isolated", ["type": "firewall", "ingressPolicy": "isolated"]),
        behind(
            "tuning: parameters",
            ["type": "tuning", "sysctl": ["net.ipv4.conf.IFNAME.arp_filter": "1", "net/core/somaxconn": "500"]]),
        Chain(description: "loopback", plugins: [["type": "loopback"]], addresses: []),
    ]
}
