import CKernel
import Glibc
import NetCore
import TestSupport
import Testing

@testable import Trace

/// Packets of others, followed: each flow is one journey.
@Suite(.serialized) struct WatchTests {
    /// What `body` sends is watched, in those nodes, until so many journeys were told or two seconds have passed.
    private static func watched(
        _ words: String, _ count: Int, rules: String = TraceWorld.rules, nodes: [NodeReference] = TraceWorld.nodes,
        isFirstOnly: Bool = true, _ body: @escaping @Sendable (PrivateHost) throws -> Void
    ) throws -> [Journey] {
        try TraceWorld.run(rules: rules) { host in
            let watcher = try Watcher(nodes, try PacketFilter(parsing: [words]), isFirstOnly: isFirstOnly)
            try body(host)
            var found: [Journey] = []
            for _ in 0..<1000 where found.count < count {
                found += try watcher.take()
                usleep(10_000)
            }
            for journey in found { host.expect(try Journey(journey.json) == journey, "it is read as it was written") }
            return found
        }
    }

    /// A datagram, or so many, from one node.
    private static func datagrams(
        _ host: PrivateHost, _ node: String, to text: String, _ port: UInt16, _ count: Int = 1
    ) throws {
        try host.inside(node) {
            let socket = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            defer { close(socket) }
            let target = SocketAddress(try #require(IPAddress(text)), port)
            // Not connected: there an ICMP error would take the next one's place.
            for _ in 0..<count { _ = target.pass { sendto(socket, "hello", 5, Int32(MSG_DONTWAIT), $0, $1) } }
        }
    }

    private static func connection(_ host: PrivateHost, _ node: String, to text: String, _ port: UInt16) throws {
        try host.inside(node) {
            let socket = Glibc.socket(
                AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
            defer { close(socket) }
            let target = SocketAddress(try #require(IPAddress(text)), port)
            _ = target.pass { connect(socket, $0, $1) }
            usleep(50_000)
            send(socket, "hello", 5, Int32(MSG_NOSIGNAL))
        }
    }

    @Test func aFlowIsOneJourney() throws {
        let found = try Self.watched("tcp port 8080", 2) { host in
            try Self.connection(host, "client", to: "198.51.100.2", 8080)
            // Not wanted.
            try Self.connection(host, "client", to: "198.51.100.2", 81)
        }
        let journey = try #require(found.first)
        #expect(found.count == 1 && journey.probe.from == "client" && journey.probe.to == "198.51.100.2:8080/tcp")
        #expect(journey.exitCode == 0 && journey.complete, "\(PathView(journey).text)")
        #expect(journey.forward?.end.node == "web")
        #expect(journey.rewrites == ["198.51.100.2:8080 > 10.88.0.2:80 by ip lab pre #4"])
        #expect(journey.reply?.steps.contains { $0.kind == .rewrite } == true)
        // The tables of a tracer are nobody's rules.
        #expect(!journey.legs.flatMap(\.steps).contains { $0.table?.hasSuffix("_\(getpid())") ?? false })
    }

    @Test func eachFlowIsAnother() throws {
        let found = try Self.watched("", 4) { host in
            for _ in 0..<2 { try Self.connection(host, "client", to: "198.51.100.2", 8080) }
            try Self.datagrams(host, "web", to: "203.0.113.10", 7, 3)
            try host.inside("web") { try host.must("ping -c 2 -i 0.2 -W 1 203.0.113.10") }
        }
        #expect(
            found.map(\.probe.to) == [
                "198.51.100.2:8080/tcp", "198.51.100.2:8080/tcp", "203.0.113.10:7/udp", "203.0.113.10/icmp",
            ])
        #expect(found.map(\.exitCode) == [0, 0, 12, 0], "\(found.map { PathView($0).text })")
    }

    @Test func everyPacket() throws {
        let found = try Self.watched("udp dst port 7", 3, isFirstOnly: false) { host in
            try Self.datagrams(host, "web", to: "203.0.113.10", 7, 3)
        }
        let words = found.map { $0.rewrites.first?.split(separator: " ").dropFirst(3).prefix(2).joined(separator: " ") }
        #expect(words == ["by ip", "no rule;", "no rule;"], "\(found.map(\.rewrites))")
    }

    @Test func aDropIsTold() throws {
        let found = try Self.watched("port 8080", 1, rules: TraceWorld.without(TraceWorld.accept)) { host in
            try Self.connection(host, "client", to: "198.51.100.2", 8080)
        }
        let journey = try #require(found.first)
        #expect(journey.exitCode == 10 && journey.forward?.end.at == "hook:forward")
        #expect(journey.advice?.fixes.first?.hasPrefix("host: nft add rule ip lab forward") == true)
    }

    /// Another flow of host has the port already.
    @Test func aSourcePortThatNATChanged() throws {
        let rules = TraceWorld.rules.replacing("masquerade", with: "meta l4proto { tcp, udp } masquerade to :4000-4002")
        let found = try Self.watched("tcp dst port 80 and host 198.51.100.1", 3, rules: rules) { host in
            let listener = try host.inside("inet") { try TraceWorld.listen(80) }
            defer { TraceWorld.close(listener) }
            for _ in 0..<3 { try Self.connection(host, "web", to: "198.51.100.1", 80) }
        }
        #expect(found.count == 3)
        for journey in found {
            #expect(journey.rewrites.first?.contains("> 198.51.100.2:400") == true, "\(PathView(journey).text)")
            #expect(journey.exitCode == 0 && journey.forward?.end.node == "inet", "\(PathView(journey).text)")
        }
    }

    /// One router alone is listened to: who is beyond it is nobody's guess.
    @Test func aRouterAlone() throws {
        let found = try Self.watched("tcp", 1, nodes: [TraceWorld.nodes[2]]) { host in
            try Self.connection(host, "client", to: "198.51.100.2", 8080)
        }
        let journey = try #require(found.first)
        #expect(journey.probe.from == "host" && journey.exitCode == 0, "\(PathView(journey).text)")
        #expect(
            PathView(journey).text.contains("\n✓ left host by vweb and was answered\n"), "\(PathView(journey).text)")
        let alone = try Self.watched("udp", 1, nodes: [TraceWorld.nodes[2]]) { host in
            try host.inside("web") {
                try host.must(
                    "nft -f -", input: "table inet d { chain i { type filter hook input priority 0; policy drop; }; }\n"
                )
            }
            try Self.datagrams(host, "web", to: "203.0.113.77", 7)
        }
        #expect(alone.first?.exitCode == 13)
        #expect(
            alone.first?.forward?.end.reason
                == "it left host by eth0, and nothing that is listened to says what became of it")
    }

