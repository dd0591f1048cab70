import Trace

extension Lesson {
    static let bigPackets = Lesson(
        id: "14", title: "Big packets and IPv6", minutes: 15,
        goal:
            "Large transfers pass an uplink of 1300 bytes in two ways, and web is reached by IPv6 in two ways.",
        world: {
            var world = StandardWorlds.standard
            (world.name, world.title) = ("14", "as the standard one; inet sends 2001:db8:88::/64 to host")
            let inet = world.nodes.firstIndex { $0.name == "inet" }!
            world.nodes[inet].routes.append(
                RouteDescription(.init("2001:db8:88::/64")!, via: .init("2001:db8:198::2")!))
            return world
        }(),
        services: [Service(node: "web", port: 80), Service(node: "web", port: 22)],
        start: Both(nft: narrow + startNft, iptables: narrow + startIptables),
        tasks: mtuTasks + v6Tasks,
        kernel:
            "A router does not cut a packet that forbids it (IPv4), or never does (IPv6): it throws it away and tells the sender by ICMP "
            + "which size passes. Where that word is dropped, small packets pass and large ones vanish; a clamp writes the size into the "
            + "handshake instead. By IPv6 each node can have an address of its own, and nothing needs to be rewritten.")

    private static let client6 = "2001:db8:203::10"
    private static let front = "[2001:db8:198::2]:8080"
    private static let own = "[2001:db8:88::2]:80"

    private static let narrow = [
        LessonCommand(
            "host", "ip link set eth0 mtu 1300", "the uplink carries packets of 1300 bytes, as a tunnel does"),
        LessonCommand("inet", "ip link set eth1 mtu 1300"),
    ]
    private static let startNft =
        Both.published.nft + [
            LessonCommand(
                "host",
                "nft -f - <<'END'\ntable ip lab {\n chain output {\n  type filter hook output priority 0;\n"
                    + "  icmp type destination-unreachable drop\n }\n chain forward {\n  type filter hook forward priority 0;\n"
                    + "  icmp type destination-unreachable drop\n }\n"
                    + " chain postrouting {\n  type nat hook postrouting priority 100;\n"
                    + "  ip saddr 10.88.0.0/24 oifname \"eth0\" masquerade\n }\n}\ntable ip6 lab {\n chain forward {\n"
                    + "  type filter hook forward priority 0; policy drop;\n  ct state established,related accept\n"
                    + "  iifname \"br0\" accept\n }\n}\nEND",
                "somebody has heard that ICMP is dangerous; and by IPv6 nothing comes in that was not asked for")
        ]
    private static let startIptables =
        Both.published.iptables + [
            LessonCommand(
                "host", "iptables -A OUTPUT -p icmp --icmp-type destination-unreachable -j DROP",
                "somebody has heard that ICMP is dangerous"),
            LessonCommand("host", "iptables -t nat -A POSTROUTING -s 10.88.0.0/24 -o eth0 -j MASQUERADE"),
            LessonCommand("host", "iptables -A FORWARD -p icmp --icmp-type destination-unreachable -j DROP"),
            LessonCommand("host", "ip6tables -P FORWARD DROP", "and by IPv6 nothing comes in that was not asked for"),
            LessonCommand("host", "ip6tables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"),
            LessonCommand("host", "ip6tables -A FORWARD -i br0 -j ACCEPT"),
        ]

    private static let fetch = "curl -sS --max-time 2 -o /dev/null -w '%{size_download} bytes\\n'"

