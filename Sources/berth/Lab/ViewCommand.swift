#if Daemon
    import ArgumentParser
    import Client
    import Glibc
    import Inspect
    import JSON
    import Lab
    import NetCore
    import Topology
    import View

    struct ViewCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "view",
            abstract:
                "A page for your browser: namespaces, cables, rules and flows as they change, and packets on their way.",
            discussion: """
                It is served on this machine alone, and whoever opens it must know the address that is printed here. Without --lab or \
                --host: the lab's world where one stands, else this host and its containers. Of a host it only looks, unless --allow-probe \
                lets it send packets. Ctrl-C ends it.

                EXAMPLE
                  berth view --still - >picture.html
                """)

        @Flag(help: "The lab's world.")
        var lab = false
        @Flag(help: "This network namespace and those of berth's attachments; needs root.")
        var host = false
        @Option(
            help: ArgumentHelp(
                "Where it is served: an address of loopback, and a port, 0 for one that is free.",
                valueName: "address:port"))
        var listen: String?
        @Flag(help: "Open it in the browser.")
        var open = false
        @Flag(help: "Of a host, too, send packets that the page asks for.")
        var allowProbe = false
        @Option(
            help: ArgumentHelp(
                "Write the page with what stands now to a file, which needs no server; - is standard output.",
                valueName: "file"))
        var still: String?
        @Option(
            help: ArgumentHelp(
                "Of --still: a saved journey (berth trace --view json) that it shows, too.", valueName: "file"))
        var journey: String?
        @Flag(help: .hidden)
        var background = false

        func validate() throws {
            if lab && host { throw ValidationError("take one of --lab and --host") }
            if still != nil, open || listen != nil || allowProbe {
                throw ValidationError("--still writes a file: leave --listen, --open and --allow-probe out")
            }
            if journey != nil, still == nil { throw ValidationError("--journey is of --still: expected that, too") }
        }

        private var wish: EyeWish {
            var wish = EyeWish(lab ? .lab : host ? .host : .any)
            wish.allowsProbe = allowProbe
            wish.endsWithWorld = background
            return wish
        }

        func run() throws {
            do {
                if let still { return try write(still) }
                var server = ViewServer(wish, at: try listen.map { try ViewAddress($0) } ?? .usual)
                if background { setsid() }
                try server.run { address in
                    try Output.line(address)
                    if background { ViewCommand.leaveTerminal() } else { StandardError.write("stop it with Ctrl-C\n") }
                    if open { ViewCommand.show(address) }
                }
            } catch let error as ViewError {
                let code: InspectError.Code =
                    switch error.kind {
                    case .address: .address
                    case .inUse: .inUse
                    case .nothing: .missing
                    }
                throw InspectError(code, error.message, fix: error.fix)
            }
        }

        private static func leaveTerminal() {
            let null = Glibc.open("/dev/null", O_RDWR | O_CLOEXEC)
            guard null >= 0 else { return }
            for number: Int32 in 0...2 { dup2(null, number) }
            Glibc.close(null)
            chdir("/")
        }

        // MARK: a file

        private func write(_ file: String) throws {
            let saved = try journey.map { name in
                let bytes = try ViewCommand.asking("read \(name)") { () throws(KernelError) in try Files.read(name) }
                guard let json = try? JSON(parsing: bytes), json["v"] != nil else {
                    throw InspectError(
                        .file, "\(name) is no journey",
                        fix: "save one: berth trace from NODE to ADDRESS:PORT --view json")
                }
                return json
            }
            let text = Page.still(state: try StillState.read(wish), journey: saved)
            guard file != "-" else { return try Output.write(Array(text.utf8), to: STDOUT_FILENO) }
            try ViewCommand.asking("write \(file)") { () throws(KernelError) in
                try Files.replace(file, with: Array(text.utf8))
            }
        }

        private static func asking<Value>(_ what: String, _ body: () throws(KernelError) -> Value) throws -> Value {
            do throws(KernelError) {
                return try body()
            } catch {
                throw InspectError(
                    .file, "cannot \(what)", cause: error.description, fix: "name a file that you may use")
            }
        }

        // MARK: the browser

        /// The token must not stand on a command line, which every user of this machine can read: a file of this user's leads on.
        private static func show(_ address: String) {
            let folder = getenv("XDG_RUNTIME_DIR").map { String(cString: $0) } ?? "/tmp"
            var place = Array("\(folder)/berth-view-XXXXXX".utf8CString)
            guard mkdtemp(&place) != nil else { return }
            let made = String(decoding: place.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
            let file = "\(made)/open.html"
            let text =
                "<!doctype html><meta http-equiv=\"refresh\" content=\"0; url=\(address)\"><a href=\"\(address)\">berth view</a>\n"
            guard (try? Files.create(file, with: Array(text.utf8))) == true else { return }
            let spoken: [String] = ["xdg-open", file]
            var words: [UnsafeMutablePointer<CChar>?] = spoken.map { strdup($0) } + [nil]
            defer { for word in words { free(word) } }
            var child = pid_t()
            if posix_spawnp(&child, "xdg-open", nil, nil, &words, environ) != 0 {
                StandardError.write("there is no xdg-open here: open the address yourself\n")
            }
        }

        // MARK: for lab start

        /// The page of the world that has just been started: served from now on, until the world ends. Gives its address.
        static func serve() throws -> String {
            for listen in ["127.0.0.1:7070", "127.0.0.1:0"] {
                if let address = try serve(at: listen) { return address }
            }
            throw LabError(
                .kernel, "the world stands, but its page is not served", fix: "see why: berth view --lab")
        }

        /// Nil where that port is somebody else's.
        private static func serve(at listen: String) throws -> String? {
            var ends: [Int32] = [-1, -1]
            guard pipe(&ends) == 0 else { return nil }
            var actions = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&actions)
            posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
            posix_spawn_file_actions_addclose(&actions, ends[0])
            posix_spawn_file_actions_addclose(&actions, ends[1])
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0)
            posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_RDWR, 0)
            let words = ["berth", "view", "--lab", "--background", "--listen", listen]
            var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
            var child = pid_t()
            let code = posix_spawn(&child, "/proc/self/exe", &actions, nil, &arguments, environ)
            for argument in arguments { free(argument) }
            posix_spawn_file_actions_destroy(&actions)
            close(ends[1])
            defer { close(ends[0]) }
            guard code == 0 else { return nil }
            var bytes: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 256)
            while bytes.last != 0x0a {
                var polled = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
                guard poll(&polled, 1, 10_000) > 0 else { break }
                let count = read(ends[0], &chunk, chunk.count)
                guard count > 0 else { break }
                bytes += chunk[..<count]
            }
            guard bytes.last == 0x0a else {
                var status: Int32 = 0
                kill(child, SIGTERM)
                waitpid(child, &status, 0)
                return nil
            }
            return String(decoding: bytes.dropLast(), as: UTF8.self)
        }
    }
#endif
