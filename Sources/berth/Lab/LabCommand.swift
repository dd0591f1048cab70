#if Daemon
    import ArgumentParser
    import Glibc
    import Lab

    struct LabCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "lab",
            abstract: "A small internet to try things in: nodes, cables and a bridge, apart from your network.",
            discussion: """
                It runs in namespaces of its own, as root and as anybody else, and ends without a trace: when you stop it, or half an
                hour after its last use.
                """,
            subcommands: [
                Dashboard.self, List.self, Start.self, Status.self, Check.self, Hint.self, Answer.self, Solve.self,
                Reset.self, Next.self, TraceCommand.self, Exec.self, Shell.self, Stop.self, Page.self,
            ], defaultSubcommand: Dashboard.self)

        enum View: String, ExpressibleByArgument, CaseIterable { case none, term, web }

        struct Start: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "start",
                abstract: "Builds a lesson's world, or a bare one; with a terminal, a shell in it follows.")
            @Argument(help: "A lesson (berth lab list), next, or a bare world: standard or box.")
            var world: String
            @Option(help: "The language of the lesson's hints and solutions: nft or iptables. Checks accept both.")
            var backend: Backend?
            @Option(help: "none: return when the world stands.")
            var view: View?
            @Flag(help: "Keep it until berth lab stop.")
            var keep = false

            func run() throws {
                guard view != .web else {
                    throw LabError(.name, "the lab has no page yet", fix: "leave --view web out, or take --view none")
                }
                let isBare = StandardWorlds.named(world) != nil
                let world =
                    try isBare
                    ? World.start(world, keep: keep) : LessonCommands.start(world, backend: backend, keep: keep)
                try LabCommand.shell(world, wanted: view != View.none)
            }
        }

        /// With a terminal, a shell in the node where most is done; else nothing.
        static func shell(_ world: World, wanted: Bool) throws {
            // Typed in the world, it is told to the shell that waits outside.
            guard wanted, isatty(0) == 1, isatty(1) == 1, !HeldProgram.isHeld else { return }
            throw ExitCode(try LabShell.run(world, in: nil))
        }

        struct Status: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "status",
                abstract: "The nodes that stand, their processes, links and addresses; and the lesson's tasks.")

            func run() throws {
                let world = try World.standing()
                try world.enter()
                let views = try world.look()
                print("world \(world.description.name), held by process \(world.holder.pid)\n")
                print(World.table(views))
                try LessonCommands.tasks()
            }
        }

        struct Exec: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "exec", abstract: "Runs a command in a node and ends with its exit code.")
            @Argument(help: "A node's name.")
            var node: String
            @Argument(parsing: .captureForPassthrough, help: "The command, after --.")
            var command: [String]

            func run() throws {
                let words = command.first == "--" ? Array(command.dropFirst()) : command
                guard !words.isEmpty else {
                    throw LabError(.name, "no command is named", fix: "say one: berth lab exec \(node) -- ip address")
                }
                throw ExitCode(try World.standing().run(words, in: node))
            }
        }

        struct Shell: ParsableCommand {
            static let configuration = CommandConfiguration(commandName: "shell", abstract: "A shell in a node.")
            @Argument(help: "A node's name.")
            var node: String

            func run() throws { throw ExitCode(try LabShell.run(try World.standing(), in: node)) }
        }

        struct Stop: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "stop", abstract: "Ends the world: nothing of it is left.")

            func run() throws { try World.standing().stop() }
        }
    }
#endif