    private static let mtuTasks = [
        LessonTask(
            "a small answer and a large one",
            "Port 8080 of host is web's port 80. web answers a request for /20000 with 20 kB. host's uplink carries packets of 1300 "
                + "bytes at most, and web does not know that: its own link carries 1500.",
            question: Question(
                "The client asks 198.51.100.2:8080/20000. What comes of it?", Observation.transfers,
                answer: "a connection, and then it stalls"),
            look: "berth lab exec client -- curl -sS --max-time 2 198.51.100.2:8080, and the same with /20000.",
            idea: "The handshake and a short answer are small packets.",
            solution: Both(
                LessonCommand("client", "curl -sS --max-time 2 198.51.100.2:8080 || true", "small"),
                LessonCommand("client", "\(fetch) 198.51.100.2:8080/20000 || true", "20 kB")),
            checks: [.transfer("client", "198.51.100.2", 8080, 20_000, from: "web")]),
        LessonTask(
            "where the large packet dies",
            "web sends packets of 1500 bytes with the flag DF: do not fragment. Follow one of 1428 bytes from web to the client, as a ping: "
                + "berth trace from web to 203.0.113.10/icmp --payload 1400; or ping -M do -s 1400.",
            question: Question("Which node throws it away?", ["web", "host", "inet", "client"], answer: "host"),
            look: "berth lab exec host -- ip link show eth0, and in web the same.",
            idea:
                "The one that would have to send it by a link that is too narrow. It should tell web so: ICMP 3/4, fragmentation needed.",
            solution: Both(
                LessonCommand("web", "ping -M do -c1 -W1 -s 1200 203.0.113.10 || true", "passes"),
                LessonCommand("web", "ping -M do -c1 -W1 -s 1400 203.0.113.10 || true", "and this one does not")),
            checks: [
                .told("the last node that saw it", "the packet") { look throws(LabError) in
                    let journey = try look.probeLarge("web", "203.0.113.10/icmp")
                    return (journey.receiver == nil ? journey.forward?.end.node : nil, journey.seen, journey)
                }
            ]),
        LessonTask(
            "clamp the segments",
            "Leave ICMP blocked as it is: there are firewalls on the way that one cannot mend. Make both ends agree on smaller segments "
                + "when they shake hands.",
            look:
                "Each SYN says how large the segments may be that its sender takes: 1460 here. Who could write another number there?",
            idea:
                "host sees every SYN in forward. A rule there may lower its maximum segment size to what the route carries: rt mtu, or "
                + "TCPMSS --clamp-mss-to-pmtu.",
            solution: Both(
                nft: [
                    LessonCommand(
                        "host", "nft 'add chain ip lab clamp { type filter hook forward priority -150; }'"),
                    LessonCommand(
                        "host", "nft 'add rule ip lab clamp tcp flags syn tcp option maxseg size set rt mtu'",
                        "every SYN that passes tells of no larger segments than the route carries"),
                ],
                iptables: [
                    LessonCommand(
                        "host",
                        "iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu",
                        "every SYN that passes tells of no larger segments than the route carries")
                ]),
            checks: [
                .hears("web", "203.0.113.1", false),
                .carries("client", "198.51.100.2", 8080, 20_000, from: "web"),
                .answered("client", "198.51.100.2:8080", by: "web", seeing: "203.0.113.10"),
            ]),
        LessonTask(
            "let the word through",
            "The clamp helps TCP alone. Take it away, and mend the cause: let ICMP tell web which size passes.",
            look: "berth lab exec host -- nft list ruleset, or iptables-save: what drops ICMP type 3?",
            idea:
                "Fragmentation needed is a kind of destination unreachable (3/4). Remove what drops it, or accept it before.",
            solution: Both(
                nft: [
                    LessonCommand("host", "nft delete chain ip lab clamp", "no clamp any more"),
                    LessonCommand("host", "nft flush chain ip lab output", "and ICMP may speak"),
                    LessonCommand("host", "nft flush chain ip lab forward"),
                ],
                iptables: [
                    LessonCommand("host", "iptables -t mangle -F FORWARD", "no clamp any more"),
                    LessonCommand(
                        "host", "iptables -D OUTPUT -p icmp --icmp-type destination-unreachable -j DROP",
                        "and ICMP may speak"),
                    LessonCommand("host", "iptables -D FORWARD -p icmp --icmp-type destination-unreachable -j DROP"),
                ]),
            checks: [
                .hears("web", "203.0.113.1", true),
                .carries("client", "198.51.100.2", 8080, 20_000, from: "web"),
                .remembers("web", "203.0.113.10"),
            ],
            shows: Shown("what each link on the way carries, and what web has learned of it") { look throws(LabError) in
                try look.sizes("web", "203.0.113.10/icmp", "203.0.113.10")
            }),
    ]

