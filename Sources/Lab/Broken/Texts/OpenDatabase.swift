import NetCore

extension BrokenWorld {
    static let openDatabase = BrokenWorld(
        id: "b08", symptom: "DB visible from the internet although the firewall denies it",
        story:
            "app uses the database by 10.88.0.1:5432. host's firewall, at input, drops what asks for port 5432 on eth0, of both "
            + "families; port 9000 of host and the site, port 8080, are open to all.",
        minutes: 9, world: .withDatabase, services: .site + [Lesson.Service(node: "host", port: 9000)],
        whole: .site + .firewall,
        symptoms: [
            .getsNothing("client", "198.51.100.2", 5432), .getsNothing("client", "2001:db8:198::2", 5432),
            .getsNothing("client", "10.88.0.4", 5432),
        ],
        guards: [
            .databaseAnswers,
            .gets("client", "198.51.100.2", 8080, from: "web", seeing: "203.0.113.10"),
            .gets("client", "198.51.100.2", 9000, from: "host", seeing: "203.0.113.10"),
        ] + .closed,
        variants: [
            Variant(
                name: "forward",
                cause:
                    "the database runs in db, and port 5432 was published: prerouting rewrites it before the route is chosen, so that "
                    + "the packet passes forward, and input with its firewall never sees it.",
                look: "berth lab trace from client to 198.51.100.2:5432: through which gates does it go?",
                idea:
                    "The packet is for db by the time that it is routed. Drop it where forwarded packets pass, when it came in by "
                    + "eth0.",
                damage: Both(LessonCommand("db", "berth lab-serve db 5432"))
                    + .rules(
                        nft: "add rule ip lab prerouting fib daddr type local tcp dport 5432 dnat to 10.88.0.4:5432",
                        iptables: "iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -p tcp --dport 5432 "
                            + "-j DNAT --to-destination 10.88.0.4:5432"),
                solution: .rules(
                    nft: #"insert rule ip lab forward iifname "eth0" ip daddr 10.88.0.4 tcp dport 5432 drop"#,
                    iptables: "iptables -I FORWARD -i eth0 -d 10.88.0.4 -p tcp --dport 5432 -j DROP",
                    "where it passes, by the port that it has there")),
            Variant(
                name: "bound",
                cause:
                    "the database runs on host, bound to every address in place of 10.88.0.1, and a rule that lets in all ports from "
                    + "1024 on stood before the one that drops. The first rule that decides counts.",
                look:
                    "berth lab exec host -- ss -ltn, and nft list chain ip firewall input (iptables -S INPUT), in its order.",
                idea: "Which rule does the packet meet first that decides?",
                damage: Both(LessonCommand("host", "berth lab-serve db 5432"))
                    + .rules(
                        nft: #"insert rule ip firewall input iifname "eth0" tcp dport 1024-65535 accept"#,
                        iptables: "iptables -I INPUT -i eth0 -p tcp --dport 1024:65535 -j ACCEPT"),
                solution: .rules(
                    nft: #"insert rule ip firewall input iifname "eth0" tcp dport 5432 drop"#,
                    iptables: "iptables -I INPUT -i eth0 -p tcp --dport 5432 -j DROP", "before the rule that accepts")),
            Variant(
                name: "ipv6",
                cause:
                    "the database runs on host, bound to every address of both families, and the firewall of IPv6 was not there: "
                    + "rules of table ip (iptables) see no packet of IPv6.",
                look:
                    "berth lab exec host -- ss -ltn: by which families can it be asked? And which rules look at each?",
                idea: "IPv6 has its own tables: ip6, or inet for both; ip6tables.",
                damage: Both(LessonCommand("host", "berth lab-serve db 5432"))
                    + .rules(nft: "delete table ip6 firewall", iptables: "ip6tables -F INPUT"),
                solution: .rules(
                    nft: """
                        table ip6 firewall {
                         chain input {
                          type filter hook input priority 0;
                          iifname "eth0" tcp dport 5432 drop
                         }
                        }
                        """, iptables: "ip6tables -A INPUT -i eth0 -p tcp --dport 5432 -j DROP",
                    "the same rule for the other family")),
        ])
}

extension Both {
    fileprivate static let firewall = rules(
        nft: """
            table ip firewall {
             chain input {
              type filter hook input priority 0;
              iifname "eth0" tcp dport 5432 drop
             }
            }
            table ip6 firewall {
             chain input {
              type filter hook input priority 0;
              iifname "eth0" tcp dport 5432 drop
             }
            }
            """,
        iptables: "iptables -A INPUT -i eth0 -p tcp --dport 5432 -j DROP; "
            + "ip6tables -A INPUT -i eth0 -p tcp --dport 5432 -j DROP")
}

extension Observation {
    /// Whom the database sees depends on where it runs.
    fileprivate static let databaseAnswers = Observation("a request, app → 10.88.0.1:5432", "the database answers") {
        look throws(LabError) in
        let asked = try look.request("app", IPAddress("10.88.0.1")!, 5432)
        if case .answer(let text) = asked { return Sight(text.hasPrefix("db "), asked.seen) }
        return Sight(false, asked.seen)
    }
}
