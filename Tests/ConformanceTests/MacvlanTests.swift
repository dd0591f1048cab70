import Glibc
import Inspect
import JSON
import NetCore
import TestSupport
import Testing

@Suite("macvlan: a link of the container's own beside the host (cni.md 2.10)")
struct MacvlanTests {
    /// In the network of `makeUplink`, whose link is wan0.
    static func network(
        _ keys: JSONObject = [:], v6: Bool = false, version: String = Call.version, chained: [JSONObject] = []
    ) -> TestNetwork {
        var ranges: [JSON] = [[["subnet": "192.0.2.0/24", "rangeStart": "192.0.2.100", "gateway": "192.0.2.9"]]]
        if v6 { ranges.append([["subnet": "2001:db8::/64", "rangeStart": "2001:db8::100", "gateway": "2001:db8::9"]]) }
        var own: JSONObject = [
            "type": "macvlan",
            "ipam": [
                "type": "host-local", "ranges": .array(ranges),
                "routes": .array([["dst": "0.0.0.0/0"]] + (v6 ? [["dst": "::/0"]] : [])),
            ],
        ]
        own = keys.merging(own)
        return TestNetwork([own] + chained, version: version)
    }

    static func inside(_ host: PrivateHost, _ command: String, _ namespace: String = "c1") throws -> String {
        try host.inside(namespace) { try host.must(command) }
    }

    /// The host's state and the container's.
    static func state(_ host: PrivateHost, _ namespace: String = "c1") throws -> HostState {
        let inner = try host.inside(namespace) { try host.state(folders: []).lines }
        return HostState(
            lines: (try host.settledState().lines + inner.map { "in \(namespace): \($0)" }).filter {
                !$0.contains("fe80:") && !$0.hasPrefix("file /run/berth/attachments/")
            })
    }

    // MARK: packets

