#if Daemon
    import ArgumentParser
    import Client
    import Glibc
    import JSON

    struct StartCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "start", abstract: "Starts containers that stand still.")
        @Flag(name: [.short, .long], help: "Shows its output, and ends with its exit code.")
        var attach = false
        @Flag(name: [.short, .long], help: "Standard input goes to it.")
        var interactive = false
        @Option(name: .customLong("detach-keys"), help: "The keys that leave its terminal.")
        var detachKeys = "ctrl-p,ctrl-q"
        @Argument(help: "Containers, by name or id.")
        var container: [String]

        func run() throws {
            let daemon = try Daemon.chosen()
            guard attach || interactive else {
                return try each(container) { name throws(ClientError) in
                    _ = try daemon.request("POST", "/containers/\(name.pathEncoded)/start")
                }
            }
            guard container.count == 1 else {
                throw ClientError("one container at a time is attached", fix: "name one")
            }
            let found = try daemon.json("GET", "/containers/\(container[0].pathEncoded)/json")
            let id = found["Id"]?.string ?? container[0]
            let hasTerminal = found["Config"]?["Tty"]?.bool == true
            var foreground = Foreground(daemon, id, hasTerminal: hasTerminal, takesInput: interactive)
            foreground.keys = try DetachKeys(detachKeys)
            foreground.proxiesSignals = !hasTerminal
            foreground.isRemoved = found["HostConfig"]?["AutoRemove"]?.bool == true
            throw ExitCode(try foreground.run())
        }
    }

    struct StopCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "stop", abstract: "Asks containers to end, and ends them when they do not.")
        @Option(
            name: [.short, .long, .customLong("timeout")], parsing: .unconditional, help: "Seconds to wait; -1 for any."
        )
        var time: Int?
        @Option(name: [.short, .long], help: "The signal that asks.")
        var signal: String?
        @Argument(help: "Containers, by name or id.")
        var container: [String]

        func run() throws {
            let daemon = try Daemon.chosen()
            let query = (time.map { [("t", String($0))] } ?? []) + (signal.map { [("signal", $0)] } ?? [])
            try each(container) { name throws(ClientError) in
                _ = try daemon.request("POST", "/containers/\(name.pathEncoded)/stop", query)
            }
        }
    }

    struct RestartCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "restart", abstract: "Stops containers and starts them.")
        @Option(
            name: [.short, .long, .customLong("timeout")], parsing: .unconditional,
            help: "Seconds to wait for the stop.")
        var time: Int?
        @Option(name: [.short, .long], help: "The signal that asks.")
        var signal: String?
        @Argument(help: "Containers, by name or id.")
        var container: [String]

        func run() throws {
            let daemon = try Daemon.chosen()
            let query = (time.map { [("t", String($0))] } ?? []) + (signal.map { [("signal", $0)] } ?? [])
            try each(container) { name throws(ClientError) in
                _ = try daemon.request("POST", "/containers/\(name.pathEncoded)/restart", query)
            }
        }
    }

    struct KillCommand: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "kill", abstract: "Sends containers a signal.")
        @Option(name: [.short, .long], help: "The signal, by name or number.")
        var signal = "KILL"
        @Argument(help: "Containers, by name or id.")
        var container: [String]

        func run() throws {
            let daemon = try Daemon.chosen()
            try each(container) { name throws(ClientError) in
                _ = try daemon.request("POST", "/containers/\(name.pathEncoded)/kill", [("signal", signal)])
            }
        }
    }

    struct PauseCommand: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "pause", abstract: "Freezes containers.")
        @Argument(help: "Containers, by name or id.")
        var container: [String]

        func run() throws {
            let daemon = try Daemon.chosen()
            try each(container) { name throws(ClientError) in
                _ = try daemon.request("POST", "/containers/\(name.pathEncoded)/pause")
            }
        }
    }

    struct UnpauseCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "unpause", abstract: "Lets frozen containers go on.")
        @Argument(help: "Containers, by name or id.")
        var container: [String]

        func run() throws {
            let daemon = try Daemon.chosen()
            try each(container) { name throws(ClientError) in
                _ = try daemon.request("POST", "/containers/\(name.pathEncoded)/unpause")
            }
        }
    }

    struct WaitCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "wait", abstract: "Waits until containers have ended, and prints their exit codes.")
        @Argument(help: "Containers, by name or id.")
        var container: [String]

        func run() throws {
            let daemon = try Daemon.chosen()
            try each(container, isQuiet: true) { name throws(ClientError) in
                let answer = try daemon.json("POST", "/containers/\(name.pathEncoded)/wait")
                try Output.line(String(answer["StatusCode"]?.integer ?? 125))
            }
        }
    }

    struct RemoveCommand: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "rm", abstract: "Removes containers.")
        @Flag(name: [.short, .long], help: "Running ones too: they are killed.")
        var force = false
        @Flag(name: [.short, .long], help: "Their volumes without a name go with them.")
        var volumes = false
        @Argument(help: "Containers, by name or id.")
        var container: [String]

        func run() throws {
            let daemon = try Daemon.chosen()
            let query = (force ? [("force", "1")] : []) + (volumes ? [("v", "1")] : [])
            try each(container) { name throws(ClientError) in
                do throws(ClientError) {
                    _ = try daemon.request("DELETE", "/containers/\(name.pathEncoded)", query)
                } catch  where force && error.status == 404 {
                    Output.tell(error.description)
                }
            }
        }
    }

    struct RenameCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rename", abstract: "Gives a container another name.")
        @Argument(help: "The container, by name or id.")
        var container: String
        @Argument(help: "Its new name.")
        var name: String

        func run() throws {
            _ = try Daemon.chosen().request("POST", "/containers/\(container.pathEncoded)/rename", [("name", name)])
        }
    }

    struct UpdateCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "update", abstract: "Gives containers other limits, also while they run.")
        @OptionGroup(title: "Resources") var resources: ResourceOptions
        @Option(name: .long, help: "no, always, unless-stopped or on-failure[:times].")
        var restart: String?
        @Argument(help: "Containers, by name or id.")
        var container: [String]

        func run() throws {
            let daemon = try Daemon.chosen()
            var body = JSONObject()
            try resources.fill(&body)
            if let restart { body["RestartPolicy"] = try Pairs.restartPolicy(restart) }
            guard !body.isEmpty else {
                throw ClientError("nothing to change", fix: "name a limit, as -m 256m or --cpus 1.5")
            }
            try each(container) { name throws(ClientError) in
                let answer = try daemon.json("POST", "/containers/\(name.pathEncoded)/update", [], .object(body))
                for warning in answer["Warnings"]?.array ?? [] {
                    Output.tell("berth: warning: \(warning.string ?? "")\n")
                }
            }
        }
    }
#endif
