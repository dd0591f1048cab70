import CKernel
import Glibc
import JSON
import NetCore
import TestSupport
import Testing

@testable import Trace

/// What TCP carries after its handshake: acknowledged, or stalled, and where it did.
@Suite struct TransferTests {
    private static let narrow = ["inet link set ho0 mtu 1300"]
    private static func deaf(_ family: String, _ table: String) -> [String] {
        let what = family == "ip" ? "icmp type destination-unreachable" : "icmpv6 type packet-too-big"
        return [
            "add table \(family) \(table)",
            "add chain \(family) \(table) out { type filter hook output priority 0; }",
            "add rule \(family) \(table) out \(what) drop",
        ]
    }
    private static func routed(_ rule: String) -> [String] {
        [
            "add table ip gate", "add chain ip gate pass { type filter hook forward priority 0; }",
            "add rule ip gate pass \(rule)",
        ]
    }

    /// client sends to a listener of host at port 9000, which takes what comes; `ip` and inet's rules of nft come before.
    private func traced(
        _ target: String = "198.51.100.2:9000", bytes: Int = 20_000, ip: [String] = [], inet: [String] = [],
        room: Int32? = nil, keepsFrames: Bool = false
    ) throws -> TracedProbe {
        try TraceWorld.run { host in
            for line in ip { try host.must("ip -n \(line)") }
            for rule in inet { try host.must("ip netns exec inet nft \(rule)") }
            let listener = try host.inside("host") { try TraceWorld.listen(9000) }
            defer { TraceWorld.close(listener) }
            if var room { setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &room, 4) }
            var probe = try Probe(source: "client", to: target)
            try probe.carry("\(bytes)")
            var options = TraceOptions()
            options.keepsFrames = keepsFrames
            let traced = try Tracer.trace(probe, nodes: TraceWorld.nodes, options)
            let journey = traced.journey
            host.expect(try Journey(journey.json) == journey, "the journey is read as it was written")
            return traced
        }
    }

    @Test("all of it is acknowledged, and no packet is larger than its link", arguments: [1, 5000, 20_000, 100_000])
    func acknowledged(bytes: Int) throws {
        let traced = try traced(bytes: bytes, keepsFrames: true)
        let journey = traced.journey
        let transfer = try #require(journey.transfer)
        #expect(journey.exitCode == 0 && journey.complete, "\(PathView(journey).text)")
        #expect(transfer.state == .acknowledged && transfer.acknowledged == bytes && transfer.limit == nil)
        // Of what nobody reads the window may cut the last ones.
        let least = (bytes + 1447) / 1448
        #expect(bytes > 20_000 ? transfer.segments >= least : transfer.segments - transfer.resent == least)
        #expect(transfer.forward?.end.node == "host" && transfer.forward?.end.kind == .delivered)
        #expect(transfer.forward?.steps.first?.l3?.length == 52 + min(bytes, 1448))
        #expect(transfer.reply?.end.node == "client" && transfer.reply?.end.kind == .delivered)
        let largest = traced.packets.compactMap { $0.frame.headers?.length }.max()
        #expect(largest == max(60, 52 + min(bytes, 1448)))
        #expect(
            PathView(journey).text.contains("data    \(bytes) bytes were acknowledged (\(transfer.segments) segment"))
    }

    @Test(
        "it stalls where a link takes less, and the router's word is dropped: how much, which link, whom it was for, which rule",
        arguments: [("198.51.100.2:9000", "ip", "deaf"), ("[2001:db8:2::2]:9000", "ip6", "firewalld")])
    func stalled(target: String, family: String, table: String) throws {
        let journey = try traced(target, ip: Self.narrow, inet: Self.deaf(family, table)).journey
        let transfer = try #require(journey.transfer)
        let text = PathView(journey).text
        #expect(journey.exitCode == 11 && journey.forward?.end.kind == .delivered, "\(text)")
        #expect(transfer.state == .stalled && transfer.acknowledged == 0 && transfer.resent > 0)
        #expect(transfer.limit == .init(node: "inet", device: "ho0", mtu: 1300))
        #expect(transfer.forward?.end.kind == .refused && transfer.forward?.end.node == "inet")
        #expect(transfer.reply?.end.kind == .dropped && transfer.reply?.end.node == "inet")
        let why = journey.advice?.why ?? ""
        let isV4 = family == "ip"
        let sender = isV4 ? "203.0.113.10" : "2001:db8:1::10"
        #expect(why.hasPrefix("a packet of 1500 bytes left client, inet ho0 takes 1300, and inet's word of it, "))
        let notice = isV4 ? "\"fragmentation needed\" (ICMP 3/4)" : "\"packet too big\" (ICMPv6 2/0)"
        #expect(why.contains("\(notice) to \(sender) (client), "))
        #expect(why.contains("was dropped in inet, output, by \(family) \(table) out\(isV4 ? "" : " (firewalld's)") #"))
        #expect(journey.advice?.lesson == "14")
        let fixes = journey.advice?.fixes ?? []
        let match = isV4 ? "icmp type destination-unreachable icmp code frag-needed" : "icmpv6 type packet-too-big"
        #expect(fixes.first == "inet: nft insert rule \(family) \(table) out \(match) accept")
        #expect(fixes.count == 3 && fixes[1].hasSuffix("client: ip link set eth0 mtu 1300"))
        #expect(fixes.last?.contains("inet: nft ") == true)
        #expect(text.contains("then the connection stalled: 0 of 20000 bytes were acknowledged"))
        #expect(text.contains(" 1500 bytes ttl 64"))
    }

    @Test(
        "who is told sends smaller ones, and the trace says so",
        arguments: ["198.51.100.2:9000", "[2001:db8:2::2]:9000"])
    func told(target: String) throws {
        let journey = try traced(target, ip: Self.narrow).journey
        let transfer = try #require(journey.transfer)
        #expect(journey.exitCode == 0 && transfer.state == .acknowledged, "\(PathView(journey).text)")
        #expect(transfer.acknowledged == 20_000 && transfer.resent > 0)
        #expect(transfer.limit == .init(node: "inet", device: "ho0", mtu: 1300))
        #expect(transfer.reply?.end.kind == .delivered && transfer.reply?.end.node == "client")
        let note = "a packet of 1500 bytes was too large for inet ho0, which takes 1300: client was told, "
        #expect(journey.notes.contains(note + "and sent smaller ones"))
        #expect(journey.advice == nil)
    }

    @Test("a rule that drops large packets is named, with what was acknowledged before")
    func dropped() throws {
        let journey = try traced(inet: Self.routed("meta length > 1400 drop")).journey
        let end = try #require(journey.transfer?.forward?.end)
        #expect(journey.exitCode == 10 && end.kind == .dropped && end.node == "inet", "\(PathView(journey).text)")
        let why = try #require(journey.advice?.why)
        #expect(why.hasPrefix("the packet with byte 1, of 1500 bytes, came to inet and no further: rule #"))
        #expect(why.contains("meta length > 1400 drop"))
    }

    @Test("a cable whose other end takes less throws it away without a word, and the trace says so")
    func cable() throws {
        let journey = try traced(ip: ["inet link set cl0 mtu 1300"]).journey
        let end = try #require(journey.transfer?.forward?.end)
        #expect(journey.exitCode == 10 && end.kind == .dropped && end.node == "client", "\(PathView(journey).text)")
        #expect(
            end.reason
                == "cl0 of inet, the other end of eth0, takes 1300 bytes: it throws away this packet of 1500, and tells nobody"
        )
        #expect(journey.advice?.fixes == ["inet: ip link set cl0 mtu 1500"] && journey.advice?.lesson == "14")
    }

    @Test("where the acknowledgement is dropped, that is what is told")
    func unheard() throws {
        let rule = "tcp sport 9000 tcp flags & (syn | rst | ack) == ack drop"
        let journey = try traced(inet: Self.routed(rule)).journey
        let transfer = try #require(journey.transfer)
        #expect(journey.exitCode == 11 && transfer.state == .stalled, "\(PathView(journey).text)")
        #expect(transfer.forward?.end.kind == .delivered && transfer.forward?.end.node == "host")
        #expect(transfer.reply?.end.kind == .dropped && transfer.reply?.end.node == "inet")
        #expect(journey.advice?.why.contains("reached host, and its acknowledgement did not come back: inet: ") == true)
    }

    @Test("a connection that is reset has ended, not stalled")
    func reset() throws {
        let journey = try traced(inet: Self.routed("meta length > 1400 reject with tcp reset")).journey
        #expect(journey.transfer?.state == .ended && journey.exitCode == 12, "\(PathView(journey).text)")
        #expect(journey.advice?.why == "inet ended the connection when 0 of 20000 bytes were acknowledged: RST")
        #expect(PathView(journey).text.contains("then the connection ended: 0 of 20000 bytes"))
    }

    @Test("a program that does not read takes no more than its window")
    func full() throws {
        let journey = try traced(bytes: 100_000, room: 8192).journey
        let transfer = try #require(journey.transfer)
        #expect(transfer.state == .stalled && journey.exitCode == 11, "\(PathView(journey).text)")
        #expect((1448..<100_000).contains(transfer.acknowledged))
        #expect(
            journey.advice?.why == "host takes no more: its program does not read, and the window that it tells is 0")
    }

    @Test("digits are a number of bytes, all else is the text")
    func wishes() throws {
        var tcp = try Probe(source: "a", to: "192.0.2.1:80")
        try tcp.carry("20000")
        #expect(tcp.payload.utf8.count == 20_000)
        try tcp.carry("GET /")
        #expect(tcp.payload == "GET /")
        var echo = try Probe(source: "a", to: "192.0.2.1/icmp")
        try echo.carry("1400")
        #expect(echo.payload.utf8.count + ProbeSocket.markerLength == 1400)
        for (kind, wish) in [("192.0.2.1:80", "0"), ("192.0.2.1:80", "100001"), ("192.0.2.1/icmp", "7")] {
            var probe = try Probe(source: "a", to: kind)
            #expect(throws: TraceError.self) { try probe.carry(wish) }
        }
        tcp.waitsForReply = false
        let nodes = [NodeReference(name: "a", namespace: "/proc/self/ns/net")]
        #expect(throws: TraceError.self) { try Tracer.send(tcp, nodes: nodes) }
    }
}
