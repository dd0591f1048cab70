import NetCore

extension BrokenWorld {
    static let secondUplink = BrokenWorld(
        id: "b09", symptom: "The second uplink is dead",
        story:
            "host has two uplinks: eth0, 198.51.100.2, by which its default route goes, and eth1, 192.0.2.2. web's port 80 is "
            + "published as port 8080 of both. What comes in by eth1 is marked with 0x65, its answers get the mark back as they come "
            + "in by br0, and marked packets use table 101. rp_filter is on at both uplinks. inet lets no foreign sender in; it is "
            + "not yours to change.",
        minutes: 12, world: .twoUplinks, services: .site, whole: .site + .roads,
        symptoms: [.gets("client", "192.0.2.2", 8080, from: "web", seeing: "203.0.113.10")],
        guards: [
            .filtersReversePath("eth1"), .filtersReversePath("eth0"),
            .parameter("inet", "net/ipv4/conf/eth1/rp_filter", is: "1"),
            .gets("client", "198.51.100.2", 8080, from: "web", seeing: "203.0.113.10"),
            .gets("web", "203.0.113.10", 80, from: "client", seeing: "198.51.100.2"),
            .getsNothing("client", "192.0.2.2", 8081),
        ] + .closed,
        variants: [
            Variant(
                name: "valid-mark",
                cause:
                    "src_valid_mark was 0: rp_filter looked up the way back to the sender without the packet's mark, found eth0, and "
                    + "threw away what had come in by eth1.",
                look: "berth lab trace from client to 192.0.2.2:8080: where does it end, and by which parameter?",
                idea:
                    "rp_filter asks the routing tables for the way back. Does it ask with the mark? (net.ipv4.conf.*.src_valid_mark)",
                damage: .validMark("0"), solution: .validMark("1", "rp_filter asks with the mark too")),
            Variant(
                name: "rule",
                cause:
                    "no rule sent marked packets to table 101: for rp_filter, as for the answers, the way to the client was by eth0.",
                look: "berth lab exec host -- ip rule, and ip route show table 101.",
                idea: "A table is used by nobody whom no rule sends there.",
                damage: Both(LessonCommand("host", "ip rule del fwmark 0x65")),
                solution: Both(
                    LessonCommand("host", "ip rule add fwmark 0x65 lookup 101", "marked packets use the table"))),
            Variant(
                name: "table",
                cause:
                    "table 101 had no route to 10.88.0.0/24: the request was marked and rewritten to web's address, and the table sent "
                    + "it where it sends everything: out of eth1 again.",
                look: "berth lab trace from client to 192.0.2.2:8080: by which link does it leave host?",
                idea: "Marked packets ask table 101 for every address, also for web's.",
                damage: Both(LessonCommand("host", "ip route del 10.88.0.0/24 dev br0 table 101")),
                solution: Both(
                    LessonCommand("host", "ip route add 10.88.0.0/24 dev br0 table 101", "the bridge is there too"))),
            Variant(
                name: "restore",
                cause:
                    "nothing gave the answers their mark back as they came in by br0: they took the default route, out of eth0, with the "
                    + "sender 192.0.2.2, which inet does not let in there. \"ip rule from 192.0.2.2\" does not help: when an answer is "
                    + "routed its source is still 10.88.0.2.",
                look: "berth lab trace from client to 192.0.2.2:8080: the request comes to web. And its answer?",
                idea:
                    "conntrack keeps the mark of the flow (ct mark, CONNMARK). The answer must get it before it is routed.",
                damage: .chain(
                    "marks", nft: [#"iifname "eth1" meta mark set 0x65 ct mark set 0x65"#],
                    iptables: "iptables -t mangle -D PREROUTING 3"),
                solution: .rules(
                    nft: #"add rule ip lab marks iifname "br0" ct mark 0x65 meta mark set ct mark"#,
                    iptables:
                        "iptables -t mangle -A PREROUTING -i br0 -m connmark --mark 0x65 -j CONNMARK --restore-mark",
                    "answers get the flow's mark")),
        ])
}

extension Both {
    fileprivate static func validMark(_ value: String, _ reason: String = "") -> Both {
        Both(
            LessonCommand(
                "host",
                "sysctl -qw net.ipv4.conf.eth1.src_valid_mark=\(value) net.ipv4.conf.br0.src_valid_mark=\(value)",
                reason))
    }

    fileprivate static let roads =
        Both(LessonCommand("inet", "sysctl -qw net.ipv4.conf.eth1.rp_filter=1"))
        + rules(
            nft: """
                add chain ip lab marks { type filter hook prerouting priority -150; }
                add rule ip lab marks iifname "eth1" meta mark set 0x65 ct mark set 0x65
                add rule ip lab marks iifname "br0" ct mark 0x65 meta mark set ct mark
                """,
            iptables: "iptables -t mangle -A PREROUTING -i eth1 -j MARK --set-mark 0x65; "
                + "iptables -t mangle -A PREROUTING -i eth1 -j CONNMARK --save-mark; "
                + "iptables -t mangle -A PREROUTING -i br0 -m connmark --mark 0x65 -j CONNMARK --restore-mark")
        + Both(
            LessonCommand(
                "host",
                "ip route add default via 192.0.2.1 dev eth1 table 101; ip route add 10.88.0.0/24 dev br0 table 101; "
                    + "ip rule add fwmark 0x65 lookup 101; sysctl -qw net.ipv4.conf.eth0.rp_filter=1 net.ipv4.conf.eth1.rp_filter=1 "
                    // Who asks for a router's hardware address with the other uplink's address gets no answer.
                    + "net.ipv4.conf.eth0.arp_announce=2 net.ipv4.conf.eth1.arp_announce=2"
            ))
        + validMark("1")
}

extension WorldDescription {
    /// host has a second cable to inet.
    fileprivate static let twoUplinks: WorldDescription = {
        var world = WorldDescription.site
        world.title = "client, inet, host with two uplinks and bridge br0, web and app"
        world.cables.append(
            CableDescription(
                .init("inet", "eth2", addresses: [.init("192.0.2.1/24")!]),
                .init("host", "eth1", addresses: [.init("192.0.2.2/24")!])))
        return world
    }()
}

extension Observation {
    /// The kernel takes the larger one of the link's value and that of `all`.
    fileprivate static func filtersReversePath(_ link: String) -> Observation {
        Observation("rp_filter of host's \(link)", "on") { look throws(LabError) in
            var value = 0
            for place in ["all", link] {
                let text = try look.parameter("host", "net/ipv4/conf/\(place)/rp_filter")
                value = max(value, text.flatMap { Int($0) } ?? 0)
            }
            return Sight(value > 0, value > 0 ? "on (\(value))" : "off")
        }
    }
}
