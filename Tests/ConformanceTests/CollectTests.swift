import JSON
import NetCore
import TestSupport
import Testing

@Suite("GC and STATUS (P-56 to P-59)")
struct CollectTests {
    @Test(
        "P-57 GC keeps the valid attachments whole and removes every other of the network",
        arguments: ["named", "legacy"])
    func collect(_ key: String) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let network = TestNetwork.everything
            let before = try host.baseline(network, ports: Ports.tcp8080)
            let other = try host.attach(
                .bridged(name: "net2", bridge: "cni1", v4: "10.33.0.0/24", v6: "fd33::/64"), "other")
            let withOther = try host.settledState()
            var all: [Attached] = []
            for index in 0..<6 {
                all.append(try host.attach(network, "c\(index)", ports: Ports.one(.tcp, 8000 + index, 80)))
            }
            // The runtime died with four of them; two namespaces are gone too.
            for index in [2, 3] { try host.removeNamespace("c\(index)") }
            let valid = [all[0], all[1]]
            let failure = try host.collect(network, valid: valid)
            host.expect(failure == nil, "\(failure!)")
            for (index, attached) in valid.enumerated() {
                let failure = try host.check(attached)
                host.expect(failure == nil, "a valid attachment was hurt: \(failure!)")
                host.expect(
                    try host.converse(
                        .tcp, from: "outside", to: Endpoint(Uplink.host(.v4), UInt16(8000 + index)),
                        at: attached.namespace,
                        listening: Endpoint(attached.address(.v4)!, 80)) != nil, "port \(8000 + index) is not reached")
            }
            let left = try host.settledState().lines.filter { line in
                (2..<6).contains { line.contains("net1/c\($0)") || line.contains("c\($0)\\r\\n") }
            }
            host.expect(left, is: [], "of the invalid ones")
            for attached in valid { try host.detach(attached) }
            host.expect(try host.settledState().difference(from: withOther), is: "", "the host once all are gone")
            let failed = try host.check(other)
            host.expect(failed == nil, "the other network was hurt: \(failed!)")
            try host.detach(other)
            _ = before
        }
    }

    @Test(
        "P-57 either name of the list's key is understood",
        arguments: ["cni.dev/valid-attachments", "cni.dev/attachments"])
    func keys(_ key: String) throws {
        try PrivateHost.run { host in
            let network = TestNetwork.bridged()
            let kept = try host.attach(network, "c1")
            _ = try host.attach(network, "c2")
            var configuration = Call.whole(network.plugins[0])
            configuration[key] = [["containerID": "c1", "ifname": "eth0"]]
            try host.expectSuccess(
                Call(.bridge, "GC", configuration).with { ($0.containerID, $0.netns, $0.interface) = (nil, nil, nil) })
            let failure = try host.check(kept)
            host.expect(failure == nil, "\(failure!)")
            host.expect(try host.link("eth0", in: "c2"), is: [:], "the other container's link")
        }
    }

    @Test("P-52 P-57 GC that could not remove a container's objects does not give its address away")
    func leaseKept() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(.bridged(), "c1")
            let lease = "/var/lib/cni/networks/net1/\(attached.address(.v4)!)"
            var configuration = Call.whole(attached.network.plugins[0])
            configuration["cni.dev/valid-attachments"] = []
            let call = Call(.bridge, "GC", configuration).with {
                ($0.containerID, $0.netns, $0.interface) = (nil, nil, nil)
            }
            // Without CAP_NET_ADMIN nothing can be removed.
            let answer = Answer(
                try host.run(
                    ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin", PluginType.bridge.path],
                    environment: call.variables, input: call.input))
            host.expect(answer.code != nil, "GC without the right to remove anything succeeded: \(answer)")
            host.expect(Files.exists(lease), "the lease was released")
            try host.expectSuccess(call)
            host.expect(!Files.exists(lease), "the lease is still there")
        }
    }

    @Test("P-58 GC without a list removes nothing and is code 7", arguments: PluginType.allCases)
    func noList(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            _ = try host.attach(.everything, "c1", ports: Ports.tcp8080)
            try host.expectUnchanged {
                try host.expectError(7, naming: ["cni.dev/valid-attachments"], Call(plugin, "GC"))
            }
        }
    }

    @Test("P-58 GC with an empty list removes all of the network")
    func emptyList() throws {
        try PrivateHost.run { host in
            let before = try host.baseline(.everything, ports: Ports.tcp8080)
            for index in 0..<3 {
                _ = try host.attach(.everything, "c\(index)", ports: Ports.one(.udp, 8000 + index, 80))
            }
            let failure = try host.collect(.everything, valid: [])
            host.expect(failure == nil, "\(failure!)")
            host.expect(try host.settledState().difference(from: before), is: "", "the difference")
        }
    }

    @Test(
        "P-57 a list that is none is refused and removes nothing",
        arguments: [
            "c1", [["containerID": 1]], [["ifname": "eth0"]], ["c1"], [:],
        ] as [JSON])
    func badList(_ list: JSON) throws {
        try PrivateHost.run { host in
            _ = try host.attach(.bridged(), "c1")
            var configuration = Call.whole(TestNetwork.bridged().plugins[0])
            configuration["cni.dev/valid-attachments"] = list
            try host.expectUnchanged {
                let answer = try host.call(Call(.bridge, "GC", configuration))
                host.expect([6, 7].contains(answer.code ?? 0), "\(answer)")
                host.expect(answer.sentence.contains("cni.dev/valid-attachments"), "the key is not named: \(answer)")
            }
        }
    }

    @Test("P-57 GC on a host where nothing was is a success and makes nothing", arguments: PluginType.allCases)
    func nothing(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            let before = try host.settledState()
            var configuration = plugin.configuration
            configuration["cni.dev/valid-attachments"] = []
            try host.expectSuccess(Call(plugin, "GC", configuration))
            let after = try host.settledState().without(["file /run/berth/", "file /var/lib/cni/networks/"])
            host.expect(after.difference(from: before), is: "", "the difference")
        }
    }

    @Test(
        "P-56 STATUS succeeds on a fresh host and on a serving one, and changes nothing", arguments: PluginType.allCases
    )
    func status(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            try host.prepare(for: plugin)
            try host.expectUnchanged("the fresh host") { try host.expectSuccess(Call(plugin, "STATUS")) }
            _ = try host.attach(.everything, "c1", ports: Ports.tcp8080)
            try host.expectUnchanged("the serving host") { try host.expectSuccess(Call(plugin, "STATUS")) }
        }
    }

    @Test(
        "P-56 I-6 STATUS of a network without a free address is code 50, of bridge and of host-local",
        arguments: [PluginType.bridge, .hostLocal])
    func exhausted(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            let network = TestNetwork.bridged(v4: "10.22.0.0/30", v6: nil)
            let call = Call(plugin, "STATUS", network.plugins[0])
            try host.expectSuccess(call)
            let only = try host.attach(network, "c1")
            try host.expectError(50, naming: ["10.22.0"], call)
            try host.makeNamespace("c2")
            let refused = try host.call(
                Attached(network: network, id: "c2", namespace: "c2").call(0, "ADD", previous: nil))
            host.expect(refused.code != nil && refused.sentence.contains("no IP addresses available"), "\(refused)")
            try host.detach(only)
            try host.expectSuccess(call)
        }
    }

    @Test(
        "P-56 STATUS is code 51 once something that attachments live by was taken away",
        arguments: [
            ("bridge", "the rules"), ("portmap", "the rules"), ("firewall", "the rules"),
            ("bridge", "nft flush ruleset"), ("bridge", "sysctl -qw net.ipv4.ip_forward=0"),
            ("bridge", "sysctl -qw net.ipv6.conf.all.forwarding=0"), ("bridge", "ip link set cni0 down"),
            ("bridge", "ip link delete cni0"),
        ])
    func harmed(_ plugin: String, _ command: String) throws {
        try PrivateHost.run { host in
            let network = TestNetwork.everything
            _ = try host.attach(network, "c1", ports: Ports.tcp8080)
            if command == "nft flush ruleset", TestBackend.current == .iptablesLegacy { return }
            if command == "the rules" { try host.takeAwayRules() } else { try host.must(command) }
            let index = network.plugins.firstIndex { $0["type"]?.string == plugin }!
            try host.expectUnchanged {
                try host.expectError(
                    51, Call(PluginType(rawValue: plugin)!, "STATUS", network.plugins[index]), "after \(command)")
            }
        }
    }

    @Test("P-56 STATUS while the only container goes finds nothing flushed")
    func statusBesideDel() throws {
        try PrivateHost.run { host in
            let network = TestNetwork.everything
            let place = network.plugins.firstIndex { $0["type"]?.string == "firewall" }!
            for round in 0..<40 {
                let attached = try host.attach(network, "c1")
                // Side by side, each time a little later.
                let deletion = attached.call(place, "DEL", previous: attached.result)
                let leaving = try host.start(
                    ["sh", "-c", "sleep 0.0\(round / 10)\(round % 10); exec \"$0\"", PluginType.firewall.path],
                    environment: deletion.variables, input: deletion.input)
                for _ in 0..<6 {
                    let answer = try host.status(network)
                    host.expect(answer == nil, "round \(round): \(answer!)")
                }
                let left = Answer(leaving.wait())
                host.expect(left.succeeded, "\(left)")
                try host.detach(attached)
            }
        }
    }

    @Test("P-59 GC leaves an ADD alone that has not ended")
    func pending() throws {
        try PrivateHost.run { host in
            // A delegate that takes its time holds the ADD open while GC runs.
            let network = try ChainedTests.foreign(
                host, "[ $CNI_COMMAND = ADD ] && sleep 1 && echo '{\"ips\": [{\"address\": \"10.7.0.9/24\"}]}'; exit 0")
            try host.makeNamespace("c1")
            let call = ChainedTests.call(host, network)
            let adding = try host.start([PluginType.bridge.path], environment: call.variables, input: call.input)
            for _ in 0..<1000 where !Files.exists("\(host.scratch)/calls") { usleepMilliseconds(10) }
            var configuration = Call.whole(network.plugins[0])
            configuration["cni.dev/valid-attachments"] = []
            var collecting = ChainedTests.call(host, network, "GC")
            collecting.input = Array(JSON.object(configuration).text.utf8)
            let collected = try host.call(collecting)
            host.expect(collected.succeeded || collected.code == 11, "\(collected)")
            let answer = Answer(adding.wait())
            guard answer.succeeded, let result = answer.json else { throw PluginFailed(answer: answer) }
            try host.expectSuccess(ChainedTests.call(host, network, "CHECK", previous: result), "after the GC")
        }
    }
}
