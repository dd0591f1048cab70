#if Daemon
    import ArgumentParser
    import Glibc
    import JSON
    import NetCore
    import Trace

    struct TraceCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "trace",
            abstract: "One real packet, followed through namespaces, rules and NAT, and its answer.",
            discussion: """
                berth trace from client to 198.51.100.2:8080 --node client=/run/netns/client --node host=/run/netns/host

                Exit codes: 0 delivered and answered, 10 dropped at a known place, 11 delivered but not answered, \
                12 refused by RST or ICMP, 13 lost at an unknown place, 125 the trace itself failed.
                """)

        enum View: String, ExpressibleByArgument, CaseIterable { case path, json }

        @Argument(help: "from NODE to ADDRESS:PORT[/udp] or ADDRESS/icmp; \"to\" may be left out.")
        var words: [String]

        @Option(
            help: ArgumentHelp("A node and its network namespace; once for each on the way.", valueName: "name=path"))
        var node: [String] = []

        @Option(help: "path: lines for people; json: the journey (docs/lab/trace.md).")
        var view: View = .path

        @Option(help: "What the packet carries (UDP and ICMP).")
        var payload = ""

        @Option(help: ArgumentHelp("How long the answer is waited for at most.", valueName: "milliseconds"))
        var timeout = 1500

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
            guard (1...600_000).contains(timeout) else {
                throw ValidationError("--timeout \(timeout): expected 1 to 600000 milliseconds")
            }
        }

        func run() throws {
            let wish = try wish()
            let journey: Journey
            do {
                var probe = try Probe(source: wish.source, to: wish.destination)
                probe.payload = payload
                probe.waitsForReply = reply
                probe.milliseconds = timeout
                journey = try Tracer.send(probe, nodes: try nodes())
            } catch let error as TraceError {
                StandardError.write("berth: \(error)\n")
                Glibc.exit(125)
            }
            switch view {
            case .path: print(PathView(journey, isVerbose: verbose, ascii: ascii).text, terminator: "")
            case .json: print(journey.json.prettyText)
            }
            throw ExitCode(journey.exitCode)
        }
    }
#endif
