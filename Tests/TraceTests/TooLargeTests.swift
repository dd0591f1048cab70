import TestSupport
import Testing

@testable import Trace

/// Packets of IPv6 that a router throws away because the next link is narrower.
@Suite struct TooLargeTests {
    private func journey(_ kind: String, blocked: Bool) throws -> Journey {
        try TraceWorld.run { host in
            for place in ["inet link set ho0", "host link set eth0"] { try host.must("ip -n \(place) mtu 1300") }
            if blocked {
                let rules = [
                    "add table ip6 deaf", "add chain ip6 deaf out { type filter hook output priority 0; }",
                    "add rule ip6 deaf out icmpv6 type packet-too-big drop",
                ]
                for rule in rules { try host.must("ip netns exec inet nft \(rule)") }
            }
            var probe = try Probe(source: "client", to: "[2001:db8:2::2]\(kind)")
            probe.milliseconds = 600
            probe.payload = String(repeating: "x", count: 1392)
            return try Tracer.send(probe, nodes: TraceWorld.nodes)
        }
    }

    @Test("the router's word is told, of an echo and of a datagram", arguments: ["/icmp", ":8080/udp"])
    func told(kind: String) throws {
        let journey = try journey(kind, blocked: false)
        #expect(journey.exitCode == 12 && journey.forward?.end.node == "inet", "\(PathView(journey).text)")
        #expect(journey.forward?.end.reason?.hasPrefix("packet 1448 > 1300 on inet ho0: ") == true)
        #expect(journey.reply?.end.kind == .delivered && journey.reply?.end.node == "client")
    }

    @Test("also where a rule drops that word", arguments: ["/icmp", ":8080/udp"])
    func blocked(kind: String) throws {
        let journey = try journey(kind, blocked: true)
        #expect(
            journey.forward?.end.reason?.hasPrefix("packet 1448 > 1300 on inet ho0: ") == true,
            "\(PathView(journey).text)")
        #expect(journey.reply?.end.kind == .dropped && journey.reply?.end.node == "inet")
    }
}
