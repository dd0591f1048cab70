import Glibc
import JSON
import NetCore
import NetPlan
import TestSupport
import Testing

/// What only iptables has (cni.md C-4): on both variants, whatever the run's own backend is.
@Suite("iptables: its own keys, other people's rules, and both variants")
struct IptablesTests {
    /// Bridge, portmap and firewall by iptables, with more keys of portmap's.
    static func network(
        _ keys: JSONObject = [:], name: String = "net1", bridge: String = "cni0", subnet: Int = 22,
        backend: String? = nil
    ) -> TestNetwork {
        var portmap = TestNetwork.portmap
        var firewall = TestNetwork.firewall
        portmap["backend"] = .string(backend ?? "iptables")
        firewall["backend"] = .string(backend ?? "iptables")
        for (key, value) in keys { portmap[key] = value }
        return .bridged(
            portmap, firewall, name: name, bridge: bridge, v4: "10.\(subnet).0.0/24", v6: "fd\(subnet)::/64",
            keys: ["ipMasqBackend": .string(backend ?? "iptables"), "hairpinMode": true])
    }

    static func run(_ variant: IptablesVariant, _ body: @escaping @Sendable (PrivateHost) throws -> Void) throws {
        try PrivateHost.run { host in
            host.environment["BERTH_IPTABLES"] = variant.rawValue
            try host.makeUplink()
            try body(host)
        }
    }

    /// The rules of a table, as iptables-save writes them.
    static func rules(_ host: PrivateHost, _ variant: IptablesVariant, _ table: String = "nat", v6: Bool = false) throws
        -> [String]
    {
        try host.must("\(v6 ? "ip6tables" : "iptables")-\(variant)-save -t \(table)").split(separator: "\n").filter {
            $0.hasPrefix("-A ")
        }.map(String.init)
    }

    static func published(_ host: PrivateHost, _ client: String?, _ attached: Attached, _ port: UInt16 = 8080) throws
        -> IPAddress?
    {
        try host.converse(
            .tcp, from: client, to: Endpoint(Uplink.host(.v4), port), at: attached.namespace,
            listening: Endpoint(attached.address(.v4)!, 80), milliseconds: 300)?.address
    }

    @Test(
        "C-4 the rules stand where iptables shows them, and none in berth's own table",
        arguments: IptablesVariant.allCases)
    func shown(_ variant: IptablesVariant) throws {
        try IptablesTests.run(variant) { host in
            let attached = try host.attach(IptablesTests.network(), "c1", ports: Ports.tcp8080)
            for v6 in [false, true] {
                let nat = try IptablesTests.rules(host, variant, v6: v6).joined(separator: "\n")
                for words in [
                    "-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT", "--dport 8080 -j DNAT",
                    "-A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE",
                    "-A POSTROUTING -s \(attached.address(v6 ? .v6 : .v4)!)/", "net1/c1/eth0",
                ] { host.expect(nat.contains(words), "\(words) is not among\n\(nat)") }
                let filter = try IptablesTests.rules(host, variant, "filter", v6: v6).joined(separator: "\n")
                host.expect(filter.contains("-A FORWARD") && filter.contains("-j CNI-ADMIN"), filter)
            }
            host.expect(try !host.must("nft list tables").contains("inet berth"), "berth's own table is there")
            let others = variant == .nft ? IptablesVariant.legacy : .nft
            let left = others == .legacy ? IptablesVariant.legacyTables(.v4) : []
            host.expect(left, is: [], "tables of iptables-\(others)")
            try host.detach(attached)
            for table in ["nat", "filter"] {
                for v6 in [false, true] {
                    let rules = try IptablesTests.rules(host, variant, table, v6: v6)
                    host.expect(rules.filter { $0.contains("c1/eth0") }, is: [], "rules after DEL")
                }
            }
        }
    }

    @Test(
        "conditionsV4 lets in whom it says and nobody else; auto takes iptables for it",
        arguments: IptablesVariant.allCases)
    func conditions(_ variant: IptablesVariant) throws {
        try IptablesTests.run(variant) { host in
            let network = IptablesTests.network(["conditionsV4": ["!", "-s", "192.0.2.9/32"]], backend: "auto")
            let attached = try host.attach(network, "c1", ports: Ports.tcp8080)
            host.expect(try IptablesTests.published(host, "outside", attached), is: nil, "192.0.2.9 is kept out")
            host.expect(try IptablesTests.published(host, nil, attached) != nil, "the host is let in")
            let failure = try host.check(attached)
            host.expect(failure == nil, "\(failure.map { "\($0)" } ?? "")")
            try host.detach(attached)
        }
    }

