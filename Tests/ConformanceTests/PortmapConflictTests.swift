import Glibc
import JSON
import NetCore
import TestSupport
import Testing

@Suite("portmap: conflicts and connection tracking (N-3, N-4)")
struct PortmapConflictTests {
    static let network = TestNetwork.bridged(TestNetwork.portmap)

    /// The answer to an ADD of `ports` by a second container, after a first one that holds `held`.
    static func second(_ host: PrivateHost, held: JSON, ports: JSON) throws -> (Attached, Answer) {
        let first = try host.attach(network, "c1", ports: held)
        let plain = try host.attach(TestNetwork.bridged(), "c2")
        var second = Attached(
            network: TestNetwork([TestNetwork.portmap]), id: "c2", namespace: "c2", result: plain.result)
        second.runtimeConfig["portMappings"] = ports
        return (first, try host.call(second.call(0, "ADD", previous: plain.result)))
    }

    @Test(
        "N-3 P-17 a port that another container has is refused with code 100, its owner named, and the first keeps it",
        arguments: [
            (nil, nil), ("192.0.2.1", nil), (nil, "192.0.2.1"), ("0.0.0.0", "192.0.2.1"), ("192.0.2.1", "192.0.2.1"),
            ("0.0.0.0", nil), ("::", nil), ("2001:db8::1", "::"),
        ] as [(String?, String?)])
    func taken(_ held: String?, _ asked: String?) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let (first, answer) = try PortmapConflictTests.second(
                host, held: Ports.one(.tcp, 8080, 80, hostIP: held), ports: Ports.one(.tcp, 8080, 81, hostIP: asked))
            host.expect(answer.isError(100), "\(answer)")
            for word in ["8080", "c1", "net1"] {
                host.expect(answer.sentence.contains(word), "\(word) is not named: \(answer)")
            }
            let family: AddressFamily = held?.contains(":") == true ? .v6 : .v4
            host.expect(
                try host.converse(
                    .tcp, from: "outside", to: Endpoint(Uplink.host(family), 8080), at: "c1",
                    listening: Endpoint(first.address(family)!, 80)) != nil, "the first container lost its port")
            try host.detach(first)
            let again = Attached(
                network: TestNetwork([TestNetwork.portmap]), id: "c2", namespace: "c2",
                runtimeConfig: ["portMappings": Ports.one(.tcp, 8080, 81, hostIP: asked)], result: PreviousResult.plain)
            try host.expectSuccess(
                again.call(0, "ADD", previous: PreviousResult.plain).with { $0.netns = "/run/netns/c2" },
                "once the port is free")
        }
    }

    @Test(
        "N-3 what does not overlap is no conflict",
        arguments: [
            (Ports.one(.tcp, 8080, 80), Ports.one(.udp, 8080, 80)),
            (Ports.one(.tcp, 8080, 80), Ports.one(.sctp, 8080, 80)),
            (Ports.one(.tcp, 8080, 80), Ports.one(.tcp, 8081, 80)),
            (Ports.one(.tcp, 8080, 80, hostIP: "192.0.2.1"), Ports.one(.tcp, 8080, 80, hostIP: "192.0.2.2")),
            (Ports.one(.tcp, 8080, 80, hostIP: "0.0.0.0"), Ports.one(.tcp, 8080, 80, hostIP: "::")),
            (Ports.one(.tcp, 8080, 80, hostIP: "192.0.2.1"), Ports.one(.tcp, 8080, 80, hostIP: "127.0.0.1")),
        ])
    func free(_ held: JSON, _ asked: JSON) throws {
        try PrivateHost.run { host in
            let (_, answer) = try PortmapConflictTests.second(host, held: held, ports: asked)
            host.expect(answer.succeeded, "\(answer)")
        }
    }

    @Test(
        "N-3 ranges and single ports conflict where they overlap",
        arguments: [
            (8000, 100, 8050, 1, true), (8050, 1, 8000, 100, true), (8000, 100, 8099, 10, true),
            (8000, 100, 8100, 10, false),
            (8000, 100, 7990, 10, false),
        ])
    func ranges(_ heldFrom: Int, _ heldCount: Int, _ from: Int, _ count: Int, _ conflict: Bool) throws {
        func ports(_ from: Int, _ count: Int) -> JSON {
            var mapping: JSONObject = [
                "hostPort": .integer(Int64(from)), "containerPort": .integer(Int64(from)), "protocol": "tcp",
            ]
            if count > 1 { mapping["range"] = .integer(Int64(count)) }
            return [.object(mapping)]
        }
        let (held, asked) = (ports(heldFrom, heldCount), ports(from, count))
        try PrivateHost.run { host in
            let (_, answer) = try PortmapConflictTests.second(host, held: held, ports: asked)
            host.expect(answer.code == 100, is: conflict, "a conflict: \(answer)")
            host.expect(answer.succeeded, is: !conflict, "success: \(answer)")
        }
    }

    @Test(
        "N-3 a socket of the host is a warning, and with hostSockets refuse code 100 with pid and name",
        arguments: [Transport.tcp, .udp])
    func hostSocket(_ transport: Transport) throws {
        try PrivateHost.run { host in
            let server = try host.start([
                "socat", transport == .tcp ? "TCP4-LISTEN:8080,reuseaddr" : "UDP4-RECVFROM:8080", "SYSTEM:cat",
            ])
            try host.waitForSocket(transport, 8080)
            let plain = try host.attach(.bridged(), "c1")
            var told = Attached(network: TestNetwork([TestNetwork.portmap]), id: "c1", namespace: "c1")
            told.runtimeConfig["portMappings"] = Ports.one(transport, 8080, 80)
            var refusing = told
            var configuration = TestNetwork.portmap
            configuration["hostSockets"] = "refuse"
            refusing = Attached(
                network: TestNetwork([configuration]), id: "c1", namespace: "c1", runtimeConfig: told.runtimeConfig)
            try host.expectUnchanged {
                try host.expectError(
                    100, naming: ["8080", "\(server.processID)", "socat"],
                    refusing.call(0, "ADD", previous: plain.result), "refuse")
            }
            let warned = try host.call(told.call(0, "ADD", previous: plain.result))
            host.expect(warned.succeeded, "by default: \(warned)")
            host.expect(warned.outcome.errorOutput.contains("8080"), "no warning: \(warned)")
        }
    }

    @Test(
        "N-4 a datagram flow that began before ADD reaches the container after it, and the next one after DEL",
        arguments: AddressFamily.allCases)
    func staleFlow(_ family: AddressFamily) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            // Connection tracking runs once there is a chain that wants it.
            _ = try host.attach(PortmapConflictTests.network, "c0", ports: Ports.one(.udp, 9000, 90))
            let client = Endpoint(Uplink.outside(family), 4444)
            let target = Endpoint(Uplink.host(family), 8080)
            try host.datagram(from: "outside", source: client, to: target)
            host.expect(
                try host.tracked("sport=4444", "dport=8080") > 0,
                "the flow is not tracked: the test would prove nothing")
            // A flow that nobody may touch.
            try host.datagram(
                from: "outside", source: Endpoint(Uplink.outside(family), 4445), to: Endpoint(Uplink.host(family), 7777)
            )
            let first = try host.attach(PortmapConflictTests.network, "c1", ports: Ports.one(.udp, 8080, 80))
            host.expect(
                try host.converse(
                    .udp, from: "outside", source: client, to: target, at: "c1",
                    listening: Endpoint(first.address(family)!, 80)) != nil,
                "the old flow does not reach the new container")
            try host.detach(first)
            host.expect(try host.tracked("sport=4444", "dport=8080"), is: 0, "flows of the port after DEL")
            let second = try host.attach(PortmapConflictTests.network, "c2", ports: Ports.one(.udp, 8080, 80))
            host.expect(
                try host.converse(
                    .udp, from: "outside", source: client, to: target, at: "c2",
                    listening: Endpoint(second.address(family)!, 80)) != nil,
                "the old flow does not reach the next container")
            host.expect(try host.tracked("sport=4445", "dport=7777") > 0, "a stranger's flow was deleted")
        }
    }
}

