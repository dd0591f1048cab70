import Glibc
import Inspect
import JSON
import NetCore
import NetPlan
import TestSupport
import Testing

/// `"backend": "firewalld"` (cni.md 2.6, pains 11 and 14) with the real firewalld, whose default zone rejects.
@Suite("firewalld: a container's addresses are sources of a zone")
struct FirewalldTests {
    static func firewall(_ keys: JSONObject = [:]) -> JSONObject {
        var firewall = TestNetwork.firewall
        firewall["backend"] = "firewalld"
        for (key, value) in keys { firewall[key] = value }
        return firewall
    }
    static func network(_ keys: JSONObject = [:]) -> TestNetwork {
        .bridged(TestNetwork.portmap, firewall(keys), keys: ["hairpinMode": true])
    }

    static func sources(_ attached: Attached) -> [String] {
        ["\(attached.address(.v4)!)/32", "\(attached.address(.v6)!)/128"]
    }

    /// Whom the container reaches now, of the host and the outside.
    static func reached(_ host: PrivateHost, from attached: Attached) throws -> [String] {
        var reached: [String] = []
        for family in AddressFamily.allCases {
            for (name, place, address) in [
                ("host", nil, attached.gateway(family)!), ("outside", "outside", Uplink.outside(family)),
            ] {
                let there = Endpoint(address, 7000)
                let seen = try host.converse(
                    .tcp, from: attached.namespace, to: there, at: place, listening: there, milliseconds: 300)
                if seen != nil { reached.append("\(name) \(family)") }
            }
        }
        return reached
    }
    static let everybody = ["host v4", "outside v4", "host v6", "outside v6"]

