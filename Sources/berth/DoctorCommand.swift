#if Daemon
    import ArgumentParser
    import CNI
    import Inspect
    import NetCore

    struct DoctorCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "doctor", abstract: "What is wrong with berth's own objects, and how to mend it.",
            discussion: """
                Attachments that drifted, rules and leases of containers that are gone, cables without a record, leases that
                nobody has. Exit code 1 while something is wrong.

                EXAMPLE
                  berth doctor         only looks
                  berth doctor --fix   mends what is berth's
                """)

        @Flag(help: "Mends what is berth's: makes again what stands, takes down what is dead.")
        var fix = false
        @Option(help: "table or json.")
        var format = ListCommand.Format.table

        func run() throws {
            let directories = LeaseDirectories(try ConfiguredNetworks(in: NetworkSource.directory))
            let doctor = try Doctor(
                of: .process, in: directories, cache: ResultCache(environment: .process), fix: fix)
            format.print(doctor.text, doctor.json)
            if !doctor.isHealthy { throw ExitCode(1) }
        }
    }
#endif
