#if Daemon
    import ArgumentParser
    import Client
    import Glibc

    struct PsCommand: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "ps", abstract: "Lists containers.")
        @Flag(name: [.short, .long], help: "Those that have ended, too.")
        var all = false
        @Flag(name: [.short, .long], help: "Ids alone.")
        var quiet = false
        @Flag(name: [.short, .long], help: "How much they wrote.")
        var size = false
        @Flag(name: .customLong("no-trunc"), help: "Nothing is cut off.")
        var noTrunc = false
        @Flag(name: .customLong("net"), help: "Addresses and networks, too.")
        var net = false
        @Flag(name: [.short, .long], help: "The last one made.")
        var latest = false
        @Option(name: [.customShort("n"), .customLong("last")], help: "The last ones made.")
        var last: Int?
        @Option(
            name: [.short, .long], parsing: .unconditionalSingleValue,
            help: "key=value: status, name, label, network, …")
        var filter: [String] = []
        @Option(name: .long, help: "table, json, or a template: '{{.ID}} {{.Names}}'.")
        var format: String?

        func run() throws {
            let daemon = try Daemon.chosen()
            let wantsSize = size || format?.holdsSize == true
            var query = all || latest || last != nil ? [("all", "1")] : []
            if let last { query.append(("limit", String(last))) } else if latest { query.append(("limit", "1")) }
            if wantsSize { query.append(("size", "1")) }
            if let filters = try Pairs.filters(filter) { query.append(("filters", filters)) }
            let found = try daemon.json("GET", "/containers/json", query).array ?? []
            let isWhole = noTrunc
            if quiet && format == nil {
                for container in found {
                    let id = container["Id"]?.string ?? ""
                    try Output.line(isWhole ? id : String(id.prefix(12)))
                }
                return
            }
            let columns =
                ["ID=CONTAINER ID", "Image", "Command", "RunningFor", "Status", "Ports"]
                + (net ? ["IP", "Networks"] : []) + ["Names"] + (size ? ["Size"] : [])
            let listing = try Listing(format, columns: columns)
            let rows = found.map {
                ContainerRow.make($0, isWhole: isWhole, isCut: Terminal.isTerminal(STDOUT_FILENO) && !isWhole)
            }
            try Output.write(try listing.text(rows).utf8)
        }
    }

    extension String {
        fileprivate var holdsSize: Bool { contains("Size") }
    }
#endif
