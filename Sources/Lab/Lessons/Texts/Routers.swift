extension Lesson {
    static let routers = Lesson(
        id: "05", title: "Routers: routes and ip_forward", minutes: 8,
        goal:
            "A packet of web's comes to the client by way of host and inet, and you know why its answer does not come back.",
        world: {
            var world = StandardWorlds.standard
            world.name = "05"
            let host = world.nodes.firstIndex { $0.name == "host" }!
            world.nodes[host].forwards = false
            let web = world.nodes.firstIndex { $0.name == "web" }!
            world.nodes[web].routes = []
            return world
        }(),
        services: [], start: Both(),
        tasks: [
            LessonTask(
                "give web a way out",
                "web knows its own network, 10.88.0.0/24, and nothing else. For everything beyond, it needs somebody to hand "
                    + "packets to: host, whose address on the bridge is 10.88.0.1.",
                look: "berth lab exec web -- ip route get 203.0.113.10: what does the kernel say?",
                idea: "A default route matches what no other route does. It names a neighbour: via.",
                solution: Both(
                    LessonCommand(
                        "web", "ip route add default via 10.88.0.1", "for everything that no other route matches")),
                checks: [.routed("web", "203.0.113.10", via: "10.88.0.1")]),
            LessonTask(
                "find where it dies",
                "web sends now. Ping the client from web, and find out how far the packet comes.",
                question: Question(
                    "In which node does the packet die?", ["web", "host", "inet", "client"], answer: "host"),
                look: "berth lab exec host -- cat /proc/sys/net/ipv4/ip_forward",
                idea:
                    "A machine that gets a packet for somebody else throws it away, unless it is told to be a router.",
                solution: Both(LessonCommand("web", "ping -c1 -W1 203.0.113.10 || true", "no answer")),
                checks: [
                    .said("web", "203.0.113.10/icmp", "the last node that saw it") { journey in
                        journey.receiver == nil ? journey.forward?.end.node : nil
                    }
                ]),
            LessonTask(
                "make host a router",
                "host must hand on what is not for itself.",
                look: "berth lab check --explain names the setting.",
                idea: "net.ipv4.ip_forward is that setting, one for each network namespace.",
                solution: Both(
                    LessonCommand("host", "sysctl -qw net.ipv4.ip_forward=1", "host hands on what is for others")),
                checks: [.arrives("web", "203.0.113.10/icmp", at: "client", from: "10.88.0.2")]),
            LessonTask(
                "count the routers",
                "Each router takes one from the packet's time to live, so that none can go round for ever. web sends with 64.",
                question: Question("Which time to live does the client see?", ["64", "63", "62", "61"], answer: "62"),
                look: "How many routers are between web and client? A bridge is none.",
                idea: "host and inet route. Each takes one.",
                solution: Both(),
                checks: [
                    .said("web", "203.0.113.10/icmp", "the time to live when it comes to the client") { journey in
                        journey.forward?.steps.last { $0.node == "client" && $0.l3 != nil }?.l3.map { "\($0.ttl)" }
                    }
                ]),
            LessonTask(
                "find where the answer dies",
                "The client has the packet and answers it, and web hears nothing.",
                question: Question(
                    "In which node does the answer die?", ["client", "inet", "host", "web"], answer: "inet"),
                look: "berth lab exec inet -- ip route get 10.88.0.2",
                idea: "The answer goes to 10.88.0.2. Who on the way knows that network?",
                solution: Both(LessonCommand("inet", "ip route get 10.88.0.2 || true", "it has no route to it")),
                checks: [
                    .said("web", "203.0.113.10/icmp", "the last node that saw the answer") { journey in
                        journey.isAnswered ? nil : journey.reply?.end.node
                    }
                ],
                shows: Shown("the time to live at each hop, and where the answer has nowhere to go") {
                    look throws(LabError) in
                    try look.probe("web", "203.0.113.10/icmp").oneWay
                }),
        ],
        kernel:
            "Every node chose by its own table alone: web handed the packet to host, host to inet, inet to the client, and each "
            + "router took one from the time to live. The answer has nowhere to go, for nobody outside knows private addresses: "
            + "that is why there is NAT.")
}
