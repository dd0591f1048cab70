#if Daemon
    import ArgumentParser
    import Client
    import Glibc
    import JSON
    import NetCore

    struct CreateCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create", abstract: "Makes a container without starting it, and prints its id.",
            helpNames: .long)
        @OptionGroup var options: ContainerOptions
        @Argument(
            parsing: .captureForPassthrough,
            help: ArgumentHelp("The image, then what runs in it.", valueName: "image> [<command"))
        var words: [String]

        func run() throws {
            let daemon = try Daemon.chosen()
            try checkImage(words)
            let created = try Creation(
                daemon, options, words, attaches: ["stdout", "stderr"] + (options.interactive ? ["stdin"] : []))
            try Output.line(created.id)
        }
    }

    struct RunCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "run", abstract: "Runs a program in a new container.",
            discussion: """
                Options end at the image. The exit code is the program's; 125 when the container could not be made, 126 when \
                the program cannot be executed, 127 when there is none, 128+n when signal n ended it.
                """,
            helpNames: .long)
        @Flag(name: [.short, .long], help: "In the background; prints the id.")
        var detach = false
        @Flag(
            name: .customLong("sig-proxy"), inversion: .prefixedNo,
            help: "Signals go to the container's process (where it has no terminal).")
        var signalProxy = true
        @Option(name: .customLong("detach-keys"), help: "The keys that leave its terminal.")
        var detachKeys = "ctrl-p,ctrl-q"
        @Flag(name: .long, help: "Tells each step that was taken, as the command that would do it.")
        var explain = false
        @Flag(name: .customLong("dry-run"), help: "Tells the steps, and takes none.")
        var dryRun = false
        @OptionGroup var options: ContainerOptions
        @Argument(
            parsing: .captureForPassthrough,
            help: ArgumentHelp("The image, then what runs in it.", valueName: "image> [<command"))
        var words: [String]

        func run() throws {
            let code: Int32
            do throws(ClientError) {
                code = try begin()
            } catch {
                throw error.exitCode == 1 ? error.ending(with: 125) : error
            }
            throw ExitCode(code)
        }

        private func begin() throws(ClientError) -> Int32 {
            try checkImage(words)
            let keys = try DetachKeys(detachKeys)
            let daemon = try Daemon.chosen()
            if dryRun {
                let body = try options.body(words, attaches: [])
                let answer = try Explanation.planned(daemon, body, name: options.name, image: words[0])
                for line in Explanation.lines(answer) { try Output.line(line) }
                return 0
            }
            if options.tty && !detach && options.interactive && !Terminal.isTerminal(STDIN_FILENO) {
                throw ClientError(
                    "-t needs a terminal on standard input", by: "it is a file or a pipe",
                    fix: "leave -t out: berth run -i …")
            }
            let attaches = detach ? [] : ["stdout", "stderr"] + (options.interactive ? ["stdin"] : [])
            let created = try Creation(daemon, options, words, attaches: attaches)
            // On standard error: the container's own output stays alone.
            let steps: JSON? = explain ? .some(try Explanation.created(daemon, created.id)) : .none
            if detach {
                do throws(ClientError) {
                    _ = try daemon.request("POST", "/containers/\(created.id)/start")
                } catch {
                    throw Foreground.startFailure(error)
                }
                if let steps { Explanation.taken(daemon, created.id, planned: steps) }
                try Output.line(created.id)
                return 0
            }
            var foreground = Foreground(daemon, created.id, hasTerminal: options.tty, takesInput: options.interactive)
            foreground.keys = keys
            foreground.proxiesSignals = signalProxy && !options.tty
            foreground.isRemoved = options.remove
            if let steps {
                // A raw terminal takes no lines.
                if options.tty {
                    Explanation.tell(steps)
                } else {
                    foreground.hasStarted = { Explanation.taken(daemon, created.id, planned: steps) }
                }
            }
            return try foreground.run()
        }
    }

    /// Throws when what stands in the image's place is an option that nobody knows, or nothing.
    func checkImage(_ words: [String]) throws(ClientError) {
        guard let image = words.first else {
            throw ClientError(
                "an image is missing", fix: "name one: berth run berth/busybox; berth images lists them", exitCode: 125)
        }
        if image.hasPrefix("-") {
            throw ClientError(
                "there is no option \(image)", fix: "see berth help run; options end at the image", exitCode: 125)
        }
    }

    /// A container that was made.
    struct Creation {
        let id: String

        init(_ daemon: Daemon, _ options: ContainerOptions, _ words: [String], attaches: [String]) throws(ClientError) {
            let body = try options.body(words, attaches: attaches)
            if let path = options.cidfile, Files.exists(path) {
                throw ClientError(
                    "\(path) exists", by: "--cidfile names a new file, so that no id is lost",
                    fix: "remove it, or name another",
                    exitCode: 125)
            }
            let query = options.name.map { [("name", $0)] } ?? []
            let answer: JSON
            do throws(ClientError) {
                answer = try daemon.json("POST", "/containers/create", query, .object(body))
            } catch  where error.status == 404 && error.message.holds("o such image") {
                throw Self.missing(daemon, words[0], error)
            } catch {
                throw error.ending(with: 125)
            }
            for warning in answer["Warnings"]?.array ?? [] { Output.tell("berth: warning: \(warning.string ?? "")\n") }
            guard let id = answer["Id"]?.string else {
                throw ClientError("the daemon gave no id", by: answer.text, exitCode: 125)
            }
            self.id = id
            if let path = options.cidfile {
                do throws(KernelError) {
                    try Files.replace(path, with: Array(id.utf8), mode: 0o644)
                } catch {
                    throw ClientError(error).ending(with: 125)
                }
            }
        }

        /// The refusal, with the images whose names are alike.
        static func missing(_ daemon: Daemon, _ image: String, _ error: ClientError) -> ClientError {
            let images = (try? daemon.json("GET", "/images/json"))?.array ?? []
            let names = images.flatMap { $0["RepoTags"]?.array ?? [] }.compactMap(\.string)
            let wanted = image.split(separator: "/").last?.split(separator: ":").first.map(String.init) ?? image
            let alike = names.filter { $0.holds(wanted) || wanted.holds(String($0.split(separator: ":")[0])) }.prefix(3)
            let fix =
                alike.isEmpty
                ? "bring it: berth load -i FILE, berth import ROOT.tar \(image); berth images lists what is there"
                : "did you mean \(alike.joined(separator: ", "))? berth load -i FILE brings another"
            return ClientError(error.message, by: error.by, fix: fix, status: 404, exitCode: 125)
        }
    }
#endif
