extension Lesson {
    static let localhostTrap = Lesson(
        id: "08", title: "The localhost trap", minutes: 10,
        goal: "host itself reaches the published port, by 198.51.100.2:8080 and by 127.0.0.1:8080.",
        world: {
            var world = StandardWorlds.standard
            world.name = "08"
            return world
        }(),
        services: [Service(node: "web", port: 80)],
        start: .published,
        tasks: [
            LessonTask(
                "ask from the host itself",
                "The client gets its answer from 198.51.100.2:8080: the rule stands in prerouting. Now host asks the same.",
                question: Question("What comes back to host?", Observation.fates, answer: "a refusal"),
                look: "berth lab exec host -- curl -sS --max-time 2 198.51.100.2:8080",
                idea: "A packet of the host's own does not come in by a link. It begins at another gate: output.",
                solution: Both(
                    LessonCommand("host", "curl -sS --max-time 2 198.51.100.2:8080 || true", "host asks itself")),
                checks: [.fate("host", "198.51.100.2:8080")]),
            LessonTask(
                "rewrite at the gate where it begins",
                "The rule of prerouting never saw the packet. Let the same be done for what host itself sends to its own port 8080.",
                look: "berth lab check --explain: no rule stands on the packet's way.",
                idea: "A chain of type nat at output, priority -100 (nft does not take the word dstnat there).",
                solution: Both(
                    nft: [
                        LessonCommand(
                            "host", "nft 'add chain ip lab output { type nat hook output priority -100; }'",
                            "the gate where host's own packets begin"),
                        LessonCommand(
                            "host",
                            "nft add rule ip lab output fib daddr type local tcp dport 8080 dnat to 10.88.0.2:80"),
                    ],
                    iptables: [
                        LessonCommand(
                            "host",
                            "iptables -t nat -A OUTPUT -m addrtype --dst-type LOCAL -p tcp --dport 8080 "
                                + "-j DNAT --to-destination 10.88.0.2:80", "the gate where host's own packets begin")
                    ], or: [LessonCommand("host", "berth net publish 8080 to web:80 output")]),
                checks: [
                    .answered("host", "198.51.100.2:8080", by: "web", seeing: "198.51.100.2"),
                    .answered("client", "198.51.100.2:8080", by: "web", seeing: "203.0.113.10"),
                    .refused("host", "198.51.100.2:8081", by: "host"),
                ]),
            LessonTask(
                "now by 127.0.0.1",
                "The same rule matches 127.0.0.1:8080, for that address is host's own too.",
                question: Question(
                    "What comes back to host from 127.0.0.1:8080?", Observation.fates, answer: "nothing"),
                look: "berth lab exec host -- curl -sS --max-time 2 127.0.0.1:8080",
                idea: "The packet has the source 127.0.0.1. No link but lo lets such a packet out.",
                solution: Both(
                    LessonCommand("host", "curl -sS --max-time 1 127.0.0.1:8080 || true", "host asks its loopback")),
                checks: [.fate("host", "127.0.0.1:8080")],
                shows: Shown("where the packet dies") { look throws(LabError) in
                    try look.probe("host", "127.0.0.1:8080").path
                }),
            LessonTask(
                "let loopback's packet out, under another name",
                "Two things keep it: the kernel routes no 127.0.0.1 out of a link, unless that link's route_localnet says so; and web "
                    + "throws away what comes from 127.0.0.1. Allow the first on br0, and nowhere else: on eth0 a neighbour could "
                    + "reach what listens on 127.0.0.1 alone. For the second, give the packet host's address.",
                look:
                    "berth lab exec host -- sysctl net.ipv4.conf.br0.route_localnet, and berth lab check --explain after each change.",
                idea: "route_localnet=1 on br0; then masquerade what leaves by br0 with a source of 127.0.0.0/8.",
                solution: Both(
                    nft: [
                        LessonCommand(
                            "host", "sysctl -qw net.ipv4.conf.br0.route_localnet=1", "br0, and no other link"),
                        LessonCommand(
                            "host", "nft 'add chain ip lab postrouting { type nat hook postrouting priority 100; }'"),
                        LessonCommand(
                            "host", "nft 'add rule ip lab postrouting ip saddr 127.0.0.0/8 oifname \"br0\" masquerade'",
                            "web answers an address that it can reach"),
                    ],
                    iptables: [
                        LessonCommand(
                            "host", "sysctl -qw net.ipv4.conf.br0.route_localnet=1", "br0, and no other link"),
                        LessonCommand(
                            "host", "iptables -t nat -A POSTROUTING -s 127.0.0.0/8 -o br0 -j MASQUERADE",
                            "web answers an address that it can reach"),
                    ], or: [LessonCommand("host", "berth net masquerade 127.0.0.0/8 out br0", "in the rule's place")]),
                checks: [
                    .served("host", "127.0.0.1", 8080, by: "web", seeing: "10.88.0.1"),
                    .parameter("host", "net/ipv4/conf/eth0/route_localnet", is: "0"),
                    .parameter("host", "net/ipv4/conf/all/route_localnet", is: "0"),
                    .answered("host", "198.51.100.2:8080", by: "web", seeing: "198.51.100.2"),
                    .answered("client", "198.51.100.2:8080", by: "web", seeing: "203.0.113.10"),
                ],
                shows: Shown("the three failures in their order, made again where they can be") {
                    look throws(LabError) in
                    try look.loopbackFailures(
                        "host", "127.0.0.1:8080", server: "web", at: "10.88.0.2", by: "br0")
                }),
        ],
        kernel:
            "A packet of host's own begins at output, not at prerouting: it needs the rule a second time. One from 127.0.0.1 "
            + "needs leave to be routed out of a link, and a source that others can answer: route_localnet and a masquerade."
    )
}
