import Glibc
import Lab
import NetCore
import TestSupport
import Testing

@Suite("Commands of the lab beside each other") struct CheckWatchTests {
    @Test("an answer that is given while a check looks is kept")
    func together() async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: 0)
            try lab.must("start", "07", "--backend", "nft")
            for round in 0..<4 {
                try lab.must("reset", "--task", "1")
                let checking = try lab.begin("check")
                usleep(useconds_t(20_000 + 40_000 * round))
                try lab.must("answer", "b")
                host.expect(checking.wait(seconds: 30).exitCode, is: 1, "the check, round \(round)")
                try lab.green(upTo: 1, of: 6)
            }
            try lab.must("stop")
        }
    }

    @Test("check --watch tells what changes, and ends with the last task", arguments: [0, 65534])
    func watch(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("check", "--watch", exits: 2)
            try lab.must("start", "07", "--backend", "nft")
            let watching = try lab.begin("check", "--watch")
            try watching.expect("✗ 1 see", within: 15)
            try lab.must("answer", "b")
            try watching.expect("✓ 1 see", within: 5)
            try lab.must("solve", "--all")
            let outcome = watching.wait(seconds: 40)
            host.expect(outcome.exitCode, is: 0, "\(outcome)")
            let parts = outcome.text.components("✗ 1 see")
            host.expect(parts.count, is: 2, "the first state is told once: \(outcome)")
            host.expect(outcome.text.holds("✓ 1 see the refusal\n✗ 2 "), "the answer is seen: \(outcome)")
            host.expect(outcome.text.holds("✓ 6 remove it"), "the end: \(outcome)")
            try lab.must("stop")
        }
    }

    /// What no command of the lab's tells of: only the kernel's notifications, and the lock of iptables-legacy, do.
    private static let changes = [
        (
            "03", "host",
            "ip link add br0 type bridge; for p in vweb vapp vdb; do ip link set $p master br0; ip link set $p up; done; ip link set br0 up",
            "✓ 1"
        ),
        ("05", "web", "ip route add default via 10.88.0.1", "✓ 1"),
        (
            "07", "host",
            "iptables-legacy -t nat -A PREROUTING -m addrtype --dst-type LOCAL -p tcp --dport 8080 -j DNAT --to 10.88.0.2:80",
            "✓ 2"
        ),
        (
            "07", "host",
            "nft 'add table ip l; add chain ip l p { type nat hook prerouting priority -100; };"
                + "add rule ip l p fib daddr type local tcp dport 8080 dnat to 10.88.0.2:80'", "✓ 2"
        ),
    ]

    @Test("a change is seen within a second, and while nothing changes nothing is looked at", arguments: [0, 65534])
    func notified(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            for (lesson, node, line, sign) in CheckWatchTests.changes {
                let lab = try LabHost.learner(host, uid: uid)
                try lab.must("start", lesson, "--backend", "nft")
                if lesson == "07" {
                    try lab.must("reset", "--task", "1")
                    try lab.must("answer", "b")
                    try lab.must("check", exits: 1)
                }
                // The lab hears of a command's end, and a second after its beginning: this one does neither when it changes something.
                let typing = try lab.begin("exec", node, "sh", "-c", "sleep 1001; \(line); sleep 1002; true")
                usleep(1_500_000)
                let watching = try lab.begin("check", "--watch")
                try watching.expect("is open. Stuck?", within: 15)
                // Longer than a neighbour that was asked waits to be asked again (delay_first_probe_time, 5 s).
                usleep(500_000)
                let before = try lab.lastLook()
                usleep(7_000_000)
                host.expect(try lab.lastLook(), is: before, "\(lesson): looks while nothing changed")
                try lab.endSleep()
                let start = LabHost.seconds()
                try watching.expect(sign, within: 15)
                let took = LabHost.seconds() - start
                // In 03 links come up: the look waits until the kernel has looked at them, which it does once a second (Look.settle).
                let most = lesson == "03" ? 2.2 : 1
                host.expect(took < (LabHost.isBusy ? 15 : most), "\(lesson), \(sign): \(took) seconds")
                try lab.endSleep()
                _ = typing.wait(seconds: 10)
                // Rebuilt, it is gone on with; ended, so is the watch.
                try lab.must("reset", "--task", "1")
                try lab.must("stop")
                host.expect(watching.wait(seconds: 20).exitCode, is: 2, "the watch of \(lesson) ends with the world")
            }
        }
    }

    @Test("a broken world is watched too, and mending it ends the watch", arguments: [0, 65534])
    func broken(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("break", "b01", "--seed", "0", "--backend", "nft")
            let watching = try lab.begin("check", "--watch")
            try watching.expect("The symptom is there.", within: 15)
            usleep(1_500_000)
            let before = try lab.lastLook()
            usleep(3_000_000)
            host.expect(try lab.lastLook(), is: before, "looks while nothing changed")
            let world = try BrokenWorlds.named("b01").unwrapped("b01")
            for command in world.variant(0).solution[.nft] { _ = try lab.type(command.node, command.line) }
            try watching.expect("Mended.", within: 15)
            host.expect(watching.wait(seconds: 20).exitCode, is: 0, "the watch's exit code")
        }
    }
}

extension RunningChild {
    /// It has written that before so many seconds are over.
    func expect(_ text: String, within seconds: Double) throws {
        let end = LabHost.seconds() + seconds
        while LabHost.seconds() < end {
            if printedSoFar().holds(text) { return }
            usleep(10_000)
        }
        throw Missing(description: "\(text) was not written within \(seconds) seconds: \(printedSoFar())")
    }
}

extension LabHost {
    static func seconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// More processes want to run than there are processors: a second is no measure then.
    static var isBusy: Bool {
        var load = [Double](repeating: 0, count: 1)
        return getloadavg(&load, 1) == 1 && load[0] > Double(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    }

    /// The one `sleep` of the world ends; when it has begun.
    fileprivate func endSleep() throws {
        for _ in 0..<1000 {
            if let sleep = processes().first(where: { $0.name == "sleep" }) {
                kill(sleep.pid, SIGTERM)
                return
            }
            usleep(5000)
        }
        throw Missing(description: "nothing sleeps")
    }

    /// When progress was written last: each look does.
    fileprivate func lastLook() throws -> String {
        var found = stat()
        try NetCore.check("stat \(progressFile)") { stat(progressFile, &found) }
        return "\(found.st_mtim.tv_sec).\(found.st_mtim.tv_nsec)"
    }
}

extension String {
    /// What stands between occurrences of a separator.
    fileprivate func components(_ separator: String) -> [Substring] {
        var found: [Substring] = []
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            found.append(rest[..<range.lowerBound])
            rest = rest[range.upperBound...]
        }
        return found + [rest]
    }
}
