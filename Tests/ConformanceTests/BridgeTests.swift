import Glibc
import JSON
import NetCore
import TestSupport
import Testing

@Suite("bridge: ADD and what it makes (P-30 to P-39, cni.md 2.1)")
struct BridgeTests {
    @Test(
        "two containers of a network speak to each other and to their gateway, by IPv4 and IPv6",
        arguments: AddressFamily.allCases, [Transport.tcp, .udp])
    func neighbours(_ family: AddressFamily, _ transport: Transport) throws {
        try PrivateHost.run { host in
            let network = TestNetwork.bridged()
            let first = try host.attach(network, "c1")
            let second = try host.attach(network, "c2")
            let (one, two) = (first.address(family)!, second.address(family)!)
            host.expect(one != two, "both have \(one)")
            let listener = Endpoint(two, 7000)
            host.expect(
                try host.converse(transport, from: "c1", to: listener, at: "c2", listening: listener)?.address, is: one,
                "the client as its neighbour sees it")
            let gateway = Endpoint(first.gateway(family)!, 7001)
            host.expect(
                try host.converse(transport, from: "c1", to: gateway, at: nil, listening: gateway)?.address, is: one,
                "the client as its gateway sees it")
            host.expect(
                try host.converse(transport, from: nil, to: listener, at: "c2", listening: listener) != nil,
                "host to container")
        }
    }

