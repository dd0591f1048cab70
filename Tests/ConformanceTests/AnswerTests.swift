import CNI
import Glibc
import JSON
import NetCore
import TestSupport
import Testing

@Suite("What a plugin answers (P-13 to P-20, P-35, P-60)")
struct AnswerTests {
    @Test(
        "P-60 VERSION answers with the version asked with and the supported ones, with or without input",
        arguments: PluginType.allCases)
    func version(_ plugin: PluginType) throws {
        let every = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]
        // Older results do not tell which links there are (cni.md 2.0).
        let all = JSON.array(every.dropFirst(plugin == .bandwidth ? 2 : 0).map { .string($0) })
        try PrivateHost.run { host in
            for (input, expected) in [
                ("", "1.1.0"), (#"{"cniVersion": "0.4.0"}"#, "0.4.0"), (#"{"cniVersion": "1.0.0"}"#, "1.0.0"),
            ] {
                let call = Call(plugin, "VERSION", input: input).with {
                    ($0.containerID, $0.netns, $0.interface, $0.path) = (nil, nil, nil, nil)
                }
                let answer = try host.call(call)
                host.expect(answer.outcome.exitCode, is: 0, "exit code of \(answer)")
                host.expect(answer.json?["cniVersion"]?.string, is: expected, "version asked with \(input)")
                host.expect(answer.json?["supportedVersions"], is: all, "supported versions")
                host.expect(answer.json?.object?.keys, is: ["cniVersion", "supportedVersions"], "keys")
            }
        }
    }

    @Test(
        "P-13 P-14 P-15 P-16 an error is one object with version, code, message and details on standard output, exit code 1"
    )
    func errorObject() throws {
        let answer = try PrivateHost.run { host in
            var configuration = PluginType.bridge.configuration
            configuration["cniVersion"] = "0.4.0"
            configuration["mtu"] = "many"
            return try host.call(Call(.bridge, "ADD", configuration))
        }
        #expect(answer.outcome.exitCode == 1)
        #expect(answer.json?["cniVersion"] == "0.4.0")
        #expect(answer.json?["code"]?.integer != nil)
        #expect(answer.json?["msg"]?.string?.isEmpty == false)
        let known: Set = ["cniVersion", "code", "msg", "details"]
        #expect(known.isSuperset(of: answer.json?.object?.keys ?? ["none"]))
    }

    @Test("P-13 DEL, CHECK, GC and STATUS print nothing when they succeed")
    func silence() throws {
        try PrivateHost.run { host in
            let network = TestNetwork.everything
            let attached = try host.attach(network, "c1", ports: Ports.tcp8080)
            for failure in [
                try host.check(attached), try host.status(network), try host.collect(network, valid: [attached]),
            ] {
                host.expect(failure == nil, "\(failure!)")
            }
            try host.detach(attached)
        }
    }

    @Test("P-20 when the result cannot be written the attachment is undone")
    func fullOutput() throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            _ = try host.baseline(.bridged())
            let before = try host.settledState()
            let call = Call(.bridge)
            let outcome = try host.run(
                ["sh", "-c", "exec \"$0\" > /dev/full", PluginType.bridge.path], environment: call.variables,
                input: call.input)
            host.expect(outcome.exitCode == 1, "\(outcome)")
            host.expect(try host.settledState().difference(from: before), is: "", "the difference")
        }
    }

    @Test("P-21 SIGTERM during ADD ends in the result or in nothing at all")
    func terminated() throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            _ = try host.baseline(.bridged())
            let before = try host.settledState()
            for delay in stride(from: UInt32(100), through: 3000, by: 250) {
                let call = Call(.bridge)
                let child = try host.start([PluginType.bridge.path], environment: call.variables, input: call.input)
                usleep(delay)
                Glibc.kill(child.processID, SIGTERM)
                let answer = Answer(child.wait())
                if answer.succeeded {
                    try host.expectSuccess(Call(.bridge, "DEL"))
                } else {
                    // Ended before its first line ran: then the signal's default action is what it died of.
                    host.expect(
                        answer.code != nil || answer.outcome.exitCode == 128 + SIGTERM && answer.outcome.output.isEmpty,
                        "after \(delay) µs: \(answer)")
                }
                host.expect(
                    try host.settledState().difference(from: before), is: "", "the difference after \(delay) µs")
            }
        }
    }

    @Test(
        "P-35 the result has the configuration's version and its shape, for all seven", arguments: SpecVersion.allCases)
    func resultVersions(_ version: SpecVersion) throws {
        let result = try PrivateHost.run { host in
            try host.attach(.bridged(version: version.rawValue), "c1").result
        }
        #expect(result["cniVersion"]?.string == version.rawValue)
        switch version {
        case .v0_1_0, .v0_2_0:
            #expect(result["ip4"]?["ip"]?.string == "10.22.0.2/24")
            #expect(result["ip4"]?["gateway"]?.string == "10.22.0.1")
            #expect(result["ip4"]?["routes"]?.array?.first?["dst"]?.string == "0.0.0.0/0")
            #expect(result["ip6"]?["ip"]?.string == "fd22::2/64")
            #expect(result["interfaces"] == nil && result["ips"] == nil)
        default:
            let ips = result["ips"]?.array ?? []
            #expect(ips.map { $0["address"]?.string } == ["10.22.0.2/24", "fd22::2/64"])
            #expect(ips.map { $0["interface"]?.integer } == [2, 2])
            #expect(ips.map { $0["version"]?.string } == (version < .v1_0_0 ? ["4", "6"] : [nil, nil]))
            #expect(result["interfaces"]?.array?.count == 3)
            #expect(
                (result["interfaces"]?.array?.allSatisfy { $0["mtu"]?.integer == 1500 } ?? false)
                    == (version == .v1_1_0))
            #expect(result["routes"]?.array?.count == 2)
        }
    }

    @Test("every protocol version lives a whole life through the whole chain", arguments: SpecVersion.allCases)
    func wholeLife(_ version: SpecVersion) throws {
        try PrivateHost.run { host in
            var network = TestNetwork.everything
            network.version = version.rawValue
            let before = try host.baseline(network, ports: Ports.tcp8080)
            let attached = try host.attach(network, "c1", ports: Ports.tcp8080)
            if version >= .v0_4_0 {
                let failure = try host.check(attached)
                host.expect(failure == nil, "CHECK: \(failure!)")
            }
            // prevResult on DEL exists since 0.4.0.
            try host.detach(attached, losing: version >= .v0_4_0 ? [] : [.previousResult])
            try host.removeNamespace("c1")
            host.expect(try host.settledState().difference(from: before), is: "", "the difference after DEL")
        }
    }
}

/// Published ports that tests share.
enum Ports {
    static let tcp8080: JSON = [["hostPort": 8080, "containerPort": 80, "protocol": "tcp"]]

    static func one(_ transport: Transport, _ hostPort: Int, _ containerPort: Int, hostIP: String? = nil) -> JSON {
        var mapping: JSONObject = [
            "hostPort": .integer(Int64(hostPort)), "containerPort": .integer(Int64(containerPort)),
            "protocol": .string(transport.rawValue),
        ]
        if let hostIP { mapping["hostIP"] = .string(hostIP) }
        return .array([.object(mapping)])
    }
}
