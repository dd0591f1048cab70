import JSON
import NetCore
import TestSupport
import Testing

@Suite("Many at once, and nobody else's help (P-19)")
struct ParallelTests {
    @Test("P-19 64 ADDs at once, then DELs with a GC among them: none fails, no address twice, nothing left")
    func sixtyFour() throws {
        try PrivateHost.run { host in
            let network = TestNetwork.everything
            let before = try host.baseline(network, ports: Ports.tcp8080)
            let all = try host.onThreads(64) { worker, index in
                try worker.attach(network, "c\(index)", ports: Ports.one(.tcp, 9000 + index, 80))
            }
            for family in AddressFamily.allCases {
                host.expect(
                    Set(all.compactMap { $0.address(family) }).count, is: 64,
                    "different IPv\(family.rawValue) addresses")
            }
            for attached in all.prefix(4) {
                let failure = try host.check(attached)
                host.expect(failure == nil, "\(failure!)")
            }
            _ = try host.onThreads(65) { worker, index in
                if index == 64 {
                    if let failure = try worker.collect(network, valid: all) { throw PluginFailed(answer: failure) }
                } else {
                    try worker.detach(all[index])
                }
            }
            host.expect(try host.settledState().difference(from: before), is: "", "the difference")
        }
    }

    @Test("P-19 ADDs and DELs of different containers at the same time do not hurt each other")
    func mixed() throws {
        try PrivateHost.run { host in
            let network = TestNetwork.everything
            let before = try host.baseline(network, ports: Ports.tcp8080)
            _ = try host.onThreads(16) { worker, index in
                for round in 0..<3 {
                    let attached = try worker.attach(
                        network, "c\(index)-\(round)", namespace: "c\(index)", ports: Ports.one(.udp, 9000 + index, 80))
                    if let failure = try worker.check(attached) { throw PluginFailed(answer: failure) }
                    try worker.detach(attached)
                }
            }
            host.expect(try host.settledState().difference(from: before), is: "", "the difference")
        }
    }

    @Test("P-19 P-59 64 at once, ADDs, DELs and a GC: what is valid stands whole, of the rest nothing is left")
    func addsDeletesAndCollection() throws {
        try PrivateHost.run { host in
            let network = TestNetwork.everything
            let before = try host.baseline(network, ports: Ports.tcp8080)
            // 24 that the runtime knows, 12 that it has forgotten, and 31 that come meanwhile.
            let known = try (0..<24).map { try host.attach(network, "old\($0)", ports: Ports.one(.tcp, 8000 + $0, 80)) }
            let lost = try (0..<12).map { try host.attach(network, "lost\($0)", ports: Ports.one(.udp, 8000 + $0, 80)) }
            let coming = (33..<64).map { Attached(network: network, id: "new\($0)", namespace: "new\($0)") }
            let came = try host.onThreads(64) { worker, index -> Attached? in
                switch index {
                case 0..<24: try worker.detach(known[index])
                // Somebody remembers some of the forgotten, just when GC removes them.
                case 24..<32: try worker.detach(lost[index - 24])
                case 32:
                    let failure = try worker.collect(network, valid: known + coming)
                    if let failure { throw PluginFailed(answer: failure) }
                default: return try worker.attach(network, "new\(index)", ports: Ports.one(.tcp, 9000 + index, 80))
                }
                return nil
            }.compactMap { $0 }
            for family in AddressFamily.allCases {
                host.expect(
                    Set(came.compactMap { $0.address(family) }).count, is: 31,
                    "different IPv\(family.rawValue) addresses")
            }
            for attached in came {
                let failure = try host.check(attached)
                host.expect(failure == nil, "\(attached.id): \(failure!)")
            }
            let left = try host.settledState().lines.filter { line in
                ["net1/old", "net1/lost", "= \"old", "= \"lost"].contains { line.contains($0) }
            }
            host.expect(left, is: [], "of those that went")
            for attached in came { try host.detach(attached) }
            host.expect(try host.settledState().difference(from: before), is: "", "the difference")
        }
    }

