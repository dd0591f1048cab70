extension Lesson {
    static let emptyStack = Lesson(
        id: "01", title: "An empty network stack", minutes: 5,
        goal: "box speaks to itself, and box and twin both have a program on TCP port 80.",
        world: WorldDescription(
            "01", title: "box and twin, two network stacks without a cable",
            nodes: [NodeDescription("box"), NodeDescription("twin")]),
        services: [],
        start: Both(
            LessonCommand("box", "ip link set lo down", "a new network namespace has lo, and it is down"),
            LessonCommand("twin", "ip link set lo down")),
        tasks: [
            LessonTask(
                "what is in a new stack?",
                "A network namespace is a copy of the whole network, as new. Look at what box has.",
                question: Question(
                    "Which links does a new network namespace have?", ["none", "lo", "lo and eth0"], answer: "lo"),
                look: "berth lab exec box -- ip link: every link is a line, with its state.",
                idea: "Nobody has given box a cable yet.",
                solution: Both(LessonCommand("box", "ip link", "every link that there is")),
                checks: [
                    .told("its links", "box") { look throws(LabError) in
                        let names = try look.links("box").map(\.name)
                        return (names.isEmpty ? "none" : names.sorted().reversed().joined(by: " and "), "", nil)
                    }
                ]),
            LessonTask(
                "speak to yourself",
                "Not even 127.0.0.1 answers in box. Mend that.",
                look: "berth lab exec box -- ping -c1 -W1 127.0.0.1, and the state of lo in ip link.",
                idea: "A link carries nothing while it is down, and lo is a link like any other.",
                solution: Both(LessonCommand("box", "ip link set lo up", "a new stack's only link is down at first")),
                checks: [.up("box", "lo"), .answered("box", "127.0.0.1/icmp", by: "box", seeing: "127.0.0.1")]),
            LessonTask(
                "the same port twice",
                "Ports belong to a stack, too. Let a program listen on TCP port 80 in box, and another one on the same port in twin.",
                look: "berth lab exec box -- ss -ltn: who listens in box; the same in twin.",
                idea: "Any program will do: python3 -m http.server 80, or nc -l. Put it into the background.",
                solution: Both(
                    LessonCommand(
                        "box", "(exec python3 -m http.server 80 >/dev/null 2>&1 </dev/null &); sleep 1",
                        "a program on port 80", net: "berth net serve 80"),
                    LessonCommand(
                        "twin", "(exec python3 -m http.server 80 >/dev/null 2>&1 </dev/null &); sleep 1",
                        "and one on the same port, where nobody has it yet", net: "berth net serve 80")),
                checks: [.listens("box", port: 80), .listens("twin", port: 80)],
                shows: Shown("both network namespaces, as `lsns -t net` tells them") { look throws(LabError) in
                    try look.namespaces(["box", "twin"])
                }),
        ],
        kernel:
            "Links, addresses, routes, rules, ports and connections are all counted per network namespace: what is taken in one is free "
            + "in the next. A new one has lo, which is down, and nothing else.")
}
