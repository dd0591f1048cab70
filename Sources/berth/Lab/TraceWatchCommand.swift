#if Daemon
    import ArgumentParser
    import Client
    import Glibc
    import Inspect
    import JSON
    import Lab
    import NetCore
    import Trace

    struct TraceWatch: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "watch",
            abstract: "Follows packets that others send: the first of each new flow, and its answer.",
            discussion: """
                berth trace watch 'tcp port 8080'                   in the lab's nodes, or here when no lab stands
                berth trace watch --node host --node web tcp        in those nodes
                berth trace watch --all 'udp port 53' --for 1m      in every namespace that is found

                FILTER: \(PacketFilter.words).

                Each flow is one journey: a packet is followed when the filter wants it as one of the nodes sees it. Exit codes: 0 when the \
                watch ended as asked, 125 when it could not be made or was given up.
                """)

        @Argument(help: "Which packets; all of TCP, UDP and ICMP unless given.")
        var filter: [String] = []

        @Option(help: ArgumentHelp("In this node; once for each.", valueName: "node"))
        var node: [String] = []

        @Flag(help: "In every node of the lab, or in every namespace of the machine when no lab stands.")
        var all = false

        @Flag(inversion: .prefixedNo, help: "Only the first packet of each flow; else every packet is a journey.")
        var first = true

        @Option(help: "Stop after so many journeys.")
        var limit = 20

        @Option(name: .customLong("for"), help: ArgumentHelp("Stop after so long: 30s, 500ms, 2m.", valueName: "time"))
        var time = "5m"

        @Option(help: "path or table: lines for people; diff: what changed on the way; json: a journey a line.")
        var view: TraceView = .path

        @Option(help: "Whose rules are told: auto, nft or legacy.")
        var backend: TraceBackend = .auto

        @Flag(help: "Go on though more than 2,000 events a second would come.")
        var yesReally = false

        @Flag(help: "Show the policies of chains, too, where no rule was met.")
        var verbose = false

        @Flag(help: "Draw with ASCII alone.")
        var ascii = false

        func validate() throws {
            _ = try wanted()
            guard (1...100_000).contains(limit) else { throw ValidationError("--limit \(limit): expected 1 to 100000") }
            guard let seconds = TraceWatch.seconds(time), seconds > 0, seconds <= 86_400 else {
                throw ValidationError("--for \(time): expected a time up to a day, as 30s, 500ms or 2m")
            }
            if all, !node.isEmpty { throw ValidationError("--all and --node: expected one of them") }
        }

        private func wanted() throws -> PacketFilter {
            do throws(PacketFilter.Fault) {
                return try PacketFilter(parsing: filter)
            } catch { throw ValidationError(error.description) }
        }

        /// "30s", "30", "500ms", "2m", "1h"; nil of anything else.
        static func seconds(_ text: String) -> Double? {
            for (unit, factor) in [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("", 1.0)]
            where text.hasSuffix(unit) {
                return Double(text.dropLast(unit.count)).map { $0 * factor }
            }
            return nil
        }

        func run() throws {
            do {
                try watch(try wanted())
            } catch let error as TraceError {
                StandardError.write("berth: \(error)\n")
                throw ExitCode(125)
            } catch let error as LabError {
                StandardError.write(error.description)
                throw ExitCode(125)
            } catch let error as InspectError {
                StandardError.write(error.description)
                throw ExitCode(125)
            }
        }

        /// The nodes that were named; else the lab's, when a world stands; else every namespace, or the own one.
        private func nodes() throws -> [NodeReference] {
            if !node.isEmpty { return try NodeName.resolve(node) }
            if let world = try World.running() {
                try world.keepInUse()
                try world.enter()
                return world.references
            }
            guard all else { return try NodeName.resolve([]) }
            let found = HostNodes.everything(TraceSend.containers())
            guard found.count <= 64 else {
                throw InspectError(
                    .name, "will not watch \(found.count) namespaces", cause: "64 is the most",
                    fix: "name those that matter: --node NAME, once for each")
            }
            return found
        }

        private func watch(_ filter: PacketFilter) throws {
            let nodes = try nodes()
            if all, !yesReally {
                let rate = try Watcher.rate(nodes, filter, isFirstOnly: first)
                guard rate <= Watcher.busy else {
                    throw tooBusy("about \(rate) packets a second match", "nothing was traced")
                }
            }
            let watcher = try Watcher(nodes, filter, isFirstOnly: first, backend: backend)
            let names = nodes.map(\.name).joined(separator: ", ")
            StandardError.write("watching \(names); stop with Ctrl-C\n")
            var clock = WatchClock(seconds: TraceWatch.seconds(time), count: limit)
            var told = 0
            while clock.wait(watcher.descriptors, milliseconds: watcher.isFollowing ? 15 : nil) {
                for journey in try watcher.take(isLast: clock.isOver, atMost: clock.left) where clock.count() {
                    if told > 0, view != .json { try Output.line("") }
                    told += 1
                    try Output.write(
                        Array(
                            (view == .json
                                ? journey.json.text + "\n" : view.text(journey, isVerbose: verbose, ascii: ascii)).utf8),
                        to: STDOUT_FILENO)
                }
                if all, !yesReally, watcher.eventsPerSecond > Watcher.busy {
                    StandardError.write(ending(told, watcher) + "\n")
                    throw tooBusy("\(watcher.eventsPerSecond) events came in a second", "the watch was given up")
                }
            }
            StandardError.write(ending(told, watcher) + "\n")
        }

        private func ending(_ told: Int, _ watcher: Watcher) -> String {
            let losses = watcher.losses
            var words = "\(told) \(told == 1 ? "journey" : "journeys"), "
            words += losses == 0 ? "no events lost" : "\(losses) events lost: the kernel had no room for them"
            if watcher.passedOver > 0 {
                words += "; \(watcher.passedOver) packets were passed over: more came than can be followed at once"
            }
            return words
        }

        private func tooBusy(_ cause: String, _ what: String) -> InspectError {
            InspectError(
                .name, "too busy to watch everything: \(what)", cause: "\(cause), and \(Watcher.busy) is the most",
                fix: "name nodes (--node) or write a narrower filter; --yes-really goes on all the same")
        }
    }

    extension TraceBackend: ExpressibleByArgument {}
#endif
