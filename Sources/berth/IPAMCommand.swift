#if Daemon
    import ArgumentParser
    import CNI
    import Inspect
    import JSON
    import NetCore

    struct IPAMCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ipam", abstract: "The addresses that host-local has given: list, check, release.",
            discussion: """
                EXAMPLE
                  berth ipam ls                        every lease, and what is free
                  berth ipam check                     leases compared with attachments
                  berth ipam release podman 10.88.0.9  an address whose container is gone
                """,
            subcommands: [List.self, Check.self, Release.self])

        /// Where leases are looked for.
        struct Place: ParsableArguments {
            @Option(
                help: ArgumentHelp(
                    "Leases of networks without a configuration (default: /var/lib/cni/networks).",
                    valueName: "directory"))
            var dataDir: String?

            func directories() throws -> LeaseDirectories {
                let directories = LeaseDirectories(
                    try ConfiguredNetworks(in: NetworkSource.directory), dataDirectory: dataDir)
                for warning in directories.warnings { StandardError.write("berth: warning: \(warning)\n") }
                return directories
            }
        }

        struct List: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "ls", abstract: "Every lease, and how many addresses each range has left.",
                discussion: "EXAMPLE\n  berth ipam ls podman --format json")
            @Argument(help: "Only this network's.")
            var network: String?
            @Option(help: "table or json.")
            var format = ListCommand.Format.table
            @OptionGroup var place: Place

            func run() throws {
                let list = try LeaseList(in: try place.directories(), network: network)
                format.print(list.table, list.json)
            }
        }

        struct Check: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "check",
                abstract: "Compares leases with attachments. Exit code 1 when it finds something.",
                discussion: """
                    Told are leases without an attachment, attachments without a lease, addresses that are held twice, \
                    and lease files that a crash left empty. Nothing is changed.

                    EXAMPLE
                      berth ipam check podman
                    """)
            @Argument(help: "Only this network's.")
            var network: String?
            @Option(help: "table or json.")
            var format = ListCommand.Format.table
            @OptionGroup var place: Place

            func run() throws {
                let check = try LeaseCheck(
                    in: try place.directories(), state: .process, cache: ResultCache(environment: .process),
                    network: network)
                format.print(check.text, check.json)
                if !check.findings.isEmpty { throw ExitCode(1) }
            }
        }

        struct Release: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "release", abstract: "Takes addresses back, all that are named or none.",
                discussion: """
                    For leases whose container went without its DEL. One that an attachment uses is refused.

                    EXAMPLE
                      berth ipam release podman 10.88.0.9 10.88.0.12
                    """)
            @Argument(help: "The network's name.")
            var network: String
            @Argument(help: "An address, as berth ipam ls tells it.")
            var address: [String]
            @Flag(help: "Also where an attachment uses it: the address may then be given to a second container.")
            var force = false
            @OptionGroup var place: Place

            func run() throws {
                let release = try LeaseRelease(
                    address, of: network, in: try place.directories(), dataDirectory: place.dataDir, state: .process,
                    cache: ResultCache(environment: .process), force: force)
                print(release.text, terminator: "")
            }
        }
    }

    extension ListCommand.Format {
        /// Prints one of the two.
        func print(_ text: String, _ json: JSON) {
            switch self {
            case .table: Swift.print(text, terminator: "")
            case .json: Swift.print(json.prettyText)
            }
        }
    }
#endif
