import JSON
import NetCore
import TestSupport
import Testing

@Suite("static as bridge's address management (cni.md 2.4)")
struct StaticTests {
    static let network = TestNetwork.bridged(keys: [
        "capabilities": ["ips": true],
        "ipam": [
            "type": "static",
            "addresses": [
                ["address": "10.22.0.9/24", "gateway": "10.22.0.1"], ["address": "fd22::9/64", "gateway": "fd22::1"],
            ],
            "routes": [["dst": "0.0.0.0/0"], ["dst": "::/0"]],
        ],
    ])

    @Test(
        "P-61 the container has the addresses that are named, and reaches the outside",
        arguments: AddressFamily.allCases)
    func addresses(_ family: AddressFamily) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let before = try host.baseline(StaticTests.network)
            let attached = try host.attach(StaticTests.network, "c1")
            host.expect(attached.address(family), is: IPAddress(family == .v4 ? "10.22.0.9" : "fd22::9"), "the result")
            let held = try host.inside("c1") { try host.addresses("eth0") }
            host.expect(Set(held).isSuperset(of: ["10.22.0.9/24", "fd22::9/64"]), "eth0 has \(held)")
            let outside = Endpoint(Uplink.outside(family), 7000)
            host.expect(
                try host.converse(.tcp, from: "c1", to: outside, at: "outside", listening: outside) != nil,
                "the outside is not reached")
            let failure = try host.check(attached)
            host.expect(failure == nil, "\(failure!)")
            // Another by the runtime, beside it.
            let told = try host.attach(StaticTests.network, "c2", runtimeConfig: ["ips": ["10.22.0.77/24"]])
            host.expect(told.address(.v4), is: IPAddress("10.22.0.77"), "the address by the runtime")
            host.expect(told.address(.v6), is: nil, "an address that was not asked for")
            // The bridge is its gateway, though nobody named one.
            if family == .v4 {
                host.expect(
                    try host.converse(.tcp, from: "c2", to: outside, at: "outside", listening: outside) != nil,
                    "the outside is not reached by c2")
            }
            let drift = try host.check(told)
            host.expect(drift == nil, "\(drift!)")
            let status = try host.status(StaticTests.network)
            host.expect(status == nil, "\(status!)")
            let collected = try host.collect(StaticTests.network, valid: [attached])
            host.expect(collected == nil, "\(collected!)")
            try host.detach(attached, losing: [.namespace, .previousResult, .runtimeConfig])
            host.expect(try host.settledState().difference(from: before), is: "", "the difference")
        }
    }

    @Test("P-54 P-55 CHECK of bridge passes on that another address is configured than was given")
    func edited() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(StaticTests.network, "c1")
            var network = StaticTests.network
            network.plugins[0]["ipam"] = ["type": "static", "addresses": [["address": "10.22.0.10/24"]]]
            let edited = Attached(network: network, id: "c1", namespace: "c1", result: attached.result)
            try host.expectDrift(edited, 0, naming: "10.22.0.10/24")
        }
    }

    @Test("P-61 the binary alone answers what bridge is given, in the version that is asked for")
    func alone() throws {
        try PrivateHost.run { host in
            for version in ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] {
                var configuration = PluginType.fixed.configuration
                configuration["cniVersion"] = .string(version)
                let answer = try host.call(Call(.fixed, "ADD", configuration))
                host.expect(answer.succeeded, "\(answer)")
                host.expect(answer.json?["cniVersion"], is: .string(version), "cniVersion")
                let address = answer.json?["ip4"]?["ip"] ?? answer.json?["ips"]?.array?.first?["address"]
                host.expect(address, is: "10.22.0.2/24", "the address in \(version)")
            }
        }
    }
}
