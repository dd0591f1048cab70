import CKernel
import Glibc
import NetCore
import TestSupport
import Testing

@testable import Trace

/// Each fault of docs/lab/trace.md's table is made, and its sentence expected, with the counter that tells of it to everybody.
@Suite(.serialized) struct DropTests {
    private static func counters(_ journey: Journey) -> [String] {
        journey.counters.map { "\($0.node) \($0.name)" }
    }
    /// Of the machine's root: the kernel's own word.
    private static func expectKernel(
        _ journey: Journey, _ reason: String, of leg: Journey.Leg.Direction = .forward,
        _ line: SourceLocation = #_sourceLocation
    ) {
        let end = leg == .forward ? journey.forward?.end : journey.reply?.end
        guard journey.evidence.contains("kernel drop reasons") else {
            #expect(end?.kernel == nil, sourceLocation: line)
            return
        }
        #expect(end?.kernel?.hasPrefix(reason + " ") == true, "\(end!) \(journey.notes)", sourceLocation: line)
    }

    /// Who may read tracefs reads it: a machine's root.
    @Test func rootHasTheTracepoints() throws {
        let map = String(decoding: try Files.read("/proc/self/uid_map"), as: UTF8.self)
        let isRoot = map.split(separator: " ").last?.hasPrefix("4294967295") == true
        var tracepoints = try? DropTracepoints()
        #expect((tracepoints != nil) == isRoot)
        guard let name = tracepoints?.name else { return }
        // What a killed tracer left goes with the next one.
        let tracefs = OwnedDescriptor(taking: berth_tracefs())
        #expect(mkdirat(tracefs.number, "instances/berth-\(Int32.max - 1)-1", 0o700) == 0)
        _ = try DropTracepoints(suffix: "-second")
        #expect(faccessat(tracefs.number, "instances/berth-\(Int32.max - 1)-1", F_OK, 0) != 0)
        #expect(faccessat(tracefs.number, name, F_OK, 0) == 0)
        tracepoints = nil
        #expect(faccessat(tracefs.number, name, F_OK, 0) != 0)
    }

    /// Lines of trace_pipe: the tracer's own message of netlink, its packet that no device had, and one that two devices passed.
    @Test func linesOfThePipe() {
        let lines = """
              berth-812     [001] ..... 251.100001: kfree_skb: skbaddr=00000000aaaaaaaa rx_sk=0000000000000000 protocol=0 location=nf_tables_commit+0xdf/0x120 reason: NOT_SPECIFIED
              berth-812     [001] b.s2. 251.138577: kfree_skb: skbaddr=00000000c2b9ddb1 rx_sk=0000000000000000 protocol=2048 location=nf_hook_slow+0x9a/0x2f0 reason: NETFILTER_DROP
              ksoftirqd-22  [001] ..s.. 251.138600: net_dev_queue: dev=eth0 skbaddr=00000000c2b9ddb2 len=74
              ksoftirqd-22  [001] ..s.. 251.138601: netif_receive_skb: dev=cl0 skbaddr=00000000c2b9ddb2 len=60
              ksoftirqd-22  [001] ..s.. 251.138602: kfree_skb: skbaddr=00000000c2b9ddb2 rx_sk=0000000000000000 protocol=34525 location=ip_error+0x9a/0x2f0 reason: IP_INADDRERRORS
            """
        let drops = DropTracepoints.parse(lines)
        #expect(drops.map(\.reason) == ["NOT_SPECIFIED", "NETFILTER_DROP", "IP_INADDRERRORS"])
        #expect(drops.map(\.isIP) == [false, true, true] && drops.map(\.thread) == [812, 812, 22])
        #expect(drops[2].devices == ["eth0", "cl0"] && drops[2].length == 60 && drops[2].function == "ip_error")
        #expect(drops.map(\.met) == [nil, nil, 251_138_601_000])
    }

