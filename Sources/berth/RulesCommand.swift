#if Daemon
    import ArgumentParser
    import Inspect
    import JSON
    import NetCore
    import Trace

    struct RulesCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rules", abstract: "Whose rule does what, also as iptables would print it.",
            discussion: """
                berth rules                       whose rule does what; one that is missing says so
                berth rules --as iptables         NAT as iptables -t nat -n -L and ip6tables -t nat -n -L would print it
                berth rules --as iptables-save    the same as iptables-restore reads it
                berth rules --who web             those of one container
                berth rules --all                 every rule in this network, whoever made it, in the order of the hooks
                berth rules --all --who host      the same of a node
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

        @Option(
            help: ArgumentHelp(
                "Only a node's: a container's or attachment's, or with --all, which is the rule for any other node, what stands in it.",
                valueName: "node"))
        var who: String?
        @Flag(help: "Only what berth made for attachments; the rule without --who.")
        var owned = false
        @Flag(help: "Whatever stands in the network, whoever made it.")
        var all = false

        func validate() throws {
            guard !(owned && all) else { throw ValidationError("--owned and --all exclude each other") }
            guard !all || (network == nil && [.table, .json].contains(form)) else {
                throw ValidationError("--all goes with --as table and --as json, and not with --network")
            }
        }

        func run() throws {
            guard who != nil || all else { return try tell(RuleList(of: .process, network: network)) }
            let node = try NodeName.resolve(who.map { [$0] } ?? [])[0]
            // For who may not read the records there are none, unless they are asked for.
            let records: AttachmentList?
            if owned { records = try AttachmentList(of: .process) } else { records = try? AttachmentList(of: .process) }
            let identity = NetworkNamespace.Identity(path: node.namespace)
            let theirs = (records?.entries ?? []).filter { entry in
                identity != nil && entry.netns.flatMap { NetworkNamespace.Identity(path: $0) } == identity
            }.map(\.attachment)
            guard all || (theirs.isEmpty && !owned && network == nil && [.table, .json].contains(form)) else {
                let list = try RuleList(of: .process, network: network)
                return try tell(
                    RuleList(list.rules.filter { theirs.contains($0.owner.attachment) }, unread: list.unread))
            }
            let rules = try ConntrackCommand.asked("read the rules of \(node.name)") { () throws(TraceError) in
                try NodeRules(node)
            }
            for line in rules.unread { StandardError.write("berth: \(line)\n") }
            print(form == .json ? rules.json.prettyText + "\n" : rules.text, terminator: "")
            if !rules.unread.isEmpty { throw ExitCode(1) }
        }

        private func tell(_ list: RuleList) throws {
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
