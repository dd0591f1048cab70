import JSON
import NetCore
import TestSupport
import Testing

@testable import Trace

/// What was saved is drawn again: journeys, and pcapng of ours and of others.
@Suite(.serialized) struct ReplayTests {
    private static func bytes(_ text: String) -> [UInt8] {
        let digits = text.filter(\.isHexDigit).map { $0 }
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0..<($0 + 2)]), radix: 16)! }
    }

    /// A section, an interface `eth0` of Ethernet with times in microseconds, a packet with a comment, as dumpcap of a machine
    /// of the other byte order writes them; a block that nobody knows; a simple packet.
    private static let foreign = bytes(
        """
        0a0d0d0a 0000001c 1a2b3c4d 0001 0000 ffffffffffffffff 0000001c
        00000001 00000020 0001 0000 00040000 0002 0004 65746830 0000 0000 00000020
        00000bad 0000000c 0000000c
        00000006 00000044 00000000 0005f0f0 00000001 0000000e 0000000e ffffffffffff 020000000501 9999 0000
        0001 0003 686521 00 0002 0004 00000002 0000 0000 00000044
        00000003 00000014 00000006 01020304 00000014
        """)

    @Test func ofTheOtherByteOrder() throws {
        let file = try PcapngReader(Self.foreign)
        #expect(file.interfaces.count == 1 && file.interfaces[0].name == "eth0" && file.packets.count == 2)
        let packet = file.packets[0]
        #expect(packet.direction == .outbound && packet.comments == ["he!"] && packet.length == 14)
        #expect(packet.time == 1_672_288_466_370_561_000)
        #expect(file.packets[1].length == 6 && file.packets[1].bytes == [1, 2, 3, 4] && file.packets[1].time == nil)
        #expect(
            CaptureTable(file).text
                == "TIME      NODE  DEVICE  WAY  PACKET\n0.000000  -     eth0    out  type 0x9999, 14 bytes\n"
                + String(repeating: " ", count: 31) + "he!\n-         -     eth0         a frame cut short, 6 bytes\n")
    }

    @Test(arguments: [
        (0..<4, "7f7f7f7f", "it does not begin with a pcapng section"),
        (
            0..<4, "d4c3b2a1",
            "it is of the older form pcap, which tells no devices: editcap -F pcapng OLD NEW makes it pcapng"
        ),
        (8..<12, "00000000", "the section at byte 0 has no byte-order mark"),
        (4..<8, "00000003", "the block at byte 0 says that it has 3 bytes"),
        (4..<8, "7fffff00", "it is cut short in the block at byte 0"),
        (24..<28, "00000018", "the block at byte 0 has two lengths that differ"),
        (12..<14, "0002", "it is of pcapng version 2, and 1 is what is known"),
        (80..<84, "00000001", "the packet at byte 72 is of interface 1, which was not told of before it"),
        (92..<96, "00000100", "the packet at byte 72 says that it has 256 bytes, more than its block"),
    ]) func whatIsWrongIsSaid(_ place: Range<Int>, _ value: String, _ sentence: String) {
        var bytes = Self.foreign
        bytes.replaceSubrange(place, with: Self.bytes(value))
        var told: String?
        do throws(PcapngReader.Fault) { _ = try PcapngReader(bytes) } catch { told = error.description }
        #expect(told == sentence)
    }

    @Test func brokenFilesAreNoCrash() {
        for place in Self.foreign.indices {
            for value: UInt8 in [0, 1, 0x7f, 0x80, 0xff] {
                var bytes = Self.foreign
                bytes[place] = value
                if let file = try? PcapngReader(bytes) { _ = CaptureTable(file).text }
                if let file = try? PcapngReader(Array(Self.foreign[..<place])) { _ = CaptureTable(file).text }
            }
        }
    }

    @Test func timesInOtherUnits() throws {
        for (unit, time) in [
            ("00", 4_294_967_297_000_000_000), ("03", 4_294_967_297_000_000), ("0c", 4_294_967),
            ("8a", 4_194_304_000_976_562),
        ] as [(String, Int64)] {
            let file = try PcapngReader(
                Self.bytes(
                    """
                    0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000
                    01000000 20000000 6500 0000 00000000 0900 0100 \(unit) 000000 0000 0000 20000000
                    06000000 20000000 00000000 01000000 01000000 00000000 00000000 20000000
                    """))
            #expect(file.packets.first?.time == time, "\(unit)")
        }
    }

    @Test func aTraceIsWrittenAndReadAgain() throws {
        let traced = try TraceWorld.run { _ in
            var options = TraceOptions()
            (options.keepsFrames, options.showsARP) = (true, true)
            return try Tracer.trace(
                try Probe(source: "client", to: "198.51.100.2:8080"), nodes: TraceWorld.nodes, options)
        }
        let file = try PcapngReader(traced.pcapng(application: "berth trace"))
        #expect(file.comment == "client to 198.51.100.2:8080/tcp")
        let places = file.interfaces.map { "\($0.description ?? "") \($0.name ?? "")" }
        #expect(
            Set(places) == [
                "node client eth0", "node inet cl0", "node inet ho0", "node host eth0", "node host br0",
                "node host vweb",
                "node web eth0",
            ] && places.count == 7, "\(places)")
        let text = CaptureTable(file).text
        #expect(text.contains("prerouting: ip lab pre #4 fib daddr type local tcp dport 8080"), "\(text)")
        #expect(
            text.contains("forward way ended in web: delivered")
                && text.contains("reply way ended in client: delivered"))
        // Every frame of the journey is there, once with words.
        #expect(file.packets.filter { $0.comments.first?.contains("dnat to 10.88.0.2:80") ?? false }.count == 1)
        #expect(file.packets.count > traced.journey.legs.flatMap(\.steps).filter { $0.device != nil }.count)
        // The world is new: everybody asks for everybody.
        let talks = traced.journey.neighbours.map {
            "\($0.node) \($0.device) \($0.isOutgoing ? "out" : "in") \($0.words)"
        }
        for line in [
            "client eth0 out who has 203.0.113.1? tell 203.0.113.10",
            "inet cl0 in who has 203.0.113.1? tell 203.0.113.10",
            "host br0 out who has 10.88.0.2? tell 10.88.0.1", "host vweb out who has 10.88.0.2? tell 10.88.0.1",
        ] { #expect(talks.contains(line), "\(line): \(talks)") }
        #expect(
            talks.contains { $0.hasPrefix("host br0 in 10.88.0.2 is at ") }
                && talks.contains { $0.hasPrefix("web eth0 out 10.88.0.2 is at ") })
        #expect(try Journey(traced.journey.json) == traced.journey)
        #expect(
            PathView(traced.journey).text.contains(
                "\narp     host    br0 ─▶       who has 10.88.0.2? tell 10.88.0.1\n"),
            "\(PathView(traced.journey).text)")
    }

    @Test func whatChangedOnTheWay() throws {
        let journey = try TraceWorld.journey(from: "web", to: "203.0.113.10/icmp")
        let lines = DiffView(journey).text.split(separator: "\n").map {
            $0.split(separator: " ").joined(separator: " ")
        }
        let id = journey.conntrack.first?.id ?? "?"
        #expect(
            lines == [
                "forward web eth0 out 10.88.0.2 → 203.0.113.10 icmp 8/0 ttl 64 len 36",
                "forward host postrouting src 198.51.100.2 (was 10.88.0.2) by ip lab post #8",
                "forward host eth0 out ttl 63 (was 64)", "forward inet cl0 out ttl 62 (was 63)",
                "forward client end delivered",
                "reply client eth0 out 203.0.113.10 → 198.51.100.2 icmp 0/0 ttl 64 len 36",
                "reply inet ho0 out ttl 63 (was 64)",
                "reply host prerouting dst 10.88.0.2 (was 198.51.100.2) no rule; conntrack \(id)",
                "reply host br0 out ttl 62 (was 63)", "reply web end delivered",
            ], "\(lines)")
        #expect(!DiffView(journey, ascii: true).text.contains("→"))
    }
}
