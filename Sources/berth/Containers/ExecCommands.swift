#if Daemon
    import ArgumentParser
    import Client
    import Glibc
    import JSON
    import NetCore

    struct AttachCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "attach", abstract: "Joins a running container's standard streams.")
        @Flag(name: .customLong("no-stdin"), help: "Standard input stays here.")
        var noStdin = false
        @Flag(
            name: .customLong("sig-proxy"), inversion: .prefixedNo,
            help: "Signals go to the container's process (where it has no terminal).")
        var signalProxy = true
        @Option(name: .customLong("detach-keys"), help: "The keys that leave its terminal.")
        var detachKeys = "ctrl-p,ctrl-q"
        @Argument(help: "The container, by name or id.")
        var container: String

        func run() throws {
            let daemon = try Daemon.chosen()
            let found = try daemon.json("GET", "/containers/\(container.pathEncoded)/json")
            let id = found["Id"]?.string ?? container
            guard found["State"]?["Running"]?.bool == true else {
                throw ClientError("container \(container) is not running", fix: "start it: berth start -a \(container)")
            }
            guard found["State"]?["Paused"]?.bool != true else {
                throw ClientError("container \(container) is paused", fix: "berth unpause \(container)")
            }
            let hasTerminal = found["Config"]?["Tty"]?.bool == true
            let takesInput = !noStdin && found["Config"]?["OpenStdin"]?.bool == true
            var foreground = Foreground(daemon, id, hasTerminal: hasTerminal, takesInput: takesInput)
            foreground.keys = try DetachKeys(detachKeys)
            foreground.proxiesSignals = signalProxy && !hasTerminal
            foreground.isRemoved = found["HostConfig"]?["AutoRemove"]?.bool == true
            foreground.starts = false
            throw ExitCode(try foreground.run())
        }
    }

    struct ExecCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "exec", abstract: "Runs a program in a running container.",
            discussion:
                "Options end at the container. The exit code is the program's; 126 and 127 as berth run has them.")
        @Flag(name: [.short, .long], help: "In the background.")
        var detach = false
        @Flag(name: [.short, .long], help: "Standard input goes to it.")
        var interactive = false
        @Flag(name: [.short, .long], help: "It has a terminal.")
        var tty = false
        @Flag(name: .long, help: "With all capabilities.")
        var privileged = false
        @Option(
            name: [.customShort("e", allowingJoined: true), .long], parsing: .unconditionalSingleValue,
            help: "NAME=value, or NAME with the value it has here.")
        var env: [String] = []
        @Option(name: .customLong("env-file"), parsing: .unconditionalSingleValue, help: "A file of such lines.")
        var envFile: [String] = []
        @Option(name: [.short, .long], help: "The directory in which it starts.")
        var workdir: String?
        @Option(name: [.short, .long], help: "user[:group], by name or number.")
        var user: String?
        @Option(name: .customLong("detach-keys"), help: "The keys that leave its terminal.")
        var detachKeys = "ctrl-p,ctrl-q"
        @Argument(
            parsing: .captureForPassthrough,
            help: ArgumentHelp("The container, then the program and its arguments.", valueName: "container> <command"))
        var words: [String]

        func run() throws {
            throw ExitCode(try begin())
        }

        private func begin() throws(ClientError) -> Int32 {
            guard let container = words.first, !container.hasPrefix("-"), words.count > 1 else {
                let odd = words.first.flatMap { $0.hasPrefix("-") ? $0 : nil }
                throw ClientError(
                    odd.map { "there is no option \($0)" } ?? "a container and a program are missing",
                    fix: "write berth exec [options] CONTAINER PROGRAM; options end at the container")
            }
            if tty && interactive && !detach && !Terminal.isTerminal(STDIN_FILENO) {
                throw ClientError(
                    "-t needs a terminal on standard input", by: "it is a file or a pipe",
                    fix: "leave -t out: berth exec -i …")
            }
            let keys = try DetachKeys(detachKeys)
            let daemon = try Daemon.chosen()
            let own = { (name: String) in getenv(name).map { String(cString: $0) } }
            var body: JSONObject = [
                "AttachStdin": .bool(interactive && !detach), "AttachStdout": .bool(!detach),
                "AttachStderr": .bool(!detach),
                "Tty": .bool(tty), "Privileged": .bool(privileged),
                "Cmd": .array(words.dropFirst().map { .string($0) }),
                "Env": .array(try Pairs.environment(files: envFile, words: env, own: own).map { .string($0) }),
            ]
            if let workdir { body["WorkingDir"] = .string(workdir) }
            if let user { body["User"] = .string(user) }
            if tty, let size = Terminal.size() {
                body["ConsoleSize"] = [.integer(Int64(size.rows)), .integer(Int64(size.columns))]
            }
            let id: String
            do throws(ClientError) {
                let answer = try daemon.json("POST", "/containers/\(container.pathEncoded)/exec", [], .object(body))
                guard let text = answer["Id"]?.string else {
                    throw ClientError("the daemon gave no id", by: answer.text)
                }
                id = text
            } catch  where error.status == 409 {
                throw error.ending(with: 126)
            }
            do throws(ClientError) {
                guard !detach else {
                    _ = try daemon.request("POST", "/exec/\(id)/start", [], .json(["Detach": true, "Tty": .bool(tty)]))
                    return 0
                }
                return try attached(daemon, id, keys)
            } catch  where error.status != nil {
                throw Foreground.startFailure(error)
            }
        }

        private func attached(_ daemon: Daemon, _ id: String, _ keys: DetachKeys) throws(ClientError) -> Int32 {
            let signals = try SignalQueue(tty ? [SIGWINCH, SIGINT, SIGTERM, SIGHUP, SIGQUIT] : [SIGWINCH])
            signal(SIGPIPE, SIG_IGN)
            // Lent to the call, so that the terminal is raw as long as it lasts.
            let end = try stream(daemon, id, keys, signals, tty && interactive ? Terminal(raw: STDIN_FILENO) : nil)
            switch end {
            case .detached: return 0
            case .interrupted(let number): return 128 + number
            case .ended: break
            }
            let found = try daemon.json("GET", "/exec/\(id)/json")
            return Int32(truncatingIfNeeded: found["ExitCode"]?.integer ?? 125)
        }

        private func stream(
            _ daemon: Daemon, _ id: String, _ keys: DetachKeys, _ signals: borrowing SignalQueue,
            _ terminal: borrowing Terminal?
        ) throws(ClientError) -> AttachedStream.End {
            let connection = try daemon.hijack("/exec/\(id)/start", [], ["Detach": false, "Tty": .bool(tty)])
            let resize = {
                guard tty, let size = Terminal.size() else { return }
                _ = try? daemon.request(
                    "POST", "/exec/\(id)/resize", [("h", String(size.rows)), ("w", String(size.columns))])
            }
            resize()
            var stream = AttachedStream(connection, hasTerminal: tty, takesInput: interactive, keys: keys)
            return try stream.run(signals: signals, resized: resize, signalled: { _ in true })
        }
    }
#endif
