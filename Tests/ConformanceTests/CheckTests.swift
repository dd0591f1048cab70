import JSON
import NetCore
import TestSupport
import Testing

/// One object of an attachment, destroyed or changed behind the plugin's back.
struct Sabotage: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// The plugin of the chain whose CHECK must find it.
    let plugin: Int
    /// What a finding must name; `HOSTEND` stands for the host end's name.
    let names: String
    let commit: @Sendable (PrivateHost, Attached) throws -> Void

    init(
        _ title: String, _ plugin: Int, naming names: String,
        _ commit: @escaping @Sendable (PrivateHost, Attached) throws -> Void
    ) {
        testDescription = title
        self.plugin = plugin
        self.names = names
        self.commit = commit
    }

    /// Commands for the host; HOSTEND is replaced.
    init(_ title: String, _ plugin: Int, naming names: String, host commands: String...) {
        self.init(title, plugin, naming: names) { host, attached in
            for command in commands { try host.must(command.replacing("HOSTEND", with: attached.hostEnd!)) }
        }
    }

    /// Commands for the container.
    init(_ title: String, _ plugin: Int, naming names: String, inside commands: String...) {
        self.init(title, plugin, naming: names) { host, attached in
            try host.inside(attached.namespace) { for command in commands { try host.must(command) } }
        }
    }

    /// bridge is plugin 0, portmap 1, firewall 2, tuning 3.
    static let all: [Sabotage] = [
        Sabotage("container link deleted", 0, naming: "eth0", inside: "ip link delete eth0"),
        Sabotage("container link down", 0, naming: "eth0", inside: "ip link set eth0 down"),
        Sabotage(
            "container link's MAC changed", 0, naming: "eth0", inside: "ip link set eth0 address c2:00:00:00:00:77"),
        Sabotage("container link's MTU changed", 0, naming: "eth0", inside: "ip link set eth0 mtu 1280"),
        Sabotage(
            "container link replaced by another kind", 0, naming: "eth0",
            inside: "ip link delete eth0", "ip link add eth0 type bridge"),
        Sabotage("IPv4 address removed", 0, naming: "10.22.0.2", inside: "ip address delete 10.22.0.2/24 dev eth0"),
        Sabotage("IPv6 address removed", 0, naming: "fd22::2", inside: "ip address delete fd22::2/64 dev eth0"),
        Sabotage("IPv4 route removed", 0, naming: "default", inside: "ip route delete default"),
        Sabotage("IPv6 route removed", 0, naming: "default", inside: "ip -6 route delete default"),
        Sabotage("route by another gateway", 0, naming: "default", inside: "ip route replace default via 10.22.0.99"),
        Sabotage("host end taken out of the bridge", 0, naming: "HOSTEND", host: "ip link set HOSTEND nomaster"),
        Sabotage("host end down", 0, naming: "HOSTEND", host: "ip link set HOSTEND down"),
        Sabotage("host end's MTU changed", 0, naming: "HOSTEND", host: "ip link set HOSTEND mtu 1280"),
        Sabotage(
            "hairpin switched off", 0, naming: "HOSTEND", host: "ip link set HOSTEND type bridge_slave hairpin off"),
        Sabotage("bridge down", 0, naming: "cni0", host: "ip link set cni0 down"),
        Sabotage("bridge deleted", 0, naming: "cni0", host: "ip link delete cni0"),
        Sabotage(
            "IPv4 gateway address removed", 0, naming: "10.22.0.1", host: "ip address delete 10.22.0.1/24 dev cni0"),
        Sabotage("IPv6 gateway address removed", 0, naming: "fd22::1", host: "ip address delete fd22::1/64 dev cni0"),
        Sabotage("IPv4 forwarding off", 0, naming: "forward", host: "sysctl -qw net.ipv4.ip_forward=0"),
        Sabotage("IPv6 forwarding off", 0, naming: "forward", host: "sysctl -qw net.ipv6.conf.all.forwarding=0"),
        Sabotage("masquerade element deleted", 0, naming: "10.22.0.2") { host, _ in
            try host.deleteElements(ownedBy: "bridge")
        },
        Sabotage("table deleted, seen by bridge", 0, naming: TestBackend.current.tableName) { host, _ in
            try host.takeAwayRules()
        },
        Sabotage("lease deleted", 0, naming: "10.22.0.2", host: "rm /var/lib/cni/networks/net1/10.22.0.2"),
        Sabotage("lease given to another", 0, naming: "10.22.0.2") { _, _ in
            try Files.replace("/var/lib/cni/networks/net1/10.22.0.2", with: Array("stranger\r\neth0".utf8))
        },
        Sabotage("port's element deleted", 1, naming: "8080") { host, _ in try host.deleteElements(ownedBy: "portmap")
        },
        Sabotage("table deleted, seen by portmap", 1, naming: TestBackend.current.tableName) { host, _ in
            try host.takeAwayRules()
        },
        Sabotage(
            "route_localnet off", 1, naming: "route_localnet", host: "sysctl -qw net.ipv4.conf.cni0.route_localnet=0"),
        Sabotage("the rules of the NAT chains flushed", 1, naming: "chain") { host, _ in try host.flushChains(of: "nat")
        },
        Sabotage("a rule replaced by another", 1, naming: "chain \(TestBackend.current.outputChain)") { host, _ in
            guard !TestBackend.current.isIptables else {
                try host.must("\(TestBackend.current.program(.v4)) -t nat -R OUTPUT 1 -j ACCEPT")
                return
            }
            let listed = try JSON(parsing: Array(try host.must("nft -j list chain inet berth output").utf8))
            let handles = (listed["nftables"]?.array ?? []).compactMap { $0["rule"]?["handle"]?.integer }
            guard let last = handles.last else { throw HostRefused("no rule in output: there is nothing to sabotage") }
            try host.must("nft replace rule inet berth output handle \(last) accept")
        },
        Sabotage("member's element deleted", 2, naming: "10.22.0.2") { host, _ in
            try host.deleteElements(ownedBy: "firewall")
        },
        Sabotage("the rules of the filter chains flushed", 2, naming: "chain") { host, _ in
            try host.flushChains(of: "filter")
        },
        Sabotage("table deleted, seen by firewall", 2, naming: TestBackend.current.tableName) { host, _ in
            try host.takeAwayRules()
        },
        Sabotage("sysctl changed", 3, naming: "arp_filter", inside: "sysctl -qw net.ipv4.conf.eth0.arp_filter=0"),
        Sabotage("tuning's MTU changed", 3, naming: "eth0", inside: "ip link set eth0 mtu 1290"),
        Sabotage("tuning's MAC changed", 3, naming: "eth0", inside: "ip link set eth0 address c2:00:00:00:00:78"),
        Sabotage("promiscuity switched off", 3, naming: "eth0", inside: "ip link set eth0 promisc off"),
        Sabotage("allmulti switched off", 3, naming: "eth0", inside: "ip link set eth0 allmulticast off"),
        Sabotage("queue's length changed", 3, naming: "eth0", inside: "ip link set eth0 txqueuelen 5"),
        Sabotage("tuning's link deleted", 3, naming: "eth0", inside: "ip link delete eth0"),
    ]
}

