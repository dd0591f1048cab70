import Trace

extension Lesson {
    static let proxyOrKernel = Lesson(
        id: "10", title: "Proxy or kernel?", minutes: 9,
        goal:
            "Port 8080 of host leads to web by a rule of the kernel's and by a program, and you can tell which of the two it is.",
        world: {
            var world = StandardWorlds.standard
            world.name = "10"
            return world
        }(),
        services: [Service(node: "web", port: 80)],
        start: .published,
        tasks: [
            LessonTask(
                "by the kernel",
                "Port 8080 of host is published by a rule: DNAT. web tells whom it sees.",
                question: Question(
                    "The client asks 198.51.100.2:8080. Which sender does web see?", senders, answer: senders[0]),
                look: "berth lab exec client -- curl -s 198.51.100.2:8080",
                idea: "DNAT rewrites the destination, and leaves the source alone.",
                solution: Both(
                    LessonCommand("client", "curl -s --max-time 2 198.51.100.2:8080", "web says whom it sees")),
                checks: [
                    .said("client", "198.51.100.2:8080", "the source when the packet comes to web") {
                        $0.sender(in: "web")
                    },
                    .answered("client", "198.51.100.2:8080", by: "web", seeing: "203.0.113.10"),
                ]),
            LessonTask(
                "who listens?",
                "The port is open to everybody outside. Look for the program that holds it open.",
                question: Question(
                    "Who listens at port 8080 in host?", ["a program of host", "nobody", "web"], answer: "nobody"),
                look: "berth lab exec host -- ss -ltnp",
                idea: "A rule needs no socket: the packet is turned away before any program of host could take it.",
                solution: Both(LessonCommand("host", "ss -ltn", "no line for 8080")),
                checks: [
                    .listener("host", port: 8080),
                    .answered("client", "198.51.100.2:8080", by: "web", seeing: "203.0.113.10"),
                ]),
            LessonTask(
                "keep the port for the rule",
                "Nobody holds the port, so any program of host may listen there: it would start without an error, and get nothing, or a "
                    + "second container would be published there, and nobody would notice. Reserve it: a socket that is bound to the "
                    + "port, and never listens.",
                look: "berth proxy --help",
                idea:
                    "bind(2) takes a port, and only listen(2) takes connections. berth proxy --reserve does the first and not the second; "
                    + "--detach leaves it in the background.",
                solution: Both(
                    LessonCommand(
                        "host", "berth proxy --detach --reserve 8080",
                        "bound, and unused: the rule has the port to itself")),
                checks: [
                    .reserved("host", port: 8080),
                    .answered("client", "198.51.100.2:8080", by: "web", seeing: "203.0.113.10"),
                ]),
            LessonTask(
                "by a program",
                "Now the other way. Take the rule and the reservation away, and let a program of host listen at 8080 and ask web's port "
                    + "80 for each client: berth proxy, or socat. Say first what web will see.",
                question: Question(
                    "The client asks 198.51.100.2:8080. Which sender does web see now?", senders, answer: senders[2]),
                look:
                    "berth lab exec host -- berth proxy 8080 web:80, in a second terminal; or with --detach. What is in the background "
                    + "ends by: pkill -x berth-proxy",
                idea:
                    "The program is web's client. Its packets leave host by br0, and bear the address that host has there.",
                solution: Both(
                    nft: [
                        LessonCommand("host", "nft flush chain ip lab prerouting", "no packet is rewritten any more")
                    ] + proxied,
                    iptables: [
                        LessonCommand("host", "iptables -t nat -F PREROUTING", "no packet is rewritten any more")
                    ] + proxied),
                checks: [
                    .listens("host", port: 8080),
                    .taken("client", "198.51.100.2:8080", by: "host"),
                    .seenByServer("client", "198.51.100.2", 8080, server: "web"),
                    .served("client", "198.51.100.2", 8080, by: "web", seeing: "10.88.0.1"),
                ]),
            LessonTask(
                "count the connections",
                "With DNAT the client's connection had its two ends in client and in web. Trace one packet from the client, and another "
                    + "from host to web.",
                question: Question(
                    "How many TCP connections lie between client and web now?", ["one", "two"], answer: "two"),
                look:
                    "berth lab trace from client to 198.51.100.2:8080, and berth lab trace from host to 10.88.0.2:80. And in host: ss -tan",
                idea: "The first trace ends in host, where a program takes it. The second begins there.",
                solution: Both(
                    LessonCommand("client", "curl -s --max-time 2 198.51.100.2:8080", "a request"),
                    LessonCommand("host", "ss -Htan", "what is left of it: one with the client, one with web")),
                checks: [.connections("client", "198.51.100.2", 8080, server: "web", at: 80)],
                shows: Shown("the two connections side by side") { look throws(LabError) in
                    Journey.columns([
                        ("1st: to 198.51.100.2:8080", try look.probe("client", "198.51.100.2:8080")),
                        ("2nd: to 10.88.0.2:80", try look.probe("host", "10.88.0.2:80")),
                    ])
                }),
            LessonTask(
                "back to the kernel",
                "End the program and publish the port by a rule again.",
                look: "How did the lesson begin? berth lab page 10",
                idea: "The program must go: a rule passes it by, and it would hold a port that is not its own.",
                solution: Both(
                    nft: [
                        LessonCommand("host", "pkill -x berth-proxy; sleep 0.2", "nobody listens any more"),
                        LessonCommand(
                            "host",
                            "nft add rule ip lab prerouting fib daddr type local tcp dport 8080 dnat to 10.88.0.2:80",
                            "port 8080 of host is web's port 80"),
                    ],
                    iptables: [
                        LessonCommand("host", "pkill -x berth-proxy; sleep 0.2", "nobody listens any more")
                    ] + Both.published.iptables),
                checks: [
                    .silent("host", port: 8080),
                    .answered("client", "198.51.100.2:8080", by: "web", seeing: "203.0.113.10"),
                ],
                shows: Shown("the only connection") { look throws(LabError) in
                    Journey.columns([
                        (
                            "the only connection",
                            try look.probe("client", "198.51.100.2:8080")
                        )
                    ])
                }),
        ],
        kernel:
            "With the rule there was one connection, client to web: host turned each packet's destination, no program saw it, and web saw "
            + "203.0.113.10. With the program there were two, client to host and host to web: two traces, the first of which ended in host "
            + "at a socket that listens, and web saw 10.88.0.1, host's own address, whoever asked.")

    private static let senders = ["203.0.113.10", "198.51.100.2", "10.88.0.1"]
    private static let proxied = [
        LessonCommand("host", "pkill -x berth-proxy; sleep 0.2", "the port is free"),
        LessonCommand("host", "berth proxy --detach 8080 web:80", "a program takes what comes, and asks web itself"),
    ]
}
