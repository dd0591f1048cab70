#if Daemon
    import ArgumentParser
    import Client
    import Glibc
    import JSON
    import NetCore

    struct ImagesCommand: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "images", abstract: "Lists images.")
        @Flag(name: [.short, .long], help: "Those without a name that others are made of, too.")
        var all = false
        @Flag(name: [.short, .long], help: "Ids alone.")
        var quiet = false
        @Flag(name: .long, help: "Digests, too.")
        var digests = false
        @Flag(name: .customLong("no-trunc"), help: "Ids are not cut off.")
        var noTrunc = false
        @Option(
            name: [.short, .long], parsing: .unconditionalSingleValue, help: "key=value: dangling, label, reference, …")
        var filter: [String] = []
        @Option(name: .long, help: "table, json, or a template: '{{.Repository}}:{{.Tag}}'.")
        var format: String?
        @Argument(help: "Images of that name alone.")
        var name: String?

        func run() throws {
            var query = all ? [("all", "1")] : []
            if let filters = try Pairs.filters(filter + (name.map { ["reference=\($0)"] } ?? [])) {
                query.append(("filters", filters))
            }
            let found = try Daemon.chosen().json("GET", "/images/json", query).array ?? []
            let rows = found.flatMap { ImageRow.make($0, isWhole: noTrunc, hasDigests: digests) }
            if quiet && format == nil {
                var told: Set<String> = []
                for row in rows {
                    let id = row["ID"]?.string ?? ""
                    if told.insert(id).inserted { try Output.line(id) }
                }
                return
            }
            let columns =
                ["Repository", "Tag"] + (digests ? ["Digest"] : []) + ["ID=IMAGE ID", "CreatedSince", "Size"]
            try Output.write(try Listing(format, columns: columns).text(rows).utf8)
        }
    }

    struct RemoveImageCommand: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "rmi", abstract: "Removes images.")
        @Flag(name: [.short, .long], help: "Also when a container that stands still uses it.")
        var force = false
        @Flag(name: .customLong("no-prune"), help: "What it was made of stays.")
        var noPrune = false
        @Argument(help: "Images, by name or id.")
        var image: [String]

        func run() throws {
            let daemon = try Daemon.chosen()
            let query = (force ? [("force", "1")] : []) + (noPrune ? [("noprune", "1")] : [])
            try each(image, isQuiet: true) { name throws(ClientError) in
                for step in try daemon.json("DELETE", "/images/\(name.pathEncoded)", query).array ?? [] {
                    if let tag = step["Untagged"]?.string { try Output.line("Untagged: \(tag)") }
                    if let id = step["Deleted"]?.string { try Output.line("Deleted: \(id)") }
                }
            }
        }
    }

    struct TagCommand: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "tag", abstract: "Gives an image a further name.")
        @Argument(help: "The image, by name or id.")
        var image: String
        @Argument(help: "The new name: name[:tag].")
        var name: String

        func run() throws {
            let reference = ImageRow.parts(of: name)
            _ = try Daemon.chosen().request(
                "POST", "/images/\(image.pathEncoded)/tag", [("repo", reference.repository), ("tag", reference.tag)])
        }
    }

    struct LoadCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "load", abstract: "Brings images from an archive (of docker save, or an OCI layout).")
        @Option(name: [.short, .long], help: "The archive; standard input unless given.")
        var input: String?
        @Flag(name: [.short, .long], help: "No progress.")
        var quiet = false

        func run() throws {
            try Upload.run("/images/load", [("quiet", "1")], from: input, what: "loading", isQuiet: quiet)
        }
    }

    struct SaveCommand: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "save", abstract: "Writes images into an archive.")
        @Option(name: [.short, .long], help: "The archive; standard output unless given.")
        var output: String?
        @Argument(help: "Images, by name or id.")
        var image: [String]

        func run() throws {
            try Download.run("/images/get", image.map { ("names", $0) }, to: output, what: "saving")
        }
    }

    struct ImportCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "import", abstract: "Makes an image of a root directory's archive (tar, also compressed).")
        @Option(
            name: [.short, .long], parsing: .unconditionalSingleValue,
            help: "A line of a Dockerfile, as 'CMD [\"sh\"]'.")
        var change: [String] = []
        @Option(name: [.short, .long], help: "A note that is kept with it.")
        var message: String?
        @Argument(help: "The archive, or - for standard input.")
        var file: String
        @Argument(help: "The image's name: name[:tag].")
        var name: String?

        func run() throws {
            var query = [("fromSrc", "-")]
            if let name {
                let reference = ImageRow.parts(of: name)
                query += [("repo", reference.repository), ("tag", reference.tag)]
            }
            if let message { query.append(("message", message)) }
            query += change.map { ("changes", $0) }
            try Upload.run("/images/create", query, from: file == "-" ? nil : file, what: "importing")
        }
    }
#endif
