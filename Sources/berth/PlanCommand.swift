#if Daemon
    import ArgumentParser
    import CNI
    import Inspect
    import JSON
    import NetCore

    struct PlanCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "plan", abstract: "What an ADD would do: in words, as commands, or as JSON.",
            discussion: "Nothing is changed and no privilege is needed; what cannot be known is assumed, and said.")

        enum Form: String, ExpressibleByArgument, CaseIterable {
            case words, commands, json
        }

        @Argument(
            help: "A .conflist file, or a network's name in NETCONFPATH (/etc/cni/net.d).", completion: .file())
        var conflist: String
        @Option(
            help: ArgumentHelp(
                "Assume this address, once for each; else the first that host-local gives.", valueName: "cidr"))
        var address: [String] = []
        @Option(help: "The interface in the container.")
        var interface = "eth0"
        @Option(help: ArgumentHelp("The container's id.", valueName: "id"))
        var container = "example"
        @Option(help: ArgumentHelp("The container's namespace (default: /run/netns/ and the id).", valueName: "path"))
        var netns: String?
        @Option(help: ArgumentHelp("A port to publish, [ip:]host:container[/proto], once for each.", valueName: "port"))
        var publish: [String] = []
        @Option(
            name: .customLong("as"), help: ArgumentHelp("words, commands (a shell script) or json.", valueName: "form"))
        var form = Form.words

        func run() throws {
            let plan = try ListPlan(
                of: try NetworkSource.list(conflist), for: try parameters(), addresses: address,
                publishing: try publish.map { try PublishedPort($0) })
            switch form {
            case .words: print(plan.words, terminator: "")
            case .commands: print(plan.script, terminator: "")
            case .json: print(plan.json.prettyText)
            }
        }

        private func parameters() throws -> AttachmentParameters {
            guard let name = LinkName(interface) else {
                throw InspectError(
                    .name, "--interface \"\(interface)\" is no name for an interface",
                    cause: "it \(LinkName.fault(in: interface) ?? "is not valid")",
                    fix: "take up to 15 characters, such as eth0")
            }
            return try AttachmentParameters(
                containerID: container, netns: netns ?? "/run/netns/\(container)", interface: name,
                arguments: try CNIArguments(Environment.process["CNI_ARGS"] ?? ""))
        }
    }

    /// A network by its file or its name, as berth-cni finds it.
    enum NetworkSource {
        /// NETCONFPATH, or /etc/cni/net.d.
        static var directory: String { Environment.process.nonEmpty("NETCONFPATH") ?? "/etc/cni/net.d" }

        static func list(_ text: String) throws(InspectError) -> NetworkConfigurationList {
            do throws(CNIError) {
                let isFile = text.contains("/") || [".conflist", ".conf", ".json"].contains(where: text.hasSuffix)
                if isFile { return try ConfigurationDirectory.network(inFile: text).list }
                return try ConfigurationDirectory(directory).network(text).list
            } catch {
                throw InspectError(error)
            }
        }
    }
#endif
