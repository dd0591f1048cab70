extension Lesson {
    static let bridge = Lesson(
        id: "03", title: "A switch: bridge", minutes: 7,
        goal: "web, app and db are on one wire, and host has a port of its own on it.",
        world: {
            let names = ["web", "app", "db"]
            return WorldDescription(
                "03", title: "host, and three nodes whose cables end in it",
                nodes: [NodeDescription("host")] + names.map { NodeDescription($0) },
                cables: zip(names, 2...4).map { name, number in
                    CableDescription(
                        .init("host", "v\(name)"),
                        .init(name, "eth0", addresses: [.init("10.88.0.\(number)/24")!]))
                })
        }(),
        services: [], start: Both(),
        tasks: [
            LessonTask(
                "make a switch and plug the cables in",
                "web is 10.88.0.2, app 10.88.0.3, db 10.88.0.4, and the cables of all three end in host: vweb, vapp, vdb. Join them, so "
                    + "that each reaches each.",
                look: "berth lab exec host -- ip link: three ends of cables, and nothing that joins them.",
                idea:
                    "A bridge is a switch: a link of type bridge. A link becomes its port by master. Bring the bridge up.",
                solution: Both(
                    LessonCommand("host", "ip link add br0 type bridge; ip link set br0 up", "the switch"),
                    LessonCommand(
                        "host", "for port in vweb vapp vdb; do ip link set $port master br0; done", "its three ports")),
                checks: [
                    .ports("host", ["vweb", "vapp", "vdb"]),
                    .answered("web", "10.88.0.3/icmp", by: "app", seeing: "10.88.0.2"),
                    .answered("app", "10.88.0.4/icmp", by: "db", seeing: "10.88.0.3"),
                    .answered("db", "10.88.0.2/icmp", by: "web", seeing: "10.88.0.4"),
                ]),
            LessonTask(
                "can host reach them?",
                "The three reach each other by way of host.",
                question: Question("Does host itself get an answer from web, 10.88.0.2?", ["yes", "no"], answer: "no"),
                look: "berth lab exec host -- ping -c1 -W1 10.88.0.2, and ip route.",
                idea: "A switch has no address. Frames pass through host, but host is not on that wire.",
                solution: Both(LessonCommand("host", "ping -c1 -W1 10.88.0.2 || true", "host is not on the wire")),
                checks: [
                    .said("host", "10.88.0.2/icmp", "whether an answer comes back") { $0.isAnswered ? "yes" : "no" }
                ]),
            LessonTask(
                "plug host in",
                "br0 is two things: the switch, and host's own port on it. Give that port an address: 10.88.0.1/24.",
                look: "berth lab exec host -- ip address show br0",
                idea: "The address belongs on br0 itself, not on one of its ports.",
                solution: Both(LessonCommand("host", "ip address add 10.88.0.1/24 dev br0", "host's own port")),
                checks: [
                    .answered("host", "10.88.0.2/icmp", by: "web", seeing: "10.88.0.1"),
                    .answered("db", "10.88.0.1/icmp", by: "host", seeing: "10.88.0.4"),
                    .answered("web", "10.88.0.3/icmp", by: "app", seeing: "10.88.0.2"),
                ],
                shows: Shown("the two things that br0 is, the switch and host's own port on it") {
                    look throws(LabError) in
                    try look.switchPicture("host", bridgeOf: "vweb", owners: ["web", "app", "db"])
                }),
        ],
        kernel:
            "br0 is two things: the switch that carries frames from port to port, and host's own port on it. Without an address host "
            + "carried everybody's frames and could speak to nobody.")
}
