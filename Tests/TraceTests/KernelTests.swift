import Glibc
import JSON
import NetCore
import TestSupport
import Testing

@testable import Trace

/// Real packets through client, inet, host and web: host publishes 8080 as web's port 80.
@Suite(.serialized) struct KernelTests {
    private static let rules = """
        table ip lab {
          chain pre { type nat hook prerouting priority -100
            fib daddr type local tcp dport 8080 counter dnat to 10.88.0.2:80 comment "publish web 8080->80"
          }
          chain forward { type filter hook forward priority 0; policy drop
            ct state established,related accept
            iifname "br0" accept
            ACCEPT
          }
          chain post { type nat hook postrouting priority 100
            ip saddr 10.88.0.0/24 oifname != "br0" masquerade
          }
        }

        """
    private static let accept = "oifname \"br0\" ct status dnat accept"

    private static func journey(
        from: String = "client", to: String, accept: String = accept,
        _ change: @escaping @Sendable (PrivateHost) throws -> Void = { _ in }
    ) throws -> Journey {
        try PrivateHost.run { host in
            for name in ["client", "inet", "host", "web"] { try host.makeNamespace(name) }
            try host.inside("client") {
                try host.cable("eth0", ["203.0.113.10/24"], to: "inet", "cl0", ["203.0.113.1/24"])
            }
            try host.inside("inet") {
                try host.cable("ho0", ["198.51.100.1/24"], to: "host", "eth0", ["198.51.100.2/24"])
            }
            try host.inside("host") { try host.cable("vweb", [], to: "web", "eth0", ["10.88.0.2/24"]) }
            for line in [
                "-n host link add br0 type bridge", "-n host link set vweb master br0", "-n host link set br0 up",
                "-n host address add 10.88.0.1/24 dev br0", "-n client route add default via 203.0.113.1",
                "-n host route add default via 198.51.100.1", "-n web route add default via 10.88.0.1",
                "-n client link set lo up",
            ] { try host.must("ip \(line)") }
            for name in ["inet", "host"] { try host.inside(name) { try Sysctl.write("net/ipv4/ip_forward", "1") } }
            let text =
                rules.split(separator: "\n").map { line in
                    line.hasSuffix("ACCEPT") ? accept : String(line)
                }.joined(by: "\n") + "\n"
            try host.inside("host") { try host.must("nft -f -", input: text) }
            let listener = try host.inside("web") { try listen(80) }
            defer { close(listener) }
            try change(host)
            let nodes = ["client", "inet", "host", "web"].map {
                NodeReference(name: $0, namespace: "/run/netns/\($0)")
            }
            var probe = try Probe(source: from, to: to)
            probe.milliseconds = 600
            let journey = try Tracer.send(probe, nodes: nodes)
            let left = try host.inside("host") { try host.must("nft list tables") }
            host.expect(left, is: "table ip lab\n", "the tracer's tables are gone")
            host.expect(try Journey(journey.json) == journey, "the journey is read as it was written")
            return journey
        }
    }

    private static func listen(_ port: UInt16) throws -> Int32 {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let address = SocketAddress(try #require(IPAddress("0.0.0.0")), port)
        guard address.pass({ bind(socket, $0, $1) }) == 0, Glibc.listen(socket, 8) == 0 else {
            throw KernelError("listen", Errno.current)
        }
        return socket
    }

    @Test func delivered() throws {
        let journey = try Self.journey(to: "198.51.100.2:8080")
        let leg = try #require(journey.forward)
        #expect(leg.end.kind == .delivered && leg.end.node == "web" && journey.exitCode == 0)
        #expect(leg.end.socket?.hasPrefix("tcp *:80") == true)
        let devices = leg.steps.filter { $0.device != nil }.map { "\($0.node) \($0.device!) \($0.kind.rawValue)" }
        #expect(
            devices == [
                "client eth0 tx", "inet cl0 rx", "inet ho0 tx", "host eth0 rx", "host br0 tx", "host vweb tx",
                "web eth0 rx",
            ])
        let rules = leg.steps.filter { $0.kind == .rule && $0.node == "host" }
        #expect(rules.map { $0.chain } == ["pre", "forward"])
        #expect(rules.first?.text?.contains("dnat to 10.88.0.2:80") == true)
        let rewrite = leg.steps.first { $0.kind == .rewrite }?.changed
        #expect(rewrite?.destination == .init("198.51.100.2:8080", "10.88.0.2:80"))
        // The answer's un-NAT is no rule's work.
        let undone = journey.reply?.steps.first { $0.kind == .rewrite }
        #expect(undone?.changed?.source == .init("10.88.0.2:80", "198.51.100.2:8080"))
        #expect(undone?.result?.hasPrefix("no rule; conntrack") == true)
        #expect(journey.conntrack.first?.meaning == "replies from 10.88.0.2:80 will leave as 198.51.100.2:8080")
        #expect(journey.complete)
    }

    @Test func droppedByPolicy() throws {
        let journey = try Self.journey(to: "198.51.100.2:8080", accept: "")
        let end = try #require(journey.forward?.end)
        #expect(end.kind == .dropped && end.node == "host" && end.at == "hook:forward" && journey.exitCode == 10)
        #expect(end.reason == "no rule of ip lab forward accepted it, and the chain's policy is drop")
        #expect(journey.conntrack.isEmpty && journey.reply == nil)
    }

    @Test func sourceRewritten() throws {
        let journey = try Self.journey(from: "web", to: "203.0.113.10/icmp")
        let change = journey.forward?.steps.first { $0.kind == .rewrite }?.changed
        #expect(change?.source == .init("10.88.0.2", "198.51.100.2"))
        #expect(journey.exitCode == 0)
    }

    @Test func hairpinIsOff() throws {
        let journey = try Self.journey(from: "web", to: "198.51.100.2:8080")
        #expect(journey.forward?.end.kind == .dropped)
        #expect(journey.forward?.end.reason?.contains("hairpin is off on vweb") == true)
    }

    @Test func noRouter() throws {
        let journey = try Self.journey(to: "198.51.100.2:8080") { host in
            try host.inside("host") { try Sysctl.write("net/ipv4/ip_forward", "0") }
        }
        #expect(journey.forward?.end.kind == .dropped)
        #expect(journey.forward?.end.reason == "host is not a router: net.ipv4.ip_forward=0")
    }

    @Test func nobodyListens() throws {
        let journey = try Self.journey(to: "198.51.100.2:81")
        #expect(journey.forward?.end.kind == .refused && journey.forward?.end.node == "host")
        #expect(journey.exitCode == 12)
    }
}