extension PortmapConflictTests {
    @Test(
        "N-4 a datagram flow through the host to somebody else's port of that number is nobody's business",
        arguments: AddressFamily.allCases)
    func strangersFlow(_ family: AddressFamily) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            // It publishes a port, so that flows are tracked, and asks an outside server at port 53.
            let asking = try host.attach(PortmapConflictTests.network, "c0", ports: Ports.one(.udp, 9000, 90))
            let source = Endpoint(asking.address(family)!, 4444)
            try host.datagram(from: "c0", source: source, to: Endpoint(Uplink.outside(family), 53))
            try host.datagram(
                from: "outside", source: Endpoint(Uplink.outside(family), 4445), to: Endpoint(Uplink.host(family), 53))
            host.expect(
                try host.tracked("sport=4444", "dport=53") > 0,
                "the flow is not tracked: the test would prove nothing")
            let server = try host.attach(PortmapConflictTests.network, "c1", ports: Ports.one(.udp, 53, 53))
            host.expect(try host.tracked("sport=4444", "dport=53") > 0, "ADD cut the stranger's flow")
            host.expect(try host.tracked("sport=4445", "dport=53"), is: 0, "stale flows to the host's own port")
            try host.detach(server)
            host.expect(try host.tracked("sport=4444", "dport=53") > 0, "DEL cut the stranger's flow")
        }
    }
}

