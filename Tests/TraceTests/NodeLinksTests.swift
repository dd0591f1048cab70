import NetCore
import TestSupport
import Testing

@testable import Explain

/// What berth explain asks a kernel for one by one is what a list of all tells.
@Suite struct NodeLinksTests {
    /// Two bridges; the ports of the first are many.
    private static func build(_ host: PrivateHost, _ count: Int) throws {
        for line in ["add br0 type bridge", "set br0 up", "add br1 type bridge"] {
            try host.must("ip link \(line)")
        }
        for number in 0..<count {
            try host.must("ip link add v\(number) type veth peer name p\(number)")
            try host.must("ip link set v\(number) master \(number == 0 ? "br1" : "br0")")
            if number % 2 == 0 { try host.must("ip link set v\(number) up") }
        }
        try host.must("bridge link set dev v2 isolated on")
        try host.must("bridge link set dev v4 state 0")
    }

    private static func inside<R>(_ body: (Node, [Link]) throws -> R) throws -> R {
        let reference = NodeReference(name: "host", namespace: "/proc/thread-self/ns/net")
        let surroundings = try Surroundings([reference])
        defer { withExtendedLifetime(surroundings) {} }
        let node = try Node(reference, among: surroundings)
        return try body(node, try node.route.links())
    }

    @Test("a device, asked for by its index, is the one of the list, be they few or many", arguments: [6, 80])
    func devices(_ count: Int) throws {
        try PrivateHost.run { host in
            try NodeLinksTests.build(host, count)
            try NodeLinksTests.inside { node, links in
                host.expect(links.count > 2 * count, "too few links")
                for link in links { host.expect(node.device(link.index), is: Device(link), link.name) }
                host.expect(node.device(9999), is: nil, "a device that is none")
                host.expect(node.loopback?.name, is: "lo", "the loopback device")
                host.expect(
                    node.device(named: "v3"), is: links.first { $0.name == "v3" }.map(Device.init), "by its name")
                host.expect(node.surroundings.refusal == nil, "refused")
            }
        }
    }

    @Test("a bridge's ports are those of the list")
    func ports() throws {
        try PrivateHost.run { host in
            try NodeLinksTests.build(host, 6)
            try NodeLinksTests.inside { node, links in
                for name in ["br0", "br1"] {
                    let bridge = try #require(links.first { $0.name == name })
                    let ports = links.filter { $0.master == bridge.index }
                    let found = node.ports(of: Device(bridge))
                    host.expect(ports.count, is: name == "br0" ? 5 : 1, "ports of \(name)")
                    host.expect(found.map(\.index), is: ports.map(\.index).sorted(), "indexes")
                    for port in found {
                        let link = try #require(ports.first { $0.index == port.index })
                        host.expect(port.mac, is: link.mac, link.name)
                        host.expect(port.state, is: link.portState, link.name)
                        host.expect(port.isUp, is: link.isUp, link.name)
                        host.expect(port.isIsolated, is: link.name == "v2", link.name)
                    }
                    host.expect(node.held(by: Device(bridge)), is: found.map(\.index), "held by \(name)")
                }
                let cable = try #require(links.first { $0.name == "v0" })
                host.expect(node.held(by: Device(cable)), is: [], "held by a cable's end")
            }
        }
    }

    @Test("a bridge's own addresses are its and its ports', not what was learned or told")
    func own() throws {
        try PrivateHost.run { host in
            try NodeLinksTests.build(host, 6)
            try host.must("bridge fdb add 02:00:00:00:00:07 dev v3 master static")
            try host.must("bridge fdb add 02:00:00:00:00:08 dev v3 master permanent")
            try NodeLinksTests.inside { node, links in
                let bridge = try #require(links.first { $0.name == "br0" })
                let own = links.filter { $0.index == bridge.index || $0.master == bridge.index }.compactMap(\.mac)
                host.expect(own.count, is: 6, "own addresses")
                for mac in own { host.expect(node.isOwn(mac, bridge: Device(bridge)), is: true, "\(mac)") }
                let others = links.filter { !own.contains($0.mac ?? own[0]) }.compactMap(\.mac)
                for mac in others { host.expect(node.isOwn(mac, bridge: Device(bridge)), is: false, "\(mac)") }
                let port = try #require(links.first { $0.name == "v3" })
                for text in ["02:00:00:00:00:07", "02:00:00:00:00:08"] {
                    let mac = try #require(MACAddress(text))
                    host.expect(node.isOwn(mac, bridge: Device(bridge)), is: false, text)
                    host.expect(node.forwardingPort(mac, bridge: Device(bridge)), is: port.index, text)
                }
            }
        }
    }
}
