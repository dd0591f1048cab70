extension Lesson {
    static let hairpin = Lesson(
        id: "09", title: "Hairpin: through one's own front door", minutes: 9,
        goal: "web and app reach the published port by 198.51.100.2:8080 too, and outside requests keep their address.",
        world: {
            var world = StandardWorlds.standard
            world.name = "09"
            // Frames on the bridge meet conntrack, as on most hosts with containers: answers between its ports are turned back too.
            let host = world.nodes.firstIndex { $0.name == "host" }!
            world.nodes[host].parameters.append(.init("net/bridge/bridge-nf-call-iptables", "1"))
            return world
        }(),
        services: [Service(node: "web", port: 80)],
        start: .published,
        tasks: [
            LessonTask(
                "web calls itself by the front door",
                "web asks 198.51.100.2:8080. host rewrites that to 10.88.0.2, which is web.",
                question: Question("What comes back to web?", Observation.fates, answer: "nothing"),
                look: "berth lab exec web -- curl -sS --max-time 1 198.51.100.2:8080",
                idea:
                    "The packet would have to leave the bridge by the port that it came in by, and a switch never does that.",
                solution: Both(
                    LessonCommand(
                        "web", "curl -sS --max-time 1 198.51.100.2:8080 || true", "web asks by the front door")),
                checks: [.requestFate("web", "198.51.100.2", 8080)]),
            LessonTask(
                "let the switch send it back",
                "Allow web's port of the bridge, and only this one, to send a frame back to where it came from.",
                look: "berth lab exec host -- bridge -d link show dev vweb",
                idea: "The port's flag is called hairpin.",
                solution: Both(
                    LessonCommand("host", "bridge link set dev vweb hairpin on", "web's port, and no other")),
                checks: [.hairpin("host", "vweb", is: true), .hairpin("host", "vapp", is: false)]),
            LessonTask(
                "still nothing",
                "The packet comes back to web now. Look at its two addresses.",
                question: Question(
                    "Which sender does the packet have when it comes back to web?",
                    ["198.51.100.2", "10.88.0.1", "10.88.0.2"], answer: "10.88.0.2"),
                look: "berth lab check --explain, or capture in web: ip and tcpdump are this machine's.",
                idea:
                    "host rewrote the destination, not the source: web gets a packet from its own address, and throws it away.",
                solution: Both(),
                checks: [
                    .said("web", "198.51.100.2:8080", "the sender of the packet that comes back in") {
                        $0.sender(in: "web")
                    }
                ],
                shows: Shown(
                    "the triangle of app, host and web: app asks through host, and web's answer takes a short cut"
                ) { look throws(LabError) in
                    try look.probe("app", "198.51.100.2:8080").triangle(
                        by: "host", to: "web", door: "198.51.100.2:8080")
                }),
            LessonTask(
                "give it another sender",
                "What goes back to the bridge by way of the published port must bear host's address, so that the answer comes by host "
                    + "again. Requests from outside must keep theirs.",
                look: "berth lab check tells which of the three senders web should see.",
                idea:
                    "Masquerade what comes from the bridge's network and leaves by br0 after a rewrite: its status is dnat.",
                solution: Both(
                    nft: [
                        LessonCommand(
                            "host", "nft 'add chain ip lab postrouting { type nat hook postrouting priority 100; }'"),
                        LessonCommand(
                            "host",
                            "nft 'add rule ip lab postrouting ip saddr 10.88.0.0/24 oifname \"br0\" ct status dnat masquerade'",
                            "only what comes from the bridge, goes back to it and was rewritten"),
                    ],
                    iptables: [
                        LessonCommand(
                            "host",
                            "iptables -t nat -A POSTROUTING -s 10.88.0.0/24 -o br0 -m conntrack --ctstate DNAT -j MASQUERADE",
                            "only what comes from the bridge, goes back to it and was rewritten")
                    ]),
                checks: [
                    .served("web", "198.51.100.2", 8080, by: "web", seeing: "10.88.0.1"),
                    .served("app", "198.51.100.2", 8080, by: "web", seeing: "10.88.0.1"),
                    .answered("client", "198.51.100.2:8080", by: "web", seeing: "203.0.113.10"),
                    .answered("app", "10.88.0.2:80", by: "web", seeing: "10.88.0.3"),
                    .hairpin("host", "vapp", is: false),
                ],
                shows: Shown("the triangle again, now that the answer comes back through host") {
                    look throws(LabError) in
                    try look.probe("app", "198.51.100.2:8080").triangle(
                        by: "host", to: "web", door: "198.51.100.2:8080")
                }),
        ],
        kernel:
            "The request went to host, was turned round to the bridge with host's own address as its sender, and out of the port "
            + "that it had come in by. The answer went back by the same three points; without the masquerade it would have taken a "
            + "short cut, from an address that was never asked.")
}
