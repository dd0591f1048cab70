extension Lesson {
    static let publishAPort = Lesson(
        id: "07", title: "Publish a port", minutes: 10,
        goal: "A request to 198.51.100.2:8080 is answered by web, port 80, and web sees the client's own address.",
        world: {
            var world = StandardWorlds.standard
            world.name = "07"
            // A neighbour who knows the way to the private network: it must be closed by the gate, not by luck.
            let inet = world.nodes.firstIndex { $0.name == "inet" }!
            world.nodes[inet].routes.append(RouteDescription(.init("10.88.0.0/24")!, via: .init("198.51.100.2")!))
            return world
        }(),
        services: [Service(node: "web", port: 80), Service(node: "app", port: 80)],
        start: Both(
            nft: [
                LessonCommand(
                    "host",
                    "nft -f - <<'END'\ntable ip lab {\n chain forward {\n"
                        + "  type filter hook forward priority 0; policy drop;\n  ct state established,related accept\n }\n}\nEND",
                    "host forwards nothing but answers")
            ],
            iptables: [
                LessonCommand(
                    "host", "iptables -P FORWARD DROP", "host forwards nothing but answers",
                    net: "berth net policy forward drop"),
                LessonCommand(
                    "host", "iptables -A FORWARD -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT",
                    net: "berth net accept established"),
            ]),
        tasks: [
            LessonTask(
                "see the refusal",
                "web listens on port 80, but nobody outside knows its address. Ask the only address that the client "
                    + "knows, and find out who refuses.",
                question: Question(
                    "Who answers the client with RST?", ["inet", "host", "web", "nobody"], answer: "host"),
                look:
                    "berth lab exec client -- curl -sS --max-time 2 198.51.100.2:8080, and see whether it fails at once or after a while.",
                idea:
                    "A refusal at once means that somebody sent a reset: the owner of the address, when nobody listens there.",
                solution: Both(
                    LessonCommand(
                        "client", "curl -sS --max-time 2 198.51.100.2:8080 || true", "the refusal comes at once")),
                checks: [
                    .said("client", "198.51.100.2:8080", "who sent the reset") {
                        $0.forward?.end.kind == .refused ? $0.forward?.end.node : nil
                    }
                ]),
            LessonTask(
                "rewrite the destination at the first gate",
                "host must turn packets for its own port 8080 into packets for 10.88.0.2:80, before it decides where they go: "
                    + "in prerouting, that is before routing.",
                look:
                    "berth lab exec host -- nft list ruleset (or iptables -t nat -S): nothing is hooked to prerouting.",
                idea:
                    "Only a chain of type nat may rewrite, and only in prerouting does the new address still choose the route. "
                    + "Match what is addressed to host itself, port 8080 of TCP, and nothing else.",
                solution: Both(
                    nft: [
                        LessonCommand(
                            "host", "nft 'add chain ip lab prerouting { type nat hook prerouting priority -100; }'",
                            "a gate before routing, priority dstnat"),
                        LessonCommand(
                            "host",
                            "nft add rule ip lab prerouting fib daddr type local tcp dport 8080 dnat to 10.88.0.2:80",
                            "what is addressed to host itself, port 8080, goes to web"),
                    ],
                    iptables: [
                        LessonCommand(
                            "host",
                            "iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -p tcp --dport 8080 "
                                + "-j DNAT --to-destination 10.88.0.2:80",
                            "what is addressed to host itself, port 8080, goes to web",
                            net: "berth net publish 8080 to web:80")
                    ],
                    or: [
                        LessonCommand("host", "berth net publish 8080 to web:80"),
                        LessonCommand("a machine with containers", "berth run -p 8080:80 IMAGE"),
                    ]),
                checks: [
                    .redirected("client", "198.51.100.2:8080", in: "host", to: "10.88.0.2:80"),
                    .refused("client", "198.51.100.2:8081", by: "host"),
                ]),
            LessonTask(
                "let it through the forward gate",
                "The packet has a new destination and dies all the same: host forwards nothing but answers. Let through what "
                    + "was published, and nothing more.",
                look: "berth lab check --explain shows where the packet dies now.",
                idea:
                    "The forward gate sees the packet after the rewrite: port 80 already. What was rewritten bears a mark in "
                    + "conntrack: its status is dnat.",
                solution: Both(
                    nft: [
                        LessonCommand(
                            "host", "nft add rule ip lab forward ct status dnat accept",
                            "what a DNAT rule let in may pass, whatever is published later")
                    ],
                    iptables: [
                        LessonCommand(
                            "host", "iptables -A FORWARD -m conntrack --ctstate DNAT -j ACCEPT",
                            "what a DNAT rule let in may pass, whatever is published later",
                            net: "berth net accept published")
                    ]),
                checks: [
                    .answered("client", "198.51.100.2:8080", by: "web", seeing: "203.0.113.10"),
                    .refused("client", "198.51.100.2:8081", by: "host"),
                    .kept("client", "10.88.0.3:80", from: "app"),
                ]),
            LessonTask(
                "prove it with one packet",
                "The destination was rewritten. Say first, then look: was the source?",
                question: Question(
                    "Which address does web see as the sender?", ["203.0.113.10", "198.51.100.2", "10.88.0.1"],
                    answer: "203.0.113.10"),
                look: "berth lab exec client -- curl -s 198.51.100.2:8080: web answers with the address that it sees.",
                idea: "DNAT rewrites one of the two addresses. Which one did your rule name?",
                solution: Both(
                    LessonCommand("client", "curl -s --max-time 2 198.51.100.2:8080", "web says whom it sees")),
                checks: [
                    .said("client", "198.51.100.2:8080", "the source address when the packet comes to web") {
                        $0.sender(in: "web")
                    },
                    .answered("client", "198.51.100.2:8080", by: "web", seeing: "203.0.113.10"),
                ],
                shows: Shown("the whole way of that packet") { look throws(LabError) in
                    try look.probe("client", "198.51.100.2:8080").path
                }),
            LessonTask(
                "read both lines of the conntrack entry",
                "No rule rewrites the answers, and yet they leave as 198.51.100.2:8080. host remembers the flow as two "
                    + "lines: how it began, and what its answers look like.",
                question: Question(
                    "From which address does host expect the answers (the second src= of the entry)?",
                    ["203.0.113.10", "198.51.100.2", "10.88.0.1", "10.88.0.2"], answer: "10.88.0.2"),
                look: "berth lab exec host -- conntrack -L -p tcp: each entry has src= and dst= twice.",
                idea: "The second pair is what an answer looks like when it comes in, before it is turned back.",
                solution: Both(
                    LessonCommand(
                        "host", "conntrack -L -p tcp --orig-port-dst 8080 || true", "src= and dst= stand there twice")),
                checks: [
                    .said("client", "198.51.100.2:8080", "the answers' source in host's entry") { journey in
                        journey.conntrack.first { $0.node == "host" }?.reply.split(separator: ":").first.map(
                            String.init)
                    }
                ],
                shows: Shown("the five steps of a published port, and that `berth run --explain` tells the same") {
                    look throws(LabError) in
                    try look.publishingSteps("client", "198.51.100.2:8080", in: "host")
                }),
            LessonTask(
                "remove it, and prove that it is closed",
                "Take the rewrite away, and what conntrack remembers of it: a flow that is known passes without any rule.",
                look:
                    "berth lab exec host -- nft -a list ruleset (or iptables -t nat -S PREROUTING), and conntrack -L.",
                idea: "A rule is deleted by its handle (or as it was added); entries by conntrack -D.",
                solution: Both(
                    nft: [
                        LessonCommand("host", "nft flush chain ip lab prerouting", "no packet is rewritten any more"),
                        LessonCommand(
                            "host", "conntrack -D -p tcp --orig-port-dst 8080 >/dev/null 2>&1 || true",
                            "and no flow is remembered"),
                    ],
                    iptables: [
                        LessonCommand(
                            "host",
                            "iptables -t nat -D PREROUTING -m addrtype --dst-type LOCAL -p tcp --dport 8080 "
                                + "-j DNAT --to-destination 10.88.0.2:80", "no packet is rewritten any more",
                            net: "berth net remove publish 8080"),
                        LessonCommand(
                            "host", "conntrack -D -p tcp --orig-port-dst 8080 >/dev/null 2>&1 || true",
                            "and no flow is remembered"),
                    ],
                    or: [
                        LessonCommand("host", "berth net remove publish 8080", "if it was made so"),
                        LessonCommand("host", "berth conntrack flush host --tcp --dport 8080"),
                    ]),
                checks: [
                    .forgotten("host", port: 8080, to: "10.88.0.2"),
                    .refused("client", "198.51.100.2:8080", by: "host"),
                ]),
        ],
        kernel:
            "The first packet of the flow met your rule in prerouting, got a new destination and was routed by it; conntrack "
            + "wrote down both directions, and turned every later packet and every answer by that entry alone, without asking a rule again."
    )
}
