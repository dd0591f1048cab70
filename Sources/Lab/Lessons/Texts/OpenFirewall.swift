extension Lesson {
    static let openFirewall = Lesson(
        id: "11", title: "The open firewall", minutes: 10,
        goal:
            "Port 8080 is open for the administrator, 203.0.113.99, and for nobody else, and everything else still works.",
        world: {
            var world = StandardWorlds.standard
            world.name = "11"
            // A second machine on the client's network: inet's link there becomes a switch.
            let inet = world.nodes.firstIndex { $0.name == "inet" }!
            world.nodes[inet].bridges = [BridgeDescription("lan", addresses: [.init("203.0.113.1/24")!])]
            var admin = NodeDescription("admin")
            admin.routes = [RouteDescription(.init("0.0.0.0/0")!, via: .init("203.0.113.1")!)]
            world.nodes.append(admin)
            world.nodes[0].routes = admin.routes
            world.cables[0] = CableDescription(
                .init("client", "eth0", addresses: [.init("203.0.113.10/24")!]),
                .init("inet", "eth0", bridge: "lan"))
            world.cables.append(
                CableDescription(
                    .init("admin", "eth0", addresses: [.init("203.0.113.99/24")!]),
                    .init("inet", "eth2", bridge: "lan")))
            return world
        }(),
        services: [
            Service(node: "web", port: 80), Service(node: "client", port: 80), Service(node: "host", port: 22),
            Service(node: "host", port: 9000),
        ],
        start: Both(
            nft: Both.published.nft + [
                LessonCommand(
                    "host",
                    "nft -f - <<'END'\ntable ip lab {\n chain input {\n  type filter hook input priority 0; policy drop;\n"
                        + "  ct state established,related accept\n  tcp dport 22 accept\n }\n"
                        + " chain forward {\n  type filter hook forward priority 0; policy drop;\n"
                        + "  ct state established,related accept\n  ct status dnat accept\n  iifname \"br0\" accept\n }\n"
                        + " chain postrouting {\n  type nat hook postrouting priority 100;\n"
                        + "  ip saddr 10.88.0.0/24 oifname \"eth0\" masquerade\n }\n}\nEND",
                    "a firewall that lets in port 22 alone; what is published or comes from the bridge may pass")
            ],
            iptables: Both.published.iptables + [
                LessonCommand("host", "iptables -P INPUT DROP", "a firewall that lets in port 22 alone"),
                LessonCommand("host", "iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"),
                LessonCommand("host", "iptables -A INPUT -p tcp --dport 22 -j ACCEPT"),
                LessonCommand(
                    "host", "iptables -P FORWARD DROP", "what is published or comes from the bridge may pass"),
                LessonCommand("host", "iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT"),
                LessonCommand("host", "iptables -A FORWARD -m conntrack --ctstate DNAT -j ACCEPT"),
                LessonCommand("host", "iptables -A FORWARD -i br0 -j ACCEPT"),
                LessonCommand("host", "iptables -t nat -A POSTROUTING -s 10.88.0.0/24 -o eth0 -j MASQUERADE"),
            ]),
        tasks: [
            LessonTask(
                "what does the firewall do?",
                "host's firewall lets in port 22 and nothing else: INPUT has the policy drop, and port 9000 is shut indeed. "
                    + "Port 8080 is published to web.",
                question: Question(
                    "The client asks 198.51.100.2:8080. What comes back?", Observation.fates, answer: "an answer"),
                look: "berth lab exec client -- curl -sS --max-time 2 198.51.100.2:8080, and the same with :9000.",
                idea: "The firewall guards what is for host itself. Is this?",
                solution: Both(
                    LessonCommand("client", "curl -sS --max-time 1 198.51.100.2:9000 || true", "shut"),
                    LessonCommand("client", "curl -sS --max-time 1 198.51.100.2:8080 || true", "open")),
                checks: [.fate("client", "198.51.100.2:8080")]),
            LessonTask(
                "which gate did it pass?",
                "The packet came in by eth0 and went to web, and your firewall's chain did not stop it.",
                question: Question(
                    "Which gate did it pass in host?", ["input", "forward", "output"], answer: "forward"),
                look:
                    "berth lab check --explain is of no use when all is well: berth trace is, or the rules' counters.",
                idea:
                    "After prerouting its destination is 10.88.0.2. What is not for host itself goes by another gate than input.",
                solution: Both(),
                checks: [
                    .said("client", "198.51.100.2:8080", "the gates at which rules saw it in host") { journey in
                        let hooks = journey.forward?.steps.compactMap { $0.node == "host" ? $0.hook : nil } ?? []
                        return ["input", "forward", "output"].first { hooks.contains($0) }
                    }
                ],
                shows: Shown("both lanes, INPUT and FORWARD, and by which a packet went") { look throws(LabError) in
                    try look.lanes("host", from: "client", own: "198.51.100.2:22", forwarded: "198.51.100.2:8080")
                }),
            LessonTask(
                "shut it where it passes",
                "Nobody but 203.0.113.99 (the node admin) may use the published port 8080. The services of web and app to the outside, "
                    + "and all answers, must go on.",
                look: "Which port does the packet have when it passes the forward gate? 8080 was rewritten before.",
                idea:
                    "conntrack remembers the port that was asked for: ct original proto-dst 8080, or --ctorigdstport 8080. The rule must "
                    + "stand before the one that accepts, and mean the original direction only.",
                solution: Both(
                    nft: [
                        LessonCommand(
                            "host",
                            "nft insert rule ip lab forward ip saddr != 203.0.113.99 meta l4proto tcp "
                                + "ct direction original ct original proto-dst 8080 drop",
                            "before the rule that accepts, by the port that was asked for")
                    ],
                    iptables: [
                        LessonCommand(
                            "host",
                            "iptables -I FORWARD ! -s 203.0.113.99 -p tcp -m conntrack --ctorigdstport 8080 "
                                + "--ctdir ORIGINAL -j DROP",
                            "before the rule that accepts, by the port that was asked for")
                    ]),
                checks: [
                    .kept("client", "198.51.100.2:8080", from: "web"),
                    .answered("admin", "198.51.100.2:8080", by: "web", seeing: "203.0.113.99"),
                    .answered("web", "203.0.113.10:80", by: "client", seeing: "198.51.100.2"),
                    .answered("client", "198.51.100.2:22", by: "host", seeing: "203.0.113.10"),
                    .shut("client", "198.51.100.2:9000", node: "host"),
                ],
                shows: Shown("both lanes, INPUT and FORWARD, and by which a packet went") { look throws(LabError) in
                    try look.lanes("host", from: "client", own: "198.51.100.2:22", forwarded: "198.51.100.2:8080")
                }),
        ],
        kernel:
            "prerouting made the packet one for web, so routing sent it through forward, and input never saw it. A published port is "
            + "shut where forwarded packets pass, and by the port that conntrack remembers, for the packet bears the new one already."
    )
}
