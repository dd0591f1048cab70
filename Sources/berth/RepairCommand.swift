#if Daemon
    import ArgumentParser
    import Glibc
    import Inspect
    import JSON
    import NetCore

    struct RepairCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "repair", abstract: "Brings back what was taken away from attachments that stand.",
            discussion: """
                After nft flush ruleset, a firewall's reload, ip link set … down: links, addresses, routes, parameters and
                rules are made again from the records of the attachments. What is in place is not touched, and connections
                that were silent meanwhile go on. Exit code 1 when something could not be mended, or with --dry-run when
                something differs.

                berth repair                    every attachment of this host
                berth repair --network podman   one network's
                berth repair --dry-run          only says what differs
                """)

        @Option(help: ArgumentHelp("Only this network's attachments.", valueName: "name"))
        var network: String?
        @Flag(help: "Says what differs and changes nothing.")
        var dryRun = false
        @Option(help: "text or json.")
        var format = ReportFormat.text

        func run() throws {
            let repair = try Repair(of: .process, network: network, changes: !dryRun)
            print(format == .text ? repair.text : repair.json.prettyText + "\n", terminator: "")
            if !repair.isClean { throw ExitCode(1) }
        }
    }

    struct WatchCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "watch", abstract: "Repairs by itself whatever is taken away, within a second.",
            discussion: """
                Woken by the kernel's notifications, never by a clock. It first repairs what differs already, then says in a
                line each what it found and mended, and which process had taken rules away, until it is ended (Ctrl-C, SIGTERM).
                berth doctor tells of it later.

                berth watch                     every attachment of this host
                berth watch --dry-run           only says what is taken away, and by whom
                berth watch --format json       a JSON object a repair, one a line
                """)

        @Option(help: ArgumentHelp("Only this network's attachments.", valueName: "name"))
        var network: String?
        @Flag(help: "Says what is taken away, and by whom, and changes nothing.")
        var dryRun = false
        @Option(help: "text or json.")
        var format = ReportFormat.text

        func run() throws {
            var watch = try RepairWatch(of: .process, network: network, repairs: !dryRun)
            var last = try watch.now()
            if let last { tell(last) }
            while true {
                guard let repair = try watch.next() else { continue }
                // What nobody mends differs with every change that wakes: it is said once.
                let isKnown = dryRun && repair.removals.isEmpty && repair.entries == last?.entries
                if !repair.isIdle, !isKnown { tell(repair) }
                last = repair
            }
        }

        private func tell(_ repair: Repair) {
            print(format == .text ? repair.text : repair.json.text + "\n", terminator: "")
            fflush(nil)
        }
    }

    enum ReportFormat: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }
#endif
