import Trace

extension Lesson {
    private static let ports = ["web", "app", "db"]

    static let neighbours = Lesson(
        id: "04", title: "Who has 10.88.0.2? ARP and the FDB", minutes: 10,
        goal: "You know how a frame finds its receiver, and what it looks like when two claim to be that one.",
        world: {
            var world = StandardWorlds.standard
            world.name = "04"
            world.title += ", and db beside them"
            var db = NodeDescription("db")
            db.routes = world.nodes.first { $0.name == "web" }!.routes
            world.nodes.append(db)
            world.cables.append(
                CableDescription(
                    .init("host", "vdb", bridge: "br0"),
                    .init("db", "eth0", addresses: [.init("10.88.0.4/24")!, .init("fd00:88::4/64")!])))
            // The client knows the way to the bridge's network: a gate in host that is shut must show.
            let inet = world.nodes.firstIndex { $0.name == "inet" }!
            world.nodes[inet].routes.append(RouteDescription(.init("10.88.0.0/24")!, via: .init("198.51.100.2")!))
            return world
        }(),
        services: [Service(node: "web", port: 80)],
        start: Both(),
        tasks: [
            LessonTask(
                "find out who has it",
                "host has never spoken to web. Frames go to MAC addresses, and host knows an IP address only: 10.88.0.2. "
                    + "Send something there, and look at what host has learnt.",
                look: "berth lab exec host -- ip neigh, before and after a ping.",
                idea:
                    "Before its first packet host asks everybody on the wire who has the address, and keeps the answer.",
                solution: Both(
                    LessonCommand("host", "ping -c1 -W1 10.88.0.2", "the first packet makes host ask"),
                    LessonCommand("host", "ip neigh", "REACHABLE: the answer is fresh. In half a minute it is STALE")),
                checks: [.knows("host", "10.88.0.2", as: "web")]),
            LessonTask(
                "watch the question and the answer",
                "Let host forget what it has learnt (ip neigh flush dev br0), ping web again, and watch the ARP frames in app and in "
                    + "host meanwhile.",
                question: Question(
                    "Who hears host's question and web's answer?", Observation.heard, answer: Observation.heard[1]),
                look:
                    "In a second terminal: berth capture lab:app arp --for 20. And the same with lab:host.",
                idea:
                    "host does not know the receiver's MAC when it asks, so it asks everybody. web knows the asker's when it answers.",
                solution: Both(
                    LessonCommand("host", "ip neigh flush dev br0; ping -c1 -W1 10.88.0.2", "host has to ask again")),
                checks: [.hearers("10.88.0.2", of: ports, asker: "host", at: "10.88.0.1")]),
            LessonTask(
                "find the port",
                "br0 has five devices to choose from, and a frame for web leaves by one. The bridge learns from every frame by which "
                    + "port its sender is reached: that is its forwarding database, the FDB. Let app ask web, and say by which ports "
                    + "of the bridge the packet comes and goes.",
                question: Question(
                    "app sends a packet to web. Which devices of host does it pass?",
                    ["in by vapp, out by vweb", "in by vapp, out by vweb and vdb", "in by eth0, out by br0"],
                    answer: "in by vapp, out by vweb"),
                look: "berth lab exec host -- bridge fdb show br br0, and berth lab trace from app to 10.88.0.2:80",
                idea: "The FDB has web's MAC at one port. Only a MAC that it does not know is sent to all.",
                solution: Both(
                    LessonCommand("app", "curl -s --max-time 2 10.88.0.2", "app asks web"),
                    LessonCommand("host", "bridge fdb show br br0 | grep -v permanent", "each MAC at its port")),
                checks: [
                    .learned("host", "web", at: "vweb"),
                    .said("app", "10.88.0.2:80", "the ports of host that the packet passes") {
                        $0.ports(of: "host", besides: "br0")
                    },
                    .learned("host", "app", at: "vapp"),
                ],
                shows: Shown("by which ports of host the packet comes and goes") { look throws(LabError) in
                    Journey.columns([("app to 10.88.0.2:80", try look.probe("app", "10.88.0.2:80"))])
                }),
            LessonTask(
                "give the address to two",
                "Make the mistake that everybody makes once: give another node on the bridge, app or db, the address 10.88.0.2 too. Ping "
                    + "10.88.0.1 from both by turns (from that address: ping -I 10.88.0.2), and watch host's entry. Then name the culprit.",
                question: Question(
                    "Which MAC besides web's answers for 10.88.0.2?", writing: .mac, answer: "02:00:00:00:06:01"),
                look:
                    "berth lab exec host -- ip neigh, again and again; web's own MAC is in berth lab exec web -- ip link.",
                idea:
                    "host believes whoever spoke last. The FDB tells at which port the other MAC is, and the port whose it is.",
                solution: Both(
                    LessonCommand("db", "ip address add 10.88.0.2/24 dev eth0", "db claims it too"),
                    LessonCommand(
                        "web", "ip neigh flush dev eth0; ping -c1 -W1 -I 10.88.0.2 10.88.0.1 || true", "web speaks"),
                    LessonCommand("host", "ip neigh show 10.88.0.2", "web's MAC"),
                    LessonCommand(
                        "db", "ip neigh flush dev eth0; ping -c1 -W1 -I 10.88.0.2 10.88.0.1 || true", "db speaks"),
                    LessonCommand("host", "ip neigh show 10.88.0.2", "the culprit's"),
                    LessonCommand("host", "bridge fdb show br br0 | grep -v permanent", "and its port")),
                checks: [
                    .contested("10.88.0.2", of: ports, to: "host", at: "10.88.0.1"),
                    .culprit("10.88.0.2", besides: "web", of: ports, to: "host", at: "10.88.0.1"),
                ]),
            LessonTask(
                "one MAC at two ports",
                "Take the second 10.88.0.2 away again. Now the other mistake, as of a machine that was cloned: give app or db web's MAC.",
                question: Question(
                    "By which port does the bridge send a frame for this MAC?",
                    [Observation.whereFirst, Observation.whereLast, "at both"], answer: Observation.whereLast),
                look:
                    "berth lab exec host -- bridge fdb show br br0 | grep -v permanent, after a ping from the one and from the other.",
                idea: "The FDB has one port for each MAC. Each frame that comes in elsewhere moves it.",
                solution: Both(
                    LessonCommand("db", "ip address del 10.88.0.2/24 dev eth0", "the address is web's alone"),
                    LessonCommand("db", "ip link set eth0 address 02:00:00:00:04:01", "db bears web's MAC"),
                    LessonCommand("db", "ping -c1 -W1 10.88.0.1 || true", "db speaks"),
                    LessonCommand("host", "bridge fdb show br br0 | grep -v permanent", "at vdb"),
                    LessonCommand("web", "ping -c1 -W1 10.88.0.1 || true", "web speaks"),
                    LessonCommand("host", "bridge fdb show br br0 | grep -v permanent", "at vweb")),
                checks: [
                    .settled("10.88.0.2", of: ports, to: "host", at: "10.88.0.1"),
                    .wandering("web", of: ports, in: "host", at: "10.88.0.1"),
                    .followed("web", of: ports, in: "host", at: "10.88.0.1"),
                ]),
            LessonTask(
                "a firewall inside the switch",
                "Put all in order: each node its own MAC and its own address. A frame from app to web is switched, not routed: host's "
                    + "gates for IP do not see it. Drop all that host forwards, and then switch on net.bridge.bridge-nf-call-iptables, "
                    + "as container engines do.",
                question: Question(
                    "app asks web, on the same bridge. What comes back?", Observation.fates, answer: "nothing"),
                look: "berth lab exec app -- curl -sS --max-time 1 10.88.0.2, before and after the sysctl.",
                idea:
                    "With 1, frames of IP that a bridge carries are shown to the gates of IP as if they were routed: to forward too.",
                solution: Both(
                    nft: [
                        LessonCommand("db", "ip link set eth0 address 02:00:00:00:06:01", "db's own MAC"),
                        LessonCommand("web", "ping -c1 -W1 10.88.0.1 || true", "web is heard at its port"),
                        LessonCommand("host", "nft add table ip lab"),
                        LessonCommand(
                            "host",
                            "nft 'add chain ip lab forward { type filter hook forward priority 0; policy drop; }'",
                            "host forwards nothing"),
                        LessonCommand(
                            "host", "sysctl -qw net.bridge.bridge-nf-call-iptables=1", "and its switch asks the gate"),
                    ],
                    iptables: [
                        LessonCommand("db", "ip link set eth0 address 02:00:00:00:06:01", "db's own MAC"),
                        LessonCommand("web", "ping -c1 -W1 10.88.0.1 || true", "web is heard at its port"),
                        LessonCommand(
                            "host", "iptables -P FORWARD DROP", "host forwards nothing",
                            net: "berth net policy forward drop"),
                        LessonCommand(
                            "host", "sysctl -qw net.bridge.bridge-nf-call-iptables=1", "and its switch asks the gate"),
                    ]),
                checks: [
                    .settled("10.88.0.2", of: ports, to: "host", at: "10.88.0.1"),
                    .learned("host", "web", at: "vweb"),
                    .parameter("host", "net/bridge/bridge-nf-call-iptables", is: "1"),
                    .dies("app", "10.88.0.2:80", in: "host", at: "forward"),
                    .fate("app", "10.88.0.2:80"),
                ], needsBridgeFilter: true),
            LessonTask(
                "and out of the switch again",
                "Leave the gate shut, and let app reach web all the same.",
                look: "The same sysctl.",
                idea: "With 0 a switch is a switch; what host routes, as from the client, still meets the gate.",
                solution: Both(
                    LessonCommand(
                        "host", "sysctl -qw net.bridge.bridge-nf-call-iptables=0", "the switch asks nobody")),
                checks: [
                    .answered("app", "10.88.0.2:80", by: "web", seeing: "10.88.0.3"),
                    .dies("client", "10.88.0.2:80", in: "host", at: "forward"),
                ], needsBridgeFilter: true),
        ],
        kernel:
            "ARP told host which MAC has the address, and the FDB told its bridge by which port that MAC is reached: in by vapp, out by "
            + "vweb. Both are learnt from whoever spoke last, so two of one address take turns in the first, and two of one MAC in the "
            + "second. IP's gates see a switched frame only where bridge-nf-call-iptables shows it to them.")
}