    @Test(
        "markMasqBit is the bit that marks; two networks with two bits do not disturb each other",
        arguments: IptablesVariant.allCases)
    func markBit(_ variant: IptablesVariant) throws {
        try IptablesTests.run(variant) { host in
            let first = try host.attach(IptablesTests.network(["markMasqBit": 7]), "c1", ports: Ports.tcp8080)
            let second = try host.attach(
                IptablesTests.network(name: "net2", bridge: "cni1", subnet: 33), "c2", ports: Ports.one(.tcp, 8081, 80))
            let nat = try IptablesTests.rules(host, variant).joined(separator: "\n")
            host.expect(nat.contains("--set-xmark 0x80/0x80") && nat.contains("--set-xmark 0x2000/0x2000"), nat)
            host.expect(try IptablesTests.published(host, "c1", first), is: first.gateway(.v4), "c1 itself")
            host.expect(try IptablesTests.published(host, "c2", second, 8081), is: second.gateway(.v4), "c2 itself")
        }
    }

    @Test(
        "externalSetMarkChain is somebody's chain: without it nothing is made, with it the packets go there",
        arguments: IptablesVariant.allCases)
    func externalChain(_ variant: IptablesVariant) throws {
        try IptablesTests.run(variant) { host in
            let network = IptablesTests.network(["externalSetMarkChain": "KUBE-MARK-MASQ"], backend: "auto")
            _ = try host.baseline(IptablesTests.network(), ports: Ports.tcp8080)
            let before = try host.settledState().without(["nft", "legacy", "iptables", "sysctl"])
            let plain = try host.attach(TestNetwork([network.plugins[0]]), "c1")
            var call = Attached(network: network, id: "c1", namespace: "c1", result: plain.result)
            call.runtimeConfig["portMappings"] = Ports.tcp8080
            let refused = try host.call(call.call(1, "ADD", previous: plain.result))
            host.expect(refused.code != nil && refused.sentence.contains("KUBE-MARK-MASQ"), "\(refused)")
            try host.detach(plain)
            try host.removeNamespace("c1")
            let after = try host.settledState().without(["nft", "legacy", "iptables", "sysctl"])
            host.expect(after.difference(from: before), is: "", "what is left of the refused ADD")
            for program in ["iptables", "ip6tables"] {
                try host.must(
                    "\(program)-\(variant)-restore --noflush",
                    input: """
                        *nat
                        :KUBE-MARK-MASQ - [0:0]
                        -A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
                        -A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE
                        COMMIT

                        """)
            }
            let attached = try host.attach(network, "c2", ports: Ports.tcp8080)
            host.expect(try IptablesTests.published(host, "c2", attached), is: attached.gateway(.v4), "c2 itself")
            try host.detach(attached)
            host.expect(
                try IptablesTests.rules(host, variant).contains { $0.hasPrefix("-A KUBE-MARK-MASQ") },
                "DEL took somebody's chain")
        }
    }

    @Test(
        "C-4 what the chosen backend cannot honour is code 7, with key and backend",
        arguments: [
            (["backend": "nftables", "externalSetMarkChain": "KUBE-MARK-MASQ"], "externalSetMarkChain"),
            (["backend": "nftables", "conditionsV4": ["-s", "192.0.2.0/24"]], "conditionsV4"),
            (["backend": "ebtables"], "backend"),
        ] as [(JSONObject, String)])
    func dishonoured(_ keys: JSONObject, _ key: String) throws {
        try PrivateHost.run { host in
            var configuration = PluginType.portmap.configuration
            configuration.merge(keys)
            configuration["prevResult"] = PreviousResult.plain
            try host.expectUnchanged {
                let answer = try host.call(Call(.portmap, "ADD", configuration))
                host.expect(answer.code, is: 7, "\(answer)")
                host.expect(answer.sentence.contains(key), "\(key) is not named: \(answer)")
            }
        }
    }

