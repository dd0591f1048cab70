import JSON
import NetCore
import TestSupport
import Testing

@Suite("bridge: every key (cni.md 2.1)")
struct BridgeKeysTests {
    @Test("mtu is that of bridge and both ends, and stands in the result")
    func mtu() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(.bridged(keys: ["mtu": 1400]), "c1")
            host.expect(try host.link("cni0")["mtu"], is: 1400, "the bridge's MTU")
            host.expect(try host.link(attached.hostEnd!)["mtu"], is: 1400, "the host end's MTU")
            host.expect(try host.link("eth0", in: "c1")["mtu"], is: 1400, "the container end's MTU")
            host.expect(attached.link("eth0")?["mtu"], is: 1400, "the MTU in the result")
        }
    }

    @Test("CHECK holds an automatic mtu against the one that ADD chose, whatever the uplink's is meanwhile")
    func uplinkChanges() throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let first = try host.attach(.bridged(), "c1")
            try host.must("ip link set wan0 mtu 1300")
            // The kernel lowers a bridge's MTU to its smallest port's.
            let second = try host.attach(.bridged(), "c2")
            try host.must("ip link set wan0 mtu 9000")
            for attached in [first, second] {
                let failure = try host.check(attached)
                host.expect(failure == nil, "\(failure!)")
            }
            // Below all of its ports it is somebody's doing, and drops packets of the host.
            try host.must("ip link set cni0 mtu 1280")
            try host.expectDrift(first, 0, naming: "cni0")
        }
    }

    @Test(
        "CHECK does not ask of somebody else's bridge that its MTU be ours",
        arguments: [nil, JSON.integer(1500)] as [JSON?])
    func strangersBridge(_ mtu: JSON?) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            try host.must("ip link add cni0 type bridge")
            try host.must("ip link set cni0 mtu 1400")
            let attached = try host.attach(.bridged(keys: mtu.map { ["mtu": $0] } ?? [:]), "c1")
            host.expect(try host.link("cni0")["mtu"], is: 1400, "the bridge's MTU")
            let failure = try host.check(attached)
            host.expect(failure == nil, "\(failure!)")
        }
    }

    @Test("without mtu it is that of the link with the default route", arguments: AddressFamily.allCases)
    func automaticMTU(_ family: AddressFamily) throws {
        try PrivateHost.run { host in
            try host.makeNamespace("outside")
            try host.cable(
                "wan0", ["192.0.2.1/24", "2001:db8::1/64"], to: "outside", "eth0", ["192.0.2.9/24", "2001:db8::9/64"])
            try host.must("ip link set wan0 mtu 1300")
            try host.must("ip -\(family.rawValue) route add default via \(Uplink.outside(family))")
            let attached = try host.attach(.bridged(v6: nil), "c1")
            host.expect(try host.link("eth0", in: "c1")["mtu"], is: 1300, "the container end's MTU")
            host.expect(attached.link("eth0")?["mtu"], is: 1300, "the MTU in the result")
        }
    }

    @Test("hairpinMode and promiscMode reach the kernel, and exclude each other")
    func hairpin() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(.bridged(keys: ["hairpinMode": true]), "c1")
            let port = try host.link(attached.hostEnd!)["linkinfo"]?["info_slave_data"]
            host.expect(port?["hairpin"], is: true, "hairpin of the port")
            _ = try host.attach(
                .bridged(name: "net2", bridge: "cni1", v4: "10.23.0.0/24", v6: nil, keys: ["promiscMode": true]), "c2")
            host.expect(
                try host.link("cni1")["flags"]?.array?.contains("PROMISC") == true, "the bridge is not promiscuous")
            var both = TestNetwork.bridged().plugins[0]
            both["hairpinMode"] = true
            both["promiscMode"] = true
            try host.makeNamespace("c3")
            let answer = try host.call(
                Call(.bridge, "ADD", both).with {
                    $0.netns = "/run/netns/c3"
                    $0.containerID = "c3"
                })
            host.expect([2, 7].contains(answer.code ?? 0), "\(answer)")
            host.expect(answer.sentence.contains("promiscMode") && answer.sentence.contains("hairpinMode"), "\(answer)")
        }
    }

    @Test("the MAC address comes from runtimeConfig before args.cni before CNI_ARGS")
    func mac() throws {
        try PrivateHost.run { host in
            var network = TestNetwork.bridged()
            network.plugins[0]["capabilities"] = ["mac": true]
            let third = try host.attach(network, "c3", arguments: "MAC=c2:00:00:00:00:03")
            host.expect(third.link("eth0")?["mac"], is: "c2:00:00:00:00:03", "by CNI_ARGS")
            network.plugins[0]["args"] = ["cni": ["mac": "c2:00:00:00:00:02"]]
            let second = try host.attach(network, "c2", arguments: "MAC=c2:00:00:00:00:03")
            host.expect(second.link("eth0")?["mac"], is: "c2:00:00:00:00:02", "by args.cni")
            let first = try host.attach(
                network, "c1", runtimeConfig: ["mac": "c2:00:00:00:00:01"], arguments: "MAC=c2:00:00:00:00:03")
            host.expect(first.link("eth0")?["mac"], is: "c2:00:00:00:00:01", "by runtimeConfig")
            host.expect(try host.link("eth0", in: "c1")["address"], is: "c2:00:00:00:00:01", "in the kernel")
        }
    }

    @Test(
        "a MAC address that is none of one interface is refused with code 7 and named",
        arguments: ["01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "c2:00:00:00:00", "x"])
    func badMAC(_ mac: String) throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            var configuration = TestNetwork.bridged().plugins[0]
            configuration["runtimeConfig"] = ["mac": .string(mac)]
            try host.expectUnchanged {
                try host.expectError(7, naming: ["mac", mac], Call(.bridge, "ADD", configuration))
            }
        }
    }

    @Test("a name that is another kind of link's is code 104 and named, and the link is left alone")
    func noBridge() throws {
        try PrivateHost.run { host in
            try host.must("ip link add cni0 type veth peer name other0")
            try host.makeNamespace("c1")
            let attached = Attached(network: .bridged(), id: "c1", namespace: "c1")
            try host.expectUnchanged {
                try host.expectError(104, naming: ["cni0", "veth"], attached.call(0, "ADD", previous: nil))
            }
        }
    }

    @Test("C-3 the record says whose ADD switched forwarding on")
    func switchedOn() throws {
        try PrivateHost.run { host in
            try host.must("sysctl -qw net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=1")
            let attached = try ["c1", "c2"].map { try host.attach(.bridged(), $0) }
            let notes = try attached.map { one in
                let attachment = Attachment(network: "net1", containerID: one.id, interface: LinkName("eth0")!)
                // A line for whose the record is, the result, and each plugin.
                let lines = try Files.read("/run/berth/attachments/\(attachment.tag).json").split(separator: 0x0a)
                let bridge = try lines.map { try JSON(parsing: Array($0)) }.first { $0["plugin"] == "bridge" }
                return bridge?["notes"]?["switchedOn"]
            }
            host.expect(notes, is: [["net/ipv4/ip_forward"], nil], "the two notes")
        }
    }

    @Test("dns replaces what IPAM gave")
    func dns() throws {
        let result = try PrivateHost.run { host in
            let dns: JSON = [
                "nameservers": ["10.1.1.1"], "domain": "example.org", "search": ["a.example"], "options": ["ndots:5"],
            ]
            return try host.attach(.bridged(keys: ["dns": dns]), "c1").result
        }
        #expect(result["dns"]?["nameservers"] == ["10.1.1.1"])
        #expect(result["dns"]?["domain"] == "example.org")
        #expect(result["dns"]?["search"] == ["a.example"])
        #expect(result["dns"]?["options"] == ["ndots:5"])
    }

    @Test("what the runtime says of dns stands in the result, in the place of the same key alone")
    func runtimeDNS() throws {
        let (whole, part, wrong) = try PrivateHost.run { host in
            let dns: JSON = ["nameservers": ["10.1.1.1"], "domain": "example.org", "search": ["a.example"]]
            let told: JSON = ["servers": ["10.2.2.2", "fd00::2"], "searches": ["b.example"], "options": ["ndots:2"]]
            let network = TestNetwork.bridged(keys: ["dns": dns])
            let whole = try host.attach(network, "c1", runtimeConfig: ["dns": told]).result
            let part = try host.attach(network, "c2", runtimeConfig: ["dns": ["searches": ["b.example"]]]).result
            try host.makeNamespace("c3")
            let attached = Attached(
                network: network, id: "c3", namespace: "c3", runtimeConfig: ["dns": ["servers": "10.2.2.2"]])
            return (whole, part, try host.call(attached.call(0, "ADD", previous: nil)))
        }
        #expect(whole["dns"]?["nameservers"] == ["10.2.2.2", "fd00::2"])
        #expect(whole["dns"]?["domain"] == "example.org")
        #expect(whole["dns"]?["search"] == ["b.example"])
        #expect(whole["dns"]?["options"] == ["ndots:2"])
        #expect(part["dns"]?["nameservers"] == ["10.1.1.1"])
        #expect(part["dns"]?["search"] == ["b.example"])
        #expect(part["dns"]?["options"] == nil)
        #expect(wrong.isError(7) && wrong.sentence.contains("runtimeConfig.dns.servers"), "\(wrong)")
    }

    @Test("another gateway address on the bridge is refused with its owner named, and replaced with forceAddress")
    func forceAddress() throws {
        try PrivateHost.run { host in
            _ = try host.attach(.bridged(v6: nil), "c1")
            try host.makeNamespace("c2")
            let other = TestNetwork.bridged(name: "net2", v4: "10.44.0.0/24", v6: nil)
            var failed: Answer?
            do { _ = try host.attach(other, "c2") } catch let error as PluginFailed { failed = error.answer }
            host.expect(
                failed?.sentence.contains("already has an IP address different from 10.44.0.1/24") == true,
                "\(failed as Any)")
            host.expect(failed?.sentence.contains("net1") == true, "the owner is not named: \(failed as Any)")
            host.expect(try host.addresses("cni0"), is: ["10.22.0.1/24"], "addresses after the refusal")
            let forced = TestNetwork.bridged(name: "net2", v4: "10.44.0.0/24", v6: nil, keys: ["forceAddress": true])
            _ = try host.attach(forced, "c2")
            host.expect(try host.addresses("cni0"), is: ["10.44.0.1/24"], "addresses with forceAddress")
        }
    }

    @Test("several IPv6 subnets that do not overlap share a bridge")
    func severalIPv6() throws {
        try PrivateHost.run { host in
            _ = try host.attach(.bridged(v4: nil, v6: "fd22::/64"), "c1")
            _ = try host.attach(.bridged(name: "net2", v4: nil, v6: "fd33::/64"), "c2")
            host.expect(try host.addresses("cni0"), is: ["fd22::1/64", "fd33::1/64"], "addresses of the bridge")
        }
    }

    @Test("ipMasq hides the container outside its subnet, and nowhere else", arguments: AddressFamily.allCases)
    func masquerade(_ family: AddressFamily) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let hidden = try host.attach(.bridged(), "c1")
            let neighbour = try host.attach(.bridged(), "c2")
            let outside = Endpoint(Uplink.outside(family), 7000)
            host.expect(
                try host.converse(.udp, from: "c1", to: outside, at: "outside", listening: outside)?.address,
                is: Uplink.host(family), "the container as the outside sees it")
            let near = Endpoint(neighbour.address(family)!, 7000)
            host.expect(
                try host.converse(.udp, from: "c1", to: near, at: "c2", listening: near)?.address,
                is: hidden.address(family), "the container as its neighbour sees it")
        }
    }

    @Test("without ipMasq the container keeps its address", arguments: AddressFamily.allCases)
    func noMasquerade(_ family: AddressFamily) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let plain = try host.attach(.bridged(keys: ["ipMasq": false]), "c1")
            try host.inside("outside") {
                try host.must("ip route add 10.22.0.0/24 via 192.0.2.1")
                try host.must("ip route add fd22::/64 via 2001:db8::1")
            }
            let outside = Endpoint(Uplink.outside(family), 7000)
            host.expect(
                try host.converse(.tcp, from: "c1", to: outside, at: "outside", listening: outside)?.address,
                is: plain.address(family), "the container as the outside sees it")
        }
    }

    @Test("N-1 rules do not grow with containers: one element each", .onNftables)
    func constantRules() throws {
        try PrivateHost.run { host in
            let network = TestNetwork.everything
            func rules() throws -> Int {
                try host.must("nft -j list ruleset").components(of: "{\"rule\"")
            }
            _ = try host.attach(network, "c1", ports: Ports.one(.tcp, 8001, 80))
            let few = try rules()
            for index in 2...6 { _ = try host.attach(network, "c\(index)", ports: Ports.one(.tcp, 8000 + index, 80)) }
            host.expect(few > 0, "no rules at all")
            host.expect(try rules(), is: few, "rules with six containers")
        }
    }
}

extension String {
    /// How often `part` stands in the text.
    func components(of part: String) -> Int {
        var count = 0
        var rest = self[...]
        while let found = rest.firstRange(of: part) {
            count += 1
            rest = rest[found.upperBound...]
        }
        return count
    }
}

/// The host's way out: wan0 with 192.0.2.1 and 2001:db8::1, and behind it the namespace `outside` with .9.
enum Uplink {
    static func host(_ family: AddressFamily) -> IPAddress { IPAddress(family == .v4 ? "192.0.2.1" : "2001:db8::1")! }
    static func outside(_ family: AddressFamily) -> IPAddress {
        IPAddress(family == .v4 ? "192.0.2.9" : "2001:db8::9")!
    }
}

extension PrivateHost {
    func makeUplink() throws {
        try makeNamespace("outside")
        try cable(
            "wan0", ["192.0.2.1/24", "2001:db8::1/64"], to: "outside", "eth0", ["192.0.2.9/24", "2001:db8::9/64"])
        try must("ip route add default via 192.0.2.9")
        try must("ip -6 route add default via 2001:db8::9")
    }
}
