extension Lesson {
    static let cable = Lesson(
        id: "02", title: "A cable: veth", minutes: 6,
        goal: "left and right, two network stacks, are joined by a cable and reach each other.",
        world: WorldDescription(
            "02", title: "left and right, with nothing between them",
            nodes: [NodeDescription("left"), NodeDescription("right")]),
        services: [], start: Both(),
        tasks: [
            LessonTask(
                "plug in a cable",
                "A veth is a cable: two links that are made at once, and what goes in at one end comes out at the other. Make one "
                    + "whose ends are in left and in right.",
                look: "berth lab exec left -- ip link: what is there now?",
                idea:
                    "ip link add NAME type veth peer name NAME netns right: the other end is born in the other stack.",
                solution: Both(
                    LessonCommand(
                        "left", "ip link add eth0 type veth peer name eth0 netns right", "one end here, the other there"
                    )),
                checks: [.joined("left", "right")]),
            LessonTask(
                "give both ends an address",
                "A cable carries nothing while an end is down. Bring both ends up; left is 192.0.2.1/24, right is 192.0.2.2/24.",
                look: "berth lab exec left -- ip address: state, and addresses.",
                idea: "ip address add ADDRESS/24 dev NAME, and ip link set NAME up, in both nodes.",
                solution: Both(
                    LessonCommand("left", "ip address add 192.0.2.1/24 dev eth0; ip link set eth0 up", "left's end"),
                    LessonCommand("right", "ip address add 192.0.2.2/24 dev eth0; ip link set eth0 up", "right's end")),
                checks: [
                    .answered("left", "192.0.2.2/icmp", by: "right", seeing: "192.0.2.1"),
                    .answered("right", "192.0.2.1/icmp", by: "left", seeing: "192.0.2.2"),
                ]),
            LessonTask(
                "what does a cable change?",
                "left sends with a time to live of 64.",
                question: Question(
                    "Which time to live does right see?", ["64", "63", "62"], answer: "64"),
                look: "berth lab exec left -- ping -c1 192.0.2.2 shows that of the answer.",
                idea: "Routers take one from it. A cable is none.",
                solution: Both(),
                checks: [
                    .said("left", "192.0.2.2/icmp", "the time to live when it comes to right") { journey in
                        journey.forward?.steps.last { $0.node == "right" && $0.l3 != nil }?.l3.map { "\($0.ttl)" }
                    }
                ],
                shows: Shown("the same frame as it leaves one stack and enters the other") { look throws(LabError) in
                    try look.probe("left", "192.0.2.2/icmp").frameOnCable
                }),
            LessonTask(
                "pull the cable",
                "Set right's end down, and look at left's end. Nobody touched that one.",
                question: Question(
                    "How is left's end now?", ["up, with a carrier", "up, without a carrier", "down"],
                    answer: "up, without a carrier"),
                look: "berth lab exec left -- ip link: the words in angle brackets.",
                idea: "Up is what you want of a link; carrier is whether the other end is there.",
                solution: Both(LessonCommand("right", "ip link set eth0 down", "the far end is pulled")),
                checks: [
                    .told("the state of left's end", "left's link") { look throws(LabError) in
                        guard let near = try look.links("left").first(where: { $0.kind == "veth" }),
                            let far = try look.links("right").first(where: { $0.kind == "veth" })
                        else { return (nil, "there is no cable", nil) }
                        guard !far.isUp else { return (nil, "right's end is still up", nil) }
                        if !near.isUp { return ("down", "", nil) }
                        // IFF_LOWER_UP: the carrier itself. The operational state follows it up to a second later (linkwatch).
                        return (near.flags & 1 << 16 != 0 ? "up, with a carrier" : "up, without a carrier", "", nil)
                    }
                ]),
        ],
        kernel:
            "A frame that leaves one end is the same frame that comes in at the other: the kernel hands it from one stack to the "
            + "other and changes nothing in it. When one end goes down, the other loses its carrier.")
}
