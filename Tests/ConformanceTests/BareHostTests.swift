import TestSupport
import Testing

@Suite("Hosts that lack what most have")
struct BareHostTests {
    @Test("without a routing table, where nobody ever brought lo up, ADD, CHECK and DEL work")
    func noRoutes() throws {
        try PrivateHost.run { host in
            try host.makeNamespace("bare")
            try host.makeNamespace("c1")
            try host.inside("bare") {
                let attached = try host.attach(.bridged(TestNetwork.portmap, TestNetwork.firewall), "c1")
                if let drift = try host.check(attached) { host.expect(false, "\(drift)") }
                try host.detach(attached)
                host.expect(try host.must("ip -o link show type veth"), is: "", "links that are left")
            }
        }
    }
}