    @Test func rulesThatCameMeanwhile() throws {
        let found = try Self.watched("tcp port 8080", 1, rules: "") { host in
            try host.inside("host") { try host.must("nft -f -", input: TraceWorld.rules) }
            try Self.connection(host, "client", to: "198.51.100.2", 8080)
        }
        #expect(
            found.first?.rewrites.first?.hasPrefix("198.51.100.2:8080 > 10.88.0.2:80 by ip lab pre #") == true,
            "\(found)")
    }

    @Test func whatTheKernelHadNoRoomForIsSaid() throws {
        let found = try Self.watched("udp port 7", 1) { host in
            try Self.datagrams(host, "web", to: "203.0.113.10", 7, 6000)
        }
        let journey = try #require(found.first)
        #expect(!journey.complete && journey.lostEvents > 0)
        #expect(journey.notes.contains("trace incomplete: \(journey.lostEvents) events lost"))
    }

    @Test func whatNoTableSeesIsRefused() throws {
        let error = #expect(throws: TraceError.self) {
            _ = try Watcher.matches(try PacketFilter(parsing: ["arp"]), isFirstOnly: true)
        }
        #expect(error?.description.hasPrefix("the filter wants none of TCP, UDP and ICMP") == true)
        #expect(
            try Watcher.matches(try PacketFilter(parsing: ["tcp", "port", "80"]), isFirstOnly: true) == [
                .flags(6), .errors,
            ])
        #expect(
            try Watcher.matches(try PacketFilter(parsing: ["icmp or udp"]), isFirstOnly: true) == [1, 17, 58].map {
                .all(protocolNumber: $0)
            } + [.errors])
    }

    @Test func howBusyTheWiresAre() throws {
        let rates = try TraceWorld.run { host in
            let filter = try PacketFilter(parsing: ["icmp"])
            let quiet = try Watcher.rate(TraceWorld.nodes, filter)
            let flood = try host.inside("client") {
                try host.must("sh", input: "timeout 5 ping -q -f -c 100000 203.0.113.1 >/dev/null 2>&1 & echo $!\n")
            }
            usleep(100_000)
            let busy = try Watcher.rate(TraceWorld.nodes, filter)
            let others = try Watcher.rate(TraceWorld.nodes, try PacketFilter(parsing: ["tcp"]))
            if let pid = Int32(flood.split(separator: "\n").first ?? "") { kill(pid, SIGTERM) }
            return [quiet, busy, others]
        }
        #expect(rates[0] < 100 && rates[1] > Watcher.busy && rates[2] < 100, "\(rates)")
    }
}
