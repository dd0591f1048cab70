import NetCore
import TestSupport
import Testing

@testable import Trace

/// Real packets through client, inet, host and web: host publishes 8080 as web's port 80.
@Suite(.serialized) struct KernelTests {
    @Test func delivered() throws {
        let journey = try TraceWorld.journey(to: "198.51.100.2:8080")
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

    /// An answer, or a drop that a kernel tells of, ends the wait. How fast that is `make bench-lab` measures.
    @Test(arguments: [true, false]) func waitsNoLongerThanForTheEnd(_ isDelivered: Bool) throws {
        let time = try TraceWorld.run { host in
            if !isDelivered { try host.inside("host") { try Sysctl.write("net/ipv4/ip_forward", "0") } }
            return try ContinuousClock().measure {
                _ = try TraceWorld.trace(host, to: "198.51.100.2:8080", milliseconds: 60_000)
            }
        }
        #expect(time < .seconds(60))
    }

    @Test func droppedByPolicy() throws {
        let journey = try TraceWorld.journey(to: "198.51.100.2:8080", rules: TraceWorld.without(TraceWorld.accept))
        let end = try #require(journey.forward?.end)
        #expect(end.kind == .dropped && end.node == "host" && end.at == "hook:forward" && journey.exitCode == 10)
        #expect(end.reason == "no rule of ip lab forward accepted it, and the chain's policy is drop")
        #expect(journey.conntrack.isEmpty && journey.reply == nil)
    }

    /// A bridge that does not know where a MAC address is sends to all its ports: who is not meant is not on the way.
    @Test func floodedToOthers() throws {
        let journey = try TraceWorld.run { host in
            try host.makeNamespace("app")
            try host.inside("host") { try host.cable("vapp", [], to: "app", "eth0", ["10.88.0.3/24"]) }
            try host.must("ip -n host link set vapp master br0")
            try host.inside("host") { try host.must("ping -c1 -W1 10.88.0.2") }
            for line in ["fdb flush dev br0 dynamic", "link set dev vweb learning off"] {
                _ = try? host.must("bridge -n host \(line)")
            }
            let link = try host.must("ip -n web -br link show eth0").split(separator: " ").map(String.init)
            _ = try? host.must("bridge -n host fdb del \(link[2]) dev vweb master")
            let nodes = TraceWorld.nodes + [NodeReference(name: "app", namespace: "/run/netns/app")]
            return try Tracer.send(try Probe(source: "client", to: "198.51.100.2:8080"), nodes: nodes)
        }
        let steps = journey.forward?.steps ?? []
        #expect(steps.contains { $0.at == "dev:vapp" }, "it is flooded: \(PathView(journey).text)")
        #expect(!steps.contains { $0.node == "app" } && journey.exitCode == 0, "\(PathView(journey).text)")
    }

    @Test func sourceRewritten() throws {
        let journey = try TraceWorld.journey(from: "web", to: "203.0.113.10/icmp")
        let change = journey.forward?.steps.first { $0.kind == .rewrite }?.changed
        #expect(change?.source == .init("10.88.0.2", "198.51.100.2"))
        #expect(journey.exitCode == 0)
    }

    @Test func hairpinIsOff() throws {
        let journey = try TraceWorld.journey(from: "web", to: "198.51.100.2:8080")
        #expect(journey.forward?.end.kind == .dropped)
        #expect(journey.forward?.end.reason?.contains("hairpin is off on vweb") == true)
    }

    @Test func noRouter() throws {
        let journey = try TraceWorld.journey(to: "198.51.100.2:8080") { host in
            try host.inside("host") { try Sysctl.write("net/ipv4/ip_forward", "0") }
        }
        #expect(journey.forward?.end.kind == .dropped)
        #expect(journey.forward?.end.reason == "host is not a router: net.ipv4.ip_forward=0")
    }

    @Test func nobodyListens() throws {
        let journey = try TraceWorld.journey(to: "198.51.100.2:81")
        #expect(journey.forward?.end.kind == .refused && journey.forward?.end.node == "host")
        #expect(journey.exitCode == 12)
    }
}
