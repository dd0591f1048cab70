import NetCore

extension Lesson {
    /// The appendix's world: a machine that runs containers, and a client on its wire.
    static func containerWorld(_ id: String) -> WorldDescription {
        var host = NodeDescription("host")
        host.hasContainers = true
        return WorldDescription(
            id, title: "client, and host, on which berth's daemon runs containers",
            nodes: [NodeDescription("client"), host],
            cables: [
                CableDescription(
                    .init("client", "eth0", addresses: [IPPrefix("198.51.100.10/24")!]),
                    .init("host", "eth0", addresses: [IPPrefix("198.51.100.2/24")!]))
            ])
    }

    static let hostNetworking = Lesson(
        id: "A", title: "Host networking, and none", minutes: 4,
        goal: "three containers, with a network of their own, with host's, and with none.",
        world: containerWorld("A"), services: [], start: Both(),
        tasks: [
            LessonTask(
                "a network of its own",
                "Without a word about networks a container gets a namespace of its own, with a cable to a bridge of host. Run one that "
                    + "does nothing, and call it own.",
                look: "berth lab exec host -- berth run --help; the image is berth/busybox.",
                idea: "berth run -d --name own, the image, and a program that lasts: sleep 600.",
                solution: Both(
                    LessonCommand(
                        "host", "berth run -d --name own berth/busybox sleep 600", "a container, in the background")
                ),
                checks: [
                    .network("own", isOf: "host", false),
                    .running("own", "its links", "lo, and one with an address") { look, view throws(LabError) in
                        let names = try look.links(of: view).map(\.name).sorted()
                        return (names.count == 2 && names.contains("lo"), names.joined(separator: ", "))
                    },
                ]),
            LessonTask(
                "the very network of host",
                "Now a web server in host's own network, at port 8080: --net host, and call it web. Nothing is published. Say first what "
                    + "becomes of the client's packet to 198.51.100.2:8080.",
                question: Question(
                    "To which address does host rewrite the packet to 198.51.100.2:8080?",
                    ["the container's", "127.0.0.1", "none: it is not rewritten"], answer: "none: it is not rewritten"),
                look:
                    "berth lab exec host -- ss -ltn, and readlink /proc/self/ns/net there and in the container (berth exec).",
                idea:
                    "A namespace can have processes of any container in it. The program listens in host, as any program of host does.",
                solution: Both(
                    LessonCommand(
                        "host", "berth run -d --name web --net host berth/busybox httpd -f -p 8080",
                        "no namespace, no cable, no rule"),
                    LessonCommand("host", "ss -ltn", "the server listens in host")),
                checks: [
                    .network("web", isOf: "host", true),
                    .listens("host", port: 8080),
                    .taken("client", "198.51.100.2:8080", by: "host"),
                    .told("what host does with the packet", "host") { look throws(LabError) in
                        let journey = try look.probe("client", "198.51.100.2:8080")
                        let change = journey.newDestination(in: "host").map(\.after)
                        return (change.map { "to \($0)" } ?? "none: it is not rewritten", journey.seen, journey)
                    },
                ],
                shows: Shown("the namespaces") { look throws(LabError) in
                    var rows = [["", "network"], ["host", try look.namespace("host", "net") ?? ""]]
                    for name in ["own", "web"] {
                        if let view = try look.container(name) { rows.append([name, view.link("ns/net") ?? ""]) }
                    }
                    return aligned(rows)
                }),
            LessonTask(
                "-p has nothing to do",
                "Run another server in host's network, at port 81, and ask for 8081 of host to be led there: -p 8081:81. Call it both, and "
                    + "read what berth says of it.",
                look: "The line that begins with \"berth: warning\". Then ask both ports from the client.",
                idea: "A rule leads a packet to another address. This server has none but host's.",
                solution: Both(
                    LessonCommand(
                        "host", "berth run -d --name both --net host -p 8081:81 berth/busybox httpd -f -p 81",
                        "the ports are told, and nothing comes of them")),
                checks: [
                    .network("both", isOf: "host", true),
                    .running("both", "the ports that were asked for (berth inspect)", "8081 of host") { _, view in
                        let asked = view.host?["PortBindings"]?.object?.map { "\($0.key)" } ?? []
                        return (!asked.isEmpty, asked.isEmpty ? "none: say -p 8081:81" : asked.joined(separator: ", "))
                    },
                    .taken("client", "198.51.100.2:81", by: "host"),
                    .refused("client", "198.51.100.2:8081", by: "host"),
                ]),
            LessonTask(
                "none at all",
                "--net none is the third way. Call it alone, and say first what it has.",
                question: Question(
                    "Which links does a container with --net none have?", ["none", "lo", "lo and eth0"], answer: "lo"),
                look: "berth lab exec host -- berth exec alone ip link",
                idea: "It has a network namespace of its own, as the first one, and nobody gives it a cable.",
                solution: Both(
                    LessonCommand(
                        "host", "berth run -d --name alone --net none berth/busybox sleep 600", "a stack, and no cable"),
                    LessonCommand("host", "berth exec alone ip link", "every link that it has")),
                checks: [
                    .network("alone", isOf: "host", false),
                    .toldOf("alone", "its links") { look, view throws(LabError) in
                        guard view.isRunning else { return nil }
                        let names = try look.links(of: view).map(\.name).filter { !$0.hasPrefix("tunl") }
                        return names.isEmpty ? "none" : names.sorted().reversed().joined(separator: " and ")
                    },
                ]),
        ],
        kernel:
            "A network is a namespace, and a process has exactly one, whoever started it. Of its own: it takes a cable, an address and, for a "
            + "published port, a rule. Host's: no cost and no wall; the container's ports are host's, and it may change host's addresses "
            + "if it has the right to. None: a stack with lo alone, for what is to speak to nobody.")
}
