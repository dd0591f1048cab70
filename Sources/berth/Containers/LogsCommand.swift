#if Daemon
    import ArgumentParser
    import Client
    import Glibc
    import JSON

    struct LogsCommand: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "logs", abstract: "Shows what a container wrote.")
        @Flag(name: [.short, .long], help: "Goes on with what it writes from now on.")
        var follow = false
        @Flag(name: [.short, .long], help: "The time before each line.")
        var timestamps = false
        @Option(
            name: [.customShort("n"), .long], parsing: .unconditional, help: "The last lines alone, a number or all.")
        var tail = "all"
        @Option(name: .long, parsing: .unconditional, help: "From then on: a span (10m) or a time.")
        var since: String?
        @Option(name: .long, parsing: .unconditional, help: "Up to then.")
        var until: String?
        @Argument(help: "The container, by name or id.")
        var container: String

        func run() throws {
            let daemon = try Daemon.chosen()
            let found = try daemon.json("GET", "/containers/\(container.pathEncoded)/json")
            guard tail == "all" || Int(tail) != nil else {
                throw ClientError("--tail \(tail) is no number of lines", fix: "write a number, or all")
            }
            var query = [("stdout", "1"), ("stderr", "1"), ("tail", tail), ("follow", follow ? "1" : "0")]
            if timestamps { query.append(("timestamps", "1")) }
            if let since { query.append(("since", try Moment.parameter(since, of: "--since"))) }
            if let until { query.append(("until", try Moment.parameter(until, of: "--until"))) }
            let response = try daemon.request("GET", "/containers/\(container.pathEncoded)/logs", query)
            let hasTerminal = found["Config"]?["Tty"]?.bool == true
            var frames = Frames()
            while true {
                let bytes = try response.read()
                if bytes.isEmpty { return }
                if hasTerminal {
                    try Output.write(bytes)
                } else {
                    for piece in try frames.feed(bytes) {
                        try Output.write(piece.bytes, to: piece.stream >= 2 ? STDERR_FILENO : STDOUT_FILENO)
                    }
                }
            }
        }
    }

    struct EventsCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "events", abstract: "Tells what happens, as it happens.")
        @Option(name: .long, parsing: .unconditional, help: "From then on: a span (10m) or a time.")
        var since: String?
        @Option(name: .long, parsing: .unconditional, help: "Up to then, instead of going on.")
        var until: String?
        @Option(
            name: [.short, .long], parsing: .unconditionalSingleValue,
            help: "key=value: type, event, container, label, …")
        var filter: [String] = []
        @Option(name: .long, help: "json, or a template: '{{.Type}} {{.Action}}'.")
        var format: String?

        func run() throws {
            let daemon = try Daemon.chosen()
            var query: [(String, String)] = []
            if let since { query.append(("since", try Moment.parameter(since, of: "--since"))) }
            if let until { query.append(("until", try Moment.parameter(until, of: "--until"))) }
            if let filters = try Pairs.filters(filter) { query.append(("filters", filters)) }
            let template = try format.flatMap { text throws(ClientError) in text == "json" ? nil : try Template(text) }
            var lines = JSONLines(try daemon.request("GET", "/events", query))
            while let event = try lines.next() {
                if let template {
                    try Output.line(try template.text(event))
                } else {
                    try Output.line(format == "json" ? event.text : EventLine.text(event))
                }
            }
        }
    }
#endif