    @Test("N-3 a port is refused whichever of the backends has it", arguments: IptablesVariant.allCases, [true, false])
    func acrossBackends(_ variant: IptablesVariant, _ iptablesFirst: Bool) throws {
        try IptablesTests.run(variant) { host in
            let iptables = IptablesTests.network()
            let nftables = IptablesTests.network(name: "net2", bridge: "cni1", subnet: 33, backend: "nftables")
            let first = iptablesFirst ? iptables : nftables
            let second = iptablesFirst ? nftables : iptables
            let held = try host.attach(first, "c1", ports: Ports.one(.tcp, 8080, 80, hostIP: "192.0.2.1"))
            let plain = try host.attach(TestNetwork([second.plugins[0]], name: second.name), "c2")
            var asking = Attached(network: second, id: "c2", namespace: "c2", result: plain.result)
            asking.runtimeConfig["portMappings"] = Ports.tcp8080
            let answer = try host.call(asking.call(1, "ADD", previous: plain.result))
            host.expect(answer.isError(100) && answer.sentence.contains("c1"), "\(answer)")
            asking.runtimeConfig["portMappings"] = Ports.one(.tcp, 8080, 80, hostIP: "127.0.0.1")
            try host.expectSuccess(asking.call(1, "ADD", previous: plain.result), "at another address")
            try host.expectSuccess(asking.call(1, "DEL", previous: plain.result))
            try host.detach(held)
            asking.runtimeConfig["portMappings"] = Ports.tcp8080
            try host.expectSuccess(asking.call(1, "ADD", previous: plain.result), "once it is free")
        }
    }

    @Test("iptables-legacy's lock is waited for")
    func lock() throws {
        try IptablesTests.run(.legacy) { host in
            let holder = try host.start(["flock", "/run/xtables.lock", "sleep", "1"])
            for _ in 0..<1000 where !Files.exists("/run/xtables.lock") { usleep(10_000) }
            let before = Int(time(nil))
            let attached = try host.attach(IptablesTests.network(), "c1", ports: Ports.tcp8080)
            host.expect(Int(time(nil)) - before < 20, "it took \(Int(time(nil)) - before) s")
            host.expect(holder.wait().exitCode, is: 0, "the holder of the lock")
            host.expect(try IptablesTests.published(host, nil, attached) != nil, "the port")
        }
    }

    @Test("without berth-iptables the error says where it belongs, and STATUS is not ready")
    func missingProgram() throws {
        try IptablesTests.run(.legacy) { host in
            host.environment["BERTH_IPTABLES_PROGRAM"] = "/run/scratch/nowhere/berth-iptables"
            let call = Call(.bridge, "ADD", IptablesTests.network().plugins[0])
            try host.makeNamespace("c1")
            // What is shared stands already.
            _ = try host.baseline(IptablesTests.network(backend: "nftables"))
            try host.expectUnchanged {
                let answer = try host.call(call)
                host.expect(answer.code != nil && answer.sentence.contains("berth-iptables"), "\(answer)")
            }
        }
    }

    @Test("a nonsensical BERTH_BACKEND is refused by name")
    func environment() throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            var call = Call(.bridge)
            call.environment["BERTH_BACKEND"] = "ebtables"
            try host.expectUnchanged {
                let answer = try host.call(call)
                host.expect(answer.code, is: 4, "\(answer)")
                host.expect(answer.sentence.contains("ebtables"), "\(answer)")
            }
        }
    }

    @Test(
        "rules of another's in the same chains, and their order, outlive ADDs and DELs",
        arguments: IptablesVariant.allCases)
    func strangers(_ variant: IptablesVariant) throws {
        try IptablesTests.run(variant) { host in
            let first = try host.attach(IptablesTests.network(), "c1", ports: Ports.tcp8080)
            for rule in [
                "-t nat -A POSTROUTING -s 198.51.100.1/32 -j ACCEPT",
                "-t nat -I POSTROUTING 2 -s 198.51.100.2/32 -j ACCEPT",
                "-t nat -A CNI-HOSTPORT-DNAT -d 198.51.100.3/32 -j RETURN", "-A FORWARD -s 198.51.100.4/32 -j ACCEPT",
                "-A CNI-ADMIN -s 198.51.100.5/32 -j ACCEPT", "-I CNI-FORWARD 1 -s 198.51.100.6/32 -j ACCEPT",
            ] { try host.must("iptables-\(variant) \(rule)") }
            func strangers() throws -> [String] {
                try (IptablesTests.rules(host, variant) + IptablesTests.rules(host, variant, "filter")).filter {
                    $0.contains("198.51.100.")
                }
            }
            let before = try strangers()
            host.expect(before.count, is: 6, "strangers' rules")
            let second = try host.attach(IptablesTests.network(), "c2", ports: Ports.one(.tcp, 8081, 80))
            let failure = try host.check(second)
            host.expect(failure == nil, "\(failure.map { "\($0)" } ?? "")")
            try host.detach(second)
            try host.detach(first)
            host.expect(try strangers(), is: before, "strangers' rules")
        }
    }
}
