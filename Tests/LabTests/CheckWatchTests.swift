import Glibc
import TestSupport
import Testing

@Suite("Commands of the lab beside each other") struct CheckWatchTests {
    @Test("an answer that is given while a check looks is kept")
    func together() throws {
        try PrivateHost.run { host in
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
    func watch(uid: Int) throws {
        try PrivateHost.run { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("check", "--watch", exits: 2)
            try lab.must("start", "07", "--backend", "nft")
            let watching = try lab.begin("check", "--watch")
            usleep(1_500_000)
            try lab.must("answer", "b")
            usleep(2_500_000)
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
