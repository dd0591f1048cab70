#if Daemon
    import ArgumentParser
    import Client
    import JSON

    struct VolumeCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "volume", abstract: "Volumes: directories that outlive containers.",
            subcommands: [Create.self, List.self, Inspect.self, Remove.self, Prune.self])

        struct Create: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "create", abstract: "Makes a volume, and prints its name.")
            @Option(name: [.short, .long], help: "local.")
            var driver = "local"
            @Option(
                name: [.short, .customLong("opt")], parsing: .unconditionalSingleValue,
                help: "key=value, for the driver.")
            var option: [String] = []
            @Option(name: .long, parsing: .unconditionalSingleValue, help: "name=value")
            var label: [String] = []
            @Argument(help: "Its name; one is made up unless given.")
            var name: String?

            func run() throws {
                var body: JSONObject = [
                    "Driver": .string(driver), "DriverOpts": .object(try Pairs.object(option, of: "-o")),
                    "Labels": .object(try Pairs.object(label, of: "--label")),
                ]
                if let name { body["Name"] = .string(name) }
                let answer = try Daemon.chosen().json("POST", "/volumes/create", [], .object(body))
                try Output.line(answer["Name"]?.string ?? name ?? "")
            }
        }

        struct List: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "ls", abstract: "Lists volumes.", aliases: ["list"])
            @Flag(name: [.short, .long], help: "Names alone.")
            var quiet = false
            @Option(
                name: [.short, .long], parsing: .unconditionalSingleValue, help: "key=value: name, label, dangling.")
            var filter: [String] = []
            @Option(name: .long, help: "table, json, or a template: '{{.Name}} {{.Mountpoint}}'.")
            var format: String?

            func run() throws {
                let filters = try Pairs.filters(filter)
                let found = try Daemon.chosen().json("GET", "/volumes", filters.map { [("filters", $0)] } ?? [])
                let volumes = (found["Volumes"]?.array ?? []).sorted {
                    ($0["Name"]?.string ?? "") < ($1["Name"]?.string ?? "")
                }
                if quiet && format == nil {
                    for volume in volumes { try Output.line(volume["Name"]?.string ?? "") }
                    return
                }
                let rows = volumes.map { volume in
                    let labels = volume["Labels"]?.object ?? [:]
                    return Row.make([
                        ("Name", volume["Name"]?.string ?? ""), ("Driver", volume["Driver"]?.string ?? ""),
                        ("Scope", volume["Scope"]?.string ?? ""), ("Mountpoint", volume["Mountpoint"]?.string ?? ""),
                        (
                            "Labels",
                            labels.keys.sorted().map { "\($0)=\(labels[$0]?.string ?? "")" }.joined(separator: ",")
                        ),
                    ])
                }
                let listing = try Listing(format, columns: ["Driver", "Name=VOLUME NAME"])
                try Output.write(try listing.text(rows).utf8)
            }
        }

        struct Inspect: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "inspect", abstract: "Tells everything of volumes.")
            @Option(name: [.short, .long], help: "json, or a template.")
            var format: String?
            @Argument(help: "Names.")
            var volume: [String]

            func run() throws {
                let daemon = try Daemon.chosen()
                try Inspection.show(volume, format) { name throws(ClientError) in
                    try daemon.json("GET", "/volumes/\(name.pathEncoded)")
                }
            }
        }

        struct Remove: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "rm", abstract: "Removes volumes.", aliases: ["remove"])
            @Flag(name: [.short, .long], help: "That one is not there is no failure.")
            var force = false
            @Argument(help: "Names.")
            var volume: [String]

            func run() throws {
                let daemon = try Daemon.chosen()
                try each(volume) { name throws(ClientError) in
                    do throws(ClientError) {
                        _ = try daemon.request("DELETE", "/volumes/\(name.pathEncoded)", force ? [("force", "1")] : [])
                    } catch  where force && error.status == 404 {
                    }
                }
            }
        }

        struct Prune: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "prune", abstract: "Removes volumes that no container uses.")
            @Flag(name: [.short, .long], help: "Without asking.")
            var force = false
            @Flag(name: [.short, .long], help: "Those with a name, too.")
            var all = false
            @Option(name: .long, parsing: .unconditionalSingleValue, help: "key=value: label, all.")
            var filter: [String] = []

            func run() throws {
                let daemon = try Daemon.chosen()
                let filters = try Pairs.filters(filter + (all ? ["all=1"] : []))
                guard
                    try force || Question.isYes("This removes every volume that no container uses, with what is in it.")
                else { return }
                // Before 1.42 a daemon would take those with a name, too.
                let answer = try daemon.json("POST", "/v1.42/volumes/prune", filters.map { [("filters", $0)] } ?? [])
                for name in answer["VolumesDeleted"]?.array ?? [] { try Output.line(name.string ?? "") }
                try Output.line("Reclaimed: \(Spoken.size(Double(answer["SpaceReclaimed"]?.integer ?? 0)))")
            }
        }
    }
#endif
