#if Daemon
    import ArgumentParser
    import Client
    import Glibc
    import Lab

    struct LabCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "lab",
            abstract: "A small internet to try things in: nodes, cables and a bridge, apart from your network.",
            discussion: """
                It runs in namespaces of its own, as root and as anybody else, and ends without a trace: when you stop it, or half an
                hour after its last use. Lessons A to F, of containers, take root.
                """,
            subcommands: [
                Dashboard.self, List.self, Start.self, Status.self, Check.self, Hint.self, Answer.self, Solve.self,
                Reset.self, Undo.self, Next.self, Export.self, Break.self, Grade.self, TraceCommand.self, Exec.self,
                Shell.self, Stop.self,
                Page.self,
            ], defaultSubcommand: Dashboard.self)

        enum View: String, ExpressibleByArgument, CaseIterable { case none, term, web }

        struct Start: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "start",
                abstract: "Builds a lesson's world, or a bare one; with a terminal, a shell in it follows.")
            @Argument(help: "A lesson (berth lab list), next, or a bare world: standard or box.")
            var world: String
            @Option(help: "In what rules are told: nft, iptables, or net for berth's own. Checks accept all.")
            var backend: Backend?
            @Option(
                help: "none: return when the world stands; web: serve a page of it, too (berth view), until it ends.")
            var view: View?
            @Flag(help: "Keep it until berth lab stop.")
            var keep = false
            @Flag(help: "Draw with ASCII alone.")
            var ascii = false

            func run() throws {
                let isBare = StandardWorlds.named(world) != nil
                let world =
                    try isBare
                    ? World.start(world, keep: keep)
                    : LessonCommands.start(
                        world, backend: backend, keep: keep, screen: LabCommand.screen(ascii: ascii))
                if view == .web { try Output.line("picture: \(try ViewCommand.serve())") }
                try LabCommand.shell(world, wanted: view != View.none)
            }
        }

        /// The world is drawn where a terminal shows it.
        static func screen(ascii: Bool = false) -> LessonScreen? { isatty(1) == 1 ? .standard(ascii: ascii) : nil }

        /// With a terminal, a shell in the node where most is done; else nothing.
        static func shell(_ world: World, wanted: Bool) throws {
            // Typed in the world, it is told to the shell that waits outside.
            guard wanted, isatty(0) == 1, isatty(1) == 1, !HeldProgram.isHeld else { return }
            throw ExitCode(try LabShell.run(world, in: nil))
        }

        struct Status: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "status",
                abstract:
                    "The lesson's world as a picture, and its tasks; of a bare world, each node's links and addresses.")
            @Flag(help: "Draw with ASCII alone.")
            var ascii = false

            func run() throws { throw ExitCode(try LessonCommands.status(.standard(ascii: ascii))) }
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
