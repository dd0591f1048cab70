import JSON
import NetCore
import TestSupport
import Testing

@Suite("BERTH_LOG: a JSON line an operation")
struct LogTests {
    private static let file = "/run/scratch/berth.jsonl"

    private static func lines() throws -> [JSON] {
        try Files.read(file).split(separator: 0x0a).map { try JSON(parsing: Array($0)) }
    }

    @Test("each operation of a chain has its line, with ids, duration, changes and outcome")
    func chain() throws {
        try PrivateHost.run { host in
            host.environment["BERTH_LOG"] = LogTests.file
            let attached = try host.attach(CheckTests.network(tuned: false), "c1", ports: Ports.tcp8080)
            _ = try host.check(attached)
            try host.takeAwayRules()
            _ = try host.check(attached)
            try host.detach(attached)
            let lines = try LogTests.lines()
            let told = lines.map {
                "\($0["command"]?.string ?? "") \($0["plugin"]?.string ?? "") \($0["code"]?.integer ?? -1)"
            }
            host.expect(
                told,
                is: [
                    "ADD host-local 0", "ADD bridge 0", "ADD portmap 0", "ADD firewall 0", "ADD tuning 0",
                    "CHECK host-local 0", "CHECK bridge 0", "CHECK portmap 0", "CHECK firewall 0", "CHECK tuning 0",
                    "CHECK bridge 106", "DEL tuning 0", "DEL firewall 0", "DEL portmap 0", "DEL host-local 0",
                    "DEL bridge 0",
                ], "operations")
            for line in lines {
                host.expect(
                    line["network"] == "net1" && line["containerID"] == "c1" && line["ifname"] == "eth0"
                        && (line["microseconds"]?.integer ?? 0) > 0 && line["time"]?.string?.hasSuffix("Z") == true,
                    "ids, time and duration: \(line)")
            }
            let changes = { (index: Int) in (lines[index]["changes"]?.array ?? []).compactMap(\.string) }
            host.expect(changes(0).contains { $0.hasSuffix(" is leased") }, "host-local: \(changes(0))")
            host.expect(changes(1).contains { $0.contains("a cable: veth") }, "bridge: \(changes(1))")
            host.expect(changes(2).contains { $0.contains("8080/tcp leads to") }, "portmap: \(changes(2))")
            host.expect(changes(5), is: [], "CHECK changes nothing")
            host.expect(
                lines[10]["error"]?.string?.contains(TestBackend.current.tableName) == true, "the error: \(lines[10])")
            host.expect(changes(15).contains { $0.hasSuffix("is gone") }, "DEL of bridge: \(changes(15))")
        }
    }

    @Test("lines of plugins that run at once do not mix")
    func atOnce() throws {
        try PrivateHost.run { host in
            host.environment["BERTH_LOG"] = LogTests.file
            _ = try host.onThreads(8) { host, index in
                let attached = try host.attach(
                    CheckTests.network(tuned: false), "c\(index)", ports: Ports.one(.tcp, 8000 + index, 80))
                try host.detach(attached)
            }
            host.expect(try LogTests.lines().count, is: 8 * 10, "lines")
        }
    }

    @Test("a log that cannot be written is told on standard error and hurts no operation")
    func unwritable() throws {
        try PrivateHost.run { host in
            host.environment["BERTH_LOG"] = "/run/scratch/none/berth.jsonl"
            let attached = try host.attach(CheckTests.network(tuned: false), "c1")
            let answer = try host.call(attached.call(0, "CHECK", previous: attached.result))
            host.expect(
                answer.succeeded && answer.outcome.errorOutput.contains("no line in BERTH_LOG"), "CHECK: \(answer)")
            try host.detach(attached)
        }
    }
}
