import JSON
import NetCore
import TestSupport
import Testing

@Suite("firewall: who may speak to whom (cni.md 2.6, N-8)")
struct FirewallTests {
    static func network(_ keys: JSONObject, name: String = "net1", bridge: String = "cni0", subnet: Int = 22)
        -> TestNetwork
    {
        var firewall = TestNetwork.firewall
        for (key, value) in keys { firewall[key] = value }
        return .bridged(
            TestNetwork.portmap, firewall, name: name, bridge: bridge, v4: "10.\(subnet).0.0/24", v6: "fd\(subnet)::/64"
        )
    }

    /// c1 and c2 on the network with the policy, c3 on another open one, the outside with routes to all of them.
    static func setUp(_ host: PrivateHost, _ keys: JSONObject, bridgeNetfilter: Bool = false) throws -> Attached {
        try host.makeUplink()
        try host.inside("outside") {
            for subnet in [22, 33] {
                try host.must("ip route add 10.\(subnet).0.0/24 via 192.0.2.1")
                try host.must("ip route add fd\(subnet)::/64 via 2001:db8::1")
            }
        }
        // How a host filters frames is decided before its containers come.
        for file in ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"] {
            try host.must("tee /proc/sys/net/bridge/\(file)", input: bridgeNetfilter ? "1" : "0")
        }
        let network = FirewallTests.network(keys)
        let first = try host.attach(network, "c1", ports: Ports.tcp8080)
        _ = try host.attach(network, "c2")
        _ = try host.attach(FirewallTests.network([:], name: "net2", bridge: "cni1", subnet: 33), "c3")
        return first
    }

    static func reaches(_ host: PrivateHost, _ client: String?, _ attached: Attached, _ family: AddressFamily) throws
        -> Bool
    {
        let listener = Endpoint(attached.address(family)!, 7000)
        return try host.converse(.tcp, from: client, to: listener, at: "c1", listening: listener, milliseconds: 300)
            != nil
    }

    static func reachesPublished(_ host: PrivateHost, _ client: String?, _ attached: Attached, _ family: AddressFamily)
        throws -> Bool
    {
        try host.converse(
            .tcp, from: client, to: Endpoint(Uplink.host(family), 8080), at: "c1",
            listening: Endpoint(attached.address(family)!, 80), milliseconds: 300) != nil
    }

    @Test(
        "a policy lets in whom it says, and published ports always",
        arguments: [
            // policy, br_netfilter, neighbour, other network, outside
            ("open", false, true, true, true), ("same-bridge", false, true, false, true),
            ("same-bridge", true, true, false, true),
            ("isolated", false, false, false, true), ("isolated", true, false, false, true),
        ])
    func policies(_ policy: String, _ bridgeNetfilter: Bool, _ neighbour: Bool, _ other: Bool, _ outside: Bool) throws {
        try PrivateHost.run { host in
            let attached = try FirewallTests.setUp(
                host, ["ingressPolicy": .string(policy)], bridgeNetfilter: bridgeNetfilter)
            for family in AddressFamily.allCases {
                for (client, expected) in [("c2", neighbour), ("c3", other), ("outside", outside), (nil, true)] {
                    host.expect(
                        try FirewallTests.reaches(host, client, attached, family), is: expected,
                        "\(policy): \(client ?? "the host") reaches c1 by IPv\(family.rawValue)")
                }
                for client in ["outside", "c3", "c2", nil] {
                    host.expect(
                        try FirewallTests.reachesPublished(host, client, attached, family), is: true,
                        "\(policy): \(client ?? "the host") reaches the published port by IPv\(family.rawValue)")
                }
                let target = Endpoint(Uplink.outside(family), 7000)
                host.expect(
                    try host.converse(.tcp, from: "c1", to: target, at: "outside", listening: target) != nil, is: true,
                    "\(policy): c1 reaches the outside by IPv\(family.rawValue)")
            }
        }
    }

    @Test(
        "P-34 P-50 a port that was isolated is no longer so after DEL, after GC and after an ADD that failed",
        arguments: ["DEL", "DEL without namespace", "GC", "failed ADD"])
    func isolationTakenBack(_ how: String) throws {
        try PrivateHost.run { host in
            let attached = try FirewallTests.behindBridge(host, "c1")
            let firewall = Attached(
                network: TestNetwork([["type": "firewall", "ingressPolicy": "isolated"]]), id: "c1", namespace: "c1",
                result: attached.result)
            let before = try host.portFlags(attached)
            host.expect(before.contains("isolated off"), "the port before: \(before)")
            if how == "failed ADD" {
                // Rules come last.
                try host.spoilRules()
                let answer = try host.call(firewall.call(0, "ADD", previous: attached.result))
                host.expect(answer.code != nil, "ADD succeeded: \(answer)")
                host.expect(try host.portFlags(attached), is: before, "the port")
                return
            }
            try host.expectSuccess(firewall.call(0, "ADD", previous: attached.result))
            host.expect(try host.portFlags(attached).contains("isolated on"), "ADD does not isolate the port")
            switch how {
            case "GC":
                let failure = try host.collect(firewall.network, valid: [])
                host.expect(failure == nil, "\(failure!)")
            case "DEL": try host.detach(firewall)
            default: try host.detach(firewall, losing: [.namespace, .previousResult])
            }
            host.expect(try host.portFlags(attached), is: before, "the port")
        }
    }

    @Test("a port that somebody else had isolated stays so after DEL")
    func isolatedBefore() throws {
        try PrivateHost.run { host in
            let attached = try FirewallTests.behindBridge(host, "c1")
            try host.must("ip link set \(attached.hostEnd!) type bridge_slave isolated on")
            let firewall = Attached(
                network: TestNetwork([["type": "firewall", "ingressPolicy": "isolated"]]), id: "c1", namespace: "c1",
                result: attached.result)
            try host.expectSuccess(firewall.call(0, "ADD", previous: attached.result))
            try host.detach(firewall)
            host.expect(try host.portFlags(attached).contains("isolated on"), "the stranger's flag was taken")
        }
    }

    /// On a bridge whose frames do not pass the IP rules.
    static func behindBridge(_ host: PrivateHost, _ id: String) throws -> Attached {
        for file in ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"] {
            try host.must("tee /proc/sys/net/bridge/\(file)", input: "0")
        }
        return try host.attach(.bridged(), id)
    }

    @Test("publishedAcrossNetworks false keeps published ports from other networks")
    func notAcross() throws {
        try PrivateHost.run { host in
            let attached = try FirewallTests.setUp(
                host, ["ingressPolicy": "same-bridge", "publishedAcrossNetworks": false])
            host.expect(
                try FirewallTests.reachesPublished(host, "outside", attached, .v4), is: true, "the outside reaches it")
            host.expect(
                try FirewallTests.reachesPublished(host, "c3", attached, .v4), is: false, "the other network reaches it"
            )
        }
    }

    @Test(
        "a rule in the user's admin chain is kept to before all others, whether it was there first or came later",
        arguments: [nil, "MY-ADMIN"] as [String?])
    func adminChain(_ name: String?) throws {
        try PrivateHost.run { host in
            let keys: JSONObject = name.map { ["iptablesAdminChainName": .string($0)] } ?? [:]
            let attached = try FirewallTests.setUp(host, keys)
            let chain = name ?? "CNI-ADMIN"
            host.expect(try FirewallTests.reaches(host, "outside", attached, .v4), is: true, "before the rule")
            let filter = "\(TestBackend.current.program(.v4)) -t filter"
            if TestBackend.current.isIptables {
                try host.must("\(filter) -A \(chain) -s 192.0.2.9 -p tcp --dport 7000 -j DROP")
            } else {
                _ = try host.run(["nft", "add", "chain", "inet", "berth", chain])
                try host.must("nft add rule inet berth \(chain) ip saddr 192.0.2.9 tcp dport 7000 drop")
            }
            let next = try host.attach(FirewallTests.network(keys), "c4")
            host.expect(try FirewallTests.reaches(host, "outside", attached, .v4), is: false, "with the rule")
            host.expect(
                try FirewallTests.reachesPublished(host, "outside", attached, .v4), is: true,
                "what the rule does not name")
            try host.detach(next)
            let list = TestBackend.current.isIptables ? "\(filter) -S \(chain)" : "nft list chain inet berth \(chain)"
            host.expect(try host.must(list).contains("192.0.2.9"), "DEL took the user's rule")
        }
    }

    @Test("the bridge is found by the link's master, not by its place in the result")
    func bridgeByMaster() throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            var first = try host.attach(.bridged(), "c1")
            var previous = first.result.object!
            previous["interfaces"] = .array(Array(previous["interfaces"]!.array!.dropFirst(1)))
            previous["ips"] = .array(
                previous["ips"]!.array!.map { one in
                    var one = one.object!
                    one["interface"] = 1
                    return .object(one)
                })
            let firewall = Attached(
                network: TestNetwork([["type": "firewall", "ingressPolicy": "same-bridge"]]), id: "c1", namespace: "c1")
            let answer = try host.call(firewall.call(0, "ADD", previous: .object(previous)))
            guard answer.succeeded else { throw PluginFailed(answer: answer) }
            first.result = answer.json ?? [:]
            _ = try host.attach(.bridged(), "c2")
            _ = try host.attach(
                .bridged(TestNetwork.firewall, name: "net2", bridge: "cni1", v4: "10.33.0.0/24", v6: "fd33::/64"), "c3")
            host.expect(try FirewallTests.reaches(host, "c2", first, .v4), is: true, "the neighbour reaches it")
            host.expect(try FirewallTests.reaches(host, "c3", first, .v4), is: false, "the other network reaches it")
        }
    }
}

extension PrivateHost {
    /// `hairpin off … isolated off …` of the container's port.
    fileprivate func portFlags(_ attached: Attached) throws -> String {
        let words = try must("ip -d -o link show \(attached.hostEnd!)").split(separator: " ").map(String.init)
        return words.indices.filter { ["hairpin", "isolated", "learning", "flood"].contains(words[$0]) }.map {
            "\(words[$0]) \(words[$0 + 1])"
        }.joined(separator: " ")
    }
}
