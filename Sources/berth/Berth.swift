import Glibc
import Lab

#if Daemon
    import ArgumentParser
    import CNI
    import Client
    import Inspect
    import View
#endif

/// The command line for people. `berth cni` becomes berth-cni before anything else is looked at.
@main struct Berth {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.first == "cni" { RuntimeProgram.exec(Array(arguments.dropFirst())) }
        // `on NODE COMMAND…` in a lab's shell.
        if let code = OnProgram.run(CommandLine.arguments) { exit(code) }
        // `berth lab …` there: the world's holder does it.
        if let code = HeldProgram.run(arguments) { exit(code) }
        // The holder of a lab's world: before anything could start a second thread.
        if let code = LabProgram.run(arguments) { exit(code) }
        #if Daemon
            // What the server of berth view executes.
            if let code = ViewProgram.run(arguments, host: GraphSource.hostSubjects()) { exit(code) }
            BerthCommand.begin(arguments)
        #else
            StandardError.write(
                "berth: built without its commands (trait Daemon); berth cni and berth-core work: swift build --product berth\n"
            )
            exit(1)
        #endif
    }
}

enum StandardError {
    static func write(_ text: String) { _ = Glibc.write(STDERR_FILENO, text, text.utf8.count) }
}

#if Daemon
    struct BerthCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "berth", abstract: "A container's network, made by CNI plugins and told in plain words.",
            discussion: """
                Errors stand on standard error, with exit code 1; 2 is for a command line that cannot be read.
                """,
            subcommands: [
                CNICommand.self, PlanCommand.self, ListCommand.self, GraphCommand.self, ViewCommand.self,
                RulesCommand.self,
                TraceCommand.self, ExplainCommand.self, ConntrackCommand.self, CaptureCommand.self, ProxyCommand.self,
                NetCommand.self,
                RepairCommand.self, WatchCommand.self, DoctorCommand.self, IPAMCommand.self, LintCommand.self,
                StatusCommand.self, MetricsCommand.self, NetnsCommand.self, LabCommand.self, DaemonCommand.self,
            ],
            groupedSubcommands: [
                CommandGroup(
                    name: "Containers",
                    subcommands: [
                        RunCommand.self, CreateCommand.self, StartCommand.self, StopCommand.self, RestartCommand.self,
                        KillCommand.self, PauseCommand.self, UnpauseCommand.self, WaitCommand.self, RemoveCommand.self,
                        RenameCommand.self, UpdateCommand.self, AttachCommand.self, ExecCommand.self, CopyCommand.self,
                        PsCommand.self, LogsCommand.self, TopCommand.self, StatsCommand.self, EventsCommand.self,
                        InspectCommand.self, PortCommand.self, DiffCommand.self, PublishCommand.self,
                    ]),
                CommandGroup(
                    name: "Images, networks, volumes",
                    subcommands: [
                        ImagesCommand.self, LoadCommand.self, SaveCommand.self, ImportCommand.self,
                        ExportCommand.self, CommitCommand.self,
                        RemoveImageCommand.self, TagCommand.self, NetworkCommand.self, VolumeCommand.self,
                        InfoCommand.self, VersionCommand.self,
                    ]),
            ])
        @OptionGroup var daemon: DaemonOptions

        /// Reads the arguments, runs what they ask for, ends the process.
        static func begin(_ arguments: [String]) -> Never {
            let arguments = DaemonOptions.taken(from: arguments)
            if arguments == ["help", "socket"] {
                print(SocketTopic.text)
                Glibc.exit(0)
            }
            do {
                var command = try CommandWords.command(arguments)
                try command.run()
                Glibc.exit(0)
            } catch let error as ClientError {
                // Whoever read the output went away: that is no news.
                if error.exitCode != 128 + SIGPIPE { StandardError.write(error.description) }
                Glibc.exit(error.exitCode)
            } catch let error as InspectError {
                StandardError.write(error.description)
                Glibc.exit(1)
            } catch let error as LabError {
                StandardError.write(error.description)
                Glibc.exit(error.exitCode)
            } catch let error as CNIError {
                StandardError.write(InspectError(error).description)
                Glibc.exit(1)
            } catch let code as ExitCode {
                Glibc.exit(code.rawValue)
            } catch {
                guard BerthCommand.exitCode(for: error) != .success else {
                    print(BerthCommand.fullMessage(for: error))
                    Glibc.exit(0)
                }
                StandardError.write("\(BerthCommand.fullMessage(for: error))\n")
                Glibc.exit(arguments.first == "run" || arguments.first == "create" ? 125 : 2)
            }
        }
    }
#endif