extension PortmapConflictTests {
    @Test(
        "a port that no address of the container can serve is a warning, and the others are published",
        arguments: [("v4", "::"), ("v6", "0.0.0.0"), ("none", nil)] as [(String, String?)])
    func unservable(_ addresses: String, _ hostIP: String?) throws {
        try PrivateHost.run { host in
            let network = TestNetwork.bridged(
                v4: addresses == "v4" ? "10.22.0.0/24" : nil, v6: addresses == "v6" ? "fd22::/64" : nil,
                keys: addresses == "none" ? ["ipam": [:]] : [:])
            let plain = try host.attach(network, "c1")
            var told = Attached(network: TestNetwork([TestNetwork.portmap]), id: "c1", namespace: "c1")
            told.runtimeConfig["portMappings"] = .array(
                Ports.one(.tcp, 8080, 80, hostIP: hostIP).array! + Ports.one(.udp, 8081, 80).array!)
            let answer = try host.call(told.call(0, "ADD", previous: plain.result))
            host.expect(answer.succeeded, "\(answer)")
            let lines = answer.outcome.errorOutput.split(separator: "\n").filter { $0.contains("published nowhere") }
            host.expect(lines.count, is: addresses == "none" ? 2 : 1, "warnings: \(lines)")
            host.expect(lines.first?.contains("8080/tcp") == true, "the port is not named: \(lines)")
        }
    }
}

extension PrivateHost {
    /// Connections of this host whose line holds all of these words.
    func tracked(_ words: String...) throws -> Int {
        // `conntrack -L` lists by netlink; the file in /proc is not on every kernel.
        let lines = try run(["conntrack", "-L"]).text + run(["conntrack", "-L", "-f", "ipv6"]).text
        return lines.split(separator: "\n").filter { line in words.allSatisfy { line.contains("\($0) ") } }.count
    }

    /// Waits, ten seconds at most, until a socket of this port is there.
    func waitForSocket(_ transport: Transport, _ port: Int) throws {
        for _ in 0..<1000 {
            let listed = try must(transport == .tcp ? "ss -Hltn" : "ss -Hlun")
            if listed.contains(":\(port) ") { return }
            usleep(10_000)
        }
        throw HostRefused("no \(transport.rawValue) socket of port \(port) came up")
    }
}

func usleepMilliseconds(_ count: UInt32) { usleep(count * 1000) }
