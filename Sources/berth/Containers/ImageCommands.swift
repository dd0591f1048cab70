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
            let source = try UploadSource(input, what: "loading", isQuiet: quiet)
            let response = try Daemon.chosen().request(
                "POST", "/images/load", [("quiet", "1")], .stream(type: "application/x-tar", next: source.next))
            source.end()
            var lines = JSONLines(response)
            try Messages.tell(&lines)
        }
    }

    struct SaveCommand: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "save", abstract: "Writes images into an archive.")
        @Option(name: [.short, .long], help: "The archive; standard output unless given.")
        var output: String?
        @Argument(help: "Images, by name or id.")
        var image: [String]

        func run() throws {
            if output == nil, Terminal.isTerminal(STDOUT_FILENO) {
                throw ClientError("an archive is nothing for a terminal", fix: "name a file: -o FILE, or a pipe")
            }
            let response = try Daemon.chosen().request("GET", "/images/get", image.map { ("names", $0) })
            try Download.write(response, to: output, what: "saving")
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
            let source = try UploadSource(file == "-" ? nil : file, what: "importing", isQuiet: false)
            let response = try Daemon.chosen().request(
                "POST", "/images/create", query, .stream(type: "application/x-tar", next: source.next))
            source.end()
            var lines = JSONLines(response)
            try Messages.tell(&lines)
        }
    }

    /// What the daemon tells of a longer work: lines, and at last an error.
    enum Messages {
        static func tell(_ lines: inout JSONLines) throws(ClientError) {
            while let line = try lines.next() {
                if let text = line["error"]?.string ?? line["errorDetail"]?["message"]?.string {
                    throw ClientError(text, by: "the daemon", fix: "correct the archive, or name another")
                }
                if let text = line["stream"]?.string {
                    try Output.write(text.utf8)
                } else if let text = line["status"]?.string,
                    line["progressDetail"] == nil || line["progressDetail"] == .object([:])
                {
                    try Output.line(line["id"]?.string.map { "\($0): \(text)" } ?? text)
                }
            }
        }
    }

    /// A file or standard input, read piece by piece, with progress on a terminal.
    final class UploadSource {
        private let file: OwnedDescriptor
        private let path: String
        private var progress: Progress
        private let isQuiet: Bool

        init(_ path: String?, what: String, isQuiet: Bool) throws(ClientError) {
            self.path = path ?? "standard input"
            self.isQuiet = isQuiet
            var found = stat()
            if let path {
                do throws(KernelError) {
                    file = try OwnedDescriptor(open: path, O_RDONLY)
                } catch {
                    throw ClientError(error, fix: "name an archive that you may read")
                }
            } else {
                if Terminal.isTerminal(STDIN_FILENO) {
                    throw ClientError("standard input is a terminal", fix: "name an archive, or give one: < FILE")
                }
                file = OwnedDescriptor(taking: dup(STDIN_FILENO))
            }
            let isFile = fstat(file.number, &found) == 0 && found.st_mode & S_IFMT == S_IFREG
            progress = Progress(what, total: isFile ? Int64(found.st_size) : nil)
        }

        func next() throws(ClientError) -> [UInt8] {
            var count = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: 1 << 18) { room, filled in
                repeat {
                    count = read(file.number, room.baseAddress, room.count)
                } while count < 0 && errno == EINTR
                filled = max(count, 0)
            }
            if count < 0 { throw ClientError(KernelError("read \(path)", .current)) }
            if !isQuiet { progress.advance(count) }
            return bytes
        }

        func end() { progress.end() }
    }

    /// An answer written to a file, or to standard output.
    enum Download {
        /// The file is whole, or not there.
        static func write(_ response: Response, to path: String?, what: String) throws(ClientError) {
            var progress = Progress(what, total: nil)
            defer { progress.end() }
            guard let path else {
                while case let bytes = try response.read(), !bytes.isEmpty { try Output.write(bytes) }
                return
            }
            let temporary = "\(path).tmp-\(getpid())"
            do {
                let file: OwnedDescriptor
                do throws(KernelError) {
                    file = try OwnedDescriptor(open: temporary, O_WRONLY | O_CREAT | O_TRUNC, mode: 0o600)
                } catch {
                    throw ClientError(error, fix: "name a file that you may write")
                }
                while case let bytes = try response.read(), !bytes.isEmpty {
                    try Output.write(bytes, to: file.number)
                    progress.advance(bytes.count)
                }
                guard rename(temporary, path) == 0 else {
                    throw ClientError(KernelError("rename \(temporary) to \(path)", .current))
                }
            } catch let error as ClientError {
                unlink(temporary)
                throw error
            } catch {
                fatalError("only a ClientError is thrown here")
            }
        }
    }
#endif
