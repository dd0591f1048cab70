#if Daemon
    import ArgumentParser
    import CNI
    import Inspect
    import JSON
    import NetCore

    struct ListCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ls", abstract: "The attachments of this host, with addresses and published ports.")

        enum Format: String, ExpressibleByArgument, CaseIterable {
            case table, json
        }

        @Option(help: "table or json.")
        var format = Format.table
        @Option(help: ArgumentHelp("Only this network's.", valueName: "name"))
        var network: String?

        func run() throws {
            let list = try AttachmentList(
                of: .process, cache: ResultCache(environment: .process), network: network)
            format.print(list.table, list.json)
        }
    }

    extension StateDirectory {
        /// BERTH_STATE_DIR, or /run/berth.
        static var process: StateDirectory {
            let path = Environment.process["BERTH_STATE_DIR"] ?? ""
            return path.isEmpty ? StateDirectory() : StateDirectory(path)
        }
    }
#endif
