#if Daemon
    import ArgumentParser
    import Lab

    extension LabCommand {
        struct Export: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "export",
                abstract: "Your lesson as a page (Markdown): tasks, answers, time, the picture, rules and addresses.")
            @Argument(help: "The file, or - for standard output.")
            var file: String
            @Flag(help: "Replace a file that stands there.")
            var force = false

            func run() throws { throw ExitCode(try LessonCommands.export(file, isForced: force)) }
        }
    }
#endif
