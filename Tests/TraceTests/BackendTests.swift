import NetCore
import TestSupport
import Testing

@testable import Trace

/// The same way through host with each packet filter that makes NAT, and with two of them in one namespace.
@Suite(.serialized) struct BackendTests {
    private static let publish = "-t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 10.88.0.2:80"
    private static let masquerade =
        "-t nat -A POSTROUTING -s 10.88.0.0/24 ! -o br0 -m comment --comment web -j MASQUERADE"

    private static func journey(
        _ rules: String, _ program: String, _ commands: [String], from: String = "client",
        to: String = "198.51.100.2:8080"
    ) throws -> Journey {
        try TraceWorld.run(rules: rules) { host in
            try host.inside("host") {
                for line in commands { try host.must("\(program) \(line)") }
                try Sysctl.write("net/netfilter/nf_log/2", "NONE")
            }
            let journey = try TraceWorld.trace(host, from: from, to: to)
            let logger = try host.inside("host") { try Sysctl.read("net/netfilter/nf_log/2") }
            host.expect(logger, is: "NONE", "the logger is as before")
            return journey
        }
    }

    @Test func nftablesWithAnEmptyLegacyNAT() throws {
        let journey = try Self.journey(TraceWorld.rules, "iptables-legacy", ["-t nat -nL"])
        #expect(journey.exitCode == 0)
        #expect(journey.rewrites == ["198.51.100.2:8080 > 10.88.0.2:80 by ip lab pre #4"])
    }

    @Test func legacyNATWithNftablesNAT() throws {
        let rules = TraceWorld.rules.replacing("8080", with: "9090")
        let journey = try Self.journey(rules, "iptables-legacy", [Self.publish])
        #expect(journey.exitCode == 0)
        #expect(journey.rewrites == ["198.51.100.2:8080 > 10.88.0.2:80 by iptables nat PREROUTING #1"])
        let back = try Self.journey(rules, "iptables-legacy", [Self.publish], from: "web", to: "203.0.113.10/icmp")
        #expect(back.rewrites == ["10.88.0.2 > 198.51.100.2 by ip lab post #8"])
    }

    @Test(arguments: ["iptables-legacy", "iptables-nft"]) func alone(_ program: String) throws {
        let commands = [
            Self.publish, Self.masquerade, "-P FORWARD DROP",
            "-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT", "-N PUB",
            "-A FORWARD -m comment --comment published -j PUB",
            "-A PUB -o br0 -p tcp -m tcp --dport 80 -m comment --comment \"to-web\" -j ACCEPT",
        ]
        let journey = try Self.journey("", program, commands)
        #expect(journey.exitCode == 0, "\(PathView(journey).text)")
        let isLegacy = program == "iptables-legacy"
        let table = isLegacy ? "iptables" : "ip"
        #expect(journey.rewrites.count == 1)
        #expect(journey.rewrites.first?.contains("by \(table) nat PREROUTING #") == true, "\(journey.rewrites)")
        let rules = journey.forward?.steps.filter { $0.node == "host" && $0.kind == .rule } ?? []
        #expect(
            rules.map { "\($0.table ?? "") \($0.chain ?? "") \($0.verdict ?? "")" } == [
                "\(table) nat PREROUTING accept", "\(table) filter FORWARD jump PUB", "\(table) filter PUB accept",
            ])
        #expect(rules.last?.text?.contains("to-web") == true, "\(rules)")
        #expect(rules.first?.text?.contains("10.88.0.2:80") == true, "\(rules)")

        let dropped = try Self.journey("", program, commands.dropLast())
        #expect(dropped.exitCode == 10 && dropped.forward?.end.at == "hook:forward")
        #expect(
            dropped.forward?.end.reason
                == "no rule of \(table) filter FORWARD accepted it, and the chain's policy is drop")

        let out = try Self.journey("", program, [Self.masquerade], from: "web", to: "203.0.113.10/icmp")
        #expect(out.exitCode == 0 && out.rewrites.count == 1, "\(PathView(out).text)")
        #expect(out.rewrites.first?.contains("by \(table) nat POSTROUTING #") == true, "\(out.rewrites)")
    }

    @Test(arguments: ["nft", "ip6tables-legacy", "ip6tables-nft"]) func version6(_ program: String) throws {
        let rules =
            program != "nft"
            ? ""
            : """
            table ip6 lab {
              chain pre { type nat hook prerouting priority -100
                tcp dport 8080 dnat to [fd88::2]:80
              }
              chain forward { type filter hook forward priority 0; policy accept; }
            }

            """
        let commands =
            program == "nft"
            ? [] : ["-t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination [fd88::2]:80"]
        let journey = try Self.journey(rules, program, commands, to: "[2001:db8:2::2]:8080")
        #expect(journey.exitCode == 0, "\(PathView(journey).text)")
        #expect(journey.rewrites.count == 1)
        #expect(journey.rewrites.first?.hasPrefix("[2001:db8:2::2]:8080 > [fd88::2]:80 by ip") == true)
    }

    /// Another flow of host has the port already: the probe's becomes another one, and is followed all the same.
    @Test(arguments: ["198.51.100.1:80", "198.51.100.1:80/udp"]) func sourcePortCollides(_ target: String) throws {
        // All connections leave by one of three ports, the first two of which are taken.
        let rules = TraceWorld.rules.replacing(
            "masquerade", with: "meta l4proto { tcp, udp } masquerade to :4000-4002")
        let journey = try TraceWorld.run(rules: rules) { host in
            let listener = try host.inside("inet") { try TraceWorld.listen(80) }
            defer { TraceWorld.close(listener) }
            return try TraceWorld.trace(host, from: "web", to: target)
        }
        let visited = journey.forward?.steps.filter { $0.node == "inet" } ?? []
        #expect(journey.rewrites.first?.contains("> 198.51.100.2:400") == true, "\(PathView(journey).text)")
        #expect(visited.contains { $0.at == "route" }, "inet's chains saw the first packet")
        #expect(journey.forward?.end.node == "inet")
        #expect(journey.forward?.end.kind == (target.hasSuffix("udp") ? .refused : .delivered))
    }
}
