import TestSupport
import Testing

@testable import Lab

/// The lab's screens, as they are printed.
@Suite("The lab's screens")
struct ScreenTests {
    private func lessons() throws -> [Lesson] { try ["01", "05", "06", "07", "09"].map { try Lessons.find($0) } }

    @Test("the first screen at first, underway, with a lesson that runs, and with all done")
    func dashboard() throws {
        let lessons = try lessons()
        var progress = Progress()
        let first = """
            berth lab · NAT and port forwarding                    0 of 5 done · 0 min spent

              ▸ 01 An empty network stack             05 Routers: routes and ip_forward
                06 Masquerade                         07 Publish a port
                09 Hairpin

              Broken worlds (fix it yourself): 0 of 10 fixed
              Appendix, containers: 0 of 6 done, as root: sudo berth lab start A

              Next:  01 An empty network stack, 3 tasks, ~5 min
              Type:  berth lab start next        Stuck? berth lab hint
              Safe: runs in its own namespaces. Your network is not touched. Needs root: no.

            """
        #expect(progress.dashboard(running: nil, lessons: lessons) == first)
        for number in 1...3 { progress["01"].marks[number] = .done }
        progress["01"].seconds = 700
        (progress["06"].marks[1], progress["06"].last, progress["06"].seconds) = (.shown, 5, 90)
        let underway = """
            berth lab · NAT and port forwarding                   1 of 5 done · 13 min spent

              ✓ 01 An empty network stack             05 Routers: routes and ip_forward
              ▸ 06 Masquerade                         07 Publish a port
                09 Hairpin

              Broken worlds (fix it yourself): 0 of 10 fixed
              Appendix, containers: 0 of 6 done, as root: sudo berth lab start A

              Next:  06 Masquerade: one address for many, task 2 of 4
              Type:  berth lab start next        Stuck? berth lab hint
              Safe: runs in its own namespaces. Your network is not touched. Needs root: no.

            """
        #expect(progress.dashboard(running: nil, lessons: lessons) == underway)
        let running = progress.dashboard(running: "07", lessons: lessons)
        #expect(running.holds("  06 Masquerade                       ▸ 07 Publish a port\n"))
        #expect(running.holds("  Here:  07 Publish a port, task 1 of 6\n  Type:  berth lab status "))
        for lesson in lessons { for number in lesson.tasks.indices { progress[lesson.id].marks[number + 1] = .done } }
        let done = progress.dashboard(running: "07", lessons: lessons)
        #expect(done.holds("5 of 5 done") && done.holds("  Here:  07 Publish a port, done\n  Type:  berth lab next "))
    }

    @Test("the first screen fits into 80 columns and 24 lines, whichever lesson comes next")
    func fits() {
        for lesson in Lessons.all + Lessons.appendix {
            let text = Progress().dashboard(running: lesson.id)
            #expect(text.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(text)")
            #expect(text.split(separator: "\n", omittingEmptySubsequences: false).count <= 24)
        }
    }

