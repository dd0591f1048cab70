import Lab
import TestSupport
import Testing

/// What is typed in the world's own shells.
@Suite("berth lab in a shell of the world")
struct HeldTests {
    @Test("check, answer, solve and hint are done outside; exit codes come back", arguments: [0, 65534])
    func commands(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "07", "--backend", "nft")
            func inside(_ node: String, _ words: String, exits code: Int32 = 0) throws -> String {
                try lab.must("exec", node, "sh", "-c", "berth lab-plain \(words)", exits: code)
            }
            host.expect(try inside("web", "check", exits: 1).holds("no answer yet"), "the check")
            host.expect(try inside("web", "answer b").holds("you say: host"), "the answer")
            host.expect(try inside("client", "check", exits: 1).holds("✓ 1 "), "the check again")
            host.expect(try inside("host", "hint").holds("hint 1 of 3, task 2"), "the hint")
            host.expect(try inside("app", "solve --step 3").holds("✓ 3 "), "the solution")
            host.expect(try inside("host", "nothing", exits: 2), is: "", "an unknown word")
            // Another node's command goes by the way of `on`.
            host.expect(try inside("host", "exec web -- hostname"), is: "web\n", "exec")
            host.expect(try inside("host", "exec web sh -c 'exit 7'", exits: 7), is: "", "exec's code")
            // Outside it is known.
            try lab.red("✓ 3 ", "✗ 4 ")
        }
    }

    @Test("a world that is built anew, or ended, from inside; the shell goes along", arguments: [0, 65534])
    func worlds(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            let mounts = lab.mounts()
            func shell(_ node: String, _ lines: String...) throws -> ChildOutcome {
                try host.run(
                    lab.words(["shell", node]), input: Array((lines + [""]).joined(separator: "\n").utf8), seconds: 30)
            }
            try lab.must("start", "07", "--backend", "nft")
            let first = try shell(
                "web", "berth lab-plain solve --step 3", "touch /run/old", "berth lab-plain reset --task 2",
                "echo $BERTH_LAB_NODE: $(ls /run | grep -c old)", "exit 7")
            host.expect(first.exitCode, is: 7, "\(first)")
            host.expect(first.text.holds("web: 0\n"), "\(first)")
            try lab.red("✓ 1 ", "✗ 2 ")
            // A lesson that is done makes room for the next one, whose nodes are others.
            try lab.must("solve", "--all")
            let second = try shell("web", "berth lab-plain next", "echo now in $BERTH_LAB_NODE", "exit 5")
            host.expect(second.exitCode, is: 5, "\(second)")
            host.expect(second.text.holds("now in box\n"), "\(second)")
            let print = lab.footprint()
            let third = try shell("box", "berth lab-plain stop", "echo still here")
            host.expect(third.exitCode, is: 0, "\(third)")
            host.expect(third.errorOutput.holds("the world has ended"), "\(third)")
            host.expect(!third.text.holds("still here\n"), "\(third)")
            try lab.expectNothing(of: print, mounts: mounts, "after stop")
        }
    }
}
