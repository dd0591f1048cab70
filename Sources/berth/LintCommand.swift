#if Daemon
    import ArgumentParser
    import CNI
    import Inspect
    import NetCore

    struct LintCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "lint", abstract: "Mistakes in network lists, each with its place, reason and remedy.",
            discussion: """
                Twenty rules, from JSON to overlapping subnets; nothing is changed and no privilege is needed. Exit code 1 \
                for errors, 0 for warnings alone.

                EXAMPLE
                  berth lint                                the lists of this host
                  berth lint --no-host lists/*.conflist     lists that are for another machine
                """)

        @Argument(
            help: "A list, or a directory of them (default: NETCONFPATH, or /etc/cni/net.d).", completion: .file())
        var path: [String] = []
        @Flag(help: "Leave this host out of it: its routes, MTU, forward chains and plugins.")
        var noHost = false
        @Option(help: "table or json.")
        var format = ListCommand.Format.table

        func run() throws {
            let host = noHost ? LintHost() : try LintHost(running: .process)
            let lint = try Lint(of: path.isEmpty ? [NetworkSource.directory] : path, on: host)
            format.print(lint.text, lint.json)
            if lint.errors > 0 { throw ExitCode(1) }
        }
    }
#endif
