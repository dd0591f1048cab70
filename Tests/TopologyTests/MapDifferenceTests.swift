import NetCore
import Testing

@testable import Topology

@Suite struct MapDifferenceTests {
    private static func map(_ change: (inout NetworkMap.Node) -> Void = { _ in }) -> NetworkMap {
        var host = NetworkMap.Node("host")
        host.links = [NetworkMap.Link("eth0", kind: "veth")]
        host.links[0].addresses = ["198.51.100.2/24"]
        host.gates = NetworkMap.Gate.gates([
            HookedChain(family: "ip", table: "lab", name: "forward", hook: "forward", drops: true, rules: 1)
        ])
        change(&host)
        return NetworkMap(nodes: [host])
    }

    private static func rules(_ count: Int, drops: Bool = true, _ hook: String = "forward") -> [NetworkMap.Gate] {
        NetworkMap.Gate.gates([
            HookedChain(family: "ip", table: "lab", name: hook, hook: hook, drops: drops, rules: count)
        ])
    }

    @Test("what the goal has and now has not is said of each thing, with the name that pictures have for it")
    func goal() {
        let goal = MapDifferenceTests.map { host in
            host.gates += MapDifferenceTests.rules(1, drops: false, "prerouting")
            host.forwardsIPv4 = true
            host.links[0].addresses.append("2001:db8::1/64")
        }
        let found = MapDifferenceTests.map().differences(from: goal)
        #expect(
            found.map(\.text) == [
                "GOAL has IPv4 forwarding of host on, NOW has it off",
                "GOAL has address 2001:db8::1/64 at eth0 of host, NOW does not",
                "GOAL has a rule at prerouting of host, NOW does not",
            ])
        #expect(found.map(\.id) == ["host", "host/link/eth0", "host/gate/prerouting"])
    }

    @Test("other numbers of rules, and what now has beyond the goal")
    func more() {
        let now = MapDifferenceTests.map { $0.gates = MapDifferenceTests.rules(3, drops: false) }
        #expect(
            now.differences(from: MapDifferenceTests.map()).map(\.text) == [
                "GOAL has a rule at forward of host, NOW has 3",
                "GOAL has policy drop at forward of host, NOW does not",
            ])
        #expect(
            MapDifferenceTests.map().differences(from: now).map(\.text) == [
                "GOAL has 3 rules at forward of host, NOW has 1",
                "NOW has policy drop at forward of host, GOAL does not",
            ])
    }

    @Test("a map does not differ from itself")
    func same() { #expect(MapDifferenceTests.map().differences(from: MapDifferenceTests.map()).isEmpty) }

    @Test("changes are told as what happened to the node")
    func changes() {
        let before = MapDifferenceTests.map()
        func told(_ change: (inout NetworkMap.Node) -> Void) -> [String] {
            MapDifferenceTests.map(change).changes(since: before).map(\.text)
        }
        #expect(told { $0.gates = MapDifferenceTests.rules(2) } == ["host: rule added at forward"])
        #expect(told { $0.gates = MapDifferenceTests.rules(4) } == ["host: 3 rules added at forward"])
        #expect(told { $0.gates = [] } == ["host: rule removed at forward", "host: policy drop removed at forward"])
        #expect(told { $0.links[0].isUp = false } == ["host: eth0 down"])
        #expect(told { $0.forwardsIPv4 = true } == ["host: IPv4 forwarding on"])
        #expect(told { $0.links[0].addresses = [] } == ["host: address 198.51.100.2/24 removed at eth0"])
        #expect(told { $0.listening = [NetworkMap.Listener(80)] } == ["host: program listens at port 80"])
        #expect(told { $0.links.append(NetworkMap.Link("br0", kind: "bridge")) } == ["host: bridge br0 added"])
    }

    @Test("a node that comes or goes is one change")
    func nodes() {
        var after = MapDifferenceTests.map()
        after.nodes.append(NetworkMap.Node("web"))
        #expect(after.changes(since: MapDifferenceTests.map()).map(\.text) == ["web: added"])
        #expect(MapDifferenceTests.map().changes(since: after).map(\.text) == ["web: gone"])
    }
}
