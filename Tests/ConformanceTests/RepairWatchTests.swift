import Glibc
import Inspect
import JSON
import NetCore
import TestSupport
import Testing

@Suite("A watch mends within a second, woken by the kernel")
struct RepairWatchTests {
    /// Commands for the host, and for the container where they begin with "c1 ".
    @Test(
        "rank 6 what is taken away while a watch runs is back within a second",
        arguments: [
            "the rules", "c1 ip address flush dev eth0",
            "c1 ip link set eth0 down",
            "ip link set cni0 down", "ip address flush dev cni0", "sysctl -qw net.ipv4.ip_forward=0",
            "c1 ip route delete default",
            "c1 ip route flush dev eth0", "c1 ip -6 route flush dev eth0",
        ])
    func within(_ command: String) throws {
        try PrivateHost.run { host in
            let attached = try host.attach(CheckTests.network(tuned: false), "c1", ports: Ports.tcp8080)
            let seen = try host.onThreads(2) { host, index -> String in
                if index == 0 {
                    var watch = try RepairWatch(of: StateDirectory())
                    try Files.replace("/run/scratch/watching", with: [])
                    // Sabotage is several commands, and what it sets off comes in waves: it is over when nothing follows the last.
                    var mended = false
                    for _ in 0..<40 {
                        let isOver = Files.exists("/run/scratch/over")
                        guard let repair = try watch.next(milliseconds: 250), !repair.isIdle else {
                            if mended, isOver { return "mended" }
                            continue
                        }
                        if isOver, !repair.isClean { return repair.text }
                        mended = true
                    }
                    return mended ? "it does not come to rest" : "nothing was mended"
                }
                for _ in 0..<1000 where !Files.exists("/run/scratch/watching") { usleep(10_000) }
                if command == "the rules" {
                    try host.takeAwayRules()
                } else if command.hasPrefix("c1 ") {
                    try host.inside("c1") { try host.must(String(command.dropFirst(3))) }
                } else {
                    try host.must(command)
                }
                try Files.replace("/run/scratch/over", with: [])
                return "done"
            }
            host.expect(seen, is: ["mended", "done"], "watch and sabotage")
            let failure = try host.check(attached)
            host.expect(failure == nil, "CHECK afterwards: \(failure.map { "\($0)" } ?? "")")
        }
    }

    @Test("nothing wakes a watch where nothing changes")
    func quiet() throws {
        try PrivateHost.run { host in
            _ = try host.attach(CheckTests.network(tuned: false), "c1", ports: Ports.tcp8080)
            // What the ADD set off is over: a link-local address that became usable, a port that forwards.
            usleep(300_000)
            var watch = try RepairWatch(of: StateDirectory())
            host.expect(try watch.next(milliseconds: 700) == nil, "woken")
        }
    }

    @Test("ADDs and DELs of a network under watch do not hurt each other")
    func beside() throws {
        try PrivateHost.run { host in
            for index in 0..<6 { try host.makeNamespace("c\(index)") }
            let outcomes = try host.onThreads(4) { host, index -> String in
                if index == 0 {
                    var watch = try RepairWatch(of: StateDirectory())
                    for _ in 0..<3000 {
                        if let repair = try watch.next(milliseconds: 20), !repair.entries.isEmpty {
                            let wrong = repair.entries.contains {
                                if case .skipped = $0.outcome { false } else { true }
                            }
                            if wrong { return repair.text }
                        }
                        if Files.exists("/run/scratch/done1"), Files.exists("/run/scratch/done2"),
                            Files.exists("/run/scratch/done3")
                        {
                            return ""
                        }
                    }
                    return "not done"
                }
                defer { _ = try? Files.replace("/run/scratch/done\(index)", with: []) }
                for round in 0..<4 {
                    let attached = try host.attach(
                        CheckTests.network(tuned: false), "c\(index)",
                        ports: Ports.one(.tcp, 8000 + 10 * index + round, 80))
                    if let failure = try host.check(attached) { return "CHECK: \(failure)" }
                    try host.detach(attached)
                }
                return ""
            }
            host.expect(outcomes, is: ["", "", "", ""], "watch and plugins")
        }
    }
}
