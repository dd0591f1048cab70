import CKernel
import NetCore

extension BrokenWorld {
    static let firewallReload = BrokenWorld(
        id: "b10", symptom: "Worked until the firewall was reloaded",
        story:
            "web's port 80 is published as 198.51.100.2:8080, web, app and db (10.88.0.2, .3 and .4) go out as 198.51.100.2, and "
            + "host's firewall drops what asks for its port 9000 on eth0. Then the firewall was reloaded, and the containers were "
            + "started anew.",
        minutes: 10, world: .withDatabase,
        services: .site + [Lesson.Service(node: "db", port: 80), Lesson.Service(node: "host", port: 9000)],
        whole: .site + .firewall,
        symptoms: [
            .gets("client", "198.51.100.2", 8080, from: "web", seeing: "203.0.113.10"),
            .gets("web", "203.0.113.10", 80, from: "client", seeing: "198.51.100.2"),
        ],
        guards: [
            .eachAddressOnce,
            .gets("app", "10.88.0.4", 80, from: "db", seeing: "10.88.0.3"),
            .gets("db", "203.0.113.10", 80, from: "client", seeing: "198.51.100.2"),
            .gets("host", "198.51.100.2", 8080, from: "web", seeing: "198.51.100.2"),
            .getsNothing("client", "198.51.100.2", 9000),
        ] + .closed,
        variants: [
            Variant(
                name: "flushed",
                cause:
                    "the reload emptied every table and put back the firewall's own rules alone: what rewrote port 8080, let it "
                    + "through and masqueraded was gone.",
                look: "berth lab exec host -- nft list ruleset (iptables-save): compare it with how host was built.",
                idea:
                    "Three things are missing: the rewrite (for those outside and for host itself), its way through forward, and the "
                    + "masquerade.",
                damage: .rules(
                    nft: """
                        flush ruleset
                        table ip firewall {
                         chain input {
                          type filter hook input priority 0;
                          iifname "eth0" tcp dport 9000 drop
                         }
                         chain forward {
                          type filter hook forward priority 0; policy drop;
                          ct state established,related accept
                          iifname "br0" accept
                         }
                        }
                        """,
                    iptables: "iptables -t nat -F; iptables -F FORWARD; "
                        + "iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT; "
                        + "iptables -A FORWARD -i br0 -j ACCEPT"),
                solution: .rules(
                    nft: """
                        table ip lab {
                         chain prerouting {
                          type nat hook prerouting priority -100;
                          fib daddr type local tcp dport 8080 dnat to 10.88.0.2:80
                         }
                         chain output {
                          type nat hook output priority -100;
                          fib daddr type local tcp dport 8080 dnat to 10.88.0.2:80
                         }
                         chain postrouting {
                          type nat hook postrouting priority 100;
                          ip saddr 10.88.0.0/24 oifname "eth0" masquerade
                          ip saddr 10.88.0.0/24 oifname "br0" ct status dnat masquerade
                         }
                        }
                        add rule ip firewall forward oifname "br0" ct status dnat accept
                        """,
                    iptables: """
                        for chain in PREROUTING OUTPUT; do
                         iptables -t nat -A $chain -m addrtype --dst-type LOCAL -p tcp --dport 8080 -j DNAT --to-destination 10.88.0.2:80
                        done
                        iptables -t nat -A POSTROUTING -s 10.88.0.0/24 -o eth0 -j MASQUERADE
                        iptables -t nat -A POSTROUTING -s 10.88.0.0/24 -o br0 -m conntrack --ctstate DNAT -j MASQUERADE
                        iptables -A FORWARD -o br0 -m conntrack --ctstate DNAT -j ACCEPT
                        """, "the site's own rules, beside the firewall's")),
            Variant(
                name: "leaked",
                cause:
                    "a record of the web before was left: host's neighbour table had its hardware address for 10.88.0.2, for good, and "
                    + "sent frames to nobody. The rules were all right.",
                look:
                    "berth lab trace from client to 198.51.100.2:8080: every rule lets it through. Where do its frames go?",
                idea: "ip neigh in host, and ip link in web: are they of one mind?",
                damage: Both(
                    LessonCommand(
                        "host", "ip neigh replace 10.88.0.2 lladdr 02:00:00:00:04:99 dev br0 nud permanent")),
                solution: Both(
                    LessonCommand("host", "ip neigh del 10.88.0.2 dev br0", "host asks who has the address now"))),
            Variant(
                name: "twice",
                cause:
                    "db came back with 10.88.0.2, which is web's, and without its own 10.88.0.4. It spoke last, so that host sent "
                    + "everything for web to db. The rules were all right.",
                look: "berth lab status: read the addresses.",
                idea: "One address at two nodes. Which one should not have it, and which should it have?",
                damage: Both(
                    LessonCommand("db", .address("10.88.0.2") + "; berth lab-speak eth0; sleep 0.5")),
                solution: Both(
                    LessonCommand("db", .address("10.88.0.4"), "its own address"),
                    LessonCommand("host", "ip neigh flush dev br0", "host asks anew"))),
        ])
}

extension String {
    fileprivate static func address(_ address: String) -> String {
        "ip -4 address flush dev eth0; ip address add \(address)/24 dev eth0; ip route replace default via 10.88.0.1"
    }
}

extension Both {
    fileprivate static let firewall = rules(
        nft: """
            table ip firewall {
             chain input {
              type filter hook input priority 0;
              iifname "eth0" tcp dport 9000 drop
             }
            }
            """, iptables: "iptables -A INPUT -i eth0 -p tcp --dport 9000 -j DROP")
}

extension Observation {
    /// Of the three nodes on the bridge.
    fileprivate static let eachAddressOnce = Observation(
        "addresses on the bridge", "each at one node, and each node has one"
    ) {
        look throws(LabError) in
        var holders: [String: [String]] = [:]
        for node in ["web", "app", "db"] {
            let all = try look.socket(node, NETLINK_ROUTE) { (socket) throws(KernelError) in try socket.addresses() }
            let own = all.map(\.prefix.address).filter { $0.family == .v4 && "\($0)" != "127.0.0.1" }
            if own.count != 1 { return Sight(false, "\(node) has \(own.count)") }
            for address in own { holders["\(address)", default: []].append(node) }
        }
        if let double = holders.first(where: { $0.value.count > 1 }) {
            return Sight(false, "\(double.value.joined(by: " and ")) have \(double.key)")
        }
        return Sight(true, "each at one")
    }
}
