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
            subcommands: [Start.self, Status.self, Exec.self, Shell.self, Stop.self])

        enum View: String, ExpressibleByArgument, CaseIterable { case none, term, web }

        struct Start: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "start", abstract: "Builds a world; with a terminal, a shell in it follows.")
            @Argument(help: "standard or box.")
            var world: String
            @Option(help: "none: return when the world stands.")
            var view: View?
            @Flag(help: "Keep it until berth lab stop.")
            var keep = false

            func run() throws {
                guard view != .web else {
                    throw LabError(.name, "the lab has no page yet", fix: "leave --view web out, or take --view none")
                }
                let world = try World.start(world, keep: keep)
                guard view != View.none, isatty(0) == 1, isatty(1) == 1 else { return }
                let names = world.nodes.map(\.name)
                throw ExitCode(try world.shell(in: names.contains("host") ? "host" : names[0]))
            }
        }

        struct Status: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "status", abstract: "The nodes that stand, their processes, links and addresses.")

            func run() throws {
                let world = try World.standing()
                try world.enter()
                let views = try world.look()
                print("world \(world.description.name), held by process \(world.holder.pid)\n")
                print(World.table(views))
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

            func run() throws { throw ExitCode(try World.standing().shell(in: node)) }
        }

        struct Stop: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "stop", abstract: "Ends the world: nothing of it is left.")

            func run() throws { try World.standing().stop() }
        }
    }
#endif
