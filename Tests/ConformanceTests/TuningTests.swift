import JSON
import NetCore
import TestSupport
import Testing

@Suite("tuning (cni.md 2.7)")
struct TuningTests {
    /// A bridge, then tuning with these keys.
    static func network(_ keys: JSONObject) -> TestNetwork {
        var tuning: JSONObject = ["type": "tuning"]
        for (key, value) in keys { tuning[key] = value }
        return .bridged(tuning)
    }

    @Test("sysctls below net are set in the container, with IFNAME replaced, by dots and by slashes")
    func sysctls() throws {
        try PrivateHost.run { host in
            let network = TuningTests.network([
                "sysctl": [
                    "net.ipv4.conf.IFNAME.arp_filter": "1", "net/ipv4/ip_default_ttl": "77",
                    "net.core.somaxconn": "4321",
                ]
            ])
            let before = try host.sysctl("net/ipv4/ip_default_ttl")
            let attached = try host.attach(network, "c1")
            try host.inside("c1") {
                host.expect(try host.sysctl("net/ipv4/conf/eth0/arp_filter"), is: "1", "arp_filter of eth0")
                host.expect(try host.sysctl("net/ipv4/ip_default_ttl"), is: "77", "ip_default_ttl")
                host.expect(try host.sysctl("net/core/somaxconn"), is: "4321", "somaxconn")
            }
            host.expect(try host.sysctl("net/ipv4/ip_default_ttl"), is: before, "the host's ip_default_ttl")
            host.expect(try host.check(attached) == nil, "CHECK fails after ADD")
        }
    }

