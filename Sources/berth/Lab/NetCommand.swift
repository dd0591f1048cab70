#if Daemon
    import ArgumentParser
    import Lab

    /// For help and completions alone: `LabProgram` takes the words before anything is parsed, also in a lab's nodes.
    struct NetCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "net",
            abstract: "Links, addresses, routes and NAT of a lab's node, where ip, nft and their like are missing.",
            discussion: """
                Its words are those of ip, bridge, sysctl, conntrack, ping and curl, so that what is learned carries over; after a \
                change it prints the command that does the same (--quiet: not).

                berth net link add eth0 type veth peer name eth0 netns web   a cable to node web
                berth net masquerade 10.88.0.0/24 not out br0                what leaves bears this node's address
                berth net publish 8080 to web:80                             port 8080 is web's port 80

                It changes the network that it runs in, and refuses (exit code 3) when that is the machine's own.
                """,
            subcommands: [
                Link.self, Address.self, Route.self, Neigh.self, Bridge.self, Sysctl.self, Masquerade.self,
                Publish.self, Accept.self, Policy.self, Rules.self, Remove.self, Conntrack.self, Ping.self, Get.self,
                Serve.self, Ss.self,
            ])
        @Flag(help: "Do not print the command that does the same.")
        var quiet = false

        struct Link: NetVerbCommand {
            static let configuration = about("link", "Links: show, add (veth, bridge), set, del.")
            @Argument(parsing: .captureForPassthrough, help: "Its words, as above.") var words: [String] = []
        }
        struct Address: NetVerbCommand {
            static let configuration = about("address", "Addresses: show, add, del, flush.")
            @Argument(parsing: .captureForPassthrough, help: "Its words, as above.") var words: [String] = []
        }
        struct Route: NetVerbCommand {
            static let configuration = about("route", "Routes: show, add, del, get.")
            @Argument(parsing: .captureForPassthrough, help: "Its words, as above.") var words: [String] = []
        }
        struct Neigh: NetVerbCommand {
            static let configuration = about("neigh", "Who has which MAC address: show, flush, del.")
            @Argument(parsing: .captureForPassthrough, help: "Its words, as above.") var words: [String] = []
        }
        struct Bridge: NetVerbCommand {
            static let configuration = about("bridge", "A bridge's ports (link) and what it has learned (fdb).")
            @Argument(parsing: .captureForPassthrough, help: "Its words, as above.") var words: [String] = []
        }
        struct Sysctl: NetVerbCommand {
            static let configuration = about("sysctl", "Parameters of the network: KEY, or KEY=VALUE.")
            @Argument(parsing: .captureForPassthrough, help: "Its words, as above.") var words: [String] = []
        }
        struct Masquerade: NetVerbCommand {
            static let configuration = about("masquerade", "What comes from a network leaves with this node's address.")
            @Argument(parsing: .captureForPassthrough, help: "Its words, as above.") var words: [String] = []
        }
        struct Publish: NetVerbCommand {
            static let configuration = about("publish", "A port of this node leads to another node's.")
            @Argument(parsing: .captureForPassthrough, help: "Its words, as above.") var words: [String] = []
        }
        struct Accept: NetVerbCommand {
            static let configuration = about("accept", "The forward gate lets through what was published, or answers.")
            @Argument(parsing: .captureForPassthrough, help: "Its words, as above.") var words: [String] = []
        }
        struct Policy: NetVerbCommand {
            static let configuration = about("policy", "What a gate does with what no rule accepts.")
            @Argument(parsing: .captureForPassthrough, help: "Its words, as above.") var words: [String] = []
        }
        struct Rules: NetVerbCommand {
            static let configuration = about("rules", "The rules that berth net has made here, with counters.")
            @Argument(parsing: .captureForPassthrough, help: "Its words, as above.") var words: [String] = []
        }
        struct Remove: NetVerbCommand {
            static let configuration = about("remove", "Takes such a rule away, by number or by its words.")
            @Argument(parsing: .captureForPassthrough, help: "Its words, as above.") var words: [String] = []
        }
        struct Conntrack: NetVerbCommand {
            static let configuration = about("conntrack", "Flows that are tracked: -L lists, -D forgets.")
            @Argument(parsing: .captureForPassthrough, help: "Its words, as above.") var words: [String] = []
        }
        struct Ping: NetVerbCommand {
            static let configuration = about("ping", "One echo, or a few.")
            @Argument(parsing: .captureForPassthrough, help: "Its words, as above.") var words: [String] = []
        }
        struct Get: NetVerbCommand {
            static let configuration = about("get", "One request by HTTP.")
            @Argument(parsing: .captureForPassthrough, help: "Its words, as above.") var words: [String] = []
        }
        struct Serve: NetVerbCommand {
            static let configuration = about("serve", "A server in the background, which tells whom it sees.")
            @Argument(parsing: .captureForPassthrough, help: "Its words, as above.") var words: [String] = []
        }
        struct Ss: NetVerbCommand {
            static let configuration = about("ss", "Who listens.")
            @Argument(parsing: .captureForPassthrough, help: "Its words, as above.") var words: [String] = []
        }
    }

    protocol NetVerbCommand: ParsableCommand {
        var words: [String] { get }
    }

    extension NetVerbCommand {
        static func about(_ name: String, _ abstract: String) -> CommandConfiguration {
            CommandConfiguration(
                commandName: name, abstract: abstract, discussion: NetProgram.forms(name).joined(separator: "\n\n"))
        }

        func run() throws { throw ExitCode(NetProgram.run([Self._commandName] + words)) }
    }
#endif
