import Inspect
import JSON
import NetCore
import TestSupport
import Testing

@Suite("ptp: a cable without a bridge (cni.md 2.2)")
struct PtpTests {
    static func network(_ chained: JSONObject..., keys: JSONObject = [:], version: String = Call.version) -> TestNetwork
    {
        var first = PluginType.ptp.configuration
        for (key, value) in keys { first[key] = value }
        return TestNetwork([first] + chained, version: version)
    }

    /// The whole chain.
    static let everything = network(
        TestNetwork.portmap, TestNetwork.firewall,
        ["type": "tuning", "sysctl": ["net.ipv4.conf.IFNAME.arp_filter": "1"], "mtu": 1400])

    @Test(
        "container, neighbour, gateway and host reach each other; the outside sees the host's address",
        arguments: AddressFamily.allCases, [Transport.tcp, .udp])
    func packets(_ family: AddressFamily, _ transport: Transport) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let first = try host.attach(PtpTests.network(), "c1")
            let second = try host.attach(PtpTests.network(), "c2")
            let (one, two) = (first.address(family)!, second.address(family)!)
            // The host asks first: nothing has told it where the container is.
            let listener = Endpoint(two, 7000)
            host.expect(
                try host.converse(transport, from: nil, to: listener, at: "c2", listening: listener)?.address,
                is: second.gateway(family), "the host as the container sees it")
            let neighbour = try host.converse(transport, from: "c1", to: listener, at: "c2", listening: listener)
            host.expect(neighbour?.address, is: one, "the client as its neighbour sees it")
            let gateway = Endpoint(first.gateway(family)!, 7001)
            host.expect(
                try host.converse(transport, from: "c1", to: gateway, at: nil, listening: gateway)?.address, is: one,
                "the client as its gateway sees it")
            let outside = Endpoint(Uplink.outside(family), 7002)
            host.expect(
                try host.converse(transport, from: "c1", to: outside, at: "outside", listening: outside)?.address,
                is: Uplink.host(family), "the client as the outside sees it")
        }
    }

    @Test("without ipMasq the outside sees the container's address", arguments: AddressFamily.allCases)
    func routed(_ family: AddressFamily) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let attached = try host.attach(PtpTests.network(keys: ["ipMasq": false]), "c1")
            try host.inside("outside") {
                try host.must("ip route add 10.22.0.0/24 via 192.0.2.1")
                try host.must("ip -6 route add fd22::/64 via 2001:db8::1")
            }
            // From the outside first: the host looks for the container on behalf of a stranger.
            let inner = Endpoint(attached.address(family)!, 7000)
            host.expect(
                try host.converse(.tcp, from: "outside", to: inner, at: "c1", listening: inner)?.address,
                is: Uplink.outside(family), "the outside as the container sees it")
            let outside = Endpoint(Uplink.outside(family), 7001)
            host.expect(
                try host.converse(.tcp, from: "c1", to: outside, at: "outside", listening: outside)?.address,
                is: attached.address(family), "the container as the outside sees it")
        }
    }

    @Test("P-36 P-37 the result lists host end and container end, as the kernel has them; C-1 the host end is tagged")
    func result() throws {
        try PrivateHost.run { host in
            let dns: JSON = ["nameservers": ["10.22.0.1"]]
            let attached = try host.attach(PtpTests.network(keys: ["dns": dns]), "c1")
            let links = attached.result["interfaces"]?.array ?? []
            host.expect(links.map { $0["name"]?.string }, is: [attached.hostEnd, "eth0"], "interfaces")
            for (index, place) in [nil, "c1"].enumerated() where links.count == 2 {
                let seen = try host.link(links[index]["name"]?.string ?? "none", in: place)
                host.expect(links[index]["mac"], is: seen["address"], "MAC")
                host.expect(links[index]["mtu"], is: seen["mtu"], "MTU")
                host.expect(links[index]["sandbox"]?.string, is: place.map { "/run/netns/\($0)" }, "sandbox")
            }
            host.expect(attached.result["ips"]?.array?.map { $0["interface"] }, is: [1, 1], "ips[].interface")
            host.expect(attached.gateway(.v4), is: IPAddress("10.22.0.1"), "IPv4 gateway")
            host.expect(attached.gateway(.v6), is: IPAddress("fd22::1"), "IPv6 gateway")
            host.expect(attached.result["dns"], is: dns, "dns")
            let end = try host.link(attached.hostEnd ?? "none")
            host.expect(end["ifalias"]?.string, is: "berth:ptp/net1/c1/eth0", "its alias")
            let routes = try host.inside("c1") { try host.must("ip route") + host.must("ip -6 route") }
            for wanted in [
                "10.22.0.1 dev eth0 scope link", "10.22.0.0/24 via 10.22.0.1 dev eth0", "fd22::/64 via fd22::1",
            ] {
                host.expect(routes.contains(wanted), "no route \(wanted): \(routes)")
            }
            host.expect(!routes.contains("10.22.0.0/24 dev"), "the kernel's own route: \(routes)")
            // Listed as attached, by its own address alone.
            let list = try AttachmentList(of: StateDirectory())
            let entry = list.entries.first
            host.expect(entry?.addresses, is: ["10.22.0.2/24", "fd22::2/64"], "addresses of berth ls")
            host.expect(entry?.hostInterface, is: attached.hostEnd, "host end of berth ls")
        }
    }

    @Test(
        "P-35 each version of the protocol: ADD, CHECK where there is one, DEL",
        arguments: ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])
    func versions(_ version: String) throws {
        try PrivateHost.run { host in
            let network = PtpTests.network(version: version)
            let before = try host.baseline(network)
            let attached = try host.attach(network, "c1")
            host.expect(attached.result["cniVersion"]?.string, is: version, "cniVersion")
            if !version.hasPrefix("0.1"), !version.hasPrefix("0.2"), !version.hasPrefix("0.3") {
                let failure = try host.check(attached)
                host.expect(failure == nil, "\(failure!)")
            }
            try host.detach(attached)
            try host.removeNamespace("c1")
            host.expect(try host.settledState().difference(from: before), is: "", "the difference")
        }
    }

    @Test("P-50 P-51 P-57 DEL without namespace, result and ports, and GC, leave nothing", arguments: [true, false])
    func removal(_ collects: Bool) throws {
        try PrivateHost.run { host in
            let before = try host.baseline(PtpTests.everything, ports: Ports.tcp8080)
            let kept = try host.attach(PtpTests.everything, "c2", ports: Ports.one(.tcp, 8081, 80))
            let standing = try host.settledState()
            let attached = try host.attach(PtpTests.everything, "c1", ports: Ports.tcp8080)
            if collects {
                let failure = try host.collect(PtpTests.everything, valid: [kept])
                host.expect(failure == nil, "\(failure!)")
            } else {
                try host.detach(attached, losing: [.namespace, .previousResult, .runtimeConfig])
            }
            try host.removeNamespace("c1")
            host.expect(try host.settledState().difference(from: standing), is: "", "the difference with c2 standing")
            let drift = try host.check(kept)
            host.expect(drift == nil, "\(drift!)")
            let status = try host.status(PtpTests.everything)
            host.expect(status == nil, "\(status!)")
            try host.detach(kept)
            try host.detach(kept)
            try host.removeNamespace("c2")
            host.expect(try host.settledState().difference(from: before), is: "", "the difference")
        }
    }

    @Test("P-34 P-40 an ADD that fails leaves nothing, and a second one harms nothing")
    func failures() throws {
        try PrivateHost.run { host in
            let network = PtpTests.network()
            _ = try host.baseline(network)
            let attached = try host.attach(network, "c1")
            try host.expectUnchanged("by a second ADD") {
                try host.expectError(103, naming: ["c1"], attached.call(0, "ADD", previous: nil))
            }
            // Round robin: .2 and .3 were given.
            try host.makeNamespace("c2")
            try host.must("ip link add elsewhere type bridge")
            try host.must("ip link set elsewhere up")
            try host.must("ip route add 10.22.0.4/32 dev elsewhere")
            let next = Attached(network: network, id: "c2", namespace: "c2")
            try host.expectUnchanged("by an ADD whose address is taken") {
                try host.expectError(101, naming: ["10.22.0.4"], next.call(0, "ADD", previous: nil))
            }
            host.expect(try host.inside("c2") { try host.must("ip -o link") }.contains("eth0"), is: false, "eth0 in c2")
            let failure = try host.check(attached)
            host.expect(failure == nil, "\(failure!)")
        }
    }

    static let sabotages: [Sabotage] = [
        Sabotage("container link deleted", 0, naming: "eth0", inside: "ip link delete eth0"),
        Sabotage("container link down", 0, naming: "eth0", inside: "ip link set eth0 down"),
        Sabotage("host end down", 0, naming: "HOSTEND", host: "ip link set HOSTEND down"),
        Sabotage("IPv4 address removed", 0, naming: "10.22.0.2", inside: "ip address delete 10.22.0.2/24 dev eth0"),
        Sabotage("IPv6 address removed", 0, naming: "fd22::2", inside: "ip address delete fd22::2/64 dev eth0"),
        Sabotage("subnet's route removed", 0, naming: "10.22.0.0/24", inside: "ip route delete 10.22.0.0/24"),
        Sabotage(
            "gateway's route removed", 0, naming: "fd22::1/128", inside: "ip -6 route delete fd22::1/128 dev eth0"),
        Sabotage("default route removed", 0, naming: "default", inside: "ip route delete default"),
        Sabotage("host's route removed", 0, naming: "10.22.0.2/32", host: "ip route delete 10.22.0.2/32"),
        Sabotage("host's IPv6 route removed", 0, naming: "fd22::2/128", host: "ip -6 route delete fd22::2/128"),
        Sabotage("gateway address removed", 0, naming: "10.22.0.1", host: "ip address delete 10.22.0.1/32 dev HOSTEND"),
        Sabotage("IPv4 forwarding off", 0, naming: "forward", host: "sysctl -qw net.ipv4.ip_forward=0"),
        Sabotage("IPv6 forwarding off", 0, naming: "forward", host: "sysctl -qw net.ipv6.conf.all.forwarding=0"),
        Sabotage("masquerade element deleted", 0, naming: "10.22.0.2") { host, _ in
            try host.deleteElements(ownedBy: "ptp")
        },
        Sabotage("table deleted", 0, naming: TestBackend.current.tableName) { host, _ in try host.takeAwayRules() },
        Sabotage(
            "route_localnet off", 1, naming: "route_localnet", host: "sysctl -qw net.ipv4.conf.HOSTEND.route_localnet=0"
        ),
    ]

    @Test("P-54 P-55 CHECK names what was taken away, and a repair brings it back", arguments: sabotages)
    func sabotage(_ sabotage: Sabotage) throws {
        try PrivateHost.run { host in
            let network = PtpTests.network(TestNetwork.portmap)
            let attached = try host.attach(network, "c1", ports: Ports.tcp8080)
            let failure = try host.check(attached)
            host.expect(failure == nil, "before: \(failure.map { "\($0)" } ?? "")")
            try sabotage.commit(host, attached)
            try host.expectDrift(
                attached, sabotage.plugin, naming: sabotage.names.replacing("HOSTEND", with: attached.hostEnd!))
            let repair = try Repair(of: StateDirectory(), changes: true)
            host.expect(repair.isClean && !repair.entries.isEmpty, repair.text)
            let drift = try host.check(attached)
            host.expect(drift == nil, "CHECK after the repair: \(drift.map { "\($0)" } ?? "")")
            try host.detach(attached)
        }
    }

    @Test(
        "a published port: from outside, the host, 127.0.0.1, a neighbour and the container itself",
        arguments: AddressFamily.allCases, [Transport.tcp, .udp])
    func ports(_ family: AddressFamily, _ transport: Transport) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let attached = try host.attach(PtpTests.everything, "c1", ports: Ports.one(transport, 8080, 80))
            _ = try host.attach(PtpTests.everything, "c2")
            let inner = Endpoint(attached.address(family)!, 80)
            func client(_ place: String?, _ address: IPAddress) throws -> IPAddress? {
                try host.converse(transport, from: place, to: Endpoint(address, 8080), at: "c1", listening: inner)?
                    .address
            }
            host.expect(try client("outside", Uplink.host(family)), is: Uplink.outside(family), "from outside")
            host.expect(try client(nil, Uplink.host(family)), is: Uplink.host(family), "from the host")
            host.expect(try client("c2", Uplink.host(family)) != nil, "a neighbour does not reach it")
            host.expect(try client("c1", Uplink.host(family)) != nil, "it does not reach itself")
            guard family == .v4 else { return }
            host.expect(try client(nil, IPAddress("127.0.0.1")!), is: attached.gateway(.v4), "from 127.0.0.1")
        }
    }

    @Test("N-1 a network that overlaps with a bridge's is refused, whichever comes second", arguments: [true, false])
    func overlapping(_ bridgeFirst: Bool) throws {
        try PrivateHost.run { host in
            var bridged = TestNetwork.bridged(v6: nil)
            bridged.name = "net2"
            let (first, second) = bridgeFirst ? (bridged, PtpTests.network()) : (PtpTests.network(), bridged)
            let standing = try host.attach(first, "c1")
            try host.makeNamespace("c2")
            let call = Attached(network: second, id: "c2", namespace: "c2").call(0, "ADD", previous: nil)
            let holder = bridgeFirst ? "cni0" : standing.hostEnd ?? "none"
            try host.expectError(101, naming: ["10.22.0.1", holder, "overlaps"], call)
            // Two containers of one network have the same gateway all the same.
            _ = try host.attach(first, "c3")
            let failure = try host.check(standing)
            host.expect(failure == nil, "\(failure!)")
        }
    }

    @Test("an ingressPolicy behind ptp is refused: there is no bridge")
    func policy() throws {
        try PrivateHost.run { host in
            let network = PtpTests.network(["type": "firewall", "ingressPolicy": "same-bridge"])
            let attached = try host.attach(PtpTests.network(), "c1")
            let told = Attached(network: network, id: "c1", namespace: "c1", result: attached.result)
            try host.expectError(7, naming: ["same-bridge", "bridge"], told.call(1, "ADD", previous: attached.result))
        }
    }
}
