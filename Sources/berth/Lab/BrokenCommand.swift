#if Daemon
    import ArgumentParser
    import Lab

    extension LabCommand {
        struct Break: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "break",
                abstract: "Builds a world in which something does not work; only the symptom is told.")
            @Argument(help: "A broken world (berth lab list).")
            var world: String
            @Option(help: "Chooses the cause: the same number, the same cause. Without it one is drawn.")
            var seed: Int?
            @Option(help: "The language of its rules: nft or iptables; net where it makes none. Checks accept all.")
            var backend: Backend?
            @Option(help: "none: return when the world stands.")
            var view: View?
            @Flag(help: "Keep it until berth lab stop.")
            var keep = false

            func run() throws {
                let world = try LessonCommands.breakWorld(world, seed: seed, backend: backend, keep: keep)
                try LabCommand.shell(world, wanted: view != View.none)
            }
        }

        struct Grade: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "grade",
                abstract: "A class's checks in one table, from the files that berth lab check --json wrote.",
                discussion:
                    "Exit codes: 0 every file is a check as it was written, each of a world of its own; 1 one of them is not."
            )
            @Argument(help: "The files.")
            var files: [String]
            @Flag(help: "As JSON.")
            var json = false

            func run() throws { throw ExitCode(try LessonCommands.grade(files, json: json)) }
        }
    }
#endif
