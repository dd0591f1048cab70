import Glibc
import NetCore
import TestSupport
import Testing

@testable import Topology

/// The forwarding tables of real bridges, read and listened to.
struct ForwardingTests {
    /// Until so many ports of switch forward: before, a bridge takes no entries but its own and static ones.
    private static func waitForPorts(_ host: PrivateHost, _ count: Int) throws {
        for _ in 0..<500 {
            let forwarding = try host.must("bridge -n switch link show").split(separator: "\n").filter {
                $0.contains("state forwarding")
            }
            if forwarding.count >= count { return }
            usleep(10_000)
        }
    }

    @Test("a bridge's forwarding table is read: whose address is behind which port, and how it came there")
    func forwarding() throws {
        let map = try PrivateHost.run { host in
            for name in ["switch", "one", "two"] { try host.makeNamespace(name) }
            try host.mustAll(
                """
                ip -n switch link add br0 type bridge
                ip -n switch link set br0 address 02:00:00:00:02:01 up
                ip -n switch link add p1 type veth peer name eth0 netns one
                ip -n switch link add p2 type veth peer name eth0 netns two
                ip -n one link set eth0 address 02:00:00:00:00:01 addrgenmode none up
                ip -n two link set eth0 address 02:00:00:00:00:01 addrgenmode none up
                ip -n switch link set p1 address 02:00:00:00:01:01 master br0 up
                ip -n switch link set p2 address 02:00:00:00:01:02 master br0 up
                ip -n two link add other type veth peer name end
                ip -n two link set other address 02:00:00:00:00:0b up
                """)
            try ForwardingTests.waitForPorts(host, 2)
            try host.mustAll(
                """
                bridge -n switch fdb add 02:00:00:00:00:01 dev p2 master static
                bridge -n switch fdb add 02:00:00:00:00:0b dev p1 master dynamic
                bridge -n switch fdb add 02:00:00:00:00:0c dev p1 master dynamic
                """)
            return try NetworkMap(reading: KernelTests.subjects(["one", "two", "switch"]))
        }
        let table = try #require(map.node("switch")?.link("br0")?.forwarding)
        #expect(table.count == 6 && map.node("one")?.links.allSatisfy { $0.forwarding == nil } == true)
        typealias Entry = NetworkMap.ForwardingTable.Entry
        // Two have the address; behind that port is one of them.
        #expect(
            table.entries == [
                Entry("02:00:00:00:02:01", at: "br0", .permanent, of: .init("switch", "br0")),
                Entry("02:00:00:00:01:01", at: "p1", .permanent, of: .init("switch", "p1")),
                Entry("02:00:00:00:01:02", at: "p2", .permanent, of: .init("switch", "p2")),
                Entry("02:00:00:00:00:01", at: "p2", .static, of: .init("two", "eth0")),
                Entry("02:00:00:00:00:0b", at: "p1", .learned, of: .init("two", "other")),
                Entry("02:00:00:00:00:0c", at: "p1", .learned),
            ])
        #expect(try NetworkMap(decoding: map.json) == map)
    }

    @Test("of a table with many entries the first are told, and how many there are")
    func manyEntries() throws {
        let map = try PrivateHost.run { host in
            try host.makeNamespace("switch")
            try host.mustAll(
                """
                ip -n switch link add br0 type bridge
                ip -n switch link add p1 type veth peer name p2
                ip -n switch link set p1 master br0 up
                """)
            for index in 0..<250 {
                let mac = "02:00:00:00:10:\(String(index | 0x100, radix: 16).suffix(2))"
                try host.must("bridge -n switch fdb add \(mac) dev p1 master static")
            }
            return try NetworkMap(reading: KernelTests.subjects(["switch"]))
        }
        let table = try #require(map.node("switch")?.link("br0")?.forwarding)
        // The bridge has its port's address, which is one entry.
        #expect(table.entries.count == 200 && table.count == 251)
        #expect(table.entries.prefix(3).map(\.kind) == [.permanent, .static, .static])
    }

    @Test(
        "a watch of forwarding wakes when a bridge learns or forgets, not for neighbours of IP; another one for neither"
    )
    func watchingForwarding() throws {
        let (asked, unasked) = try PrivateHost.run { host -> ([Bool], [Bool]) in
            try host.makeNamespace("switch")
            try host.mustAll(
                """
                ip -n switch link add br0 type bridge
                ip -n switch link add p1 type veth peer name p2
                ip -n switch link set p1 master br0 up
                ip -n switch address add 10.1.0.1/24 dev br0
                ip -n switch link set br0 up
                ip -n switch link set p2 up
                """)
            try ForwardingTests.waitForPorts(host, 1)
            let nodes = KernelTests.subjects(["switch"]).map(\.reference)
            let (watch, other) = (try MapWatch(nodes, forwarding: true), try MapWatch(nodes))
            var (asked, unasked): ([Bool], [Bool]) = ([false], [false])
            for change in [
                "bridge -n switch fdb add 02:00:00:00:00:07 dev p1 master dynamic",
                "ip -n switch neigh add 10.1.0.9 lladdr 02:00:00:00:00:09 dev br0",
                "bridge -n switch fdb del 02:00:00:00:00:07 dev p1 master",
            ] {
                // What came before, of carriers and addresses, comes late on a busy machine: until two seconds are silent.
                for _ in 0..<10 where try watch.wait(milliseconds: 2000) { _ = try other.take() }
                _ = try other.take()
                try host.must(change)
                asked.append(try watch.take())
                unasked.append(try other.take())
            }
            return (asked, unasked)
        }
        #expect(asked == [false, true, false, true])
        #expect(unasked == [false, false, false, false])
    }
}
