#if Daemon
    import ArgumentParser
    import Lab

    /// For help alone: `LabProgram` takes the words before anything is parsed, also in a lab's nodes.
    struct ProxyCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "proxy",
            abstract: "Publishes a TCP port by a program: whoever connects is carried on to another address.",
            discussion: """
                berth proxy 8080 10.88.0.2:80              until it is ended
                berth proxy --detach '[::1]:8080' web:80   in the background
                berth proxy --reserve 8080                 keeps a rule's port from programs

                The target sees this machine as the sender, not the client: that is what a proxy is. At most 256 connections at a \
                time; more wait.
                """)
        @Flag(name: .shortAndLong, help: "Return when the port is held, and go on in the background.")
        var detach = false
        @Flag(help: "Hold the port without listening at it.")
        var reserve = false
        @Argument(help: "8080, 127.0.0.1:8080 or [::1]:8080.")
        var listen: String
        @Argument(help: "10.88.0.2:80, [fd00:88::2]:80 or NAME:80.")
        var target: String?

        func run() throws {
            throw ExitCode(
                ProxyProgram.run(
                    (detach ? ["--detach"] : []) + (reserve ? ["--reserve"] : []) + [listen]
                        + (target.map { [$0] } ?? [])))
        }
    }
#endif
