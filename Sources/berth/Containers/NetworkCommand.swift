#if Daemon
    import ArgumentParser
    import Client
    import Glibc
    import JSON

    struct NetworkCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "network", abstract: "Networks of containers.",
            subcommands: [
                Create.self, List.self, Inspect.self, Remove.self, Prune.self, Connect.self, Disconnect.self,
            ])

        struct Create: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "create", abstract: "Makes a network, and prints its id.")
            @Option(name: [.short, .long], help: "bridge.")
            var driver: String?
            @Option(name: .long, parsing: .unconditionalSingleValue, help: "Its addresses, as 10.9.0.0/24.")
            var subnet: [String] = []
            @Option(name: .long, parsing: .unconditionalSingleValue, help: "The host's address there.")
            var gateway: [String] = []
            @Option(
                name: .customLong("ip-range"), parsing: .unconditionalSingleValue,
                help: "The part of it that containers get.")
            var ipRange: [String] = []
            @Flag(name: .long, help: "IPv6, too.")
            var ipv6 = false
            @Flag(name: .long, help: "Without a way out.")
            var `internal` = false
            @Flag(name: .long, help: "Containers of a swarm may join it.")
            var attachable = false
            @Option(name: .long, help: "The links' MTU.")
            var mtu: Int?
            @Flag(name: .customLong("no-masquerade"), help: "Containers leave with their own addresses.")
            var noMasquerade = false
            @Option(name: .long, help: "Who makes NAT: nftables or iptables.")
            var backend: String?
            @Option(
                name: [.short, .customLong("opt")], parsing: .unconditionalSingleValue,
                help: "key=value, for the driver.")
            var option: [String] = []
            @Option(name: .long, parsing: .unconditionalSingleValue, help: "name=value")
            var label: [String] = []
            @Argument(help: "Its name.")
            var name: String

            func run() throws {
                var options = try Pairs.object(option, of: "-o")
                if let mtu { options["com.docker.network.driver.mtu"] = .string(String(mtu)) }
                if noMasquerade { options["com.docker.network.bridge.enable_ip_masquerade"] = "false" }
                if let backend { options["berth.backend"] = .string(backend) }
                guard gateway.count <= subnet.count, ipRange.count <= subnet.count else {
                    throw ClientError(
                        "--gateway and --ip-range belong to a --subnet",
                        fix: "name the subnet, too: --subnet 10.9.0.0/24")
                }
                let pools = subnet.enumerated().map { index, text in
                    var pool: JSONObject = ["Subnet": .string(text)]
                    if index < gateway.count { pool["Gateway"] = .string(gateway[index]) }
                    if index < ipRange.count { pool["IPRange"] = .string(ipRange[index]) }
                    return JSON.object(pool)
                }
                var body: JSONObject = [
                    "Name": .string(name), "CheckDuplicate": true, "Driver": .string(driver ?? "bridge"),
                    "Internal": .bool(`internal`), "Attachable": .bool(attachable), "EnableIPv6": .bool(ipv6),
                    "Options": .object(options), "Labels": .object(try Pairs.object(label, of: "--label")),
                ]
                if !pools.isEmpty { body["IPAM"] = ["Driver": "default", "Config": .array(pools)] }
                let answer = try Daemon.chosen().json("POST", "/networks/create", [], .object(body))
                if let warning = answer["Warning"]?.string, !warning.isEmpty {
                    Output.tell("berth: warning: \(warning)\n")
                }
                try Output.line(answer["Id"]?.string ?? name)
            }
        }

        struct List: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "ls", abstract: "Lists networks.", aliases: ["list"])
            @Flag(name: [.short, .long], help: "Ids alone.")
            var quiet = false
            @Flag(name: .customLong("no-trunc"), help: "Ids are not cut off.")
            var noTrunc = false
            @Option(
                name: [.short, .long], parsing: .unconditionalSingleValue, help: "key=value: name, driver, label, …")
            var filter: [String] = []
            @Option(name: .long, help: "table, json, or a template: '{{.ID}} {{.Name}}'.")
            var format: String?

            func run() throws {
                let filters = try Pairs.filters(filter)
                let found =
                    try Daemon.chosen().json("GET", "/networks", filters.map { [("filters", $0)] } ?? []).array ?? []
                let rows = found.sorted { ($0["Name"]?.string ?? "") < ($1["Name"]?.string ?? "") }.map { network in
                    let id = network["Id"]?.string ?? ""
                    let labels = network["Labels"]?.object ?? [:]
                    return Row.make([
                        ("ID", noTrunc ? id : String(id.prefix(12))), ("Name", network["Name"]?.string ?? ""),
                        ("Driver", network["Driver"]?.string ?? ""), ("Scope", network["Scope"]?.string ?? ""),
                        ("IPv6", network["EnableIPv6"]?.bool == true ? "true" : "false"),
                        ("Internal", network["Internal"]?.bool == true ? "true" : "false"),
                        (
                            "Labels",
                            labels.keys.sorted().map { "\($0)=\(labels[$0]?.string ?? "")" }.joined(separator: ",")
                        ),
                        ("CreatedAt", network["Created"]?.string ?? ""),
                        (
                            "Subnets",
                            (network["IPAM"]?["Config"]?.array ?? []).compactMap { $0["Subnet"]?.string }
                                .joined(separator: ",")
                        ),
                    ])
                }
                if quiet && format == nil {
                    for row in rows { try Output.line(row["ID"]?.string ?? "") }
                    return
                }
                let listing = try Listing(format, columns: ["ID=NETWORK ID", "Name", "Driver", "Scope", "Subnets"])
                try Output.write(try listing.text(rows).utf8)
            }
        }

        struct Inspect: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "inspect", abstract: "Tells everything of networks.")
            @Option(name: [.short, .long], help: "json, or a template.")
            var format: String?
            @Argument(help: "Names or ids.")
            var network: [String]

            func run() throws {
                let daemon = try Daemon.chosen()
                try Inspection.show(network, format) { name throws(ClientError) in
                    try daemon.json("GET", "/networks/\(name.pathEncoded)")
                }
            }
        }

        struct Remove: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "rm", abstract: "Removes networks.", aliases: ["remove"])
            @Flag(name: [.short, .long], help: "That one is not there is no failure.")
            var force = false
            @Argument(help: "Names or ids.")
            var network: [String]

            func run() throws {
                let daemon = try Daemon.chosen()
                try each(network) { name throws(ClientError) in
                    do throws(ClientError) {
                        _ = try daemon.request("DELETE", "/networks/\(name.pathEncoded)")
                    } catch  where force && error.status == 404 {
                    }
                }
            }
        }

        struct Prune: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "prune", abstract: "Removes networks that no container uses.")
            @Flag(name: [.short, .long], help: "Without asking.")
            var force = false
            @Option(name: .long, parsing: .unconditionalSingleValue, help: "key=value: until, label.")
            var filter: [String] = []

            func run() throws {
                let daemon = try Daemon.chosen()
                let filters = try Pairs.filters(filter)
                guard try force || Question.isYes("This removes every network that no container uses.") else { return }
                let answer = try daemon.json("POST", "/networks/prune", filters.map { [("filters", $0)] } ?? [])
                for name in answer["NetworksDeleted"]?.array ?? [] { try Output.line(name.string ?? "") }
            }
        }

        struct Connect: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "connect", abstract: "Brings a container into a network.")
            @Option(name: .long, help: "Its IPv4 address there.")
            var ip: String?
            @Option(name: .long, help: "Its IPv6 address there.")
            var ip6: String?
            @Option(name: .long, parsing: .unconditionalSingleValue, help: "A further name there.")
            var alias: [String] = []
            @Argument(help: "The network.")
            var network: String
            @Argument(help: "The container.")
            var container: String

            func run() throws {
                var endpoint = JSONObject()
                var addresses = JSONObject()
                if let ip { addresses["IPv4Address"] = .string(ip) }
                if let ip6 { addresses["IPv6Address"] = .string(ip6) }
                if !addresses.isEmpty { endpoint["IPAMConfig"] = .object(addresses) }
                if !alias.isEmpty { endpoint["Aliases"] = .array(alias.map { .string($0) }) }
                _ = try Daemon.chosen().request(
                    "POST", "/networks/\(network.pathEncoded)/connect", [],
                    .json(["Container": .string(container), "EndpointConfig": .object(endpoint)]))
            }
        }

        struct Disconnect: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "disconnect", abstract: "Takes a container out of a network.")
            @Flag(name: [.short, .long], help: "Also when it runs no more.")
            var force = false
            @Argument(help: "The network.")
            var network: String
            @Argument(help: "The container.")
            var container: String

            func run() throws {
                _ = try Daemon.chosen().request(
                    "POST", "/networks/\(network.pathEncoded)/disconnect", [],
                    .json(["Container": .string(container), "Force": .bool(force)]))
            }
        }
    }

    /// A question with yes or no.
    enum Question {
        /// Asked on a terminal only; elsewhere `--force` has to say it.
        static func isYes(_ text: String) throws(ClientError) -> Bool {
            guard Terminal.isTerminal(STDIN_FILENO) else {
                throw ClientError("nobody is there to be asked", by: text, fix: "say so beforehand: --force")
            }
            Output.tell("\(text) Go on? [y/N] ")
            return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
        }
    }
#endif
