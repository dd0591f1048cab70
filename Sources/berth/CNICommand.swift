#if Daemon
    import ArgumentParser

    /// For help, completions and the manual alone: `Berth.main` becomes berth-cni before anything is parsed.
    struct CNICommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "cni", abstract: "Runs a network's plugins, as cnitool does (berth cni --help).",
            discussion: """
                EXAMPLE
                  berth netns add web
                  berth cni add podman /run/netns/web
                  berth cni del podman /run/netns/web
                """)

        @Argument(
            parsing: .captureForPassthrough, help: "add, check, del, gc, status or validate, and what it asks for.",
            completion: .list(["add", "check", "del", "gc", "status", "validate"]))
        var arguments: [String] = []

        func run() { RuntimeProgram.exec(arguments) }
    }
#endif
