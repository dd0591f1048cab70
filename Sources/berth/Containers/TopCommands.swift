#if Daemon
    import ArgumentParser
    import Client
    import Glibc
    import JSON

    struct TopCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "top", abstract: "Lists a container's processes.",
            discussion: "What follows the container goes to ps(1), as aux or -o pid,comm.")
        @Argument(
            parsing: .captureForPassthrough,
            help: ArgumentHelp("The container, then options of ps.", valueName: "container> [<ps-option"))
        var words: [String]

        func run() throws {
            guard let container = words.first else {
                throw ClientError("a container is missing", fix: "berth ps lists them")
            }
            let arguments = words.dropFirst().joined(separator: " ")
            let found = try Daemon.chosen().json(
                "GET", "/containers/\(container.pathEncoded)/top", arguments.isEmpty ? [] : [("ps_args", arguments)])
            let titles = (found["Titles"]?.array ?? []).map { $0.string ?? "" }
            let rows = (found["Processes"]?.array ?? []).map { ($0.array ?? []).map { $0.string ?? "" } }
            try Output.write(Listing.table(titles, rows).utf8)
        }
    }

    struct StatsCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "stats", abstract: "Tells what containers use.")
        @Flag(name: [.short, .long], help: "Those that do not run, too.")
        var all = false
        @Flag(name: .customLong("no-stream"), help: "Once, instead of every second.")
        var noStream = false
        @Flag(name: .customLong("no-trunc"), help: "Ids are not cut off.")
        var noTrunc = false
        @Option(name: .long, help: "table, json, or a template: '{{.Name}} {{.CPUPerc}}'.")
        var format: String?
        @Argument(help: "Containers, by name or id; every running one unless named.")
        var container: [String] = []

        func run() throws {
            let daemon = try Daemon.chosen()
            let listing = try Listing(
                format,
                columns: [
                    "ID=CONTAINER ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs",
                ])
            let isScreen = Terminal.isTerminal(STDOUT_FILENO) && !noStream && listing.isTable
            var before: [String: JSON] = [:]
            while true {
                var names = container
                if names.isEmpty {
                    names = (try daemon.json("GET", "/containers/json", all ? [("all", "1")] : []).array ?? [])
                        .compactMap { $0["Id"]?.string }
                }
                let begin = Moment.now
                // One alone is measured over a second by the daemon; of many, two looks are taken a second apart.
                let isAlone = names.count == 1
                if !isAlone && before.isEmpty && !names.isEmpty {
                    for name in names { before[name] = try look(daemon, name, isAtOnce: true) }
                    sleep(1)
                }
                var rows: [JSON] = []
                for name in names {
                    guard let answer = try look(daemon, name, isAtOnce: !isAlone || before[name] != nil) else {
                        continue
                    }
                    rows.append(UsageRow.make(answer, before: before[name], isWhole: noTrunc))
                    before[name] = answer
                }
                try Output.write(((isScreen ? "\u{1b}[H\u{1b}[2J" : "") + (try listing.text(rows))).utf8)
                if noStream { return }
                if Moment.now.seconds - begin.seconds < 1 { sleep(1) }
            }
        }

        /// Nil: it has gone meanwhile, and was not asked for by name.
        private func look(_ daemon: Daemon, _ name: String, isAtOnce: Bool) throws(ClientError) -> JSON? {
            do throws(ClientError) {
                return try daemon.json(
                    "GET", "/containers/\(name.pathEncoded)/stats",
                    [("stream", "0")] + (isAtOnce ? [("one-shot", "1")] : []))
            } catch {
                if container.isEmpty && error.status == 404 { return nil }
                throw error
            }
        }
    }
#endif