    @Test(
        "P-36 P-37 the result lists bridge, host end and container end, with sandbox, MAC and MTU as the kernel has them"
    )
    func result() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(.bridged(), "c1")
            let links = attached.result["interfaces"]?.array ?? []
            host.expect(links.count, is: 3, "interfaces")
            guard links.count == 3 else { return }
            host.expect(links[0]["name"]?.string, is: "cni0", "the first interface")
            host.expect(links[1]["name"]?.string?.hasPrefix("veth") == true, "the second is \(links[1])")
            host.expect(links[1]["name"]?.string?.count, is: 15, "the host end's name has 15 bytes")
            host.expect(links[2]["name"]?.string, is: "eth0", "the third interface")
            host.expect([nil, ""].contains(links[0]["sandbox"]?.string), "the bridge has a sandbox")
            host.expect([nil, ""].contains(links[1]["sandbox"]?.string), "the host end has a sandbox")
            host.expect(links[2]["sandbox"]?.string, is: "/run/netns/c1", "the container end's sandbox")
            for (index, place) in [nil, nil, "c1"].enumerated() {
                let name = links[index]["name"]?.string ?? "none"
                let seen = try host.link(name, in: place)
                host.expect(links[index]["mac"], is: seen["address"], "MAC of \(name)")
                host.expect(links[index]["mtu"], is: seen["mtu"], "MTU of \(name)")
            }
            host.expect(attached.result["ips"]?.array?.map { $0["interface"] }, is: [2, 2], "ips[].interface")
            host.expect(attached.gateway(.v4), is: IPAddress("10.22.0.1"), "IPv4 gateway")
            host.expect(attached.gateway(.v6), is: IPAddress("fd22::1"), "IPv6 gateway")
        }
    }

    @Test("the host end is named and tagged after its owner, and hangs in the bridge (C-1)")
    func ownerTag() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(.bridged(), "c1")
            let attachment = Attachment(network: "net1", containerID: "c1", interface: LinkName("eth0")!)
            host.expect(attached.hostEnd, is: attachment.hostInterface.description, "the host end's name")
            let seen = try host.link(attached.hostEnd ?? "none")
            host.expect(seen["ifalias"]?.string, is: "berth:bridge/net1/c1/eth0", "its alias")
            host.expect(seen["master"]?.string, is: "cni0", "its master")
        }
    }

    @Test("P-30 P-17 an interface that exists already is refused with code 103 and stays as it was")
    func interfaceExists() throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            _ = try host.baseline(.bridged())
            try host.inside("c1") { try host.must("ip link add eth0 type bridge") }
            let before = try host.settledState()
            let inside = try host.inside("c1") { try host.state(folders: []) }
            try host.expectError(103, naming: ["eth0"], Call(.bridge, "ADD", TestNetwork.bridged().plugins[0]))
            host.expect(try host.settledState().difference(from: before), is: "", "the host")
            host.expect(
                try host.inside("c1") { try host.state(folders: []) }.difference(from: inside), is: "", "the container")
        }
    }

    @Test("P-30 a namespace that does not exist is refused and named", arguments: ["/run/netns/none", "/etc/hostname"])
    func noNamespace(_ path: String) throws {
        try PrivateHost.run { host in
            _ = try host.baseline(.bridged())
            let before = try host.settledState()
            let answer = try host.call(Call(.bridge).with { $0.netns = path })
            host.expect([3, 4, 5, 8].contains(answer.code ?? 0), "\(answer)")
            host.expect(answer.sentence.contains(path), "the path is not named: \(answer)")
            host.expect(try host.settledState().difference(from: before), is: "", "the host")
        }
    }

    @Test("a link of another kind that has the bridge's name is refused and left alone")
    func notABridge() throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            try host.must("ip link add cni0 type veth peer name other")
            try host.expectUnchanged {
                let answer = try host.call(Call(.bridge))
                host.expect((answer.code ?? 0) >= 5, "\(answer)")
                host.expect(answer.sentence.contains("cni0"), "the link is not named: \(answer)")
            }
        }
    }

    @Test("without isGateway the bridge gets no address and nothing is forwarded")
    func noGateway() throws {
        try PrivateHost.run { host in
            let network = TestNetwork.bridged(keys: ["isGateway": false, "ipMasq": false])
            _ = try host.attach(network, "c1")
            host.expect(try host.addresses("cni0"), is: [], "addresses of the bridge")
            host.expect(try host.sysctl("net/ipv4/ip_forward"), is: "0", "ip_forward")
            host.expect(try host.sysctl("net/ipv6/conf/all/forwarding"), is: "0", "IPv6 forwarding")
        }
    }

    @Test("isGateway gives the bridge each family's gateway address and switches forwarding on")
    func gateway() throws {
        try PrivateHost.run { host in
            _ = try host.attach(.bridged(), "c1")
            host.expect(try host.addresses("cni0"), is: ["10.22.0.1/24", "fd22::1/64"], "addresses of the bridge")
            host.expect(try host.sysctl("net/ipv4/ip_forward"), is: "1", "ip_forward")
            host.expect(try host.sysctl("net/ipv6/conf/all/forwarding"), is: "1", "IPv6 forwarding")
        }
    }

    @Test("IPv4 alone leaves IPv6 forwarding as it is (C-3)")
    func forwardingOnlyWhereNeeded() throws {
        try PrivateHost.run { host in
            _ = try host.attach(.bridged(v6: nil), "c1")
            host.expect(try host.sysctl("net/ipv4/ip_forward"), is: "1", "ip_forward")
            host.expect(try host.sysctl("net/ipv6/conf/all/forwarding"), is: "0", "IPv6 forwarding")
        }
    }

    @Test("isDefaultGateway adds a default route a family when IPAM gave none")
    func defaultGateway() throws {
        try PrivateHost.run { host in
            let ipam: JSON = [
                "type": "host-local", "ranges": [[["subnet": "10.22.0.0/24"]], [["subnet": "fd22::/64"]]],
            ]
            let attached = try host.attach(
                .bridged(keys: ["isDefaultGateway": true, "isGateway": false, "ipam": ipam]), "c1")
            host.expect(
                attached.result["routes"]?.array?.compactMap { $0["dst"]?.string }.sorted(), is: ["0.0.0.0/0", "::/0"],
                "routes")
            try host.inside("c1") {
                host.expect(
                    try host.must("ip -4 route show default").hasPrefix("default via 10.22.0.1 dev eth0"),
                    "IPv4 default route")
                host.expect(
                    try host.must("ip -6 route show default").hasPrefix("default via fd22::1 dev eth0"),
                    "IPv6 default route")
            }
        }
    }

    @Test("P-39 a route without a gateway goes by the family's gateway, and by the link when there is none")
    func routesWithoutGateway() throws {
        try PrivateHost.run { host in
            var ipam: JSON = [
                "type": "host-local", "ranges": [[["subnet": "10.22.0.0/24"]]], "routes": [["dst": "192.168.7.0/24"]],
            ]
            _ = try host.attach(.bridged(keys: ["ipam": ipam]), "c1")
            try host.inside("c1") {
                host.expect(
                    try host.must("ip route show 192.168.7.0/24").contains("via 10.22.0.1"), "the gateway's route")
            }
            ipam = [
                "type": "host-local", "ranges": [[["subnet": "10.23.0.0/24"]]],
                "routes": [["dst": "192.168.8.0/24", "gw": "10.23.0.9"]],
            ]
            _ = try host.attach(.bridged(name: "net2", bridge: "cni1", keys: ["ipam": ipam]), "c2")
            try host.inside("c2") {
                host.expect(
                    try host.must("ip route show 192.168.8.0/24").contains("via 10.23.0.9"), "the route's own gateway")
            }
        }
    }

    @Test("P-38 a route's mtu, advmss, priority, table and scope reach the kernel and the result")
    func routeFields() throws {
        try PrivateHost.run { host in
            let ipam: JSON = [
                "type": "host-local", "ranges": [[["subnet": "10.22.0.0/24"]]],
                "routes": [
                    ["dst": "192.168.7.0/24", "mtu": 1400, "advmss": 1300, "priority": 77],
                    ["dst": "192.168.9.0/24", "table": 101, "scope": 253],
                ],
            ]
            let attached = try host.attach(.bridged(keys: ["ipam": ipam]), "c1")
            try host.inside("c1") {
                let first = try host.must("ip route show 192.168.7.0/24")
                for words in ["mtu 1400", "advmss 1300", "metric 77"] {
                    host.expect(first.contains(words), "the route lacks \(words): \(first)")
                }
                let second = try host.must("ip route show table 101 192.168.9.0/24")
                host.expect(second.contains("scope link"), "the route of table 101: \(second)")
            }
            let routes = attached.result["routes"]?.array ?? []
            host.expect(routes.first?["mtu"]?.integer, is: 1400, "mtu in the result")
            host.expect(routes.first?["advmss"]?.integer, is: 1300, "advmss in the result")
            host.expect(routes.first?["priority"]?.integer, is: 77, "priority in the result")
            host.expect(routes.last?["table"]?.integer, is: 101, "table in the result")
            host.expect(routes.last?["scope"]?.integer, is: 253, "scope in the result")
        }
    }

    @Test("without ipam the container gets a link and no address")
    func layerTwo() throws {
        try PrivateHost.run { host in
            for ipam: JSON in [[:], nil] {
                let network = TestNetwork([["type": "bridge", "bridge": "cni0", "ipam": ipam]])
                let before = try host.baseline(network)
                let attached = try host.attach(network, "c1")
                host.expect(attached.result["ips"]?.array ?? [], is: [], "ips")
                let link = try host.link("eth0", in: "c1")
                host.expect(link["flags"]?.array?.contains("UP") == true, "eth0 is not up: \(link)")
                host.expect(try host.check(attached) == nil, "CHECK fails")
                try host.detach(attached)
                try host.removeNamespace("c1")
                host.expect(try host.settledState().difference(from: before), is: "", "the difference after DEL")
            }
        }
    }

    @Test(
        "the sysctls that the field expects: accept_ra=0 on the host's links, arp_notify=1 and no DAD in the container")
    func sysctls() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(.bridged(), "c1")
            host.expect(try host.sysctl("net/ipv6/conf/cni0/accept_ra"), is: "0", "accept_ra of the bridge")
            host.expect(
                try host.sysctl("net/ipv6/conf/\(attached.hostEnd!)/accept_ra"), is: "0", "accept_ra of the host end")
            // While the bridge's own link-local address is tentative it asks for no neighbour: seconds without IPv6.
            // It is so for a moment, until a worker of the kernel's has seen that nothing is to be detected, which would take a second.
            var tentative = "?"
            for _ in 0..<100 where !tentative.isEmpty {
                tentative = try host.must("ip -6 -o address show dev cni0 tentative")
                usleep(5000)
            }
            host.expect(tentative, is: "", "tentative addresses of the bridge")
            try host.inside("c1") {
                host.expect(try host.sysctl("net/ipv4/conf/eth0/arp_notify"), is: "1", "arp_notify")
                host.expect(try host.sysctl("net/ipv6/conf/eth0/accept_dad"), is: "0", "accept_dad")
            }
            let slow = try host.attach(
                .bridged(name: "net2", bridge: "cni1", v4: nil, v6: "fd33::/64", keys: ["enabledad": true]), "c2")
            try host.inside("c2") {
                host.expect(try host.sysctl("net/ipv6/conf/eth0/accept_dad"), is: "1", "accept_dad with enabledad")
                host.expect(try host.sysctl("net/ipv6/conf/eth0/enhanced_dad"), is: "1", "enhanced_dad with enabledad")
                let address = try host.must("ip -6 -o address show dev eth0 scope global")
                host.expect(!address.contains("tentative"), "\(slow.address(.v6)!) is tentative after ADD: \(address)")
            }
        }
    }

    @Test("the bridge's MAC address stays the same while containers come and go")
    func stableMAC() throws {
        try PrivateHost.run { host in
            let network = TestNetwork.bridged()
            let first = try host.attach(network, "c1")
            let mac = try host.link("cni0")["address"]
            let second = try host.attach(network, "c2")
            try host.detach(first)
            host.expect(try host.link("cni0")["address"], is: mac, "the MAC address after the first left")
            try host.detach(second)
            host.expect(try host.link("cni0")["address"], is: mac, "the MAC address without containers")
            host.expect(first.link("cni0")?["mac"], is: mac, "the MAC address in the result")
        }
    }

    @Test("a container that takes over an address is reached at its first packet", arguments: AddressFamily.allCases)
    func reusedAddress(_ family: AddressFamily) throws {
        try PrivateHost.run { host in
            let pool: JSON = [
                "type": "host-local",
                "ranges": [
                    [["subnet": "10.22.0.0/24", "rangeStart": "10.22.0.9", "rangeEnd": "10.22.0.9"]],
                    [["subnet": "fd22::/64", "rangeStart": "fd22::9", "rangeEnd": "fd22::9"]],
                ],
            ]
            let network = TestNetwork.bridged(keys: ["ipam": pool])
            for id in ["c1", "c2", "c3"] {
                let attached = try host.attach(network, id)
                let listener = Endpoint(attached.address(family)!, 7000)
                host.expect(
                    try host.converse(.udp, from: nil, to: listener, at: id, listening: listener, resend: 0) != nil,
                    "\(id) is not reached")
                try host.detach(attached)
            }
        }
    }
}

extension PrivateHost {
    /// A link as `ip -d -j` shows it; an empty object when there is none.
    func link(_ name: String, in namespace: String? = nil) throws -> JSON {
        func look() throws -> JSON {
            let outcome = try run(["ip", "-d", "-j", "link", "show", "dev", name])
            return outcome.exitCode == 0 ? try JSON(parsing: outcome.output).array?.first ?? [:] : [:]
        }
        guard let namespace else { return try look() }
        return try inside(namespace, look)
    }

    /// The global addresses of a link with their prefix lengths, sorted.
    func addresses(_ link: String) throws -> [String] {
        let listed = try JSON(parsing: Array(try must("ip -j address show dev \(link) scope global").utf8)).array?.first
        return (listed?["addr_info"]?.array ?? []).compactMap { one in
            guard let address = one["local"]?.string, let length = one["prefixlen"]?.integer else { return nil }
            return "\(address)/\(length)"
        }.sorted()
    }

    /// A value below /proc/sys in the thread's namespace, without its line end.
    func sysctl(_ path: String) throws -> String {
        String(decoding: try Files.read("/proc/sys/\(path)").filter { $0 != 0x0a }, as: UTF8.self)
    }
}
