#if Daemon
    import ArgumentParser
    import Client
    import Glibc
    import JSON
    import Lab
    import NetCore
    import Trace

    struct TraceCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "trace",
            abstract: "One real packet, followed through namespaces, rules and NAT, and its answer.",
            discussion: """
                berth trace from client to 198.51.100.2:8080

                NODE is a node of the world of berth lab, a container of berth, a name of /run/netns, netns:PATH, pid:NUMBER, \
                or host. The namespaces that cables lead to from there are listened to, twelve at most, unless --node names them.

                Exit codes: 0 delivered and answered, 10 dropped at a known place, 11 delivered but not answered, \
                12 refused by RST or ICMP, 13 lost at an unknown place, 125 the trace itself failed.
                """)

        enum View: String, ExpressibleByArgument, CaseIterable { case path, table, json }

        @Argument(help: "from NODE to ADDRESS:PORT[/udp] or ADDRESS/icmp; \"to\" may be left out.")
        var words: [String]

        @Option(
            help: ArgumentHelp(
                "A node and its network namespace, instead of those that are found; once for each.",
                valueName: "name=path"))
        var node: [String] = []

        @Option(help: "path or table: lines for people; json: the journey (docs/lab/trace.md).")
        var view: View = .path

        @Option(help: "What the packet carries (UDP and ICMP).")
        var payload = ""

        @Option(help: ArgumentHelp("How long the answer is waited for at most.", valueName: "milliseconds"))
        var timeout = 1500

        @Option(help: "How many probes, one after the other; the exit code is that of the worst.")
        var count = 1

        @Flag(inversion: .prefixedNo, help: "Wait for the answer.")
        var reply = true

        @Flag(help: "Show the policies of chains, too, where no rule was met.")
        var verbose = false

        @Flag(help: "Draw with ASCII alone.")
        var ascii = false

        private struct Wish {
            let source: String
            let destination: String
        }

        private func wish() throws -> Wish {
            let parts = words.count == 4 && words[2] == "to" ? [words[0], words[1], words[3]] : words
            guard parts.count == 3, parts[0] == "from" else {
                throw ValidationError("expected: from NODE to ADDRESS:PORT[/udp] or ADDRESS/icmp")
            }
            return Wish(source: parts[1], destination: parts[2])
        }

        private func nodes() throws -> [NodeReference] {
            try node.map { text in
                let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
                guard parts.count == 2 else {
                    throw ValidationError("--node \(text): expected NAME=PATH, such as web=/run/netns/web")
                }
                return NodeReference(name: parts[0], namespace: parts[1])
            }
        }

        func validate() throws {
            _ = try wish()
            _ = try nodes()
            guard (1...1000).contains(count) else { throw ValidationError("--count \(count): expected 1 to 1000") }
            guard (1...600_000).contains(timeout) else {
                throw ValidationError("--timeout \(timeout): expected 1 to 600000 milliseconds")
            }
        }

        func run() throws {
            let wish = try wish()
            var worst: Int32 = 0
            var known: [NodeReference]?
            for _ in 0..<count {
                let journey = try journey(wish, &known)
                switch view {
                case .path: print(PathView(journey, isVerbose: verbose, ascii: ascii).text, terminator: "")
                case .table: print(TableView(journey).text, terminator: "")
                case .json: print(journey.json.prettyText)
                }
                worst = max(worst, journey.exitCode)
            }
            throw ExitCode(worst)
        }

        /// `known` are the nodes, once they have been found.
        private func journey(_ wish: Wish, _ known: inout [NodeReference]?) throws -> Journey {
            do {
                var probe = try Probe(source: wish.source, to: wish.destination)
                probe.payload = payload
                probe.waitsForReply = reply
                probe.milliseconds = timeout
                let nodes = try known ?? found(&probe)
                known = nodes
                // A path was given, and the node has a name.
                if node.isEmpty, probe.source.hasPrefix("netns:") { probe.source = nodes[0].name }
                return try Tracer.send(probe, nodes: nodes)
            } catch let error as TraceError {
                StandardError.write("berth: \(error)\n")
            } catch let error as LabError {
                StandardError.write(error.description)
            }
            Glibc.exit(125)
        }

        /// Those of --node; else the lab's, when the source is one of them; else what cables lead to.
        private func found(_ probe: inout Probe) throws -> [NodeReference] {
            let given = try nodes()
            guard given.isEmpty else { return given }
            if let world = try World.running(), world.nodes.contains(where: { $0.name == probe.source }) {
                try world.enter()
                return world.references
            }
            let containers = TraceCommand.containers()
            let source = try HostNodes.named(probe.source, others: containers)
            probe.source = source.name
            return try HostNodes.around(source, to: probe.address, port: probe.port, first: containers)
        }

        /// Running containers of berth, by name; none where no daemon answers here.
        private static func containers() -> [NodeReference] {
            // Processes of another machine are none of ours.
            let isElsewhere = getenv("BERTH_HOST").map { String(cString: $0).hasPrefix("tcp://") } ?? false
            guard !isElsewhere, let daemon = try? Daemon.chosen(),
                let all = try? daemon.json("GET", "/containers/json", []).array
            else {
                return []
            }
            return all.prefix(256).compactMap { container in
                guard let id = container["Id"]?.string,
                    let state = try? daemon.json("GET", "/containers/\(id)/json", [])["State"],
                    let pid = state["Pid"]?.integer, pid > 0,
                    let name = container["Names"]?.array?.first?.string
                else { return nil }
                let plain = name.hasPrefix("/") ? String(name.dropFirst()) : name
                return NodeReference(name: plain, namespace: "/proc/\(pid)/ns/net", pid: Int32(pid))
            }
        }
    }
#endif