    @Test(
        "container and outside reach each other by the master; containers do by the mode; the host does not",
        arguments: [Transport.tcp, .udp])
    func packets(_ transport: Transport) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let first = try host.attach(MacvlanTests.network(v6: true), "c1")
            let second = try host.attach(MacvlanTests.network(v6: true), "c2")
            for family in AddressFamily.allCases {
                let (one, two) = (first.address(family)!, second.address(family)!)
                let outside = Endpoint(Uplink.outside(family), 7000)
                host.expect(
                    try host.converse(transport, from: "c1", to: outside, at: "outside", listening: outside)?.address,
                    is: one, "the container as the outside sees it")
                let inner = Endpoint(one, 7001)
                host.expect(
                    try host.converse(transport, from: "outside", to: inner, at: "c1", listening: inner)?.address,
                    is: Uplink.outside(family), "the outside as the container sees it")
                let neighbour = Endpoint(two, 7002)
                host.expect(
                    try host.converse(transport, from: "c1", to: neighbour, at: "c2", listening: neighbour)?.address,
                    is: one, "a container as its neighbour sees it")
                let seen = try host.converse(
                    transport, from: nil, to: Endpoint(one, 7003), at: "c1", listening: Endpoint(one, 7003),
                    milliseconds: 300)
                host.expect(seen == nil, "the host reaches a container over the master")
            }
        }
    }

    @Test("private keeps containers of one master apart, and lets them out")
    func isolated() throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let first = try host.attach(MacvlanTests.network(["mode": "private"]), "c1")
            let second = try host.attach(MacvlanTests.network(["mode": "private"]), "c2")
            let neighbour = Endpoint(second.address(.v4)!, 7000)
            let seen = try host.converse(
                .udp, from: "c1", to: neighbour, at: "c2", listening: neighbour, milliseconds: 300)
            host.expect(seen == nil, "a container reaches its neighbour")
            let outside = Endpoint(Uplink.outside(.v4), 7001)
            host.expect(
                try host.converse(.udp, from: "c1", to: outside, at: "outside", listening: outside)?.address,
                is: first.address(.v4), "the container as the outside sees it")
        }
    }

    @Test("with linkInContainer the master, or the default route, is the container's")
    func inContainer() throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            try host.cable("host1", ["192.0.2.9/24"], to: "c1", "net1", ["192.0.2.50/24"])
            var network = MacvlanTests.network(["linkInContainer": true, "master": "net1"])
            network.plugins[0]["ipam"] = [
                "type": "static", "addresses": [["address": "192.0.2.101/24", "gateway": "192.0.2.9"]],
            ]
            let attached = try host.attach(network, "c1")
            let outer = Endpoint("192.0.2.9", 7000)
            host.expect(
                try host.converse(
                    .tcp, from: "c1", source: Endpoint("192.0.2.101", 0), to: outer, at: nil, listening: outer)?
                    .address,
                is: IPAddress("192.0.2.101"), "the container as the host sees it")
            let failure = try host.check(attached)
            host.expect(failure == nil, "\(failure!)")
            try host.detach(attached)
            var other = network
            other.plugins[0]["master"] = nil
            try host.expectError(
                7, naming: ["master", "the container", "default route"],
                Attached(network: other, id: "c1", namespace: "c1").call(0, "ADD", previous: nil))
            _ = try MacvlanTests.inside(host, "ip route add default via 192.0.2.9")
            let again = try host.attach(other, "c1")
            let drift = try host.check(again)
            host.expect(drift == nil, "\(drift!)")
        }
    }

    // MARK: what stands

    @Test("P-36 P-37 one interface in the result, as the kernel has it; what ip tells of the link")
    func result() throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let dns: JSON = ["nameservers": ["192.0.2.53"]]
            let keys: JSONObject = [
                "master": "wan0", "mode": "vepa", "mtu": 1400, "mac": "c2:11:22:33:44:55", "bcqueuelen": 300,
                "dns": dns,
            ]
            let attached = try host.attach(MacvlanTests.network(keys), "c1")
            let expected: JSON = [
                ["name": "eth0", "mac": "c2:11:22:33:44:55", "mtu": 1400, "sandbox": "/run/netns/c1"]
            ]
            host.expect(attached.result["interfaces"], is: expected, "interfaces")
            host.expect(attached.result["ips"]?.array?.map { $0["interface"] }, is: [0], "ips[].interface")
            host.expect(attached.gateway(.v4), is: IPAddress("192.0.2.9"), "the gateway")
            host.expect(attached.result["dns"], is: dns, "dns")
            let told = try MacvlanTests.inside(host, "ip -d -o link show eth0")
            for word in [
                "macvlan mode vepa", "bcqueuelen 300", "mtu 1400", "link/ether c2:11:22:33:44:55",
                "alias berth:macvlan/net1/c1/eth0", "UP",
            ] {
                host.expect(told.contains(word), "no \(word): \(told)")
            }
            for (path, value) in [("ipv4/conf/eth0/arp_notify", "1"), ("ipv6/conf/eth0/ndisc_notify", "1")] {
                let seen = try MacvlanTests.inside(host, "cat /proc/sys/net/\(path)")
                host.expect(seen, is: "\(value)\n", path)
            }
            let entry = try AttachmentList(of: StateDirectory()).entries.first
            host.expect(entry?.addresses, is: ["192.0.2.100/24"], "addresses of berth ls")
            host.expect(entry?.hostInterface == nil, "a link on the host in berth ls")
        }
    }

    /// Older kernels look for the name among the host's, too.
    @Test("a name that the host has is no hindrance, and without a master the default route's link is it")
    func sameName() throws {
        try PrivateHost.run { host in
            try host.makeNamespace("outside")
            try host.cable("eth0", ["192.0.2.1/24"], to: "outside", "up0", ["192.0.2.9/24"])
            try host.must("ip route add default via 192.0.2.9")
            let attached = try host.attach(MacvlanTests.network(), "c1")
            let outside = Endpoint("192.0.2.9", 7000)
            host.expect(
                try host.converse(.tcp, from: "c1", to: outside, at: "outside", listening: outside)?.address,
                is: attached.address(.v4), "the container as the outside sees it")
            let alias = try host.link("eth0")["ifalias"]
            host.expect(alias == nil, "the host's eth0 was tagged")
        }
    }

    @Test(
        "P-35 each version of the protocol: ADD, CHECK where there is one, DEL",
        arguments: ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])
    func versions(_ version: String) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let network = MacvlanTests.network(version: version)
            let first = try host.attach(network, "c1")
            try host.detach(first)
            let before = try MacvlanTests.state(host)
            let attached = try host.attach(network, "c1")
            host.expect(attached.result["cniVersion"]?.string, is: version, "cniVersion")
            if !version.hasPrefix("0.1"), !version.hasPrefix("0.2"), !version.hasPrefix("0.3") {
                let failure = try host.check(attached)
                host.expect(failure == nil, "\(failure!)")
            }
            try host.detach(attached)
            host.expect(try MacvlanTests.state(host).difference(from: before), is: "", "the difference")
        }
    }

    // MARK: coming and going

    @Test(
        "P-50 P-51 P-57 DEL leaves nothing, with the namespace and without, and GC",
        arguments: ["DEL", "DEL without CNI_NETNS", "DEL of a dead container", "GC"])
    func removal(_ way: String) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let network = MacvlanTests.network()
            try host.detach(try host.attach(network, "c1"))
            let kept = try host.attach(network, "c2")
            let outer = { try host.settledState().matching { !$0.contains("fe80:") } }
            let (before, standing) = (try MacvlanTests.state(host), try outer())
            let attached = try host.attach(network, "c1")
            host.expect(try MacvlanTests.state(host) != before, "ADD changed nothing")
            switch way {
            case "GC":
                let failure = try host.collect(network, valid: [kept])
                host.expect(failure == nil, "\(failure!)")
            case "DEL": try host.detach(attached, losing: [.previousResult, .runtimeConfig])
            case "DEL without CNI_NETNS": try host.detach(attached, losing: [.namespace, .previousResult])
            default:
                try host.removeNamespace("c1")
                try host.detach(attached, losing: [.namespace, .previousResult])
                host.expect(try outer().difference(from: standing), is: "", "the difference")
                return
            }
            host.expect(try MacvlanTests.state(host).difference(from: before), is: "", "the difference")
            try host.detach(attached)
            let failure = try host.check(kept)
            host.expect(failure == nil, "\(failure!)")
        }
    }

    @Test("P-50 DEL when the master has gone, and the link with it, is no error")
    func masterGone() throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let attached = try host.attach(MacvlanTests.network(), "c1")
            try host.must("ip link delete wan0")
            try host.detach(attached)
            let leases = try Files.names(in: "/var/lib/cni/networks/net1").filter { $0.hasPrefix("192.") }
            host.expect(leases, is: [], "leases")
        }
    }

    @Test("P-34 P-40 P-53 an ADD that fails leaves nothing, and DEL after it leaves what is somebody else's")
    func failures() throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let network = MacvlanTests.network()
            let attached = try host.attach(network, "c1")
            func unchanged(_ what: String, _ namespace: String, _ body: () throws -> Void) throws {
                let before = try MacvlanTests.state(host, namespace)
                try body()
                host.expect(try MacvlanTests.state(host, namespace).difference(from: before), is: "", what)
            }
            try unchanged("a second ADD", "c1") {
                try host.expectError(103, naming: ["c1"], attached.call(0, "ADD", previous: nil))
            }
            try unchanged("a second ADD without a record", "c1") {
                try host.must("mv /run/berth/attachments /run/scratch/kept")
                try host.expectError(103, naming: ["eth0"], attached.call(0, "ADD", previous: nil))
                try host.must("rm -rf /run/berth/attachments")
                try host.must("mv /run/scratch/kept /run/berth/attachments")
            }
            // A macvlan of somebody else's under the name.
            try host.makeNamespace("c2")
            try host.must("ip link add link wan0 name other0 netns c2 type macvlan mode bridge")
            _ = try MacvlanTests.inside(host, "ip link set other0 name eth0", "c2")
            let foreign = Attached(network: network, id: "c2", namespace: "c2")
            try unchanged("an ADD whose name is taken, and its DEL", "c2") {
                try host.expectError(103, naming: ["eth0"], foreign.call(0, "ADD", previous: nil))
                try host.expectSuccess(foreign.call(0, "DEL", previous: nil))
            }
            // The whole of a master that bears others already.
            try host.makeNamespace("c3")
            let greedy = Attached(network: MacvlanTests.network(["mode": "passthru"]), id: "c3", namespace: "c3")
            try unchanged("an ADD that the kernel refuses", "c3") {
                try host.expectError(
                    999, naming: ["add macvlan eth0", "wan0", "passthru"], greedy.call(0, "ADD", previous: nil))
            }
            let failure = try host.check(attached)
            host.expect(failure == nil, "\(failure!)")
        }
    }

    @Test("a master that is not there, or that nothing tells, and an MTU above its own change nothing")
    func badMaster() throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            func call(_ keys: JSONObject) -> Call {
                Attached(network: MacvlanTests.network(keys), id: "c1", namespace: "c1").call(0, "ADD", previous: nil)
            }
            try host.expectUnchanged { try host.expectError(104, naming: ["\"none0\""], call(["master": "none0"])) }
            try host.expectUnchanged { try host.expectError(7, naming: ["master", "default route"], call([:])) }
            try host.must("ip link add wan0 type bridge")
            try host.expectUnchanged {
                try host.expectError(
                    7, naming: ["\"mtu\": 1501", "1500", "wan0"], call(["master": "wan0", "mtu": 1501]))
            }
            try host.expectUnchanged { try host.expectError(999, naming: ["lo"], call(["master": "lo"])) }
        }
    }

    @Test("P-53 in another namespace at the path nothing is touched")
    func otherNamespace() throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let attached = try host.attach(MacvlanTests.network(), "c1")
            try host.removeNamespace("c1")
            try host.makeNamespace("c1")
            try host.must("ip link add link wan0 name other0 netns c1 type macvlan mode bridge")
            _ = try MacvlanTests.inside(host, "ip link set other0 alias berth:macvlan/net1/c1/eth0 name eth0")
            try host.detach(attached)
            let links = try MacvlanTests.inside(host, "ip -o link")
            host.expect(links.contains("eth0"), "a stranger's link is gone: \(links)")
        }
    }

    // MARK: drift

    static let sabotages: [Sabotage] = [
        Sabotage("link deleted", 0, naming: "eth0", inside: "ip link delete eth0"),
        Sabotage("link down", 0, naming: "eth0", inside: "ip link set eth0 down"),
        Sabotage("mode changed", 0, naming: "mode private", inside: "ip link set eth0 type macvlan mode private"),
        Sabotage("MAC changed", 0, naming: "MAC address", inside: "ip link set eth0 address c2:00:00:00:00:77"),
        Sabotage("MTU changed", 0, naming: "mtu 1280", inside: "ip link set eth0 mtu 1280"),
        Sabotage(
            "bcqueuelen changed", 0, naming: "bcqueuelen 40", inside: "ip link set eth0 type macvlan bcqueuelen 40"),
        Sabotage("alias changed", 0, naming: "alias") { host, attached in
            try host.inside("c1") { _ = try host.run(["ip", "link", "set", "eth0", "alias", ""]) }
        },
        Sabotage("address removed", 0, naming: "192.0.2.100", inside: "ip address delete 192.0.2.100/24 dev eth0"),
        Sabotage("route removed", 0, naming: "default", inside: "ip route delete default"),
        Sabotage("arp_notify off", 0, naming: "arp_notify", inside: "sysctl -qw net.ipv4.conf.eth0.arp_notify=0"),
        Sabotage("lease deleted", 0, naming: "192.0.2.100") { host, _ in
            try host.must("rm /var/lib/cni/networks/net1/192.0.2.100")
        },
    ]

    @Test("P-54 P-55 CHECK names what was taken away, and a repair brings it back", arguments: sabotages)
    func sabotage(_ sabotage: Sabotage) throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let attached = try host.attach(MacvlanTests.network(["bcqueuelen": 400]), "c1")
            let before = try host.check(attached)
            host.expect(before == nil, "before: \(before.map { "\($0)" } ?? "")")
            try sabotage.commit(host, attached)
            try host.expectDrift(attached, 0, naming: sabotage.names)
            guard !sabotage.testDescription.hasPrefix("lease") else { return }
            let repair = try Repair(of: StateDirectory(), changes: true)
            host.expect(repair.isClean && !repair.entries.isEmpty, repair.text)
            let drift = try host.check(attached)
            host.expect(drift == nil, "CHECK after the repair: \(drift.map { "\($0)" } ?? "")")
            let outside = Endpoint(Uplink.outside(.v4), 7000)
            host.expect(
                try host.converse(.tcp, from: "c1", to: outside, at: "outside", listening: outside)?.address,
                is: attached.address(.v4), "the container as the outside sees it")
            try host.detach(attached)
        }
    }

    @Test("another master and another kind are found, and left to people")
    func unmendable() throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let attached = try host.attach(MacvlanTests.network(), "c1")
            try host.must("ip link add wan1 type bridge")
            for (command, word) in [
                ("ip link add link wan1 name other0 netns c1 type macvlan mode bridge", "on wan1"),
                ("ip link add other0 netns c1 type bridge", "found bridge"),
            ] {
                _ = try MacvlanTests.inside(host, "ip link delete eth0")
                try host.must(command)
                _ = try MacvlanTests.inside(host, "ip link set other0 alias berth:macvlan/net1/c1/eth0 name eth0")
                let answer = try host.call(attached.call(0, "CHECK", previous: attached.result))
                host.expect(answer.isError(106) && "\(answer)".contains(word.split(separator: " ").last!), "\(answer)")
                let repair = try Repair(of: StateDirectory(), changes: true)
                host.expect(!repair.isClean && repair.text.contains(word), repair.text)
            }
        }
    }

    @Test("tuning behind it changes MTU and MAC address, and neither is drift")
    func tuned() throws {
        try PrivateHost.run { host in
            try host.makeUplink()
            let tuning: JSONObject = ["type": "tuning", "mtu": 1300, "mac": "c2:11:22:33:44:99"]
            let attached = try host.attach(MacvlanTests.network(chained: [tuning]), "c1")
            let failure = try host.check(attached)
            host.expect(failure == nil, "\(failure!)")
            let repair = try Repair(of: StateDirectory(), changes: true)
            host.expect(repair.isIdle, repair.text)
            try host.detach(attached)
        }
    }

    @Test("P-56 STATUS asks for a master: 50 without one, 51 where attachments are harmed")
    func status() throws {
        try PrivateHost.run { host in
            let early = try host.status(MacvlanTests.network())
            host.expect(early?.isError(50) == true, "\(early.map { "\($0)" } ?? "ready") without a default route")
            try host.makeUplink()
            let ready = try host.status(MacvlanTests.network())
            host.expect(ready == nil, "\(ready!)")
            let named = MacvlanTests.network(["master": "wan0"])
            _ = try host.attach(named, "c1")
            try host.must("ip link set wan0 down")
            let down = try host.status(named)
            host.expect(down?.isError(51) == true && down?.sentence.contains("wan0") == true, "\(down!)")
            try host.must("ip link delete wan0")
            let gone = try host.status(named)
            host.expect(gone?.isError(51) == true && gone?.sentence.contains("wan0") == true, "\(gone!)")
        }
    }
}
