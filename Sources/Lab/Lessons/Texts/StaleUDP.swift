extension Lesson {
    static let staleUDP = Lesson(
        id: "12", title: "Stale UDP", minutes: 8,
        goal:
            "The client's datagrams for 198.51.100.2:5353 come to web, also after a redeploy, and you know why they did not.",
        world: {
            var world = StandardWorlds.standard
            world.name = "12"
            return world
        }(),
        services: [
            Service(node: "web", port: 53, kind: .udp),
            Service(node: "client", port: 40000, kind: .says(to: "198.51.100.2", port: 5353)),
        ],
        start: Both(
            nft: [
                LessonCommand(
                    "host",
                    "nft -f - <<'END'\ntable ip lab {\n chain postrouting {\n  type nat hook postrouting priority 100;\n"
                        + "  ip saddr 10.88.0.0/24 oifname \"eth0\" masquerade\n }\n}\nEND",
                    "web and app go out by host's address: host tracks flows")
            ],
            iptables: [
                LessonCommand(
                    "host", "iptables -t nat -A POSTROUTING -s 10.88.0.0/24 -o eth0 -j MASQUERADE",
                    "web and app go out by host's address: host tracks flows")
            ]),
        tasks: [
            LessonTask(
                "nobody listens, and yet it is remembered",
                "The client logs to 198.51.100.2:5353 by UDP, a datagram a second, always from port 40000. Nothing is published yet, so "
                    + "nobody takes them. Look at what host remembers of that flow.",
                question: Question(
                    "From which address does host expect the answers (the second src= of the entry)?",
                    ["198.51.100.2", "10.88.0.2", "203.0.113.10"], answer: "198.51.100.2"),
                look: "berth lab exec host -- conntrack -L -p udp (or berth conntrack ls lab:host --udp)",
                idea:
                    "When the flow began, no rule rewrote it: it is one for host itself. [UNREPLIED]: nobody has answered.",
                solution: Both(
                    LessonCommand(
                        "host", "sleep 2; conntrack -L -p udp --orig-port-dst 5353",
                        "src= and dst= stand there twice; the datagrams of the last seconds are one flow")),
                checks: [.expectedFrom(unanswered: true)]),
            LessonTask(
                "publish it, and wait",
                "Publish UDP port 5353 of host as web's port 53, with a rule that counts. Then watch web, and the rule's counter.",
                question: Question("Does the client's next datagram reach web?", ["yes", "no"], answer: "no"),
                look:
                    "berth capture lab:web udp --for 5, and the counter: nft list ruleset, or iptables -t nat -vnL PREROUTING.",
                idea:
                    "Rules of NAT are asked for the first packet of a flow. This flow's first packet was seconds before your rule. A new "
                    + "flow, as the check sends one at last, meets the rule.",
                solution: Both(
                    nft: [
                        LessonCommand(
                            "host", "nft 'add chain ip lab prerouting { type nat hook prerouting priority -100; }'"),
                        LessonCommand(
                            "host",
                            "nft add rule ip lab prerouting fib daddr type local udp dport 5353 counter dnat to 10.88.0.2:53",
                            "port 5353 of host is web's port 53"),
                        LessonCommand("host", "sleep 2; nft list chain ip lab prerouting", "packets 0"),
                    ],
                    iptables: [
                        LessonCommand(
                            "host",
                            "iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -p udp --dport 5353 "
                                + "-j DNAT --to-destination 10.88.0.2:53", "port 5353 of host is web's port 53"),
                        LessonCommand("host", "sleep 2; iptables -t nat -vnL PREROUTING", "pkts 0"),
                    ]),
                checks: [
                    .streamReaches, .streamUncounted,
                    .answered("client", "198.51.100.2:5353/udp", by: "web", seeing: "203.0.113.10"),
                    .redirected("client", "198.51.100.2:5353/udp", in: "host", to: "10.88.0.2:53"),
                ],
                shows: Shown("the flow beside the rule that does not meet it") { look throws(LabError) in
                    try Observation.streamShown(look)
                }),
            LessonTask(
                "let host forget the flow",
                "Leave the rule as it is and the client alone, and bring its datagrams to web.",
                look: "man conntrack: what deletes an entry?",
                idea:
                    "Delete the flow's entry: its next packet is a first one again. By protocol and the port that was asked for, "
                    + "so that other flows stay.",
                solution: Both(
                    LessonCommand(
                        "host", "conntrack -D -p udp --orig-port-dst 5353",
                        "the next datagram begins the flow anew"),
                    LessonCommand(
                        "host", "sleep 2; conntrack -L -p udp --orig-port-dst 5353", "answers come from 10.88.0.2 now"),
                    or: [LessonCommand("host", "berth conntrack flush host --udp --dport 5353")]),
                checks: [.streamArrives("10.88.0.2:53")]),
            LessonTask(
                "replace the container",
                "A redeploy: web gets a new address, 10.88.0.7, and the rule must name it. Change both, and forget nothing.",
                question: Question(
                    "The rule says 10.88.0.7. Where does host send the client's datagrams?",
                    ["10.88.0.7", "10.88.0.2", "nowhere: it takes them itself"], answer: "10.88.0.2"),
                look: "The entry in host, once more; and berth capture lab:host arp --for 3.",
                idea: "The entry is older than the new rule, and each datagram keeps it alive.",
                solution: Both(
                    nft: replaced + [
                        LessonCommand(
                            "host",
                            "nft flush chain ip lab prerouting; nft add rule ip lab prerouting fib daddr type local "
                                + "udp dport 5353 counter dnat to 10.88.0.7:53", "the rule names the new one"),
                        LessonCommand("host", "sleep 2; conntrack -L -p udp --orig-port-dst 5353", "the old one"),
                    ],
                    iptables: replaced + [
                        LessonCommand(
                            "host",
                            "iptables -t nat -F PREROUTING; iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL "
                                + "-p udp --dport 5353 -j DNAT --to-destination 10.88.0.7:53",
                            "the rule names the new one"),
                        LessonCommand("host", "sleep 2; conntrack -L -p udp --orig-port-dst 5353", "the old one"),
                    ]),
                checks: [
                    .redirected("client", "198.51.100.2:5353/udp", in: "host", to: "10.88.0.7:53"),
                    .answered("client", "198.51.100.2:5353/udp", by: "web", seeing: "203.0.113.10"),
                    .expectedFrom(unanswered: false, unless: "10.88.0.7"),
                ]),
            LessonTask(
                "and make it right",
                "Bring the client's datagrams to the new web.",
                look: "What did it take the last time?",
                idea:
                    "The port that was asked for, 5353, is the same as before; the container's, 53, would be that of many others.",
                solution: Both(
                    LessonCommand(
                        "host", "conntrack -D -p udp --orig-port-dst 5353", "what every change of a rule of NAT takes"),
                    or: [LessonCommand("host", "berth conntrack flush host --udp --dport 5353")]),
                checks: [.streamArrives("10.88.0.7:53"), .forgotten("host", port: 5353, to: "10.88.0.2")]),
        ],
        kernel:
            "The flow's first packet decided, and conntrack remembered: your rule stood beside it with the counter 0, because no later "
            + "packet of a known flow asks the rules. Each datagram kept the entry alive, so time did not heal it. Without any rule of "
            + "NAT host would not have tracked it, and there would have been nothing to forget. berth forgets flows by protocol and host "
            + "port whenever it publishes a port or takes it back.")

    private static let replaced = [
        LessonCommand(
            "web",
            "ip -4 address flush dev eth0; ip address add 10.88.0.7/24 dev eth0; ip route add default via 10.88.0.1",
            "web is another one now, for whoever knows its address")
    ]
}
