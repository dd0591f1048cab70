extension BrokenWorld {
    static let localhost = BrokenWorld(
        id: "b04", symptom: "curl localhost:8080 hangs",
        story:
            "web's port 80 is published as host's port 8080: for the internet, and on host itself by 198.51.100.2 and by "
            + "127.0.0.1. What leaves br0 as 127.0.0.1 gets host's address there.",
        minutes: 9, world: .site, services: .site, whole: .site + .loopback,
        symptoms: [.gets("host", "127.0.0.1", 8080, from: "web", seeing: "10.88.0.1")],
        guards: [
            .parameter("host", "net/ipv4/conf/eth0/route_localnet", is: "0"),
            .parameter("host", "net/ipv4/conf/all/route_localnet", is: "0"),
            .gets("host", "198.51.100.2", 8080, from: "web", seeing: "198.51.100.2"),
            .gets("client", "198.51.100.2", 8080, from: "web", seeing: "203.0.113.10"),
            .getsNothing("host", "127.0.0.1", 8081),
        ] + .closed,
        variants: [
            Variant(
                name: "output",
                cause:
                    "the rule at output sent what was for 127.0.0.1 to 10.88.0.9, which nobody has. prerouting's rule was right, and "
                    + "no packet of host's own ever comes there.",
                look: "berth lab trace from host to 127.0.0.1:8080: where is it sent?",
                idea: "host's own packets begin at output. There are two rules for port 8080 there.",
                damage: .rules(
                    nft: "insert rule ip lab output ip daddr 127.0.0.0/8 tcp dport 8080 dnat to 10.88.0.9:80",
                    iptables:
                        "iptables -t nat -I OUTPUT -d 127.0.0.0/8 -p tcp --dport 8080 -j DNAT --to-destination 10.88.0.9:80"
                ),
                solution: .chain(
                    "output", nft: ["fib daddr type local tcp dport 8080 dnat to 10.88.0.2:80"],
                    iptables: "iptables -t nat -D OUTPUT 1", "one rule, for every address of host's own")),
            Variant(
                name: "route-localnet",
                cause:
                    "net.ipv4.conf.br0.route_localnet was 0: the kernel routes no packet from 127.0.0.1 out of a link but lo, unless "
                    + "that link's parameter allows it.",
                look: "berth lab trace from host to 127.0.0.1:8080, and sysctl -a | grep route_localnet in host.",
                idea: "br0, and only br0, must be allowed to carry loopback's addresses.",
                damage: Both(LessonCommand("host", "sysctl -qw net.ipv4.conf.br0.route_localnet=0")),
                solution: Both(
                    LessonCommand("host", "sysctl -qw net.ipv4.conf.br0.route_localnet=1", "br0, and no other link"))),
            Variant(
                name: "masquerade",
                cause:
                    "nothing gave the packet another sender: web answers nobody on its cable who calls himself 127.0.0.1, not even "
                    + "host's question for its hardware address.",
                look: "berth lab trace from host to 127.0.0.1:8080: with which sender does it leave host?",
                idea: "What leaves by br0 with a source of 127.0.0.0/8 must be masqueraded.",
                damage: .chain(
                    "postrouting",
                    nft: [
                        #"ip saddr 10.88.0.0/24 oifname "eth0" masquerade"#,
                        #"ip saddr 10.88.0.0/24 oifname "br0" ct status dnat masquerade"#,
                    ], iptables: "iptables -t nat -D POSTROUTING 3"),
                solution: .rules(
                    nft: #"add rule ip lab postrouting ip saddr 127.0.0.0/8 oifname "br0" masquerade"#,
                    iptables: "iptables -t nat -A POSTROUTING -s 127.0.0.0/8 -o br0 -j MASQUERADE",
                    "web answers an address that it can reach")),
        ])
}

extension Both {
    /// What is published answers by host's loopback too.
    fileprivate static let loopback =
        Both(LessonCommand("host", "sysctl -qw net.ipv4.conf.br0.route_localnet=1"))
        + rules(
            nft: #"add rule ip lab postrouting ip saddr 127.0.0.0/8 oifname "br0" masquerade"#,
            iptables: "iptables -t nat -A POSTROUTING -s 127.0.0.0/8 -o br0 -j MASQUERADE")
}
