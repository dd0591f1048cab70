#if Daemon
    import ArgumentParser
    import Client
    import Glibc
    import Inspect
    import JSON
    import NetCore
    import Trace

    struct ConntrackCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "conntrack",
            abstract: "The flows that a node's kernel tracks, what NAT makes of them, and how to forget them.",
            discussion: """
                berth conntrack ls host --dport 8080          flows to port 8080, with both tuples, in words
                berth conntrack watch host web --for 10       what begins, changes and ends
                berth conntrack flush host --udp --port 5353  forgets those flows: rules of NAT see only a flow's first packet

                A node is one of the lab's, a container, netns:PATH, pid:NUMBER; none means this command's own network.
                """,
            subcommands: [List.self, Watch.self, Flush.self], defaultSubcommand: List.self)

        /// Which flows are meant.
        struct Filter: ParsableArguments {
            @Option(help: "tcp, udp, icmp, icmp6, sctp, another name, or a number.")
            var proto: String?
            @Flag(help: "As --proto tcp.")
            var tcp = false
            @Flag(help: "As --proto udp.")
            var udp = false
            @Option(help: ArgumentHelp("Who began the flow.", valueName: "address[/length]"))
            var src: String?
            @Option(
                help: ArgumentHelp(
                    "Whom it was sent to, or whom NAT gave it to.", valueName: "address[/length]"))
            var dst: String?
            @Option(help: ArgumentHelp("The beginner's port.", valueName: "port"))
            var sport: UInt16?
            @Option(help: ArgumentHelp("The port it was sent to, or that NAT made of it.", valueName: "port"))
            var dport: UInt16?
            @Option(help: ArgumentHelp("A port at whichever end.", valueName: "port"))
            var port: UInt16?
            @Option(
                help: ArgumentHelp(
                    "\(ConntrackFilter.Status.words); once for each that must hold.", valueName: "word"))
            var status: [String] = []
            @Option(help: ArgumentHelp("The mark, as 7 or 0x7.", valueName: "mark"))
            var mark: String?
            @Option(help: ArgumentHelp("The zone.", valueName: "number"))
            var zone: UInt16?

            func validate() throws { _ = try filter() }

            func filter() throws -> ConntrackFilter {
                var filter = ConntrackFilter()
                let protocols = [proto, tcp ? "tcp" : nil, udp ? "udp" : nil].compactMap { $0 }
                guard protocols.count < 2 else { throw ValidationError("a flow has one protocol: name one") }
                if let word = protocols.first {
                    guard let number = ConntrackFilter.protocolNumber(word) else {
                        throw ValidationError("--proto \(word): no protocol is called that; its number will do")
                    }
                    filter.protocolNumber = number
                }
                filter.source = try Filter.prefix("--src", src)
                filter.destination = try Filter.prefix("--dst", dst)
                (filter.sourcePort, filter.destinationPort, filter.port) = (sport, dport, port)
                filter.zone = zone
                for word in status {
                    guard let found = ConntrackFilter.Status(word) else {
                        throw ValidationError("--status \(word): expected \(ConntrackFilter.Status.words)")
                    }
                    filter.statuses.append(found)
                }
                if let mark {
                    let number = mark.hasPrefix("0x") ? UInt32(mark.dropFirst(2), radix: 16) : UInt32(mark)
                    guard let number else { throw ValidationError("--mark \(mark): expected a number, as 7 or 0x7") }
                    filter.mark = number
                }
                return filter
            }

            private static func prefix(_ option: String, _ text: String?) throws -> IPPrefix? {
                guard let text else { return nil }
                if let address = IPAddress(text) { return IPPrefix(host: address) }
                guard let prefix = IPPrefix(text) else {
                    throw ValidationError("\(option) \(text): expected an address, or a network as 10.88.0.0/24")
                }
                return prefix
            }
        }

        /// The nodes' tables. Throws with what it takes when the kernel refuses.
        static func open(_ words: [String]) throws -> [ConntrackNode] {
            try NodeName.resolve(words).map { node in
                try asked("read what \(node.name) tracks") { () throws(TraceError) in try ConntrackNode(node) }
            }
        }

        /// The value; what the kernel refuses is told with what was tried.
        static func asked<Value>(_ task: String, _ body: () throws(TraceError) -> Value) throws(InspectError) -> Value {
            do throws(TraceError) {
                return try body()
            } catch {
                throw NodeTask.refusal(error, task)
            }
        }

        struct List: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "ls", abstract: "Lists the flows that a node tracks.")
            @Argument(help: "Nodes; none means this command's own network.")
            var node: [String] = []
            @OptionGroup(title: "Which flows") var which: Filter
            @Flag(help: "A JSON array.")
            var json = false

            func run() throws {
                let filter = try which.filter()
                var list: [JSON] = []
                for table in try ConntrackCommand.open(node) {
                    let entries = try ConntrackCommand.asked("list the flows of \(table.node.name)") {
                        () throws(TraceError) in try table.entries(filter)
                    }
                    if json {
                        list += entries.map { .object($0.json(node: table.node.name, own: table.addresses)) }
                        continue
                    }
                    let count = entries.count == 1 ? "1 flow" : "\(entries.count) flows"
                    try Output.line("\(table.node.name): \(count)")
                    for entry in entries { try Output.write(Array(entry.text(own: table.addresses).utf8)) }
                }
                if json { try Output.line(JSON.array(list).indentedText) }
            }
        }

        struct Watch: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "watch", abstract: "Tells what begins, changes and ends, until it is stopped.")
            @Argument(help: "Nodes; none means this command's own network.")
            var node: [String] = []
            @OptionGroup(title: "Which flows") var which: Filter
            @OptionGroup var bounds: WatchBounds
            @Flag(help: "A JSON object an event, one a line.")
            var json = false

            func run() throws {
                let filter = try which.filter()
                let tables = try ConntrackCommand.open(node)
                for table in tables {
                    try ConntrackCommand.asked("listen to \(table.node.name)") { () throws(TraceError) in
                        try table.watch()
                    }
                }
                var clock = WatchClock(bounds)
                var told = [Int](repeating: 0, count: tables.count)
                while clock.wait(tables.map(\.descriptor)) {
                    for (index, table) in tables.enumerated() {
                        let events = try ConntrackCommand.asked("hear of \(table.node.name)") {
                            () throws(TraceError) in try table.events(filter)
                        }
                        for event in events where clock.count() { try tell(event, table) }
                        let losses = table.losses
                        if losses > told[index] { try tell(losses: losses - told[index], table) }
                        told[index] = losses
                    }
                }
            }

            private func tell(_ event: ConntrackNode.Event, _ table: ConntrackNode) throws {
                let time = WatchClock.now
                guard json else {
                    let word = event.words + String(repeating: " ", count: 7 - event.words.utf8.count)
                    return try Output.line(
                        "\(WatchClock.timeOfDay(time)) \(table.node.name) \(word) \(event.entry.line(own: table.addresses))"
                    )
                }
                var object: JSONObject = ["event": .string(event.words), "time": .integer(time / 1000)]
                let entry = event.entry.json(node: table.node.name, own: table.addresses)
                for (key, value) in entry { object[key] = value }
                try Output.line(JSON.object(object).text)
            }

            private func tell(losses: Int, _ table: ConntrackNode) throws {
                let words = "\(losses == 1 ? "1 event was" : "\(losses) events were") lost: the kernel had no room"
                guard json else { return try Output.line("\(table.node.name) LOST    \(words)") }
                try Output.line(
                    (["event": "LOST", "ns": .string(table.node.name), "lost": .integer(Int64(losses))] as JSON).text)
            }
        }

        struct Flush: ParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "flush",
                abstract: "Forgets flows: their next packets are new ones, and meet the rules of NAT again.")
            @Argument(help: "Nodes; none means this command's own network.")
            var node: [String] = []
            @OptionGroup(title: "Which flows") var which: Filter
            @Flag(help: "Every flow.")
            var all = false
            @Flag(help: "What was forgotten, as a JSON array.")
            var json = false

            func validate() throws {
                let isEmpty = try which.filter().isEmpty
                guard isEmpty == all else {
                    throw ValidationError(
                        isEmpty
                            ? "say which flows (--dport 8080, --dst 10.88.0.2 …), or --all"
                            : "--all means every flow: leave it out, or the rest")
                }
            }

            func run() throws {
                let filter = try which.filter()
                var list: [JSON] = []
                for table in try ConntrackCommand.open(node) {
                    let gone = try ConntrackCommand.asked("forget flows of \(table.node.name)") {
                        () throws(TraceError) in try table.flush(filter)
                    }
                    if json {
                        list += gone.map { .object($0.json(node: table.node.name, own: table.addresses)) }
                        continue
                    }
                    let count = gone.count == 1 ? "1 flow" : "\(gone.count) flows"
                    try Output.line("\(table.node.name): \(count) forgotten")
                    for entry in gone { try Output.line("  \(entry.line(own: table.addresses))") }
                }
                if json { try Output.line(JSON.array(list).indentedText) }
            }
        }
    }
#endif