    @Test("P-19 the first ADDs of a host, all at once, agree on bridge, table and addresses")
    func firstAtOnce() throws {
        try PrivateHost.run { host in
            let all = try host.onThreads(12) { worker, index in
                try worker.attach(.everything, "c\(index)", ports: Ports.one(.tcp, 9000 + index, 80))
            }
            for attached in all {
                let failure = try host.check(attached)
                host.expect(failure == nil, "\(failure!)")
            }
            host.expect(try host.addresses("cni0"), is: ["10.22.0.1/24", "fd22::1/64"], "addresses of the bridge")
        }
    }

    @Test("no plugin executes another program, whatever the command", arguments: PluginType.allCases)
    func noExecve(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            let network =
                switch plugin {
                case .loopback: TestNetwork([["type": "loopback"]])
                // Alone, by the configuration that the bridge plugin would hand it.
                case .hostLocal, .fixed, .ptp, .macvlan: TestNetwork([plugin.configuration])
                case .bandwidth: BandwidthTests.both
                default: TestNetwork.everything
                }
            try host.prepare(for: plugin)
            let index = network.plugins.firstIndex { $0["type"]?.string == plugin.rawValue } ?? 0
            var attached = Attached(
                network: network, id: "c1", namespace: "c1", runtimeConfig: ["portMappings": Ports.tcp8080])
            try host.makeNamespace("c1")
            var previous: JSON?
            for earlier in 0..<index {
                previous = try host.call(attached.call(earlier, "ADD", previous: previous)).json
            }
            for command in ["ADD", "CHECK", "STATUS", "GC", "DEL"] {
                var call = attached.call(index, command, previous: command == "ADD" ? previous : attached.result)
                if command == "GC" {
                    var configuration = Call.whole(network.plugins[index])
                    configuration["cni.dev/valid-attachments"] = [["containerID": "c1", "ifname": "eth0"]]
                    call.input = Array(JSON.object(configuration).text.utf8)
                }
                let trace = "\(host.scratch)/trace"
                let answer = Answer(
                    try host.run(
                        ["strace", "-f", "-e", "trace=execve,execveat", "-o", trace, plugin.path],
                        environment: call.variables,
                        input: call.input))
                host.expect(answer.succeeded, "\(command): \(answer)")
                if command == "ADD" { attached.result = answer.json ?? [:] }
                let executed = String(decoding: try Files.read(trace), as: UTF8.self).split(separator: "\n").filter {
                    $0.contains("execve")
                }
                // libiptc is in a program of its own, which a call with rules executes once.
                let allowed = TestBackend.current == .iptablesLegacy && !plugin.isIPAM ? 2 : 1
                host.expect((1...allowed).contains(executed.count), "\(command): programs executed: \(executed)")
            }
        }
    }

    @Test("a second after DEL and GC no process of a plugin is left in the host")
    func noProcessLeft() throws {
        try PrivateHost.run { host in
            let attached = try host.attach(.everything, "c1", ports: Ports.tcp8080)
            try host.detach(attached)
            _ = try host.collect(.everything, valid: [])
            usleepMilliseconds(1000)
            host.expect(try host.processes(of: PluginType.directory), is: [], "processes left")
        }
    }
}

extension PrivateHost {
    /// Processes in this thread's network namespace whose program lies in `folder`.
    func processes(of folder: String) throws -> [String] {
        let here = try NetworkNamespace.current().identity()
        var found: [String] = []
        for name in try Files.names(in: "/proc") where name.utf8.allSatisfy({ (48...57).contains($0) }) {
            // Processes end while they are looked at.
            let identity = try ignoring(.noSuchFile, .accessDenied, .noSuchProcess, .invalidArgument) {
                () throws(KernelError) in
                try NetworkNamespace(open: "/proc/\(name)/ns/net").identity()
            }
            guard identity == here else { continue }
            let words = try ignoring(.noSuchFile, .noSuchProcess) { () throws(KernelError) in
                try Files.read("/proc/\(name)/cmdline")
            }
            let command = String(decoding: (words ?? []).map { $0 == 0 ? 0x20 : $0 }, as: UTF8.self)
            if command.hasPrefix(folder) { found.append("\(name): \(command)") }
        }
        return found
    }
}