    static func run(_ body: @escaping @Sendable (PrivateHost, FirewalldDaemon) throws -> Void) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            try body(host, try FirewalldDaemon(host))
        }
    }

    @Test(
        "2.6 the default zone rejects: a container reaches nobody without its sources, with them everybody, after DEL nobody",
        .onNftables)
    func packets() throws {
        try FirewalldTests.run { host, firewalld in
            let network = FirewalldTests.network()
            let bare = try host.attach(TestNetwork([network.plugins[0]]), "c0")
            host.expect(try FirewalldTests.reached(host, from: bare), is: [], "without the firewall plugin")
            let attached = try host.attach(network, "c1", ports: Ports.tcp8080)
            host.expect(try firewalld.sources(), is: FirewalldTests.sources(attached).sorted(), "the zone's sources")
            host.expect(try FirewalldTests.reached(host, from: attached), is: FirewalldTests.everybody, "with it")
            host.expect(try FirewalldTests.reached(host, from: bare), is: [], "its neighbour")
            let published = try host.converse(
                .tcp, from: "outside", to: Endpoint(Uplink.host(.v4), 8080), at: "c1",
                listening: Endpoint(attached.address(.v4)!, 80))
            host.expect(published != nil, "its published port")
            let failure = try host.check(attached)
            host.expect(failure == nil, "CHECK: \(failure.map { "\($0)" } ?? "")")
            let permanent = try host.must("firewall-cmd --permanent --zone=trusted --list-sources")
            host.expect(permanent, is: "\n", "the permanent configuration")
            try host.expectSuccess(attached.call(2, "DEL", previous: attached.result))
            host.expect(try firewalld.sources(), is: [], "after DEL")
            host.expect(try FirewalldTests.reached(host, from: attached), is: [], "after DEL")
            try host.expectSuccess(attached.call(2, "DEL", previous: attached.result), "again")
        }
    }

    @Test(
        "2.6 DEL and GC take away exactly the attachment's sources, whatever the runtime lost, and nobody else's",
        .onNftables)
    func removal() throws {
        try FirewalldTests.run { host, firewalld in
            let network = FirewalldTests.network()
            // The administrator's, each in a spelling of his own.
            let his = ["10.22.0.2", "10.22.0.3/32", "198.51.100.0/24"]
            for source in his { try firewalld.zone("addSource", "trusted", source) }
            let first = try host.attach(network, "c1")
            host.expect(first.address(.v4), is: IPAddress("10.22.0.2"), "the address that is there already")
            let second = try host.attach(network, "c2")
            try host.detach(second, losing: [.namespace, .previousResult, .runtimeConfig])
            let left = (his + [FirewalldTests.sources(first)[1]]).sorted()
            host.expect(try firewalld.sources(), is: left, "once c2 is gone")
            // Another network has the address, too, which without the elements in berth's table nobody sees: who goes first
            // takes nothing from who stays.
            try host.must("nft delete table inet berth")
            let plugins = [FirewalldTests.firewall()]
            let twin = Attached(
                network: TestNetwork(plugins, name: "net2"), id: "c3", namespace: "c1", result: first.result)
            try host.expectSuccess(twin.call(0, "ADD", previous: first.result))
            try host.detach(first)
            host.expect(try firewalld.sources(), is: left, "once c1 is gone, whose address c3 has")
            try host.detach(twin)
            host.expect(try firewalld.sources(), is: his, "once all are gone")
            // Without a record: the reference plugin's, but for what stands in the permanent configuration, too.
            let (v4, v6) = (FirewalldTests.sources(first)[0], FirewalldTests.sources(first)[1])
            for source in [v4, v6] { try firewalld.zone("addSource", "trusted", source) }
            try host.must("firewall-cmd -q --permanent --zone=trusted --add-source=\(v6)")
            try host.detach(first)
            host.expect(try firewalld.sources(), is: his + [v6], "what the reference plugin made")
            try firewalld.zone("removeSource", "trusted", v6)
            let kept = try host.attach(network, "c4")
            _ = try host.attach(network, "c5")
            let failure = try host.collect(network, valid: [kept])
            host.expect(failure == nil, "GC: \(failure.map { "\($0)" } ?? "")")
            host.expect(try firewalld.sources(), is: (his + FirewalldTests.sources(kept)).sorted(), "after GC")
            try host.detach(kept)
            // What a reload took from him and a repair brought back is berth's.
            try firewalld.zone("addSource", "trusted", "10.22.0.6/32")
            let adopted = try host.attach(network, "c6")
            host.expect(adopted.address(.v4), is: IPAddress("10.22.0.6"), "the address that is there already")
            try firewalld.zone("removeSource", "trusted", "10.22.0.6/32")
            let repair = try Repair(of: StateDirectory(), changes: true)
            host.expect(repair.isClean && !repair.isIdle, repair.text)
            try host.detach(adopted)
            host.expect(try firewalld.sources(), is: his, "what a repair had brought back")
        }
    }

    @Test(
        "2.6 P-55 P-56 a source that is gone, moved or refused is told; repair brings back what is nobody's",
        .onNftables)
    func told() throws {
        try FirewalldTests.run { host, firewalld in
            let network = FirewalldTests.network()
            let attached = try host.attach(network, "c1")
            let (v4, v6) = (FirewalldTests.sources(attached)[0], FirewalldTests.sources(attached)[1])
            func drift() throws -> String { try host.check(attached)?.outcome.text ?? "" }
            func expectDrift(_ words: String...) throws {
                let seen = try drift()
                host.expect(seen.contains("106") && words.allSatisfy(seen.contains), "\(words) not in \(seen)")
            }
            try firewalld.zone("removeSource", "trusted", v4)
            try expectDrift("source \(v4) of firewalld", "in zone trusted", "in no zone")
            let harmed = try host.status(network)
            host.expect(harmed?.isError(51) == true && harmed?.sentence.contains("berth repair") == true, "\(harmed!)")
            let rules = try RuleList(of: StateDirectory()).table
            host.expect(rules.contains("\(v4) is a source of firewalld's zone trusted  (missing"), rules)
            host.expect(rules.contains("\(v6) is a source of firewalld's zone trusted\n"), rules)
            let repair = try Repair(of: StateDirectory(), changes: true)
            host.expect(repair.isClean && !repair.isIdle, repair.text)
            host.expect(try firewalld.sources(), is: [v4, v6].sorted(), "after the repair")
            try firewalld.zone("removeSource", "trusted", v4)
            try firewalld.zone("addSource", "drop", "\(attached.address(.v4)!)")
            try expectDrift("in zone drop")
            let refused = try Repair(of: StateDirectory(), changes: true)
            host.expect(!refused.isClean && refused.text.contains("it is one of zone drop"), refused.text)
            try host.detach(attached)
            host.expect(try firewalld.sources() + firewalld.sources("drop"), is: ["10.22.0.2"], "his own source")

            // ADD: a zone that is none, an address that stands elsewhere; nothing is left of either.
            let before = try host.settledState()
            for index in 3...4 { try firewalld.zone("addSource", "drop", "10.22.0.\(index)") }
            for (keys, code, word) in [
                (["firewalldZone": "nozone"] as JSONObject, Int64(7), "nozone"), ([:], 101, "zone drop"),
            ] {
                let base = try host.attach(TestNetwork([network.plugins[0]]), "c2")
                let chained = Attached(
                    network: TestNetwork([FirewalldTests.firewall(keys)]), id: "c2", namespace: "c2")
                try host.expectError(code, naming: [word], chained.call(0, "ADD", previous: base.result))
                try host.detach(base)
                try host.removeNamespace("c2")
            }
            for index in 3...4 { try firewalld.zone("removeSource", "drop", "10.22.0.\(index)") }
            host.expect(try host.settledState().difference(from: before), is: "", "after the refused ADDs")
            let unknown = try host.status(FirewalldTests.network(["firewalldZone": "nozone"]))
            host.expect(
                unknown?.isError(50) == true && unknown?.sentence.contains("--new-zone=nozone") == true, "\(unknown!)")
        }
    }

    @Test(
        "2.6 without firewalld ADD and STATUS say what to do, and DEL succeeds: its sources went with it", .onNftables)
    func absent() throws {
        try FirewalldTests.run { host, firewalld in
            let attached = try host.attach(FirewalldTests.network(), "c1")
            firewalld.stop()
            let ready = try host.status(attached.network)
            host.expect(ready?.isError(50) == true, "STATUS: \(ready.map { "\($0)" } ?? "success")")
            host.expect(ready?.sentence.contains("systemctl start firewalld") == true, "\(ready!)")
            let drift = try host.check(attached)
            host.expect(drift?.outcome.text.contains("firewalld is not on the system bus") == true, "\(drift!)")
            var other = attached
            other = Attached(network: TestNetwork([FirewalldTests.firewall()]), id: "c2", namespace: "c1")
            let refused = try host.call(other.call(0, "ADD", previous: attached.result))
            host.expect(refused.code != nil && refused.sentence.contains("systemctl start firewalld"), "\(refused)")
            try host.detach(attached)
            try firewalld.startAgain()
            host.expect(try firewalld.sources(), is: [], "sources after its start")
        }
    }

    @Test("2.6 N-8 what firewalld's zone accepts berth's ingress policy still cuts off", .onNftables)
    func policy() throws {
        try FirewalldTests.run { host, firewalld in
            func network(_ name: String, _ subnet: Int, _ policy: String) -> TestNetwork {
                .bridged(
                    FirewalldTests.firewall(["ingressPolicy": .string(policy)]), name: name, bridge: "\(name)br",
                    v4: "10.\(subnet).0.0/24", v6: nil, keys: ["ipMasq": false])
            }
            let first = try host.attach(network("net1", 22, "open"), "c1")
            let second = try host.attach(network("net2", 33, "open"), "c2")
            let there = Endpoint(second.address(.v4)!, 7000)
            func isReached() throws -> Bool {
                try host.converse(.tcp, from: "c1", to: there, at: "c2", listening: there, milliseconds: 300) != nil
            }
            host.expect(try isReached(), "with policy open c2 is reached")
            // The last ADD's policy is the bridge's.
            _ = try host.attach(network("net1", 22, "same-bridge"), "c3")
            _ = try host.attach(network("net2", 33, "same-bridge"), "c4")
            host.expect(try !isReached(), "with policy same-bridge c2 is not")
            let outside = Endpoint(Uplink.outside(.v4), 7000)
            try host.inside("outside") { try host.must("ip route add 10.0.0.0/8 via 192.0.2.1") }
            let seen = try host.converse(.tcp, from: "c1", to: outside, at: "outside", listening: outside)
            host.expect(seen?.address, is: first.address(.v4), "the outside")
        }
    }
}
