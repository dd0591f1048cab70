#if Daemon
    import ArgumentParser
    import CNI
    import Inspect
    import NetCore

    struct MetricsCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "metrics", abstract: "What berth knows of this host as numbers, in OpenMetrics text.",
            discussion: """
                Attachments, ports, addresses, elements of nftables, whether networks are ready. Nothing is changed.

                EXAMPLE
                  berth metrics
                  berth metrics --output /var/lib/prometheus/node-exporter/berth.prom
                """)

        @Option(
            help: ArgumentHelp(
                "Writes there instead of printing: the file is replaced whole, as node_exporter needs it.",
                valueName: "file"),
            completion: .file())
        var output: String?
        @Flag(help: "Counts also what berth doctor finds, which looks at every attachment.")
        var doctor = false

        func run() throws {
            let directories = LeaseDirectories(try ConfiguredNetworks(in: NetworkSource.directory))
            let metrics = try HostMetrics(of: directories, environment: .process, doctor: doctor)
            guard let output else { return print(metrics.text, terminator: "") }
            try metrics.write(to: output)
        }
    }
#endif