@Suite("CHECK names every missing and every changed object (P-54, P-55)")
struct CheckTests {
    /// Bridge, portmap, firewall; tuning without values that would change what bridge made.
    static func network(tuned: Bool) -> TestNetwork {
        var tuning: JSONObject = ["type": "tuning", "sysctl": ["net.ipv4.conf.IFNAME.arp_filter": "1"]]
        if tuned {
            tuning["mac"] = "c2:11:22:33:44:55"
            tuning["mtu"] = 1400
            tuning["promisc"] = true
            tuning["allmulti"] = true
            tuning["txQLen"] = 77
        }
        return .bridged(TestNetwork.portmap, TestNetwork.firewall, tuning, keys: ["hairpinMode": true])
    }

    @Test("P-54 P-55 a sabotage is code 106 with a list that names it", arguments: Sabotage.all)
    func sabotage(_ sabotage: Sabotage) throws {
        try PrivateHost.run { host in
            let attached = try host.attach(CheckTests.network(tuned: sabotage.plugin == 3), "c1", ports: Ports.tcp8080)
            let failure = try host.check(attached)
            guard host.expect(failure == nil, "CHECK before the sabotage: \(failure!)") else { return }
            try sabotage.commit(host, attached)
            try host.expectDrift(
                attached, sabotage.plugin, naming: sabotage.names.replacing("HOSTEND", with: attached.hostEnd!))
            try host.detach(attached)
        }
    }

    @Test("P-54 what a later plugin changed is no drift, and other containers' objects neither")
    func tolerance() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(CheckTests.network(tuned: true), "c1", ports: Ports.tcp8080)
            let other = try host.attach(CheckTests.network(tuned: false), "c2", ports: Ports.one(.tcp, 8081, 80))
            try host.inside("c1") {
                try host.must("ip route add 192.168.99.0/24 via 10.22.0.1")
                try host.must("ip address add 10.99.0.1/32 dev eth0")
            }
            for one in [attached, other] {
                let failure = try host.check(one)
                host.expect(failure == nil, "\(failure!)")
            }
        }
    }

    @Test("P-55 two sabotages at once are both named")
    func several() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(CheckTests.network(tuned: false), "c1", ports: Ports.tcp8080)
            try host.inside("c1") { try host.must("ip address delete 10.22.0.2/24 dev eth0") }
            try host.must("ip link set \(attached.hostEnd!) nomaster")
            try host.expectDrift(attached, 0, naming: "10.22.0.2")
            try host.expectDrift(attached, 0, naming: attached.hostEnd!)
        }
    }

    @Test("P-54 CHECK of a namespace that is gone is an error and changes nothing")
    func namespaceGone() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(CheckTests.network(tuned: false), "c1", ports: Ports.tcp8080)
            try host.removeNamespace("c1")
            func rules() throws -> HostState {
                try host.state().matching { $0.hasPrefix("nft ") || $0.hasPrefix("legacy ") }
            }
            let before = try rules()
            for index in [0, 3] {
                let answer = try host.call(attached.call(index, "CHECK", previous: attached.result))
                host.expect(!answer.succeeded, "\(answer)")
                host.expect(answer.sentence.contains("/run/netns/c1"), "the namespace is not named: \(answer)")
            }
            host.expect(try rules().difference(from: before), is: "", "the rules")
        }
    }

    @Test("P-54 CHECK changes nothing")
    func readOnly() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(CheckTests.network(tuned: false), "c1", ports: Ports.tcp8080)
            try host.expectUnchanged { _ = try host.check(attached) }
        }
    }
}
