#if Daemon
    import ArgumentParser
    import Client
    import JSON

    struct PublishCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "publish",
            abstract: "Ports of the host that lead to a running container: listed, added, taken away.",
            subcommands: [List.self, Add.self, Remove.self])

        /// The ports that those words mean, as the daemon takes them (docs/runtime/parts.md).
        static func ports(_ words: [String]) throws(ClientError) -> [JSON] {
            var ports: [JSON] = []
            for word in words {
                for spec in try PortSpec.parse(word) {
                    guard spec.hostPort.isEmpty || Int64(spec.hostPort) != nil else {
                        throw ClientError(
                            "\(word) leaves a choice of the host's port",
                            by: "a running container gets ports one by one",
                            fix: "name one port, or as many as the container's")
                    }
                    ports.append([
                        "HostIp": .string(spec.hostIP), "HostPort": .integer(Int64(spec.hostPort) ?? 0),
                        "PrivatePort": .integer(Int64(spec.containerPort)), "Type": .string(spec.proto),
                    ])
                }
            }
            return ports
        }

        static func tell(_ answer: JSON) throws(ClientError) {
            for port in answer["Ports"]?.array ?? [] {
                let ip = port["HostIp"]?.string ?? port["IP"]?.string ?? ""
                let outer = port["HostPort"]?.integer.map(String.init) ?? port["HostPort"]?.string ?? ""
                let place = ip.isEmpty ? "0.0.0.0" : ip.contains(":") ? "[\(ip)]" : ip
                try Output.line(
                    "\(port["PrivatePort"]?.integer ?? 0)/\(port["Type"]?.string ?? "tcp") -> \(place):\(outer)")
            }
        }

        /// The answer; a daemon that has no such path is told apart from one that has no such container.
        static func asked(_ method: String, _ container: String, _ body: JSON? = nil) throws(ClientError) -> JSON {
            do throws(ClientError) {
                return try Daemon.chosen().json(method, "/berth/containers/\(container.pathEncoded)/publish", [], body)
            } catch  where error.status == 404 && !error.message.hasPrefix("No such container") {
                throw ClientError(
                    "this daemon does not change ports of a running container", by: error.by,
                    fix: "use berth's own daemon; with another, make the container anew with -p")
            }
        }

        struct List: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "ls", abstract: "Lists a container's published ports.")
            @Argument(help: "The container, by name or id.")
            var container: String

            func run() throws { try PublishCommand.tell(try PublishCommand.asked("GET", container)) }
        }

        struct Add: ParsableCommand {
            static let configuration = CommandConfiguration(commandName: "add", abstract: "Publishes further ports.")
            @Argument(help: "The container, by name or id.")
            var container: String
            @Argument(help: ArgumentHelp("[ip:]host:container[/proto]", valueName: "port"))
            var port: [String]

            func run() throws {
                let body: JSON = ["add": .array(try PublishCommand.ports(port)), "remove": []]
                try PublishCommand.tell(try PublishCommand.asked("POST", container, body))
            }
        }

        struct Remove: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "rm", abstract: "Takes published ports away, and forgets their connections.")
            @Argument(help: "The container, by name or id.")
            var container: String
            @Argument(
                help: ArgumentHelp(
                    "[ip:]host:container[/proto]; the container's port alone means all that lead to it.",
                    valueName: "port"))
            var port: [String]

            func run() throws {
                let body: JSON = ["add": [], "remove": .array(try PublishCommand.ports(port))]
                try PublishCommand.tell(try PublishCommand.asked("POST", container, body))
            }
        }
    }
#endif
