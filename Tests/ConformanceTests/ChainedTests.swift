import JSON
import NetCore
import TestSupport
import Testing

@Suite("Chained plugins and delegates (P-31, P-32, P-61, P-62)")
struct ChainedTests {
    @Test(
        "P-32 a chained plugin without prevResult is refused with code 7",
        arguments: PluginType.allCases.filter(\.isChained))
    func alone(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            try host.expectUnchanged {
                try host.expectError(7, naming: ["must be called as chained plugin"], Call(plugin))
            }
        }
    }

    @Test(
        "P-31 what a chained plugin does not understand in prevResult is handed on",
        arguments: PluginType.allCases.filter(\.isChained))
    func passThrough(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            let attached = try host.attach(.bridged(), "c1")
            var previous = attached.result.object!
            previous["x-later"] = ["deep": [1, 2.5, "x"]]
            var links = previous["interfaces"]!.array!
            var container = links[2].object!
            container["socketPath"] = "/run/vpp.sock"
            container["pciID"] = "0000:00:1f.6"
            container["x-own"] = true
            links[2] = .object(container)
            previous["interfaces"] = .array(links)
            previous["dns"] = ["nameservers": ["10.1.1.1"]]
            var configuration = plugin.configuration
            configuration["prevResult"] = .object(previous)
            let answer = try host.call(Call(plugin, "ADD", configuration))
            host.expect(answer.succeeded, "\(answer)")
            host.expect(answer.json?["x-later"], is: previous["x-later"], "an unknown key")
            host.expect(answer.json?["dns"]?["nameservers"], is: ["10.1.1.1"], "dns")
            host.expect(answer.json?["ips"], is: previous["ips"], "ips")
            host.expect(answer.json?["routes"], is: previous["routes"], "routes")
            let seen = answer.json?["interfaces"]?.array?.dropFirst(2).first
            for key in ["socketPath", "pciID", "x-own", "name", "mac", "sandbox", "mtu"] {
                host.expect(seen?[key], is: container[key], "interfaces[2].\(key)")
            }
        }
    }

    @Test(
        "P-54 CHECK without prevResult is refused with code 7",
        arguments: PluginType.allCases.filter { !$0.isIPAM })
    func checkWithoutPrevious(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            try host.expectUnchanged { try host.expectError(7, naming: ["prevResult"], Call(plugin, "CHECK")) }
        }
    }

    /// A delegate that is no plugin of ours, as a shell script.
    static func foreign(_ host: PrivateHost, _ script: String) throws -> TestNetwork {
        let folder = "\(host.scratch)/bin"
        try host.must("mkdir -p \(folder)")
        try host.must(
            "tee \(folder)/foreign-ipam",
            input:
                "#!/bin/sh\necho \"$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME $CNI_NETNS\" >> \(host.scratch)/calls\n\(script)\n"
        )
        try host.must("chmod 755 \(folder)/foreign-ipam")
        return TestNetwork([
            ["type": "bridge", "bridge": "cni0", "isGateway": true, "ipam": ["type": "foreign-ipam", "x": 1]]
        ])
    }

    static func call(_ host: PrivateHost, _ network: TestNetwork, _ command: String = "ADD", previous: JSON? = nil)
        -> Call
    {
        Attached(network: network, id: "c1", namespace: "c1").call(0, command, previous: previous).with {
            $0.path = "/nowhere:\(host.scratch)/bin:\(PluginType.directory)"
            $0.environment["PATH"] = "/usr/bin:/bin"
        }
    }

    @Test("P-61 a foreign delegate is found in CNI_PATH and told everything; P-62 its result needs no version")
    func foreignDelegate() throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            let network = try ChainedTests.foreign(
                host,
                "cat > \(host.scratch)/input-$CNI_COMMAND; [ $CNI_COMMAND = ADD ] && echo '{\"ips\": [{\"address\": \"10.7.0.9/24\", \"gateway\": \"10.7.0.1\"}]}'; exit 0"
            )
            let answer = try host.call(ChainedTests.call(host, network))
            guard answer.succeeded else { throw PluginFailed(answer: answer) }
            host.expect(answer.json?["ips"]?.array?.first?["address"], is: "10.7.0.9/24", "the delegate's address")
            host.expect(answer.json?["ips"]?.array?.first?["interface"], is: 2, "its interface, which we fill in")
            host.expect(answer.json?["cniVersion"], is: .string(network.version), "the version, which we fill in")
            let told = try JSON(parsing: Array(try host.must("cat \(host.scratch)/input-ADD").utf8))
            host.expect(told["ipam"]?["x"], is: 1, "the whole configuration reaches the delegate")
            host.expect(told["name"], is: "net1", "the network's name reaches the delegate")
            for command in ["CHECK", "DEL"] {
                try host.expectSuccess(ChainedTests.call(host, network, command, previous: answer.json))
            }
            try host.expectSuccess(ChainedTests.call(host, network, "STATUS"))
            let calls = try host.must("cat \(host.scratch)/calls").split(separator: "\n").map {
                $0.split(separator: " ")[0]
            }
            host.expect(calls, is: ["ADD", "CHECK", "DEL", "STATUS"], "the delegate's calls")
        }
    }

    @Test("P-56 P-57 STATUS passes the delegate's error on, and GC reaches it")
    func foreignStatus() throws {
        try PrivateHost.run { host in
            let network = try ChainedTests.foreign(
                host,
                "[ $CNI_COMMAND = STATUS ] && echo '{\"cniVersion\": \"1.1.0\", \"code\": 50, \"msg\": \"pool is dry\"}' && exit 1; exit 0"
            )
            try host.expectError(50, naming: ["pool is dry"], ChainedTests.call(host, network, "STATUS"))
            var configuration = Call.whole(network.plugins[0])
            configuration["cni.dev/valid-attachments"] = []
            try host.expectSuccess(
                ChainedTests.call(host, network, "GC").with { $0.input = Array(JSON.object(configuration).text.utf8) })
            host.expect(try host.must("cat \(host.scratch)/calls").contains("GC"), "GC did not reach the delegate")
        }
    }

    @Test("P-33 a delegate that fails on ADD is called with DEL, its error is the answer, and nothing is left")
    func failingDelegate() throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            let network = try ChainedTests.foreign(
                host,
                "[ $CNI_COMMAND = ADD ] && echo '{\"cniVersion\": \"1.1.0\", \"code\": 117, \"msg\": \"no luck\", \"details\": \"today\"}' && exit 1; exit 0"
            )
            _ = try host.baseline(.bridged())
            let before = try host.settledState()
            try host.expectError(117, naming: ["no luck"], ChainedTests.call(host, network))
            let calls = try host.must("cat \(host.scratch)/calls").split(separator: "\n").map {
                String($0.split(separator: " ")[0])
            }
            host.expect(calls, is: ["ADD", "DEL"], "the delegate's calls")
            host.expect(try host.settledState().difference(from: before), is: "", "the difference")
        }
    }

    @Test("P-34 when ADD fails after the delegate's success the delegate is called with DEL")
    func failureAfterDelegate() throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            _ = try host.baseline(.bridged())
            // An address of no family that the gateway could serve: the prefix is no prefix.
            let network = try ChainedTests.foreign(
                host, "[ $CNI_COMMAND = ADD ] && echo '{\"ips\": [{\"address\": \"10.7.0.9/99\"}]}'; exit 0")
            let before = try host.settledState()
            let answer = try host.call(ChainedTests.call(host, network))
            host.expect(!answer.succeeded, "\(answer)")
            let calls = try host.must("cat \(host.scratch)/calls").split(separator: "\n").map {
                String($0.split(separator: " ")[0])
            }
            host.expect(calls, is: ["ADD", "DEL"], "the delegate's calls")
            host.expect(try host.settledState().difference(from: before), is: "", "the difference")
        }
    }

    @Test(
        "P-61 CVE-2021-20206 a delegate's type with a slash is refused and never run",
        arguments: ["../bin/foreign-ipam", "/bin/sh", "a/b"])
    func slash(_ type: String) throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            var network = try ChainedTests.foreign(host, "exit 0")
            network.plugins[0]["ipam"] = ["type": .string(type)]
            try host.expectUnchanged {
                let answer = try host.call(ChainedTests.call(host, network))
                host.expect([4, 7].contains(answer.code ?? 0), "\(answer)")
                host.expect(answer.sentence.contains(type), "the type is not named: \(answer)")
            }
            host.expect(!Files.exists("\(host.scratch)/calls"), "the delegate was run")
        }
    }

    @Test("P-61 a delegate that is nowhere is named with every folder of CNI_PATH")
    func missingDelegate() throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            var network = try ChainedTests.foreign(host, "exit 0")
            network.plugins[0]["ipam"] = ["type": "no-such-ipam"]
            _ = try host.baseline(.bridged())
            let before = try host.settledState()
            let answer = try host.call(ChainedTests.call(host, network))
            host.expect(!answer.succeeded, "\(answer)")
            for word in ["no-such-ipam", "/nowhere", "\(host.scratch)/bin"] {
                host.expect(answer.sentence.contains(word), "\(word) is not named: \(answer)")
            }
            host.expect(try host.settledState().difference(from: before), is: "", "the difference")
        }
    }
}
