import NetCore

extension BrokenWorld {
    static let halfFail = BrokenWorld(
        id: "b07", symptom: "Half the requests fail",
        story:
            "web's port 80 is published as 198.51.100.2:8080, and web is 10.88.0.2, app 10.88.0.3, db 10.88.0.4. As any hosts they "
            + "ask their router's address from time to time.",
        minutes: 10, world: .withDatabase, services: .site + [Lesson.Service(node: "db", port: 80)],
        whole: .site
            + Both(
                LessonCommand("web", "berth lab-speak eth0"), LessonCommand("app", "berth lab-speak eth0"),
                LessonCommand("db", "berth lab-speak eth0")),
        symptoms: [.getsAll(8, "client", "198.51.100.2", 8080, from: "web", seeing: "203.0.113.10")],
        guards: [
            .gets("app", "10.88.0.2", 80, from: "web", seeing: "10.88.0.3"),
            .gets("app", "10.88.0.4", 80, from: "db", seeing: "10.88.0.3"),
            .gets("host", "10.88.0.4", 80, from: "db", seeing: "10.88.0.1"),
        ] + .closed,
        variants: [
            Variant(
                name: "rules",
                cause:
                    "two rules rewrote port 8080: one took each second new flow, and sent it to 10.88.0.9, which nobody has. The "
                    + "first rule that matches decides, once a flow.",
                look:
                    "berth lab exec host -- nft list chain ip lab prerouting (iptables -t nat -S PREROUTING); and conntrack -L.",
                idea: "Compare a flow that works with one that does not: they were sent to two addresses.",
                damage: .rules(
                    nft: "insert rule ip lab prerouting fib daddr type local tcp dport 8080 numgen inc mod 2 0 "
                        + "dnat to 10.88.0.9:80",
                    iptables: "iptables -t nat -I PREROUTING -m addrtype --dst-type LOCAL -p tcp --dport 8080 "
                        + "-m statistic --mode nth --every 2 --packet 0 -j DNAT --to-destination 10.88.0.9:80"),
                solution: .chain(
                    "prerouting", nft: ["fib daddr type local tcp dport 8080 dnat to 10.88.0.2:80"],
                    iptables: "iptables -t nat -D PREROUTING 1", "one rule, to the web that there is")),
            Variant(
                name: "address",
                cause:
                    "db had web's address too. Each of them that spoke turned host's neighbour table over, and host sent 10.88.0.2 to "
                    + "whoever had spoken last.",
                look: "berth lab exec host -- ip neigh, a few times in a row.",
                idea: "One address, two hardware addresses: somebody else has it too. Whose is the other one?",
                damage: Both(LessonCommand("db", "ip address add 10.88.0.2/24 dev eth0")),
                solution: Both(
                    LessonCommand("db", "ip address del 10.88.0.2/24 dev eth0", "10.88.0.2 is web's alone"),
                    LessonCommand("host", "ip neigh flush dev br0", "host asks anew"))),
            Variant(
                name: "mac",
                cause:
                    "db had web's hardware address. The switch learns by which port an address spoke last, and sent web's frames to "
                    + "db as often as not.",
                look:
                    "berth lab exec host -- bridge fdb show br br0, a few times in a row: by which port does each address speak?",
                idea: "One hardware address at two ports. ip link in each node tells who has which.",
                damage: Both(LessonCommand("db", "ip link set dev eth0 address 02:00:00:00:04:01")),
                solution: Both(
                    LessonCommand("db", "ip link set dev eth0 address 02:00:00:00:06:01", "one of its own"),
                    LessonCommand("host", "ip neigh flush dev br0", "host asks anew"))),
        ])
}

extension WorldDescription {
    /// A third node on the bridge.
    static let withDatabase: WorldDescription = {
        var world = WorldDescription.site
        world.title = "client, inet, host with bridge br0, web, app and db"
        var db = NodeDescription("db")
        db.routes = world.node("web")!.routes
        world.nodes.append(db)
        world.cables.append(
            CableDescription(
                .init("host", "vdb", bridge: "br0"),
                .init("db", "eth0", addresses: [.init("10.88.0.4/24")!, .init("fd00:88::4/64")!])))
        return world
    }()
}
