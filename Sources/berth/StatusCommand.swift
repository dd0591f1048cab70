#if Daemon
    import ArgumentParser
    import CNI
    import Inspect
    import NetCore

    struct StatusCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "status", abstract: "Whether networks can take containers. Exit code 1 when one cannot.",
            discussion: """
                Every plugin is asked by STATUS: berth's in this process, others as an engine would. Nothing is changed.

                EXAMPLE
                  berth status podman && podman start web
                """)

        @Argument(help: "Only this network of NETCONFPATH (/etc/cni/net.d).")
        var network: String?
        @Option(help: "table or json.")
        var format = ListCommand.Format.table

        func run() throws {
            let directories = LeaseDirectories(try ConfiguredNetworks(in: NetworkSource.directory))
            let status = try HostStatus(of: directories, network: network, environment: .process)
            format.print(status.text, status.json)
            if !status.isReady { throw ExitCode(1) }
        }
    }
#endif
