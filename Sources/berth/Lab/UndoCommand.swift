#if Daemon
    import ArgumentParser
    import Lab

    extension LabCommand {
        struct Undo: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "undo",
                abstract:
                    "Undoes your last change in the world: rules, links, addresses, routes, neighbours, parameters.",
                discussion: """
                    One command that you typed is one change. Several in a row go further back, to where the lesson began. Processes,
                    files and connections stay as they are. In lessons A to F the container that you made last is removed. Exit codes:
                    0 undone, 1 nothing to undo, or not all of it, 2 no world.
                    """)
            @Flag(help: "Everything since the open task began.")
            var task = false

            func run() throws { throw ExitCode(try LessonCommands.undo(sinceTaskBegan: task)) }
        }
    }
#endif
