import Glibc
import NetCore
import TestSupport
import Testing

@testable import Topology

/// Namespaces of a private host, and what is read of them.
@Suite struct KernelTests {
    static func subjects(_ names: [String]) -> [NetworkMap.Subject] {
        names.map { NetworkMap.Subject(NodeReference(name: $0, namespace: "/run/netns/\($0)")) }
    }

    @Test("links, cables, bridges, routes and listening sockets are read as they were made")
    func links() throws {
        let (map, before, after) = try PrivateHost.run { host in
            for name in ["router", "web", "away"] { try host.makeNamespace(name) }
            try host.mustAll(
                """
                ip -n web link set lo up
                ip -n router link add br0 type bridge
                ip -n router address add 10.88.0.1/24 dev br0
                ip -n router link set br0 up
                ip -n router link add vweb type veth peer name eth0 netns web
                ip -n router link set vweb master br0 up
                bridge -n router link set dev vweb hairpin on isolated on
                ip -n web link set eth0 address 02:00:00:00:00:07 mtu 1400 up
                ip -n web address add 10.88.0.2/24 dev eth0
                ip -n web address add fd00:88::2/64 dev eth0 nodad
                ip -n web route add default via 10.88.0.1
                ip -n router link add out type veth peer name eth0 netns away
                ip -n router link add in0 type veth peer name in1
                ip -n router link add mv link in0 type macvlan mode bridge
                ip -n router link add mv1 link in0 netns web type macvlan mode bridge
                ip netns exec router sysctl -qw net.ipv4.ip_forward=1
                """)
            let server = try host.start([
                "ip", "netns", "exec", "web", "python3", "-c",
                "import socket,sys,time\ns=socket.socket();s.bind(('0.0.0.0',80));s.listen()\n"
                    + "u=socket.socket(type=socket.SOCK_DGRAM);u.bind(('127.0.0.1',53))\nprint('ready',flush=True);time.sleep(20)",
            ])
            defer { server.kill() }
            for _ in 0..<200 where !server.printedSoFar().contains("ready") { usleep(20_000) }
            let before = try KernelTests.everything(host)
            let map = try NetworkMap(reading: KernelTests.subjects(["web", "router"]))
            return (map, before, try KernelTests.everything(host))
        }
        #expect(before == after, "reading changed something")
        #expect(map.nodes.map(\.name) == ["web", "router"])
        let web = try #require(map.node("web"))
        let router = try #require(map.node("router"))
        let eth0 = try #require(web.link("eth0"))
        #expect(eth0.mac == "02:00:00:00:00:07" && eth0.mtu == 1400 && eth0.isUp && !eth0.lacksCarrier)
        #expect(eth0.addresses == ["10.88.0.2/24", "fd00:88::2/64"] && eth0.kind == "veth")
        #expect(web.hasGateway && !web.forwardsIPv4 && router.forwardsIPv4 && !router.hasGateway)
        #expect(web.listening == [.init(53, "udp", at: "127.0.0.1"), .init(80)])
        #expect(web.badges.contains(":80 listening") && web.badges.contains("127.0.0.1:53/udp listening"))
        let port = try #require(router.link("vweb"))
        #expect(port.master == "br0" && port.hairpin == true && port.isolated == true)
        #expect(router.link("br0")?.isBridge == true && router.link("br0")?.hairpin == nil)
        #expect(router.link("out")?.leadsElsewhere == true && router.link("out")?.isUp == false)
        #expect(router.link("mv")?.parent == "in0" && web.link("mv1")?.parent == nil)
        let cables = map.cables.map { "\($0.kind) \($0.near.link) \($0.far.node) \($0.far.link) \($0.isUp)" }
        #expect(
            cables.sorted() == [
                "macvlan mv1 router in0 false", "veth eth0 router vweb true",
                // The end whose index is lower, which is the one that was made second, comes first.
                "veth in1 router in0 false",
            ])
        #expect(map.cables.map(\.near.node) == ["web", "web", "router"])
    }

    @Test("gates are the hooks at which nftables or iptables-legacy judge; empty chains that accept are none")
    func gates() throws {
        let map = try PrivateHost.run { host in
            try host.makeNamespace("nft")
            try host.makeNamespace("old")
            try host.must(
                "ip netns exec nft nft -f -",
                input: """
                    table inet t {
                        chain empty { type filter hook output priority 0; policy accept; }
                        chain a { type filter hook forward priority 10; policy drop; }
                        chain b { type filter hook forward priority -10; counter; tcp dport 80 accept; jump own; }
                        chain own { counter; }
                    }
                    table ip n {
                        chain pre { type nat hook prerouting priority -100; tcp dport 8080 dnat to 10.88.0.2:80; }
                    }
                    table bridge l2 {
                        chain f { type filter hook forward priority 0; counter; }
                    }
                    """)
            try host.mustAll(
                """
                ip netns exec old iptables-legacy -t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 10.88.0.2:80
                ip netns exec old iptables-legacy -A INPUT -p icmp -j ACCEPT
                ip netns exec old iptables-legacy -A INPUT -p tcp -j ACCEPT
                ip netns exec old iptables-legacy -N OTHER
                ip netns exec old iptables-legacy -A OTHER -j ACCEPT
                ip netns exec old ip6tables-legacy -P FORWARD DROP
                """)
            return try NetworkMap(reading: KernelTests.subjects(["nft", "old"]))
        }
        let nft = try #require(map.node("nft"))
        #expect(
            nft.gates.map { "\($0.hook): \($0.words)" } == [
                "prerouting: 1 rule", "bridge forward: 1 rule", "forward: 3 rules, policy drop",
            ])
        #expect(nft.gates.last?.chains.map(\.name) == ["b", "a"] && nft.gates.last?.chains.last?.priority == 10)
        let old = try #require(map.node("old"))
        #expect(
            old.gates.map { "\($0.hook): \($0.words)" } == [
                "prerouting: 1 rule", "input: 2 rules", "forward: policy drop",
            ])
        #expect(old.gates.allSatisfy { $0.chains.allSatisfy(\.isLegacy) } && old.rewritesDestinations)
        #expect(old.gates.last?.chains.map(\.family) == ["ip6"])
    }

    @Test("no table of iptables-legacy is made by asking for it")
    func asking() throws {
        let tables = try PrivateHost.run { host in
            try host.makeNamespace("a")
            _ = try NetworkMap(reading: KernelTests.subjects(["a"]))
            return try host.must("ip netns exec a cat /proc/net/ip_tables_names /proc/net/ip6_tables_names")
        }
        #expect(tables == "")
    }

    @Test("a namespace named twice is one node, and one name for two is told apart")
    func names() throws {
        let map = try PrivateHost.run { host in
            let (a, b) = (try host.makeNamespace("a"), try host.makeNamespace("b"))
            let named = { (name: String, path: String) in
                NetworkMap.Subject(NodeReference(name: name, namespace: path), notes: ["by \(path)"])
            }
            return try NetworkMap(reading: [named("x", a), named("y", a), named("x", b)])
        }
        #expect(map.nodes.map(\.name) == ["x", "x~2"])
        #expect(map.nodes[0].notes == ["by /run/netns/a", "by /run/netns/a"])
    }

    @Test("a path that is no namespace is an error that names the node")
    func noNamespace() throws {
        let sentence = try PrivateHost.run { _ -> String in
            do throws(TopologyError) {
                _ = try NetworkMap(reading: [.init(NodeReference(name: "web", namespace: "/run/nothing"))])
                return ""
            } catch {
                return error.description
            }
        }
        #expect(sentence.hasPrefix("cannot read the network of web: ") && sentence.contains("ENOENT"))
    }

    @Test("a watch sleeps until the kernel tells of a change, in whichever namespace")
    func watching() throws {
        let woken = try PrivateHost.run { host -> [Bool] in
            try host.makeNamespace("a")
            try host.makeNamespace("b")
            let watch = try MapWatch(KernelTests.subjects(["a", "b"]).map(\.reference))
            var woken = [try watch.wait(milliseconds: 200)]
            for change in [
                "ip -n b link set lo up", "ip -n a address add 10.1.0.1/24 dev lo",
                "ip netns exec b nft add table ip t", "ip netns exec a sysctl -qw net.ipv4.ip_forward=1",
            ] {
                try host.must(change)
                woken.append(try watch.wait(milliseconds: 2000))
            }
            woken.append(try watch.wait(milliseconds: 200))
            // The watch itself keeps the namespace in being.
            try host.removeNamespace("b")
            woken.append(try watch.wait(milliseconds: 3000))
            return woken
        }
        #expect(woken == [false, true, true, true, true, false, true])
    }

    /// What a reader could change; clocks and states that settle by themselves are left out.
    private static func everything(_ host: PrivateHost) throws -> [String] {
        var lines: [String] = []
        for name in ["router", "web", "away"] {
            let links = try host.must("ip -n \(name) -o link show").split(separator: "\n")
            lines += links.map {
                $0.split(separator: "<")[0] + $0.split(separator: " ").dropFirst(3).joined(separator: " ")
            }
            .map {
                $0.split(separator: " ").filter { $0 != "UP" && $0 != "DOWN" && $0 != "UNKNOWN" }.joined(separator: " ")
            }
            lines.append(try host.must("ip -n \(name) netns list-id"))
            lines.append(try host.must("ip netns exec \(name) nft list ruleset"))
        }
        return lines
    }
}

extension PrivateHost {
    /// One command a line.
    func mustAll(_ lines: String) throws {
        for line in lines.split(separator: "\n") { try must(String(line)) }
    }
}
