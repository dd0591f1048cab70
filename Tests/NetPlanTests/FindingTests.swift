import NetCore
import NetPlan
import TestSupport
import Testing

/// P-54, P-55: whatever is taken away or changed by hand is found, by name.
@Suite("Findings")
struct FindingTests {
    struct Sabotage: Sendable, CustomStringConvertible {
        let description: String
        /// Lines of a shell; `HOST` is the host end. With "in: " before it, in the container.
        let commands: [String]
        /// Words of the finding.
        let names: [String]

        init(_ description: String, _ commands: String..., names: [String]) {
            self.description = description
            self.commands = commands
            self.names = names
        }
    }

    static let chain = Chain(
        description: "the whole chain, with routes",
        plugins: Chain.everything.plugins
            + [
                [
                    "type": "tuning", "txQLen": 500, "allmulti": true, "promisc": true,
                    "sysctl": ["net.ipv4.conf.IFNAME.arp_filter": "1"],
                ]
            ],
        addresses: Chain.v4 + Chain.v6,
        routes: [["dst": "192.0.2.0/24", "gw": "10.88.0.9", "mtu": 1400], ["dst": "203.0.113.0/24", "table": 1000]])

    static let all: [Sabotage] = [
        Sabotage("the bridge is down", "ip link set cni0 down", names: ["bridge cni0: expected up, found down"]),
        Sabotage(
            "the bridge is gone", "ip link delete cni0",
            names: ["bridge cni0: expected exists", "port of cni0, found no port"]),
        Sabotage(
            "the bridge listens to advertisements", "echo 1 > /proc/sys/net/ipv6/conf/cni0/accept_ra",
            names: ["sysctl net/ipv6/conf/cni0/accept_ra"]),
        Sabotage(
            "the gateway's address is gone", "ip address delete 10.88.0.1/16 dev cni0",
            names: ["address 10.88.0.1/16 on cni0: expected present"]),
        Sabotage(
            "the gateway's IPv6 address is gone", "ip address delete fd88::1/64 dev cni0",
            names: ["address fd88::1/64 on cni0: expected present"]),
        Sabotage(
            "forwarding is off", "echo 0 > /proc/sys/net/ipv4/ip_forward",
            names: ["sysctl net/ipv4/ip_forward: expected 1, found 0"]),
        Sabotage(
            "IPv6 forwarding is off", "echo 0 > /proc/sys/net/ipv6/conf/all/forwarding",
            names: ["sysctl net/ipv6/conf/all/forwarding: expected 1"]),
        Sabotage(
            "127.0.0.1 is not routed", "echo 0 > /proc/sys/net/ipv4/conf/cni0/route_localnet",
            names: ["route_localnet: expected 1, found 0"]),
        Sabotage(
            "the cable is gone", "ip link delete HOST",
            names: ["link HOST: expected exists", "link eth0 in the container: expected exists"]),
        Sabotage("the host end is down", "ip link set HOST down", names: ["link HOST: expected up, found down"]),
        Sabotage(
            "the host end left the bridge", "ip link set HOST nomaster",
            names: ["link HOST: expected port of cni0, found no port"]),
        Sabotage(
            "the host end is another bridge's", "ip link add other type bridge", "ip link set HOST master other",
            names: ["link HOST: expected port of cni0, found port of other"]),
        Sabotage(
            "the host end's alias is another", "ip link set HOST alias mine",
            names: ["link HOST: expected alias berth:bridge/net1/c1/eth0, found mine"]),
        Sabotage(
            "the host end's MTU is another", "ip link set HOST mtu 1300",
            names: ["link HOST: expected mtu 1500, found mtu 1300"]),
        Sabotage(
            "the port does not hairpin", "ip link set HOST type bridge_slave hairpin off",
            names: ["port HOST: expected hairpin on, found hairpin off"]),
        Sabotage(
            "the port is not isolated", "ip link set HOST type bridge_slave isolated off",
            names: ["port HOST: expected isolated on, found isolated off"]),
        Sabotage(
            "the port learns", "ip link set HOST type bridge_slave learning on",
            names: ["port HOST: expected learning off, found learning on"]),
        Sabotage(
            "the bridge was told to forget the container",
            "bridge fdb del $(nsenter --net=/run/netns/blue ip -o link show eth0 | sed 's/.*ether \\([^ ]*\\).*/\\1/') dev HOST master",
            names: ["at HOST, static sticky, found no such entry"]),
        Sabotage(
            "the frames' table is gone", "nft delete table bridge berth",
            names: ["nftables table bridge berth: expected exists"]),
        Sabotage(
            "the frames' rule is gone", "nft flush chain bridge berth prerouting",
            names: ["nftables chain prerouting of table bridge berth: expected 1 rules, found 0 rules"]),
        Sabotage(
            "the frames' rule is another", "nft flush chain bridge berth prerouting",
            "nft add rule bridge berth prerouting iifname @checked_ports iifname . ether saddr @senders drop",
            names: ["nftables chain prerouting of table bridge berth: expected rule iifname @checked_ports"]),
        Sabotage(
            "the port is not checked", "nft flush set bridge berth checked_ports",
            names: ["nftables element of checked_ports: expected add element bridge berth checked_ports"]),
        Sabotage(
            "the sender is not known", "nft flush set bridge berth senders",
            names: ["nftables element of senders: expected add element bridge berth senders"]),
        Sabotage(
            "the container's link is down", "in: ip link set eth0 down",
            names: ["link eth0 in the container: expected up, found down"]),
        Sabotage(
            "the container's MTU is another", "in: ip link set eth0 mtu 1300",
            names: ["link eth0 in the container: expected mtu 1500, found mtu 1300"]),
        Sabotage(
            "the container's address is gone", "in: ip address delete 10.88.0.2/16 dev eth0",
            names: ["address 10.88.0.2/16 on eth0 in the container: expected present"]),
        Sabotage(
            "the container's address is another", "in: ip address delete 10.88.0.2/16 dev eth0",
            "in: ip address add 10.88.0.7/16 dev eth0",
            names: [
                "address 10.88.0.2/16 on eth0 in the container: expected present, found absent; there is 10.88.0.7/16"
            ]),
        Sabotage(
            "the container's IPv6 address is gone", "in: ip address delete fd88::2/64 dev eth0",
            names: ["address fd88::2/64 on eth0 in the container: expected present"]),
        Sabotage(
            "the default route is gone", "in: ip route delete default",
            names: ["route default via 10.88.0.1 dev eth0 in the container: expected present, found absent"]),
        Sabotage(
            "the default route leads elsewhere", "in: ip route replace default via 10.88.0.7 dev eth0",
            names: [
                "route default via 10.88.0.1 dev eth0 in the container: expected present, found another: via 10.88.0.7"
            ]),
        Sabotage(
            "a route lost its MTU", "in: ip route replace 192.0.2.0/24 via 10.88.0.9 dev eth0",
            names: ["route 192.0.2.0/24 via 10.88.0.9 dev eth0 mtu 1400"]),
        Sabotage(
            "another table's route is gone", "in: ip route flush table 1000",
            names: ["route 203.0.113.0/24 via 10.88.0.1 dev eth0 table 1000"]),
        Sabotage(
            "the IPv6 default route is gone", "in: ip -6 route delete default",
            names: ["route default via fd88::1 dev eth0"]),
        Sabotage(
            "the container announces nothing", "in: echo 0 > /proc/sys/net/ipv4/conf/eth0/arp_notify",
            names: ["arp_notify in the container: expected 1, found 0"]),
        Sabotage(
            "a tuned parameter", "in: echo 0 > /proc/sys/net/ipv4/conf/eth0/arp_filter",
            names: ["arp_filter in the container: expected 1, found 0"]),
        Sabotage(
            "a tuned queue", "in: ip link set eth0 txqueuelen 100",
            names: ["link eth0 in the container: expected txqueuelen 500, found txqueuelen 100"]),
        Sabotage(
            "tuned promiscuity", "in: ip link set eth0 promisc off",
            names: ["link eth0 in the container: expected promisc true, found promisc false"]),
        Sabotage(
            "tuned multicast", "in: ip link set eth0 allmulticast off",
            names: ["expected allmulticast true, found allmulticast false"]),
        Sabotage(
            "the whole table is gone", "nft delete table inet berth",
            names: ["nftables table inet berth: expected exists"]),
        Sabotage("the ruleset is flushed", "nft flush ruleset", names: ["nftables table inet berth: expected exists"]),
        Sabotage(
            "all rules are gone", "nft flush table inet berth",
            names: ["nftables chain prerouting: expected 1 rules, found 0 rules", "nftables chain masq_net1"]),
        Sabotage(
            "one rule is gone",
            "nft delete rule inet berth output handle $(nft -a list chain inet berth output | sed -n 's/.*jump publish.*handle //p')",
            names: ["nftables chain output: expected 2 rules, found 1 rules"]),
        Sabotage(
            "a rule is another",
            "nft replace rule inet berth output handle $(nft -a list chain inet berth output"
                + " | sed -n 's/.*jump publish.*handle //p') accept",
            names: ["nftables chain output"]),
        Sabotage(
            "a rule of the network is another",
            "chain=$(nft list chains | sed -n 's/.*chain \\(masq_net1_[0-9a-f]*\\).*/\\1/p' | head -1)\n"
                + "nft flush chain inet berth $chain\nnft add rule inet berth $chain accept",
            names: ["nftables chain masq_net1"]),
        Sabotage(
            "the masquerade element is gone", "nft delete element inet berth masq4 '{ 10.88.0.2 }'",
            names: ["nftables element of masq4", "no such element"]),
        Sabotage(
            "the published port is gone", "nft delete element inet berth fwd_any4 '{ tcp . 8080 }'",
            names: ["nftables element of fwd_any4", "tcp . 8080"]),
        Sabotage(
            "the published port leads elsewhere", "nft delete element inet berth fwd_any4 '{ tcp . 8080 }'",
            "nft add element inet berth fwd_any4 '{ tcp . 8080 : 10.88.0.9 . 80 }'",
            names: ["nftables element of fwd_any4", "other data"]),
        Sabotage(
            "the range is shorter", "nft delete element inet berth range_any4 '{ udp . 9000-9019 }'",
            "nft add element inet berth range_any4 '{ udp . 9000-9018 : 10.88.0.2 }'",
            names: ["nftables element of range_any4"]),
        Sabotage(
            "the range is longer", "nft delete element inet berth range_any4 '{ udp . 9000-9019 }'",
            "nft add element inet berth range_any4 '{ udp . 9000-9999 : 10.88.0.2 }'",
            names: ["nftables element of range_any4"]),
        Sabotage(
            "the published port is another's", "nft delete element inet berth fwd_any4 '{ tcp . 8080 }'",
            "nft add element inet berth fwd_any4 '{ tcp . 8080 comment \"somebody\" : 10.88.0.2 . 80 }'",
            names: ["owner portmap of net1/c1/eth0, found somebody"]),
        Sabotage(
            "the hairpin element is gone", "nft delete element inet berth hairpin6 '{ fd88::2 }'",
            names: ["nftables element of hairpin6"]),
        Sabotage(
            "the firewall's member is gone", "nft delete element inet berth members4 '{ 10.88.0.2 }'",
            names: ["nftables element of members4"]),
        Sabotage(
            "its published ports are closed", "nft delete element inet berth published6 '{ fd88::2 }'",
            names: ["nftables element of published6"]),
        Sabotage(
            "the bridge's policy is gone", "nft delete element inet berth policies '{ \"cni0\" }'",
            names: ["nftables element of policies"]),
        Sabotage(
            "the bridge is not closed", "nft delete element inet berth closed '{ \"cni0\" }'",
            names: ["nftables element of closed"]),
        Sabotage(
            "no protocol is published", "nft delete element inet berth with_ports '{ tcp }'",
            names: ["nftables element of with_ports"]),
        Sabotage(
            "the administrator's chain is not asked", "nft flush chain inet berth admin",
            names: ["nftables chain admin: expected calls CNI-ADMIN"]),
    ]

