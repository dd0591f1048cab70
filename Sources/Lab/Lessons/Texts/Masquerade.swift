extension Lesson {
    static let masquerade = Lesson(
        id: "06", title: "Masquerade: one address for many", minutes: 8,
        goal: "web and app reach the client, who sees host's address and never theirs.",
        world: {
            var world = StandardWorlds.standard
            world.name = "06"
            // Frames between web and app pass host's gates for IP too, where br_netfilter is there: a rule that takes all would show.
            let host = world.nodes.firstIndex { $0.name == "host" }!
            world.nodes[host].parameters.append(.init("net/bridge/bridge-nf-call-iptables", "1"))
            return world
        }(),
        services: [Service(node: "client", port: 80), Service(node: "web", port: 80), Service(node: "app", port: 80)],
        start: Both(),
        tasks: [
            LessonTask(
                "see who has no way back",
                "web asks the client, 203.0.113.10, and waits in vain. The request arrives: it is the answer that is lost.",
                question: Question("Where does the answer die?", ["client", "inet", "host", "web"], answer: "inet"),
                look: "berth lab exec inet -- ip route: which networks does the internet know?",
                idea: "An answer goes to the address that the request came from, and 10.88.0.2 is known to host alone.",
                solution: Both(
                    LessonCommand("web", "curl -sS --max-time 1 203.0.113.10 || true", "no answer"),
                    LessonCommand("inet", "ip route", "inet does not know 10.88.0.0/24")),
                checks: [
                    .said("web", "203.0.113.10:80", "where the answer was last") { journey in
                        journey.isAnswered ? nil : journey.reply?.end.node
                    }
                ]),
            LessonTask(
                "put host's address on what leaves",
                "What leaves host for the outside must bear host's own address, 198.51.100.2: rewrite the source at the last "
                    + "gate, in postrouting. What stays on the bridge is to stay as it is: app must see web's own address.",
                look:
                    "Two things tell such packets: the source, 10.88.0.0/24, and the link by which they do not leave: br0.",
                idea:
                    "masquerade takes the address of the link by which the packet leaves. It belongs into a chain of type nat at "
                    + "postrouting, priority 100.",
                solution: Both(
                    nft: [
                        LessonCommand("host", "nft add table ip lab"),
                        LessonCommand(
                            "host", "nft 'add chain ip lab postrouting { type nat hook postrouting priority 100; }'",
                            "a gate after routing, priority srcnat"),
                        LessonCommand(
                            "host",
                            "nft 'add rule ip lab postrouting ip saddr 10.88.0.0/24 oifname != \"br0\" counter masquerade'",
                            "what comes from the private network and does not stay on the bridge"),
                    ],
                    iptables: [
                        LessonCommand(
                            "host", "iptables -t nat -A POSTROUTING -s 10.88.0.0/24 ! -o br0 -j MASQUERADE",
                            "what comes from the private network and does not stay on the bridge",
                            net: "berth net masquerade 10.88.0.0/24 not out br0")
                    ], or: [LessonCommand("host", "berth net masquerade 10.88.0.0/24 not out br0")]),
                checks: [
                    .answered("web", "203.0.113.10:80", by: "client", seeing: "198.51.100.2"),
                    .answered("app", "203.0.113.10:80", by: "client", seeing: "198.51.100.2"),
                    .answered("web", "10.88.0.3:80", by: "app", seeing: "10.88.0.2"),
                ]),
            LessonTask(
                "who turns the answer back",
                "The client answers 198.51.100.2, and web gets it all the same.",
                question: Question("Does the answer meet your rule on its way back?", ["yes", "no"], answer: "no"),
                look: "berth trace shows rules that a packet meets; your rule's counter shows how many did.",
                idea: "A chain of type nat is asked for the first packet of a flow only.",
                solution: Both(),
                checks: [
                    .said("web", "203.0.113.10:80", "what turned the answer's destination back in host") { journey in
                        let turned = journey.reply?.steps.first {
                            $0.node == "host" && $0.kind == .rewrite && $0.changed?.destination != nil
                        }
                        return turned.map { ($0.result ?? "").hasPrefix("by ") ? "yes" : "no" }
                    }
                ],
                shows: Shown("host's entry as two arrows, and the rule's counter beside the number of packets") {
                    look throws(LabError) in
                    try look.masqueraded("web", "203.0.113.10", 80, in: "host", by: "eth0")
                }),
            LessonTask(
                "two that take the same port",
                "web and app both ask 203.0.113.10 from their own port 55555. Behind one address these two would look the same. "
                    + "Let both ask within two minutes, one after the other, and look at host's entries.",
                question: Question(
                    "What became of the second?",
                    ["it was refused", "it got another source port", "it shares the first one's entry"],
                    answer: "it got another source port"),
                look:
                    "berth lab exec host -- conntrack -L -p tcp --orig-port-src 55555: the last dport= of each entry.",
                idea:
                    "The answers are told apart by the port that they come back to. It is the last dport= of an entry.",
                solution: Both(
                    LessonCommand(
                        "web", "curl -s --max-time 2 --local-port 55555 203.0.113.10", "the first keeps its port"),
                    LessonCommand("app", "curl -s --max-time 2 --local-port 55555 203.0.113.10", "the second"),
                    LessonCommand(
                        "host", "conntrack -L -p tcp --orig-port-src 55555 || true", "look at the last dport=")),
                checks: [
                    .told("the ports to which answers to 10.88.0.2:55555 and 10.88.0.3:55555 come back", "host") {
                        look throws(LabError) in
                        let flows = try look.flows("host").filter {
                            $0.original.sourcePort == 55555 && "\($0.reply.destination)" == "198.51.100.2"
                        }
                        let sources = Set(flows.map { "\($0.original.source)" })
                        guard sources.isSuperset(of: ["10.88.0.2", "10.88.0.3"]) else {
                            return (nil, "it remembers \(sources.count) of the two", nil)
                        }
                        let ports = Set(flows.map(\.reply.destinationPort))
                        return (
                            ports.count > 1 ? "it got another source port" : "it shares the first one's entry",
                            "", nil
                        )
                    }
                ],
                shows: Shown("both entries as two arrows each") { look throws(LabError) in
                    try look.arrows("host", from: ["10.88.0.2", "10.88.0.3"], port: 55555)
                }),
        ],
        kernel:
            "Your rule saw one packet of each flow. It chose the address, and another port where the first was taken; conntrack "
            + "wrote down how the answers will look, and everything after that went by the entry.")
}
