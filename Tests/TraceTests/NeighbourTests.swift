import NetCore
import TestSupport
import Testing

@testable import Trace

@Suite("Neighbours that come late") struct NeighbourTests {
    /// The kernel asks for it again after a second; the packet waits so long, and so does the tracer.
    @Test("one that was asked for in vain a moment ago is not told as silent")
    func late() throws {
        let (before, after) = try PrivateHost.run { host in
            for name in ["left", "right"] { try host.makeNamespace(name) }
            try host.inside("left") {
                try host.cable("eth0", ["192.0.2.1/24"], to: "right", "eth0", ["192.0.2.9/24"])
            }
            let nodes = ["left", "right"].map { NodeReference(name: $0, namespace: "/run/netns/\($0)") }
            let probe = try Probe(source: "left", to: "192.0.2.2/icmp")
            let before = try Tracer.send(probe, nodes: nodes)
            try host.must("ip -n right address add 192.0.2.2/24 dev eth0")
            return (before, try Tracer.send(probe, nodes: nodes))
        }
        #expect(before.forward?.end.reason == "nobody owns 192.0.2.2 on eth0: it does not answer ARP")
        #expect(after.forward?.end.kind == .delivered)
        #expect(after.exitCode == 0, "\(after.json.prettyText)")
    }
}