    private static let v6Tasks = [
        LessonTask(
            "publish by IPv6, with NAT",
            "web has an address of IPv6 that only host knows the way to: fd00:88::2. Publish its port 80 as \(front), as by IPv4; host "
                + "forwards nothing by IPv6 from outside yet. Packets that tell of sizes, and those by which neighbours find each "
                + "other, are ICMPv6: they must pass.",
            look: "berth lab exec client -- curl -sS -g --max-time 1 'http://\(front)/'",
            idea:
                "It is lesson 07 in the family ip6, or with ip6tables: a rewrite before routing, and a rule in forward that accepts.",
            solution: Both(
                nft: [
                    LessonCommand(
                        "host", "nft 'add chain ip6 lab prerouting { type nat hook prerouting priority -100; }'"),
                    LessonCommand(
                        "host",
                        "nft 'add rule ip6 lab prerouting fib daddr type local tcp dport 8080 dnat to [fd00:88::2]:80'",
                        "port 8080 of host is web's port 80"),
                    LessonCommand("host", "nft add rule ip6 lab forward ct status dnat accept", "and may pass"),
                ],
                iptables: [
                    LessonCommand(
                        "host",
                        "ip6tables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -p tcp --dport 8080 "
                            + "-j DNAT --to-destination '[fd00:88::2]:80'", "port 8080 of host is web's port 80"),
                    LessonCommand(
                        "host", "ip6tables -A FORWARD -m conntrack --ctstate DNAT -j ACCEPT", "and may pass"),
                ], or: [LessonCommand("host", "berth net publish 8080 to '[fd00:88::2]:80'", "in the rewrite's place")]),
            checks: [
                .answered("client", front, by: "web", seeing: client6),
                .answered("client", "198.51.100.2:8080", by: "web", seeing: "203.0.113.10"),
                .kept("client", "[2001:db8:198::2]:8081", from: "web"),
            ] + wellMannered + [.carries("client", "2001:db8:198::2", 8080, 20_000, from: "web")]),
        LessonTask(
            "and on host itself?",
            "By IPv4, 127.0.0.1:8080 could be sent to web: a rule in output, route_localnet, and another sender (lesson 08). For "
                + "[::1]:8080 one would write the same rule in the family ip6.",
            question: Question(
                "Which parameter lets a packet of ::1 leave host?",
                [
                    "net.ipv6.conf.br0.route_localnet", "net.ipv6.conf.all.forwarding",
                    "none: a program must listen there",
                ], answer: "none: a program must listen there"),
            look: "berth lab exec host -- ls /proc/sys/net/ipv6/conf/br0, and the same with ipv4.",
            idea: "The kernel never sends from ::1 by another link than lo, and has no parameter for it.",
            solution: Both(
                LessonCommand(
                    "host", "ls /proc/sys/net/ipv4/conf/br0 /proc/sys/net/ipv6/conf/br0 | grep route_localnet || true",
                    "once: it is IPv4's")),
            checks: [
                .told("what there is in /proc/sys/net of host", "host's kernel") { look throws(LabError) in
                    // Forwarding is on all the while.
                    let found = try look.parameter("host", "net/ipv6/conf/br0/route_localnet")
                    return (
                        found == nil ? "none: a program must listen there" : "net.ipv6.conf.br0.route_localnet",
                        found.map { "route_localnet is \($0)" } ?? "IPv6 has no route_localnet", nil
                    )
                }
            ]),
        LessonTask(
            "without NAT",
            "Your provider sends you a whole network: what is for 2001:db8:88::/64 inet sends to host. Give br0 the address "
                + "2001:db8:88::1/64 and web 2001:db8:88::2/64, and let port 80 of web, and nothing else, be asked from outside.",
            look: "berth lab exec client -- curl -sS -g --max-time 1 'http://[2001:db8:88::2]/'",
            idea:
                "Two addresses, and one rule in forward: to 2001:db8:88::2, TCP, port 80, accept. Nothing is rewritten.",
            solution: Both(
                nft: prefix + [
                    LessonCommand(
                        "host", "nft add rule ip6 lab forward ip6 daddr 2001:db8:88::2 tcp dport 80 accept",
                        "port 80 of web may be asked, and no other")
                ],
                iptables: prefix + [
                    LessonCommand(
                        "host", "ip6tables -A FORWARD -d 2001:db8:88::2 -p tcp --dport 80 -j ACCEPT",
                        "port 80 of web may be asked, and no other")
                ]),
            checks: [
                .answered("client", own, by: "web", seeing: client6), .untouched("client", own, in: "host"),
                .kept("client", "[2001:db8:88::2]:22", from: "web"),
                .answered("client", front, by: "web", seeing: client6),
            ] + wellMannered),
        LessonTask(
            "which is better?",
            "By both ways web sees who asks: \(client6). Look at one packet of each: berth trace from client to \(front), and to \(own).",
            question: Question(
                "Which way needs no rewriting, and no memory of it in host?",
                ["by host's address and NAT: \(front)", "by web's own address: \(own)"],
                answer: "by web's own address: \(own)"),
            look: "berth trace shows each REWRITE, of the question and of the answer.",
            idea:
                "NAT was made because there were too few addresses. A rule in forward keeps out as much as it did, where it stands.",
            solution: Both(),
            checks: [
                .told("which of the two packets host rewrites", "the packet") { look throws(LabError) in
                    let (nat, plain) = (try look.probe("client", front), try look.probe("client", own))
                    let isPlain = plain.isAnswered && plain.newDestination(in: "host") == nil
                    let isRewritten = nat.isAnswered && nat.newDestination(in: "host") != nil
                    return (
                        isPlain && isRewritten ? "by web's own address: \(own)" : nil,
                        "\(front): \(nat.seen); \(own): \(plain.seen)", plain
                    )
                }
            ],
            shows: Shown("both packets side by side") { look throws(LabError) in
                Journey.columns([
                    ("by NAT: \(front)", try look.probe("client", front)),
                    ("without: \(own)", try look.probe("client", own)),
                ])
            }),
    ]

    private static let prefix = [
        LessonCommand("host", "ip address add 2001:db8:88::1/64 dev br0 nodad", "host is the network's router"),
        LessonCommand("web", "ip address add 2001:db8:88::2/64 dev eth0 nodad", "and web has an address of its own"),
    ]

    /// What ICMPv6 is for works.
    private static let wellMannered: [Observation] = [
        .hearsOfAny("web", in: "2001:db8:203::"),
        .findsNeighbours(
            "host", [("br0", "fd00:88::2"), ("eth0", "2001:db8:198::1")], asking: "client", "2001:db8:198::2", 8080),
    ]
}