    @Test(
        "a sysctl outside net, with .. or twice is refused with code 7 and named",
        arguments: [
            ["kernel.hostname": "x"], ["net/../kernel/hostname": "x"],
            ["net.ipv4.ip_forward/../../../kernel/hostname": "x"],
            ["/proc/sys/net/ipv4/ip_forward": "1"],
            ["net.ipv4.conf.IFNAME.arp_filter": "1", "net/ipv4/conf/eth0/arp_filter": "0"],
            ["net.ipv4.no_such_value": "1"],
        ] as [[String: String]])
    func badSysctls(_ sysctls: [String: String]) throws {
        try PrivateHost.run { host in
            let attached = try host.attach(.bridged(), "c1")
            var configuration: JSONObject = ["type": "tuning", "prevResult": attached.result]
            configuration["sysctl"] = .object(
                JSONObject(sysctls.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
            try host.expectUnchanged {
                let answer = try host.call(Call(.tuning, "ADD", configuration))
                host.expect([2, 5, 7].contains(answer.code ?? 0), "\(answer)")
                host.expect(
                    sysctls.keys.contains { key in
                        [key, key.replacing(".", with: "/")].contains { answer.sentence.contains($0) }
                    }, "the sysctl is not named: \(answer)")
            }
        }
    }

    @Test("the allow list of /etc/cni/tuning/allowlist.conf is kept to")
    func allowList() throws {
        try PrivateHost.run { host in
            try host.overlay("/etc")
            try Files.makeDirectories("/etc/cni/tuning")
            try Files.replace(
                "/etc/cni/tuning/allowlist.conf",
                with: Array("^net\\.ipv4\\.conf\\..*\\.arp_filter$\n^net\\.core\\.\n".utf8))
            let attached = try host.attach(
                TuningTests.network(["sysctl": ["net.ipv4.conf.IFNAME.arp_filter": "1"]]), "c1")
            try host.detach(attached)
            let refused = TuningTests.network(["sysctl": ["net.ipv4.ip_default_ttl": "77"]])
            var failed: Answer?
            do { _ = try host.attach(refused, "c2") } catch let error as PluginFailed { failed = error.answer }
            host.expect(failed?.sentence.contains("ip_default_ttl") == true, "\(failed as Any)")
        }
    }

    @Test("mac, mtu, promisc, allmulti and txQLen are set, reported and put back by DEL")
    func settings() throws {
        try PrivateHost.run { host in
            let plain = try host.attach(.bridged(), "c1")
            let before = try host.link("eth0", in: "c1")
            var tuning = Attached(
                network: TestNetwork([
                    [
                        "type": "tuning", "mac": "c2:11:22:33:44:55", "mtu": 1400, "promisc": true, "allmulti": true,
                        "txQLen": 77,
                    ]
                ]), id: "c1", namespace: "c1")
            let answer = try host.call(tuning.call(0, "ADD", previous: plain.result))
            guard answer.succeeded else { throw PluginFailed(answer: answer) }
            tuning.result = answer.json ?? [:]
            let during = try host.link("eth0", in: "c1")
            host.expect(during["address"], is: "c2:11:22:33:44:55", "the MAC address")
            host.expect(during["mtu"], is: 1400, "the MTU")
            host.expect(during["txqlen"], is: 77, "the queue's length")
            let flags = during["flags"]?.array ?? []
            host.expect(flags.contains("PROMISC") && flags.contains("ALLMULTI"), "flags are \(flags)")
            host.expect(try host.link(plain.hostEnd!)["mtu"], is: 1400, "the host end's MTU")
            host.expect(tuning.link("eth0")?["mac"], is: "c2:11:22:33:44:55", "the MAC address in the result")
            host.expect(tuning.link("eth0")?["mtu"], is: 1400, "the MTU in the result")
            let failure = try host.check(tuning)
            host.expect(failure == nil, "CHECK after ADD: \(failure!)")
            try host.detach(tuning)
            let after = try host.link("eth0", in: "c1")
            for key in ["address", "mtu", "txqlen"] { host.expect(after[key], is: before[key], "\(key) after DEL") }
            host.expect(
                after["flags"]?.array?.contains("PROMISC") == false, "flags after DEL are \(after["flags"] as Any)")
            host.expect(try host.link(plain.hostEnd!)["mtu"], is: before["mtu"], "the host end's MTU after DEL")
        }
    }

    @Test("sysctls of the container get their values back by DEL")
    func sysctlsRestored() throws {
        try PrivateHost.run { host in
            let plain = try host.attach(.bridged(), "c1")
            let before = try host.inside("c1") { try host.sysctl("net/ipv4/ip_default_ttl") }
            let tuning = Attached(
                network: TestNetwork([["type": "tuning", "sysctl": ["net.ipv4.ip_default_ttl": "77"]]]), id: "c1",
                namespace: "c1")
            try host.expectSuccess(tuning.call(0, "ADD", previous: plain.result))
            try host.expectSuccess(tuning.call(0, "DEL", previous: plain.result))
            host.expect(
                try host.inside("c1") { try host.sysctl("net/ipv4/ip_default_ttl") }, is: before, "ip_default_ttl")
        }
    }

    @Test("a sysctl that one before it changed along is set all the same, in the order of the configuration")
    func sysctlsOfAll() throws {
        try PrivateHost.run { host in
            let network = TuningTests.network([
                "sysctl": ["net.ipv4.conf.all.forwarding": "1", "net.ipv4.conf.eth0.forwarding": "0"]
            ])
            let attached = try host.attach(network, "c1")
            try host.inside("c1") {
                host.expect(try host.sysctl("net/ipv4/conf/all/forwarding"), is: "1", "forwarding of all")
                host.expect(try host.sysctl("net/ipv4/conf/eth0/forwarding"), is: "0", "forwarding of eth0")
            }
            host.expect(try host.check(attached) == nil, "CHECK fails after ADD")
        }
    }

    @Test("args.cni comes before runtimeConfig before CNI_ARGS")
    func priority() throws {
        try PrivateHost.run { host in
            let third = try host.attach(TuningTests.network([:]), "c3", arguments: "MAC=c2:00:00:00:00:03")
            host.expect(third.link("eth0")?["mac"], is: "c2:00:00:00:00:03", "by CNI_ARGS")
            // Only tuning knows the capability here: bridge would set the address already.
            var told = third
            told.runtimeConfig = ["mac": "c2:00:00:00:00:02"]
            let second = try host.call(told.call(1, "ADD", previous: third.result).with { $0.containerID = "c3b" })
            host.expect(second.json?["interfaces"]?.array?.last?["mac"], is: "c2:00:00:00:00:02", "by runtimeConfig")
            told = Attached(
                network: TuningTests.network([
                    "args": ["cni": ["mac": "c2:00:00:00:00:01", "sysctl": ["net.ipv4.ip_default_ttl": "78"]]]
                ]), id: "c3c", namespace: "c3")
            told.runtimeConfig = ["mac": "c2:00:00:00:00:02"]
            let first = try host.call(told.call(1, "ADD", previous: third.result))
            host.expect(first.json?["interfaces"]?.array?.last?["mac"], is: "c2:00:00:00:00:01", "by args.cni")
            host.expect(
                try host.inside("c3") { try host.sysctl("net/ipv4/ip_default_ttl") }, is: "78",
                "sysctl by args.cni alone")
        }
    }
}
