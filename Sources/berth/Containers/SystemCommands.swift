#if Daemon
    import ArgumentParser
    import Client
    import JSON

    struct VersionCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "version", abstract: "The versions of this program and of the daemon.")
        @Option(name: [.short, .long], help: "json, or a template: '{{.Server.Version}}'.")
        var format: String?

        func run() throws {
            var answer: JSONObject = ["Client": ["Version": "0.1.0", "ApiVersion": "1.41"]]
            var failure: ClientError?
            do throws(ClientError) {
                answer["Server"] = try Daemon.chosen().json("GET", "/version")
            } catch {
                failure = error
            }
            let value = JSON.object(answer)
            if format == "json" {
                try Output.line(value.text)
            } else if let format {
                try Output.line(try Template(format).text(value))
            } else {
                try Output.line("Client:\n Version:      0.1.0\n API version:  1.41")
                if let server = value["Server"] {
                    try Output.line("\nServer: \(server["Platform"]?["Name"]?.string ?? "")")
                    for (title, key) in [
                        ("Version", "Version"), ("API version", "ApiVersion"), ("Minimum API", "MinAPIVersion"),
                        ("OS/Arch", "Os"), ("Kernel", "KernelVersion"),
                    ] {
                        guard let text = server[key]?.string else { continue }
                        let shown = key == "Os" ? "\(text)/\(server["Arch"]?.string ?? "")" : text
                        try Output.line(" \(title):\(String(repeating: " ", count: 13 - title.count))\(shown)")
                    }
                }
            }
            if let failure { throw failure }
        }
    }

    struct InfoCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "info", abstract: "Tells about the daemon and its host.")
        @Option(name: [.short, .long], help: "json, or a template: '{{.Containers}}'.")
        var format: String?

        func run() throws {
            let daemon = try Daemon.chosen()
            let found = try daemon.json("GET", "/info")
            if format == "json" { return try Output.line(found.text) }
            if let format { return try Output.line(try Template(format).text(found)) }
            try Output.line("Daemon: \(daemon.endpoint)")
            for (title, key) in [
                ("Containers", "Containers"), (" Running", "ContainersRunning"), (" Paused", "ContainersPaused"),
                (" Stopped", "ContainersStopped"), ("Images", "Images"), ("Version", "ServerVersion"),
                ("Storage", "Driver"), ("Logging", "LoggingDriver"), ("Cgroup driver", "CgroupDriver"),
                ("Cgroup version", "CgroupVersion"), ("Runtime", "DefaultRuntime"), ("Kernel", "KernelVersion"),
                ("System", "OperatingSystem"), ("Architecture", "Architecture"), ("Processors", "NCPU"),
                ("Memory", "MemTotal"), ("Name", "Name"), ("Root", "DockerRootDir"),
            ] {
                guard let value = found[key] else { continue }
                let text =
                    key == "MemTotal" ? Spoken.binarySize(Double(value.integer ?? 0)) : value.string ?? value.text
                try Output.line("\(title): \(text)")
            }
            for warning in found["Warnings"]?.array ?? [] { Output.tell("berth: warning: \(warning.string ?? "")\n") }
        }
    }
#endif
