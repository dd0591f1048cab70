extension Lesson {
    static let twoRoads = Lesson(
        id: "13", title: "Two roads, one reply", minutes: 12,
        goal:
            "A request that comes by eth1 is answered by eth1, one that comes by eth0 by eth0, and rp_filter stays on.",
        world: {
            var world = StandardWorlds.standard
            (world.name, world.title) = ("13", "as the standard one, and host has a second uplink, eth1, 192.0.2.2")
            world.cables.append(
                CableDescription(
                    .init("inet", "eth2", addresses: [.init("192.0.2.1/24")!]),
                    .init("host", "eth1", addresses: [.init("192.0.2.2/24")!])))
            // Strict on every link, by each link's own parameter: the kernel takes the larger of it and of `all`.
            let host = world.nodes.firstIndex { $0.name == "host" }!
            world.nodes[host].parameters += ["default", "br0"].map { .init("net/ipv4/conf/\($0)/rp_filter", "1") }
            return world
        }(),
        services: [Service(node: "web", port: 80)],
        start: .published,
        tasks: [
            LessonTask(
                "ask by the second road",
                "Port 8080 of host is web's port 80, at both of host's addresses: 198.51.100.2 on eth0, and 192.0.2.2 on eth1. host's "
                    + "default route goes out by eth0.",
                question: Question(
                    "The client asks 192.0.2.2:8080. What comes back?", Observation.fates, answer: "nothing"),
                look: "berth lab exec client -- curl -sS --max-time 1 192.0.2.2:8080, and the same with 198.51.100.2.",
                idea: "Two roads lead to host. Which one would its answer take?",
                solution: Both(
                    LessonCommand("client", "curl -sS --max-time 1 192.0.2.2:8080 || true", "by eth1"),
                    LessonCommand("client", "curl -sS --max-time 1 198.51.100.2:8080 || true", "by eth0")),
                checks: [.fate("client", "192.0.2.2:8080")]),
            LessonTask(
                "why it is thrown away",
                "host got the packet by eth1 and threw it away before any chain of forward saw it. With rp_filter=1 the kernel asks of "
                    + "each packet that comes in: would I send an answer to its sender by the link that it came by?",
                question: Question(
                    "By which link would host send to 203.0.113.10?", ["eth0", "eth1", "br0"], answer: "eth0"),
                look: "berth lab exec host -- ip route get 203.0.113.10, and berth lab check --explain.",
                idea: "Without a rule that says otherwise it is the destination alone that chooses the route.",
                solution: Both(LessonCommand("host", "ip route get 203.0.113.10", "the way back")),
                checks: [
                    .told("the way back", "host's kernel") { look throws(LabError) in
                        let device = try look.device("host", to: "203.0.113.10")
                        return (device, device.map { "by \($0)" } ?? "no route", nil)
                    }
                ]),
            LessonTask(
                "who is the sender of the answer?",
                "Many will tell you: ip rule add from 192.0.2.2 lookup 101, and in table 101 a default route by eth1. It looks at the "
                    + "sender's address at the moment when the route is chosen. On eth0, where all is well, see which it is: the client "
                    + "asks 198.51.100.2:8080, and web's answer comes to host.",
                question: Question(
                    "Which sender does the answer have when host chooses its route?",
                    ["198.51.100.2", "192.0.2.2", "10.88.0.2"], answer: "10.88.0.2"),
                look: "berth trace from client to 198.51.100.2:8080, and there the lines of the reply.",
                idea: "The rewrite of the answer comes last of all, where postrouting is.",
                solution: Both(),
                checks: [
                    .said("client", "198.51.100.2:8080", "the answer's sender where it comes in to host") {
                        $0.answerSender(in: "host")
                    }
                ],
                shows: Shown("where on its way through host the answer gets its sender") { look throws(LabError) in
                    try look.probe("client", "198.51.100.2:8080").answersWay(through: "host")
                }),
            LessonTask(
                "send the answer back by its own road",
                "Make a request to 192.0.2.2:8080 be answered, and let the answer leave by eth1. Do not touch rp_filter of eth0; on eth1 it "
                    + "may be 1 or 2, but not off. What comes by eth0 must go on as before.",
                look:
                    "The address does not tell by which road a connection came. What does the kernel remember of a connection?",
                idea:
                    "A mark. Put one on the connection where it comes in by eth1 (ct mark, CONNMARK), give it back to the packets that "
                    + "come from br0, and let a rule of routing go by it: ip rule add fwmark 0x65 lookup 101. Then either rp_filter=2 on "
                    + "eth1; or strict: mark the packets from eth1 too, src_valid_mark=1 on eth1, so that the check goes by the mark, and "
                    + "in table 101 also the way to 10.88.0.0/24, or the request itself goes back out of eth1.",
                solution: Both(nft: marksByNft + roads, iptables: marksByIptables + roads),
                checks: [
                    .getsIn("client", "192.0.2.2:8080", to: "web", by: "host", from: "192.0.2.2"),
                    .comesBack("client", "192.0.2.2:8080", from: "host", by: "eth1", as: "192.0.2.2"),
                    .served("client", "192.0.2.2", 8080, by: "web", seeing: "203.0.113.10"),
                    .comesBack("client", "198.51.100.2:8080", from: "host", by: "eth0", as: "198.51.100.2"),
                    .served("client", "198.51.100.2", 8080, by: "web", seeing: "203.0.113.10"),
                    .reversePath("host", "eth0", ["1"]), .reversePath("host", "eth1", ["1", "2"]),
                ],
                shows: Shown("where on its way through host the answer gets its sender") { look throws(LabError) in
                    try look.probe("client", "192.0.2.2:8080").answersWay(through: "host")
                }),
        ],
        kernel:
            "The answer's source is put right at postrouting, after its route was chosen: no rule of routing ever sees 192.0.2.2 there, "
            + "and at the check of the way back the request is for 10.88.0.2 already. What the connection has all the way is its mark: "
            + "given at eth1, taken up again at br0 before routing, it chose table 101, and the answer left by the road it came."
    )

    private static let marksByNft = [
        LessonCommand("host", "nft 'add chain ip lab marks { type filter hook prerouting priority -150; }'"),
        LessonCommand(
            "host", "nft add rule ip lab marks iifname eth1 meta mark set 0x65 ct mark set 0x65",
            "what comes by eth1 is marked, the packet and its connection"),
        LessonCommand(
            "host", "nft add rule ip lab marks iifname br0 ct mark 0x65 meta mark set ct mark",
            "an answer takes the mark of its connection, before its route is chosen"),
    ]
    private static let marksByIptables = [
        LessonCommand(
            "host", "iptables -t mangle -A PREROUTING -i eth1 -j MARK --set-mark 0x65",
            "what comes by eth1 is marked, the packet and its connection"),
        LessonCommand("host", "iptables -t mangle -A PREROUTING -i eth1 -j CONNMARK --set-mark 0x65"),
        LessonCommand(
            "host", "iptables -t mangle -A PREROUTING -i br0 -m connmark --mark 0x65 -j CONNMARK --restore-mark",
            "an answer takes the mark of its connection, before its route is chosen"),
    ]
    private static let roads = [
        LessonCommand("host", "ip route add default via 192.0.2.1 table 101", "table 101: the road by eth1"),
        LessonCommand(
            "host", "ip route add 10.88.0.0/24 dev br0 table 101",
            "and the way to web: the request itself bears the mark, and would else go back out of eth1"),
        LessonCommand("host", "ip rule add fwmark 0x65 lookup 101", "who bears the mark takes it"),
        LessonCommand(
            "host", "sysctl -qw net.ipv4.conf.eth1.src_valid_mark=1",
            "the check of the way back goes by the mark too, and stays strict"),
    ]
}