    /// A busy CPU takes a packet out of its queue some milliseconds after it came in, and after its capture's time.
    @Test func theKernelsReasonIsThatOfThePacketThatWasCaptured() {
        typealias Drop = DropTracepoints.Drop
        func drop(_ reason: String, met: Int64, length: Int = 60, _ devices: [String] = ["vweb", "eth0"]) -> Drop {
            Drop(
                reason: reason, function: "f", devices: devices, length: length, thread: 1, isIP: true,
                met: met * 1_000_000)
        }
        func reason(_ drops: [Drop]) -> String? {
            drops.reason(of: ["cl0", "vweb", "eth0"], length: 60, sent: 100_000_000, ended: 110_000_000)
        }
        #expect(reason([drop("A", met: 110)]) == "A f")
        #expect(reason([drop("A", met: 118)]) == "A f", "late")
        #expect(reason([drop("A", met: 108), drop("B", met: 118)]) == "A f", "the punctual one")
        #expect(reason([drop("A", met: 118), drop("B", met: 119)]) == nil, "which?")
        #expect(reason([drop("A", met: 118), drop("A", met: 119)]) == "A f")
        #expect(
            reason([drop("A", met: 110, ["eth0", "eth1", "cl0", "vweb", "eth0"])]) == "A f", "a buffer given again")
        #expect(reason([drop("A", met: 110, ["eth0", "vapp", "eth0"])]) == nil, "of another way")
        #expect([drop("A", met: 90)].reason(ofUnseenBy: 1, sent: 100_000_000) == "A f", "a buffer given again")
        #expect([drop("A", met: 101)].reason(ofUnseenBy: 1, sent: 100_000_000) == nil)
        #expect([drop("A", met: 90)].reason(ofUnseenBy: 2, sent: 100_000_000) == nil)
        let others = [
            drop("A", met: 99), drop("A", met: 300), drop("A", met: 110, length: 61),
            drop("A", met: 110, ["vapp", "eth0"]),
            drop("A", met: 110, []),
        ]
        #expect(reason(others) == nil)
    }

    @Test func whatTheBufferOfReasonsLostIsCounted() {
        let text = """
            CPU:1 [LOST 412 EVENTS]
              berth-812  [001] b.s2. 251.138577: netif_receive_skb: dev=cl0 skbaddr=00000000c2b9ddb2 len=60
            CPU:0 [LOST EVENTS]
            """
        #expect(DropTracepoints.losses(text) == 413)
        #expect(DropTracepoints.parse(text).isEmpty)
    }

    private static func inHost(_ host: PrivateHost, _ lines: String...) throws {
        for line in lines { try host.must("ip -n host \(line)") }
    }

    @Test func noRouter() throws {
        let journey = try TraceWorld.journey(to: "198.51.100.2:8080") { host in
            try host.inside("host") { try Sysctl.write("net/ipv4/ip_forward", "0") }
        }
        #expect(journey.forward?.end.kind == .dropped && journey.exitCode == 10)
        #expect(journey.forward?.end.reason == "host is not a router: net.ipv4.ip_forward=0")
        Self.expectKernel(journey, "IP_INADDRERRORS")
        #expect(Self.counters(journey).contains("host Ip:InAddrErrors"))
    }

    @Test func aRuleDrops() throws {
        let rules = TraceWorld.rules.replacing(TraceWorld.accept, with: "    oifname \"br0\" drop\n")
        let journey = try TraceWorld.journey(to: "198.51.100.2:8080", rules: rules)
        #expect(journey.exitCode == 10 && journey.forward?.end.at == "hook:forward")
        #expect(journey.forward?.end.reason?.hasSuffix("drops it: oifname \"br0\" drop") == true)
        Self.expectKernel(journey, "NETFILTER_DROP")
    }

    @Test func reversePath() throws {
        let journey = try TraceWorld.journey(to: "198.51.100.2:8080") { host in
            try host.inside("host") { try Sysctl.write("net/ipv4/conf/all/rp_filter", "1") }
            try Self.inHost(host, "route add 203.0.113.0/24 dev br0")
        }
        #expect(journey.exitCode == 10)
        #expect(
            journey.forward?.end.reason
                == "the way back to 203.0.113.10 is by br0, not eth0, and rp_filter is strict")
        Self.expectKernel(journey, "IP_RPFILTER")
        #expect(Self.counters(journey).contains("host TcpExt:IPReversePathFilter"))
    }

    private static let local = TraceWorld.rules.replacing(
        "  chain forward",
        with: """
              chain out { type nat hook output priority -100
                ip daddr 127.0.0.1 tcp dport 8080 dnat to 10.88.0.2:80
              }
              chain forward
            """)

    @Test func localhostWithoutRouteLocalnet() throws {
        let journey = try TraceWorld.journey(from: "host", to: "127.0.0.1:8080", rules: Self.local)
        #expect(journey.exitCode == 10, "\(PathView(journey).text)")
        #expect(journey.forward?.end.reason == "127.0.0.1 may not leave lo: route_localnet=0")
        Self.expectKernel(journey, "NETFILTER_DROP")
    }

    @Test(arguments: [true, false]) func localhostReachesTheContainer(_ isKnown: Bool) throws {
        let journey = try TraceWorld.journey(from: "host", to: "127.0.0.1:8080", rules: Self.local) { host in
            try host.inside("host") { try Sysctl.write("net/ipv4/conf/all/route_localnet", "1") }
            if isKnown {
                let link = try host.must("ip -n web -br link show eth0").split(separator: " ").map(String.init)
                try Self.inHost(host, "neigh replace 10.88.0.2 lladdr \(link[2]) dev br0")
            }
        }
        #expect(journey.exitCode == 10, "\(PathView(journey).text)")
        #expect(
            journey.forward?.end.reason
                == (isKnown
                    ? "web refuses a packet \"from 127.0.0.1\" that comes by eth0: masquerade it"
                    : "10.88.0.2 does not answer ARP that asks from 127.0.0.1: masquerade the packet"))
        if isKnown { Self.expectKernel(journey, "IP_LOCALNET") }
    }

    @Test(arguments: ["on", "off"]) func hairpin(_ state: String) throws {
        let journey = try TraceWorld.journey(from: "web", to: "198.51.100.2:8080") { host in
            try host.must("bridge -n host link set dev vweb hairpin \(state)")
        }
        #expect(journey.exitCode == 10, "\(PathView(journey).text)")
        #expect(
            journey.forward?.end.reason
                == (state == "on"
                    ? "web got a packet from its own address 10.88.0.2 by eth0, and takes none such: masquerade it"
                    : "br0 never sends a packet back out of the port that it came in by: hairpin is off on vweb"))
        #expect(journey.forward?.end.node == (state == "on" ? "web" : "host"))
        Self.expectKernel(journey, state == "on" ? "IP_LOCAL_SOURCE" : "NOT_SPECIFIED")
    }

    @Test func answerTakesAShortCut() throws {
        let journey = try TraceWorld.run { host in
            try host.makeNamespace("app")
            try host.inside("host") { try host.cable("vapp", [], to: "app", "eth0", ["10.88.0.3/24"]) }
            try Self.inHost(host, "link set vapp master br0")
            try host.must("ip -n app route add default via 10.88.0.1")
            try host.inside("host") { try? Sysctl.write("net/bridge/bridge-nf-call-iptables", "0") }
            var probe = try Probe(source: "app", to: "198.51.100.2:8080")
            probe.milliseconds = 600
            return try Tracer.send(
                probe, nodes: TraceWorld.nodes + [NodeReference(name: "app", namespace: "/run/netns/app")])
        }
        #expect(journey.exitCode == 11, "\(PathView(journey).text)")
        #expect(
            journey.reply?.end.reason?.hasPrefix(
                "the answer took a short cut: it came from 10.88.0.2:80, not from 198.51.100.2:8080, and no socket of app"
            )
                == true)
        #expect(Self.counters(journey).contains("web Tcp:AttemptFails"))
        Self.expectKernel(journey, "NO_SOCKET", of: .reply)
    }

    @Test func noWayBack() throws {
        let journey = try TraceWorld.journey(to: "198.51.100.2:8080") { host in
            try host.must("ip -n web route del default")
        }
        #expect(journey.exitCode == 11 && journey.forward?.end.node == "web", "\(PathView(journey).text)")
        #expect(journey.forward?.end.reason == "web has no way back: it has no route to 203.0.113.10")
        #expect(Self.counters(journey).contains("web Ip:OutNoRoutes"))
        // The kernel counts it, and gives no reason of its own.
        #expect(Self.counters(journey).contains("web TcpExt:ListenDrops"))
        #expect(journey.forward?.end.kernel == nil)
    }

    @Test func nobodyListens() throws {
        let rules = TraceWorld.rules.replacing("10.88.0.2:80", with: "10.88.0.2:81")
        let journey = try TraceWorld.journey(to: "198.51.100.2:8080", rules: rules)
        #expect(journey.exitCode == 12 && journey.forward?.end.node == "web")
        #expect(
            journey.forward?.end.reason
                == "reached web, nobody listens at 10.88.0.2:81 (listeners: :80): its kernel answered RST")
        #expect(Self.counters(journey).contains("web Tcp:OutRsts"))
        Self.expectKernel(journey, "NO_SOCKET")
    }

    @Test func nobodyOwnsTheAddress() throws {
        let rules = TraceWorld.rules.replacing("10.88.0.2:80", with: "10.88.0.99:80")
        let journey = try TraceWorld.journey(to: "198.51.100.2:8080", rules: rules)
        #expect(journey.exitCode == 10 && journey.forward?.end.node == "host", "\(PathView(journey).text)")
        #expect(journey.forward?.end.reason == "nobody owns 10.88.0.99 on br0: it does not answer ARP")
        // The kernel gives up after three seconds, and says so.
        let late = try TraceWorld.journey(to: "198.51.100.2:8080", rules: rules, milliseconds: 5000)
        #expect(late.exitCode == 10 || late.exitCode == 12)
        #expect(late.forward?.end.node == "host", "\(PathView(late).text)")
        Self.expectKernel(late, "NEIGH_FAILED")
    }

    @Test func tooLarge() throws {
        let journey = try TraceWorld.run { host in
            for place in ["inet link set ho0", "host link set eth0"] { try host.must("ip -n \(place) mtu 1300") }
            var probe = try Probe(source: "client", to: "198.51.100.2:8080/udp")
            probe.milliseconds = 600
            probe.payload = String(repeating: "x", count: 1392)
            return try Tracer.send(probe, nodes: TraceWorld.nodes)
        }
        #expect(journey.exitCode == 12 && journey.forward?.end.node == "inet", "\(PathView(journey).text)")
        #expect(journey.forward?.end.reason?.hasPrefix("packet 1428 > 1300 on inet ho0: ") == true)
        #expect(Self.counters(journey).contains("inet Ip:FragFails"))
        Self.expectKernel(journey, "PKT_TOO_BIG")
    }
}
