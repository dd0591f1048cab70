import Glibc
import JSON
import Lab
import NetCore
import TestSupport
import Testing

@Suite("Questions")
struct QuestionTests {
    @Test("a skipped question keeps no task open, and its answer is told", arguments: [0, 65534])
    func skipped(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "07", "--backend", "nft")
            try lab.red("✗ 1 ", "no answer yet: berth lab answer LETTER, or --skip")
            host.expect(try lab.must("answer", "--skip").holds("skipped"), "it is said")
            host.expect(try lab.must("status").holds("you skipped it"), "status")
            try lab.red("✓ 1 ", "you skipped the question; the packet shows: host", "✗ 2 ")
            // Task 2 asks nothing.
            try lab.must("answer", "skip", exits: 1)
            try lab.must("stop")
        }
    }

    @Test("at a terminal it is asked; a letter answers, Enter skips, nonsense is asked again", arguments: [0, 65534])
    func asked(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            func typed(_ keys: String, _ words: String...) throws -> ChildOutcome {
                try host.run(
                    ["script", "-qec", lab.words(words).joined(separator: " "), "/dev/null"], input: Array(keys.utf8),
                    seconds: 30)
            }
            func answer() throws -> String? {
                try JSON(parsing: try Files.read(lab.progressFile))["lessons"]?["07"]?["answers"]?["1"]?.string
            }
            // None of them, three times: it is left open.
            let start = try typed("x\ny\nz\n", "start", "07", "--backend", "nft")
            host.expect(start.text.holds("Your answer (a to d, Enter skips): "), "\(start)")
            host.expect(try answer(), is: nil, "after nonsense")
            let check = try typed("nonsense\nb\n", "check")
            host.expect(check.text.holds("Who answers the client with RST?"), "\(check)")
            host.expect(check.text.holds("✓ 1 "), "\(check)")
            host.expect(try answer(), is: "host", "after b")
            try lab.must("reset", "--task", "1")
            let skip = try typed("\n", "check")
            host.expect(skip.text.holds("you skipped the question; the packet shows: host"), "\(skip)")
            host.expect(try answer(), is: "", "after Enter")
            // Once is enough; and nobody is asked where no terminal is.
            try lab.must("reset", "--task", "1")
            host.expect(!(try lab.must("check", exits: 1)).holds("Your answer"), "without a terminal")
            try lab.must("stop")
        }
    }

    @Test("a lesson is exported as a page; a file that stands is left alone", arguments: [0, 65534])
    func export(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            let file = "\(host.scratch)/user/lesson.md"
            try lab.must("export", file, exits: 2)
            try lab.must("start", "07", "--backend", "iptables")
            try lab.must("answer", "b")
            try lab.must("hint")
            try lab.must("check", exits: 1)
            try lab.must("solve")
            try lab.type("host", "iptables-legacy -A FORWARD -p tcp --dport 99 -j DROP")
            try lab.must("check", exits: 1)
            let page = try lab.must("export", "-")
            for part in [
                "# 07 Publish a port\n", "| 2 of 6 | 1 | 2 |", "- [x] 1. see the refusal\n  - hints read: 1 of 3\n",
                "  - Who answers the client with RST? \"host\"",
                "- [x] 2. rewrite the destination at the first gate (shown)",
                "- [ ] 3. ", "## Picture", "┌ client", "host    ", "10.88.0.1/24", "10.88.0.2:80",
                "-p tcp -m tcp --dport 99 -j DROP", "## The last check's packet", "client → 198.51.100.2:8080",
            ] { host.expect(page.holds(part), "\"\(part)\" is not in\n\(page)") }
            try lab.must("export", file)
            let bytes = try Files.read(file)
            host.expect(bytes.count > 1000, "the file")
            try Files.replace(file, with: [0x61])
            host.expect(try lab.must("export", file, exits: 1).holds("--force"), "it is said how")
            host.expect(try Files.read(file), is: [0x61], "the old file")
            try check("give it away") { chown(file, uid_t(uid), gid_t(uid)) }
            try lab.must("export", file, "--force")
            host.expect(try Files.read(file).count > 1000, "the new file")
            unlink(file)
            try lab.must("stop")
        }
    }

    @Test("a world ends at once though a command in it was killed: its parent is in the node", arguments: [0, 65534])
    func parents(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "standard")
            let busy = try lab.begin("exec", "web", "sleep", "77")
            func sleeping() -> (pid: pid_t, name: String)? { lab.processes().first { $0.name == "sleep" } }
            for _ in 0..<400 where sleeping() == nil { usleep(5000) }
            let sleep = try sleeping().unwrapped("no sleep among \(lab.processes())")
            let parent = try QuestionTests.parent(sleep.pid).unwrapped("no parent")
            let names = lab.processes()
            host.expect(names.first { $0.pid == parent }?.name, is: "berth-exec", "its parent")
            let grand = try QuestionTests.parent(parent).unwrapped("no parent's parent")
            host.expect(names.first { $0.pid == grand }?.name, is: "berth-node web", "its parent's parent")
            busy.kill()
            _ = busy.wait(seconds: 10)
            for _ in 0..<400 where sleeping() != nil { usleep(5000) }
            host.expect(sleeping() == nil, "the command goes with who began it")
            let start = LabHost.seconds()
            try lab.must("stop")
            host.expect(LabHost.seconds() - start < 4, "\(LabHost.seconds() - start) seconds to stop")
        }
    }

    private static func parent(_ pid: pid_t) -> pid_t? {
        guard let bytes = try? Files.read("/proc/\(pid)/status") else { return nil }
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("PPid:") }
        return line.flatMap { pid_t($0.dropFirst(6)) }
    }
}
