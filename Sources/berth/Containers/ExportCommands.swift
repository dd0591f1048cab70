#if Daemon
    import ArgumentParser
    import Client
    import JSON

    struct ExportCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "export", abstract: "Writes a container's root, without its volumes, into an archive.")
        @Option(name: [.short, .long], help: "The archive; standard output unless given.")
        var output: String?
        @Argument(help: "The container.")
        var container: String

        func run() throws {
            try Download.run("/containers/\(container.pathEncoded)/export", to: output, what: "exporting")
        }
    }

    struct CommitCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "commit", abstract: "Makes an image of a container's changes, and prints its id.")
        @Option(name: [.short, .long], help: "Who made it.")
        var author: String?
        @Option(
            name: [.short, .long], parsing: .unconditionalSingleValue,
            help: "A line of a Dockerfile, as 'CMD [\"sh\"]'.")
        var change: [String] = []
        @Option(name: [.short, .long], help: "A note that is kept with it.")
        var message: String?
        @Flag(
            name: [.customShort("p"), .long], inversion: .prefixedNo,
            help: "The container is held still meanwhile.")
        var pause = true
        @Argument(help: "The container.")
        var container: String
        @Argument(help: "The image's name: name[:tag].")
        var name: String?

        func run() throws {
            var query = [("container", container), ("pause", pause ? "1" : "0")]
            if let name {
                let reference = ImageRow.parts(of: name)
                query += [("repo", reference.repository), ("tag", reference.tag)]
            }
            if let author { query.append(("author", author)) }
            if let message { query.append(("comment", message)) }
            query += change.map { ("changes", $0) }
            let answer = try Daemon.chosen().json("POST", "/commit", query)
            try Output.line(answer["Id"]?.string ?? "")
        }
    }
#endif
