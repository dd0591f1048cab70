import CNI
import JSON
import TestSupport
import Testing

@Suite("loopback (cni.md 2.9)")
struct LoopbackTests {
    @Test("ADD brings lo up and answers with its two addresses", arguments: SpecVersion.allCases)
    func add(_ version: SpecVersion) throws {
        try PrivateHost.run { host in
            let network = TestNetwork([["type": "loopback"]], version: version.rawValue)
            let attached = try host.attach(network, "c1", interface: "lo")
            let link = try host.link("lo", in: "c1")
            host.expect(link["flags"]?.array?.contains("UP") == true, "lo is not up: \(link)")
            if version < .v0_3_0 {
                host.expect(attached.result["ip4"]?["ip"], is: "127.0.0.1/8", "ip4 of the result")
                host.expect(attached.result["ip6"]?["ip"], is: "::1/128", "ip6 of the result")
                return
            }
            let lo = attached.result["interfaces"]?.array?.first
            host.expect(lo?["name"], is: "lo", "the result's interface")
            host.expect(lo?["mac"], is: "00:00:00:00:00:00", "its MAC address")
            host.expect(lo?["sandbox"], is: "/run/netns/c1", "its sandbox")
            host.expect(
                attached.result["ips"]?.array?.compactMap { $0["address"]?.string }, is: ["127.0.0.1/8", "::1/128"],
                "addresses")
            host.expect(attached.result["ips"]?.array?.map { $0["interface"] }, is: [0, 0], "ips[].interface")
        }
    }

    @Test("any CNI_IFNAME means lo")
    func otherName() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(TestNetwork([["type": "loopback"]]), "c1", interface: "eth0")
            host.expect(attached.result["interfaces"]?.array?.first?["name"], is: "lo", "the interface")
            host.expect(try host.link("lo", in: "c1")["flags"]?.array?.contains("UP") == true, "lo is not up")
        }
    }

    @Test("P-31 with a prevResult that is passed through")
    func passThrough() throws {
        let result = try PrivateHost.run { host in
            try host.makeNamespace("c1")
            var configuration: JSONObject = ["type": "loopback"]
            configuration["prevResult"] = PreviousResult.plain
            return try host.call(Call(.loopback, "ADD", configuration)).json
        }
        #expect(result?["ips"]?.array?.first?["address"] == "10.22.0.2/24")
        #expect(result?["interfaces"]?.array?.first?["name"] == "eth0")
    }

    @Test("P-50 DEL sets lo down; a second one, and one without the namespace, succeed")
    func delete() throws {
        try PrivateHost.run { host in
            let network = TestNetwork([["type": "loopback"]])
            let attached = try host.attach(network, "c1", interface: "lo")
            try host.detach(attached)
            host.expect(try host.link("lo", in: "c1")["flags"]?.array?.contains("UP") == false, "lo is up")
            try host.detach(attached)
            try host.detach(attached, losing: [.previousResult])
            try host.removeNamespace("c1")
            try host.detach(attached)
            try host.detach(attached, losing: [.namespace])
        }
    }

    @Test("P-54 CHECK finds lo down")
    func check() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(TestNetwork([["type": "loopback"]]), "c1", interface: "lo")
            host.expect(try host.check(attached) == nil, "CHECK fails after ADD")
            try host.inside("c1") { try host.must("ip link set lo down") }
            try host.expectDrift(attached, 0, naming: "lo")
        }
    }
}
