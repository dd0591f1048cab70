import NetCore
import TestSupport
import Testing

@testable import Trace

/// Packets that no socket of a program would send.
@Suite(.serialized) struct RawTests {
    private static func journey(
        _ to: String, from: String = "client", backend: TraceBackend = .auto, _ change: (inout RawPacket) -> Void
    ) throws -> Journey {
        var raw = RawPacket()
        change(&raw)
        var options = TraceOptions()
        options.raw = raw
        let wish = options
        return try TraceWorld.run { _ in
            var probe = try Probe(source: from, to: to)
            probe.milliseconds = 600
            return try Tracer.trace(probe, nodes: TraceWorld.nodes, wish).journey
        }
    }

    @Test(
        arguments: [
            ("198.51.100.2:8080", 0), ("198.51.100.2:7/udp", 12), ("198.51.100.2/icmp", 0), ("[2001:db8:2::2]/icmp", 0),
            ("[2001:db8:2::2]:9", 12),
        ] as [(String, Int32)]) func isAsGoodAsAnother(_ to: String, _ code: Int32) throws
    {
        let journey = try Self.journey(to) { _ in }
        #expect(journey.exitCode == code, "\(PathView(journey).text)")
        // It goes past the rules of its own node.
        #expect(journey.forward?.steps.first?.at == "dev:eth0")
    }

    @Test(arguments: [
        ("127.0.0.1", "inet refuses a packet \"from 127.0.0.1\" that comes by cl0: masquerade it", "IP_LOCALNET"),
        (
            "224.0.0.5", "inet takes no packet from 224.0.0.5, which is nobody's address (a martian)",
            "IP_INVALID_SOURCE"
        ),
        (
            "203.0.113.1",
            "inet got a packet from its own address 203.0.113.1 by cl0, and takes none such: masquerade it",
            "IP_LOCAL_SOURCE"
        ),
    ]) func martians(_ source: String, _ reason: String, _ kernel: String) throws {
        let journey = try Self.journey("198.51.100.2:8080") { $0.source = IPAddress(source) }
        #expect(journey.exitCode == 10 && journey.forward?.end.reason == reason, "\(PathView(journey).text)")
        if journey.evidence.contains("kernel drop reasons") {
            #expect(journey.forward?.end.kernel?.hasPrefix(kernel) == true)
        }
    }

    @Test func malformed() throws {
        let journey = try Self.journey("198.51.100.2:8080") { $0.hasBadChecksum = true }
        #expect(journey.exitCode == 10)
        #expect(
            journey.forward?.end.reason == "inet refuses a packet whose IP header's checksum is wrong",
            "\(PathView(journey).text)")
        let short = try Self.journey("198.51.100.2:8080") { $0.ttl = 1 }
        #expect(short.exitCode == 12 && short.forward?.end.node == "inet")
        #expect(short.forward?.end.reason == "inet answered: the time to live ran out (ICMP 11/0)")
    }

    @Test func whatCannotBe() {
        for (change, words) in [
            ({ $0.device = "eth9" }, "there is no eth9: lo, eth0"),
            ({ $0.source = IPAddress("::1") }, "of the other family"),
        ] as [((inout RawPacket) -> Void, String)] {
            let error = #expect(throws: TraceError.self) { _ = try Self.journey("198.51.100.2:8080", change) }
            #expect(error?.description.contains(words) == true, "\(error!)")
        }
        let error = #expect(throws: TraceError.self) { _ = try Self.journey("203.0.113.99:80") { _ in } }
        #expect(
            error?.description.contains("the next hop 203.0.113.99 does not tell its MAC address") == true, "\(error!)")
    }

    /// The kernel's own sums are the judge: what it delivers was right.
    @Test func sumsOfKnownPackets() {
        #expect(
            CraftedPacket.checksum([
                0x45, 0, 0, 0x3c, 0x32, 2, 0x40, 0, 0x3e, 6, 0, 0, 0xcb, 0, 0x71, 0x0a, 0x0a, 0x58, 0, 2,
            ]) == 0xc455 &- 0)
    }
}
