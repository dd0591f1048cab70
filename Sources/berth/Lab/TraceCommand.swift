#if Daemon
    import ArgumentParser
    import Client
    import Glibc
    import Inspect
    import JSON
    import Lab
    import NetCore
    import Trace

    struct TraceCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "trace",
            abstract: "One real packet, followed through namespaces, rules and NAT, and its answer.",
            discussion: """
                berth trace from client to 198.51.100.2:8080     sends one, and tells its way
                berth trace watch 'tcp port 8080'                the first packet of each new flow that others begin
                berth trace replay lost.trace.json               draws a saved one
                """,
            subcommands: [TraceSend.self, TraceWatch.self, TraceReplay.self], defaultSubcommand: TraceSend.self)
    }

    enum TraceView: String, ExpressibleByArgument, CaseIterable {
        case path, table, diff, json

        /// Lines, each with its end.
        func text(_ journey: Journey, isVerbose: Bool, ascii: Bool) -> String {
            switch self {
            case .path: PathView(journey, isVerbose: isVerbose, ascii: ascii).text
            case .table: TableView(journey).text
            case .diff: DiffView(journey, ascii: ascii).text
            case .json: journey.json.prettyText + "\n"
            }
        }
    }

    struct TraceSend: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "send",
            abstract: "Sends one real packet, and tells its way and its answer's; the word send may be left out.",
            discussion: """
                berth trace from client to 198.51.100.2:8080

                NODE is \(NodeName.forms). The namespaces that cables lead to from there are listened to, twelve at most, unless --node names them.

                Exit codes: 0 delivered and answered, 10 dropped at a known place, 11 delivered but not answered, \
                12 refused by RST or ICMP, 13 lost at an unknown place, 125 the trace itself failed; of a connection that stalled after its \
                handshake they are those of the packet that was not acknowledged.
                """)

        @Argument(help: "from NODE to ADDRESS:PORT[/udp] or ADDRESS/icmp; \"to\" may be left out.")
        var words: [String]

        @Option(
            help: ArgumentHelp(
                "A node and its network namespace, instead of those that are found; once for each.",
                valueName: "name=path"))
        var node: [String] = []

        @Option(
            help:
                "path or table: lines for people; diff: what changed on the way; json: the journey (docs/lab/trace.md)."
        )
        var view: TraceView = .path

        @Option(
            help: ArgumentHelp(
                "What it carries: so many bytes, or a text. TCP sends it after the handshake, and what stops it is told.",
                valueName: "bytes|text"))
        var payload = ""

        @Option(help: ArgumentHelp("How long the answer is waited for at most.", valueName: "milliseconds"))
        var timeout = 1500

        @Option(help: "How many probes, one after the other; the exit code is that of the worst.")
        var count = 1

        @Flag(inversion: .prefixedNo, help: "Wait for the answer.")
        var reply = true

        @Option(help: "Whose rules are told: auto, nft or legacy.")
        var backend: TraceBackend = .auto

        @Flag(help: "Show who asked for whose MAC address meanwhile, at each device.")
        var arp = false

        @Option(
            name: [.customShort("w"), .customLong("pcapng")],
            help: ArgumentHelp("Write the packets there, too, with the rules' words as comments.", valueName: "file"))
        var file: String?

        @Flag(
            help:
                "Write the packet by hand to the device, past the source's own rules; with --source, --ttl, --bad-checksum, --device."
        )
        var raw = false

        @Option(help: ArgumentHelp("Of --raw: the source address that it bears.", valueName: "address"))
        var source: String?

        @Option(help: "Of --raw: its time to live.")
        var ttl: UInt8?

        @Flag(help: "Of --raw: the sum of its IPv4 header is wrong.")
        var badChecksum = false

        @Option(help: ArgumentHelp("Of --raw: the device that it leaves by.", valueName: "name"))
        var device: String?

        @Flag(help: "Show the policies of chains, too, where no rule was met.")
        var verbose = false

        @Flag(help: "Draw with ASCII alone.")
        var ascii = false

        private struct Wish {
            var source: String
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
            guard raw || source == nil && ttl == nil && !badChecksum && device == nil else {
                throw ValidationError("--source, --ttl, --bad-checksum and --device are of --raw: expected that, too")
            }
            if let source, IPAddress(source) == nil {
                throw ValidationError("--source \(source): expected an address, as 127.0.0.1")
            }
            var probe = try? Probe(source: "", to: wish().destination)
            do throws(TraceError) {
                try probe?.carry(payload)
            } catch {
                throw ValidationError("--payload \(payload.prefix(40)): \(error)")
            }
            if probe?.kind == .tcp, !payload.isEmpty, raw || !reply {
                throw ValidationError(
                    "--payload of TCP is sent when the SYN was answered: expected neither --raw nor --no-reply beside it"
                )
            }
            if file != nil, count != 1 { throw ValidationError("--pcapng and --count: expected one of them") }
            guard (1...600_000).contains(timeout) else {
                throw ValidationError("--timeout \(timeout): expected 1 to 600000 milliseconds")
            }
        }

        func run() throws {
            // Before the process is anywhere else.
            let output = try opened()
            var wish = try wish()
            var worst: Int32 = 0
            var known: [NodeReference]?
            for _ in 0..<count {
                let journey = try journey(&wish, &known, output)
                print(view.text(journey, isVerbose: verbose, ascii: ascii), terminator: "")
                worst = max(worst, journey.exitCode)
            }
            throw ExitCode(worst)
        }

        /// `known` are the nodes, once they have been found, and the source's name among them.
        private func journey(_ wish: inout Wish, _ known: inout [NodeReference]?, _ output: Int32?) throws -> Journey {
            do {
                var probe = try Probe(source: wish.source, to: wish.destination)
                try probe.carry(payload)
                probe.waitsForReply = reply
                probe.milliseconds = timeout
                let nodes = try known ?? found(&probe)
                known = nodes
                wish.source = probe.source
                let traced = try Tracer.trace(probe, nodes: nodes, options)
                if let output { try Output.write(traced.pcapng(application: "berth trace"), to: output) }
                return traced.journey
            } catch let error as TraceError {
                StandardError.write("berth: \(error)\n")
            } catch let error as LabError {
                StandardError.write(error.description)
            } catch let error as InspectError {
                StandardError.write(error.description)
            }
            Glibc.exit(125)
        }

        private var options: TraceOptions {
            var options = TraceOptions()
            (options.backend, options.showsARP, options.keepsFrames) = (backend, arp, file != nil)
            guard raw else { return options }
            var packet = RawPacket()
            packet.source = source.flatMap { IPAddress($0) }
            packet.ttl = ttl ?? 64
            packet.hasBadChecksum = badChecksum
            packet.device = device
            options.raw = packet
            return options
        }

        /// Nil when no file is wished.
        private func opened() throws -> Int32? {
            guard let file else { return nil }
            let number = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
            guard number >= 0 else {
                let error = InspectError(
                    .file, "cannot write \(file)", cause: Errno.current.description,
                    fix: "name a file that you may write")
                StandardError.write(error.description)
                throw ExitCode(125)
            }
            return number
        }

        /// Those of --node; else the lab's, when the source is one of them; else what cables lead to.
        private func found(_ probe: inout Probe) throws -> [NodeReference] {
            let given = try nodes()
            guard given.isEmpty else { return given }
            // The caller's own, where /run/netns has a host.
            let isOwn = probe.source == "here" && !Files.exists("/run/netns/here")
            // Before the process is anywhere else.
            let (world, containers) = (try World.running(), TraceSend.containers())
            let source = try isOwn ? HostNodes.named("here") : NodeName.resolve(probe.source)
            probe.source = source.name
            if let world, world.references.contains(source) { return world.references }
            return try HostNodes.around(source, to: probe.address, port: probe.port, first: containers)
        }

        /// Running containers of berth, by name; none where no daemon answers here.
        static func containers() -> [NodeReference] {
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
