#if Daemon
    import ArgumentParser
    import Inspect
    import JSON
    import NetCore

    struct RulesCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rules", abstract: "Whose rule does what, also as iptables would print it.",
            discussion: """
                berth rules                       whose rule does what; one that is missing says so
                berth rules --as iptables         NAT as iptables -t nat -n -L and ip6tables -t nat -n -L would print it
                berth rules --as iptables-save    the same as iptables-restore reads it
                """)

        enum Form: String, ExpressibleByArgument, CaseIterable {
            case table, iptables, json
            case save = "iptables-save"
        }

        @Option(
            name: .customLong("as"), help: ArgumentHelp("table, iptables, iptables-save or json.", valueName: "form"))
        var form = Form.table
        @Option(help: ArgumentHelp("Only this network's.", valueName: "name"))
        var network: String?

        func run() throws {
            let list = try RuleList(of: .process, network: network)
            for line in list.unread { StandardError.write("berth: \(line)\n") }
            switch form {
            case .table: print(list.table, terminator: "")
            case .json: print(list.json.prettyText)
            case .iptables:
                print("# IPv4\n\(list.iptables(.v4))\n# IPv6\n\(list.iptables(.v6))", terminator: "")
            case .save:
                print("# IPv4\n\(list.iptablesCommands(.v4))# IPv6\n\(list.iptablesCommands(.v6))", terminator: "")
            }
        }
    }
#endif
