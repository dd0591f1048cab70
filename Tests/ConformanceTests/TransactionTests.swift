import JSON
import NetCore
import TestSupport
import Testing

@Suite("Netfilter is changed in one transaction a call, and never flushed (C-2)")
struct TransactionTests {
    @Test(
        "C-2 ADD and DEL of a plugin are one transaction each, however many ports and families",
        // Legacy tables are replaced each as a whole.
        .enabled(if: TestBackend.current != .iptablesLegacy, "about transactions of nf_tables"),
        arguments: [PluginType.bridge, .portmap, .firewall])
    func oneTransaction(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            let ports: JSON = .array(
                (0..<5).flatMap { index in Transport.allCases.flatMap { Ports.one($0, 9000 + index, 80 + index).array! }
                })
            let network = TestNetwork.everything
            _ = try host.baseline(network, ports: Ports.tcp8080)
            let index = network.plugins.firstIndex { $0["type"]?.string == plugin.rawValue }!
            var attached = Attached(network: network, id: "c1", namespace: "c1", runtimeConfig: ["portMappings": ports])
            try host.makeNamespace("c1")
            let counter = try GenerationCounter(host)
            var previous: JSON?
            for earlier in 0..<index {
                previous = try host.call(attached.call(earlier, "ADD", previous: previous)).json
            }
            for command in ["ADD", "CHECK", "DEL"] {
                let before = try counter.now(host)
                let answer = try host.call(
                    attached.call(index, command, previous: command == "ADD" ? previous : attached.result))
                guard answer.succeeded else { throw PluginFailed(answer: answer) }
                if command == "ADD" { attached.result = answer.json ?? [:] }
                let transactions = try counter.now(host) - before - 2
                host.expect(transactions, is: command == "CHECK" ? 0 : 1, "transactions of \(command)")
            }
        }
    }

    @Test("counters and foreign elements in our table outlive ADDs and DELs: nothing is flushed", .onNftables)
    func noFlush() throws {
        try PrivateHost.run { host in
            let first = try host.attach(.everything, "c1", ports: Ports.tcp8080)
            try host.must("nft add chain inet berth strangers")
            try host.must("nft add rule inet berth strangers counter packets 7 bytes 700 accept")
            let second = try host.attach(.everything, "c2", ports: Ports.one(.tcp, 8081, 80))
            try host.detach(second)
            try host.detach(first)
            host.expect(
                try host.must("nft list chain inet berth strangers").contains("packets 7 bytes 700"),
                "the stranger's rule is gone")
        }
    }

    @Test(
        "an ADD and a DEL beside nft flush ruleset are no failure: what vanished between look and change is looked for again"
    )
    func besideFlush() throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            let outcomes = try host.onThreads(2) { host, index -> String in
                if index == 1 {
                    // Bounded, and long enough to fall into every gap of the other's.
                    for _ in 0..<4000 where !Files.exists("/run/scratch/done") { try host.must("nft flush ruleset") }
                    return ""
                }
                defer { _ = try? Files.replace("/run/scratch/done", with: []) }
                for _ in 0..<80 {
                    let attached = try host.attach(TestNetwork.everything, "c1", ports: Ports.tcp8080)
                    try host.detach(attached)
                }
                return ""
            }
            host.expect(outcomes, is: ["", ""], "plugins and flush")
        }
    }
}

/// The ruleset's generation, which nf_tables counts up with every transaction, as `nft monitor` tells it.
struct GenerationCounter {
    private let monitor: RunningChild

    init(_ host: PrivateHost) throws {
        monitor = try host.start(["nft", "monitor"])
        // It says nothing when it is ready: what it hears is the sign.
        for _ in 0..<1000 where !monitor.printedSoFar().contains("new generation") {
            try host.must("nft add table inet probe")
            try host.must("nft delete table inet probe")
            usleepMilliseconds(10)
        }
    }

    /// The number of transactions so far; asking is two of them itself.
    func now(_ host: PrivateHost) throws -> Int {
        let mark = "asked\(Int.random(in: 0..<1_000_000_000))"
        try host.must("nft add table inet \(mark)")
        try host.must("nft delete table inet \(mark)")
        for _ in 0..<1000 {
            let heard = monitor.printedSoFar()
            if let deleted = heard.firstRange(of: "delete table inet \(mark)\n# new generation ") {
                let number = heard[deleted.upperBound...].prefix { $0.isNumber }
                if let number = Int(number), heard[deleted.upperBound...].contains("\n") { return number }
            }
            usleepMilliseconds(10)
        }
        throw HostRefused("nft monitor did not tell the ruleset's generation: \(monitor.printedSoFar().suffix(200))")
    }
}
