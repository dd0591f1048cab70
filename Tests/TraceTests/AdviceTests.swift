import NetCore
import TestSupport
import Testing

@testable import Trace

@Suite struct RuleReadingTests {
    private static var packet: PacketFacts {
        PacketFacts(
            headers: NftTraceEvent(NetlinkReply.list(Recorded.dnatRule[...]).first!)!.headers!, input: "eth0",
            output: "br0", state: "new",
            status: 0x120
        ) { "\($0)" == "10.88.0.2" ? "unicast" : nil }
    }

    /// The recorded packet: 203.0.113.10:57986 to 198.51.100.2:8080, TCP.
    @Test(
        arguments: [
            ("ct state established,related accept", "wants ct state established,related (this is new)"),
            ("iifname \"br0\" accept", "wants iifname \"br0\" (this is eth0)"),
            ("iifname \"eth*\" oifname != \"br0\" accept", "wants oifname != \"br0\" (this is br0)"),
            ("ip saddr 10.88.0.0/24 counter accept", "wants ip saddr 10.88.0.0/24 (this is 203.0.113.10)"),
            (
                "ip saddr { 203.0.113.0/24, 10.0.0.0/8 } tcp dport { 80, 443 } accept",
                "wants tcp dport { 80, 443 } (this is 8080)"
            ),
            ("tcp dport 8000-8100 ct status dnat ip daddr @ok accept", "wants ip daddr @ok (this is 198.51.100.2)"),
            ("udp dport 8080 accept", "wants udp dport 8080 (this is tcp)"),
            ("limit rate 5/second tcp dport 8080 accept", "has limit rate 5/second, which is not judged here"),
            ("meta l4proto icmp accept comment \"to web\"", "wants meta l4proto icmp (this is tcp)"),
            ("tcp dport 8080 accept", nil),
        ] as [(String, String?)]) func nft(_ text: String, _ failure: String?)
    {
        let reading = RuleReading(nft: text, Self.packet, sets: ["ok": ["10.88.0.2"]])
        #expect(reading.firstFailure == failure && reading.action == "accept" && reading.letsThrough)
    }

    @Test(
        arguments: [
            (
                "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
                "wants --ctstate RELATED,ESTABLISHED (this is new)"
            ),
            ("-s 203.0.113.0/24 ! -o br0 -m comment --comment \"to web\" -j ACCEPT", "wants ! -o br0 (this is br0)"),
            ("-i eth+ -p tcp -m tcp --dport 80 -j PUB", "wants --dport 80 (this is 8080)"),
            ("-p udp -j ACCEPT", "wants -p udp (this is tcp)"),
            ("-p tcp -m multiport --dports 80,8080 -m conntrack --ctstate DNAT -j ACCEPT", nil),
            ("-m owner --uid-owner 0 -j ACCEPT", "has -m owner and --uid-owner 0, which is not judged here"),
        ] as [(String, String?)]) func iptables(_ text: String, _ failure: String?)
    {
        let reading = RuleReading(iptables: text, Self.packet)
        #expect(reading.firstFailure == failure && reading.letsThrough)
    }
}

/// What people are told of a drop: the rules that nearly let it through, and a command that mends it, which is run.
@Suite(.serialized) struct AdviceTests {
    /// The advised command is executed and the probe sent again.
    private static func mended(
        _ rules: String, _ change: @escaping @Sendable (PrivateHost) throws -> Void
    ) throws -> (Journey, Int32) {
        try TraceWorld.run(rules: rules) { host in
            try change(host)
            let journey = try TraceWorld.trace(host, to: "198.51.100.2:8080")
            for fix in journey.advice?.fixes.prefix(1) ?? [] {
                let parts = fix.split(separator: ":", maxSplits: 1).map(String.init)
                try host.inside(parts[0]) { try host.must("sh", input: parts[1] + "\n") }
            }
            return (journey, try TraceWorld.trace(host, to: "198.51.100.2:8080").exitCode)
        }
    }

    @Test func policyOfNftables() throws {
        let (journey, code) = try Self.mended(TraceWorld.without(TraceWorld.accept)) { _ in }
        let advice = try #require(journey.advice)
        #expect(advice.why == "chain ip lab forward has policy drop, and no rule of it accepted this packet")
        #expect(
            advice.nearest.map { String($0.drop { $0 != " " }.dropFirst()) } == [
                "wants ct state established,related (this is new)", "wants iifname \"br0\" (this is eth0)",
            ])
        #expect(advice.fixes == ["host: nft add rule ip lab forward oifname \"br0\" ct status dnat accept"])
        #expect(advice.lesson == "07" && code == 0)
    }

    @Test(arguments: ["iptables-legacy", "iptables-nft"]) func policyOfIptables(_ program: String) throws {
        let (journey, code) = try Self.mended("") { host in
            try host.inside("host") {
                for line in [
                    "-t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 10.88.0.2:80",
                    "-A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT", "-P FORWARD DROP",
                ] { try host.must("\(program) \(line)") }
            }
        }
        let advice = try #require(journey.advice)
        #expect(
            advice.nearest == [
                "#\(advice.nearest.first?.split(separator: " ").first?.dropFirst() ?? "") wants --ctstate RELATED,ESTABLISHED (this is new)"
            ])
        #expect(advice.fixes.first?.contains("-A FORWARD -o br0 -m conntrack --ctstate DNAT -j ACCEPT") == true)
        #expect(code == 0, "\(advice)")
    }

    @Test func aRuleInTheWay() throws {
        let rules = TraceWorld.rules.replacing(
            "    ct state", with: "    tcp dport 80 drop\n    ct state")
        let (journey, code) = try Self.mended(rules) { _ in }
        #expect(journey.advice?.why.hasSuffix("drops it: tcp dport 80 drop") == true)
        #expect(code == 0, "\(journey.advice!)")
    }

    @Test func forwardingAndTheWayBack() throws {
        let (journey, code) = try Self.mended(TraceWorld.rules) { host in
            try host.inside("host") { try Sysctl.write("net/ipv4/ip_forward", "0") }
        }
        #expect(journey.advice?.fixes == ["host: sysctl -w net.ipv4.ip_forward=1"] && code == 0)
        let (back, after) = try Self.mended(TraceWorld.rules) { host in
            try host.must("ip -n web route del default")
        }
        #expect(back.advice?.fixes == ["web: ip route add default via 10.88.0.1"] && after == 0)
        #expect(PathView(back).text.contains("\nLearn: berth lab start 05\n"))
    }
}
