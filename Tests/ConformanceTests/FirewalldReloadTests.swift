import Glibc
import Inspect
import NetCore
import NetPlan
import TestSupport
import Testing

/// What `berth watch` does when firewalld loads its rules anew, or begins anew (cni.md pain 11), with the real one.
@Suite("firewalld: a reload and a restart cost a container nothing that is watched")
struct FirewalldReloadTests {
    /// The plugins beside it make their rules by this one.
    static let backends: [[String: String]] = [
        [:], ["BERTH_BACKEND": "iptables", "BERTH_IPTABLES": "nft"],
        ["BERTH_BACKEND": "iptables", "BERTH_IPTABLES": "legacy"],
    ]

    @Test(
        "pain 11 under a watch a reload costs neither sources nor rules, and a silent connection goes on", .onNftables,
        arguments: backends)
    func reload(_ backend: [String: String]) throws {
        try FirewalldTests.run { host, firewalld in
            host.environment.merge(backend) { $1 }
            let attached = try host.attach(FirewalldTests.network(), "c1", ports: Ports.tcp8080)
            let connection = try SilentConnection(host, from: "c1", to: "192.0.2.9", 7001, server: "outside", 7001)
            let before = try FirewalldReloadTests.rules(host)
            host.expect(before.contains("8080"), "no rules to be kept: \(before)")
            // Who does not watch loses the sources: else this test shows nothing. iptables-nft's tables firewalld empties, too,
            // where it finds that iptables.
            try firewalld.reload()
            host.expect(try firewalld.sources(), is: [], "without a watch")
            if backend["BERTH_IPTABLES"] != "nft" {
                host.expect(try FirewalldReloadTests.rules(host), is: before, "berth's rules, unwatched")
            }
            let mended = try Repair(of: StateDirectory(), changes: true)
            host.expect(mended.isClean && mended.text.contains("firewalld"), mended.text)
            let milliseconds = try FirewalldReloadTests.watched(
                host, attached, { try $0.must("firewall-cmd --reload") }
            ) {
                try FirewalldReloadTests.rules($0) == before
            }
            host.expect(milliseconds < 1000, "all was back \(milliseconds) ms after the reload")
            try FirewalldReloadTests.expectCause(host, firewalld, backend)
            host.expect(try FirewalldReloadTests.rules(host), is: before, "berth's own rules")
            host.expect(try FirewalldTests.reached(host, from: attached), is: FirewalldTests.everybody, "afterwards")
            host.expect(try connection.goesOn(), is: "b'one'\nb'two'\n", "the silent connection")
            try host.detach(attached)
            host.expect(try firewalld.sources(), is: [], "after DEL")
        }
    }

    @Test(
        "pain 11 under a watch a restart of firewalld costs no sources, and neither does a start long after its end",
        .onNftables, arguments: ["restart", "start", "killed"])
    func restart(_ word: String) throws {
        try FirewalldTests.run { host, firewalld in
            let attached = try host.attach(FirewalldTests.network(), "c1")
            if word == "start" { firewalld.stop() }
            // Its tables stay, and the next one adds to them.
            if word == "killed" { firewalld.kill() }
            let process = firewalld.processID
            let milliseconds = try FirewalldReloadTests.watched(
                host, attached,
                { host in
                    if word == "restart" {
                        kill(process, SIGTERM)
                        usleep(300_000)
                    }
                    try host.start(["firewalld", "--nofork", "--nopid"])
                    // On a busy machine it takes half a minute to start.
                    let limit = FirewalldReloadTests.now + 90_000
                    while try host.run(FirewalldDaemon.words("getZones", [])).exitCode != 0 {
                        guard host.expect(FirewalldReloadTests.now < limit, "firewalld does not answer") else { return }
                        usleep(20_000)
                    }
                })
            host.expect(milliseconds < 1500, "the sources were back \(milliseconds) ms after it answered")
            try host.detach(attached)
        }
    }

    /// What the watch has remembered of it: where rules were taken and the kernel told, that it was firewalld's work.
    static func expectCause(_ host: PrivateHost, _ firewalld: FirewalldDaemon, _ backend: [String: String]) throws {
        let entries = try RemovalMemory(reading: StateDirectory()).entries
        guard backend["BERTH_IPTABLES"] == "nft" else {
            host.expect(entries, is: [], "nothing was taken but sources of firewalld's own")
            return
        }
        let causes = entries.compactMap(\.process?.parent)
        host.expect(
            !causes.isEmpty && causes.allSatisfy { $0.pid == firewalld.processID && $0.name == "firewalld" },
            "firewalld is \(firewalld.processID): \(entries)")
        host.expect(entries.allSatisfy { $0.restored != nil }, "all is back: \(entries)")
    }

    /// All rules but firewalld's, and those of iptables that are empty.
    static func rules(_ host: PrivateHost) throws -> String {
        var text = ""
        for table in try host.must("nft list tables").split(separator: "\n").map(String.init).sorted()
        where !table.hasSuffix(" firewalld") && table.contains("berth") {
            text += try host.must("nft -s list \(table)")
        }
        for program in ["iptables-nft", "ip6tables-nft", "iptables-legacy", "ip6tables-legacy"] {
            text += try host.must("\(program)-save -t nat").split(separator: "\n").filter { $0.hasPrefix("-A") }
                .map { "\(program) \($0)\n" }.sorted().joined()
        }
        return text
    }

    /// Runs `body` beside a watch; gives how long after its end all sources of the attachment stood again, and what else is
    /// asked for.
    static func watched(
        _ host: PrivateHost, _ attached: Attached, _ body: @escaping @Sendable (PrivateHost) throws -> Void,
        and isWhole: @escaping @Sendable (PrivateHost) throws -> Bool = { _ in true }
    ) throws -> Int {
        let wanted = FirewalldTests.sources(attached).sorted()
        try host.must("rm -f /run/scratch/watching /run/scratch/done")
        let seen = try host.onThreads(2) { host, index -> Int in
            if index == 0 {
                var watch = try RepairWatch(of: StateDirectory())
                try Files.replace("/run/scratch/watching", with: [])
                let start = FirewalldReloadTests.now
                while !Files.exists("/run/scratch/done"), FirewalldReloadTests.now - start < 120_000 {
                    _ = try watch.next(milliseconds: 50)
                }
                return 0
            }
            defer { _ = try? Files.replace("/run/scratch/done", with: []) }
            for _ in 0..<1000 where !Files.exists("/run/scratch/watching") { usleep(10_000) }
            try body(host)
            let start = FirewalldReloadTests.now
            while FirewalldReloadTests.now - start < 5000 {
                let outcome = try host.run(FirewalldDaemon.words("getSources", ["trusted"]))
                if wanted.allSatisfy(outcome.text.contains), try isWhole(host) { break }
                usleep(10_000)
            }
            return FirewalldReloadTests.now - start
        }
        return seen[1]
    }

    /// Milliseconds.
    private static var now: Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}