    @Test("a lesson's screen: head, picture, goal, tasks; narrow as a list, and in ASCII", arguments: [0, 65534])
    func lesson(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            // What is no terminal gets no picture with the start.
            host.expect(!(try lab.must("start", "07", "--backend", "nft").holds("┌")), "start")
            try lab.must("answer", "b")
            try lab.must("check", exits: 1)
            try lab.must("hint")
            host.environment["COLUMNS"] = "80"
            host.expect(try lab.must("status"), is: Self.wide + Self.tasks, "80 columns")
            host.environment["COLUMNS"] = "79"
            host.expect(try lab.must("status"), is: Self.narrow, "79 columns")
            host.environment["COLUMNS"] = "80"
            let plain = try lab.must("status", "--ascii")
            host.expect(plain.utf8.allSatisfy { $0 < 0x80 }, plain)
            let lines = (plain.split(separator: "\n"), (Self.wide + Self.tasks).split(separator: "\n"))
            host.expect(lines.0.count, is: lines.1.count, "lines of ASCII")
            host.expect(plain.holds(" * 1 see the refusal\n > 2 rewrite"), plain)
            // The picture is of what stands now.
            try lab.type("host", "nft delete chain ip lab forward; ip link set vapp down")
            let after = try lab.must("status")
            host.expect(!after.holds("forward") || !after.holds("╪"), after)
            host.expect(after.holds("DOWN"), after)
            // Of a bare world, its links follow.
            try lab.must("stop")
            try lab.must("start", "standard")
            let bare = try lab.must("status")
            host.expect(bare.holds("┌ client ") && bare.holds("NODE ") && !bare.holds("Goal"), bare)
        }
    }

    private static let wide = """
        07 · Publish a port                                     task 2 of 6    hints 1/3
        ┌ client ────────┐  ┌ inet ──────────┐
        │ eth0 → ────────┼──┤ eth0 →         │
        │  inet:eth0     │  │  client:eth0   │
        │ 203.0.113.10/24│  │ 203.0.113.1/24 │
        │ +1 more        │  │ +1 more        │  ┌ host ───────────┐
        └────────────────┘  │ eth1 → ────────┼──┤● eth0 →         │
                            │  host:eth0     │  ││  inet:eth1     │
                            │ 198.51.100.1/24│  ││ 198.51.100.2/24│
                            │ +1 more        │  ││ +1 more        │
                            └────────────────┘  │╪ forward  1     │
                                                ││  rule, policy  │
                                                ││  drop          │
                                                │● br0 bridge     │
                                                ││ 10.88.0.1/24   │
                                                ││ +1 more        │  ┌ web ─────────┐
                                                │●  vweb → ───────┼──┤ eth0 →       │
                                                ││   web:eth0     │  │  host:vweb   │
                                                ││                │  │ 10.88.0.2/24 │
                                                ││                │  │ +1 more      │
                                                ││                │  │ :80 listening│
                                                ││                │  └──────────────┘
                                                ││                │  ┌ app ─────────┐
                                                │●  vapp → ───────┼──┤ eth0 →       │
                                                │    app:eth0     │  │  host:vapp   │
                                                └─────────────────┘  │ 10.88.0.3/24 │
                                                                     │ +1 more      │
                                                                     │ :80 listening│
                                                                     └──────────────┘

        """
    private static let tasks = """
        Goal: A request to 198.51.100.2:8080 is answered by web, port 80, and web sees
        the client's own address.

         ✓ 1 see the refusal
         ▸ 2 rewrite the destination at the first gate
           3 let it through the forward gate
           4 prove it with one packet
           5 read both lines of the conntrack entry
           6 remove it, and prove that it is closed

        2: host must turn packets for its own port 8080 into packets for 10.88.0.2:80,
        before it decides where they go: in prerouting, that is before routing.

        Look: berth lab check        Stuck? berth lab hint

        """
    private static let narrow = """
        07 · Publish a port                                    task 2 of 6    hints 1/3
        [client]
          ● eth0 → inet:eth0  203.0.113.10/24  2001:db8:203::10/64
            [inet]
              ● eth0 → client:eth0  203.0.113.1/24  2001:db8:203::1/64
              ● eth1 → host:eth0  198.51.100.1/24  2001:db8:198::1/64
                [host]
                  ● eth0 → inet:eth1  198.51.100.2/24  2001:db8:198::2/64
                  ╪ forward  1 rule, policy drop
                  ● br0 bridge  10.88.0.1/24  fd00:88::1/64
                    ● vweb → web:eth0
                    ● vapp → app:eth0
                    [web]
                      ● eth0 → host:vweb  10.88.0.2/24  fd00:88::2/64
                      :80 listening
                    [app]
                      ● eth0 → host:vapp  10.88.0.3/24  fd00:88::3/64
                      :80 listening
        Goal: A request to 198.51.100.2:8080 is answered by web, port 80, and web sees
        the client's own address.

         ✓ 1 see the refusal
         ▸ 2 rewrite the destination at the first gate
           3 let it through the forward gate
           4 prove it with one packet
           5 read both lines of the conntrack entry
           6 remove it, and prove that it is closed

        2: host must turn packets for its own port 8080 into packets for 10.88.0.2:80,
        before it decides where they go: in prerouting, that is before routing.

        Look: berth lab check        Stuck? berth lab hint

        """
}