    @Test("the table's list of chain names is that of its chains")
    func chainNames() { #expect(BerthTable.chainNames == BerthTable.chains.map(\.name)) }

    @Test("P-54 P-55 a sabotage is found by name", arguments: all)
    func sabotage(_ sabotage: Sabotage) throws {
        let plans = try FindingTests.chain.plans()
        try PrivateHost.run { host in
            try host.makeNamespace("blue")
            for plan in plans {
                var kernel = try KernelLawTests.kernel()
                try kernel.apply(plan)
            }
            func findings() throws -> [String] {
                try plans.flatMap { plan in
                    var kernel = try KernelLawTests.kernel()
                    let found = try kernel.findings(plan).map(\.description)
                    host.expect(Set(found).count == found.count, "a finding is told twice: \(found)")
                    return found
                }
            }
            host.expect(try findings(), is: [], "before")
            let end = plans[0].owner.attachment.hostInterface.description
            for command in sabotage.commands {
                let text = command.replacing("HOST", with: end)
                let inside = text.hasPrefix("in: ")
                let shell = ["sh", "-ec", inside ? String(text.dropFirst(4)) : text]
                let outcome = try inside ? host.inside("blue") { try host.run(shell) } : host.run(shell)
                host.expect(outcome.exitCode == 0, "the sabotage itself: \(outcome)")
            }
            let found = try findings()
            for name in sabotage.names {
                let wanted = name.replacing("HOST", with: end)
                host.expect(
                    found.contains { $0.contains(wanted) },
                    "\"\(wanted)\" is not among: \(found.joined(separator: "\n"))")
            }
        }
    }

    @Test("N-8 the last policy of a bridge holds, and findings say when another came after")
    func policies() throws {
        try PrivateHost.run { host in
            try host.makeNamespace("blue")
            var kernel = try KernelLawTests.kernel()
            let bridge = try Chain.bridges[2].plans()[0]
            try kernel.apply(bridge)
            let cni0 = LinkName("cni0")!
            let plans = Isolation.Policy.allCases.map {
                Plan(
                    owner: Owner(plugin: "firewall", attachment: bridge.owner.attachment), namespace: nil,
                    shared: [.isolation(Isolation(bridge: cni0, policy: $0))])
            }
            for first in plans {
                for second in plans {
                    try kernel.apply(first)
                    try kernel.apply(second)
                    host.expect(try kernel.findings(second), is: [], "after \(first.shared) then \(second.shared)")
                    let other = try kernel.findings(first)
                    host.expect(other.isEmpty == (first == second), "\(first.shared) after \(second.shared): \(other)")
                }
            }
        }
    }
}
