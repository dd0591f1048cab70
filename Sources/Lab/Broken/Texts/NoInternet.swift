extension BrokenWorld {
    static let noInternet = BrokenWorld(
        id: "b02", symptom: "No container reaches the internet",
        story: "web and app go out by host, and the internet sees them as 198.51.100.2. web's port 80 is published as "
            + "198.51.100.2:8080. inet knows no way to 10.88.0.0/24, and is not yours to change.",
        minutes: 7, world: StandardWorlds.standard, services: .site, whole: .site,
        symptoms: ["web", "app"].map { .gets($0, "203.0.113.10", 80, from: "client", seeing: "198.51.100.2") },
        guards: [
            .gets("client", "198.51.100.2", 8080, from: "web", seeing: "203.0.113.10"),
            .gets("app", "10.88.0.2", 80, from: "web", seeing: "10.88.0.3"),
            .gets("app", "198.51.100.2", 8080, from: "web", seeing: "10.88.0.1"),
            .getsNothing("client", "198.51.100.2", 8081), .inetKnowsNoWay,
        ],
        variants: [
            Variant(
                name: "forwarding",
                cause:
                    "net.ipv4.ip_forward of host was 0: the packets came to it, were for somebody else, and were thrown away before "
                    + "any rule of forward saw them.",
                look: "berth lab trace from web to 203.0.113.10:80: how far does it come?",
                idea: "A node that may not forward is no router, whatever its rules say.",
                damage: Both(LessonCommand("host", "sysctl -qw net.ipv4.ip_forward=0")),
                solution: Both(LessonCommand("host", "sysctl -qw net.ipv4.ip_forward=1", "host is a router again"))),
            Variant(
                name: "interface",
                cause:
                    "the masquerade named eth1, and the packets leave by eth0: they went out as 10.88.0.2, an address that nobody "
                    + "outside can answer.",
                look: "berth lab trace from web to 203.0.113.10:80: with which sender does it leave host?",
                idea: "A rule of postrouting is only as good as the link that it names.",
                damage: .chain(
                    "postrouting",
                    nft: [
                        #"ip saddr 10.88.0.0/24 oifname "eth1" masquerade"#,
                        #"ip saddr 10.88.0.0/24 oifname "br0" ct status dnat masquerade"#,
                    ],
                    iptables: "iptables -t nat -R POSTROUTING 1 -s 10.88.0.0/24 -o eth1 -j MASQUERADE"),
                solution: .rules(
                    nft: #"add rule ip lab postrouting ip saddr 10.88.0.0/24 oifname "eth0" masquerade"#,
                    iptables: "iptables -t nat -R POSTROUTING 1 -s 10.88.0.0/24 -o eth0 -j MASQUERADE",
                    "what leaves by the link that leads out")),
            Variant(
                name: "route",
                cause:
                    "web and app had no default route. They reach what is on their own wire, and have no way to anything else.",
                look: "berth lab exec web -- ip route, and what curl says there.",
                idea: "The packet does not even leave web: it knows no router.",
                damage: Both(
                    LessonCommand("web", "ip route del default"), LessonCommand("app", "ip route del default")),
                solution: Both(
                    LessonCommand("web", "ip route add default via 10.88.0.1", "host is the router"),
                    LessonCommand("app", "ip route add default via 10.88.0.1"))),
        ])
}

extension Observation {
    /// What is not the learner's to change.
    fileprivate static let inetKnowsNoWay = Observation("inet's route to 10.88.0.2", "none, as it was built") {
        look throws(LabError) in
        let route = try look.route("inet", "10.88.0.2")
        return Sight(route == nil, route == nil ? "none" : "it has one")
    }
}
