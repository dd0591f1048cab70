#if Daemon
    import Client
    import Glibc
    import JSON
    import NetCore

    /// A container in the foreground: attached before it starts, its end waited for.
    struct Foreground {
        let daemon: Daemon
        let id: String
        let hasTerminal: Bool
        let takesInput: Bool
        var keys = DetachKeys.standard
        var proxiesSignals = true
        /// `--rm`: its removal is waited for, too.
        var isRemoved = false
        /// False: it runs already (berth attach).
        var starts = true
        /// Called once it has started, before anything of it is shown.
        var hasStarted: () -> Void = {}

        init(_ daemon: Daemon, _ id: String, hasTerminal: Bool, takesInput: Bool) {
            self.daemon = daemon
            self.id = id
            self.hasTerminal = hasTerminal
            self.takesInput = takesInput
        }

        /// Attaches, starts, passes streams, waits. The container's exit code, or 0 when its terminal was left.
        func run() throws(ClientError) -> Int32 {
            let begin = Moment.now
            let signals = try SignalQueue(
                [SIGWINCH] + (proxiesSignals ? Self.proxied : hasTerminal ? [SIGINT, SIGTERM, SIGHUP, SIGQUIT] : []))
            signal(SIGPIPE, SIG_IGN)
            let connection = try daemon.hijack(
                "/containers/\(id)/attach",
                [("stream", "1"), ("stdout", "1"), ("stderr", "1")] + (takesInput ? [("stdin", "1")] : []))
            let condition = isRemoved ? "removed" : starts ? "next-exit" : "not-running"
            let waiting = try daemon.request("POST", "/containers/\(id)/wait", [("condition", condition)])
            // Raw before the start, so that nothing that it writes finds the terminal cooked; lent, so that it is as long as that lasts.
            let end = try pass(connection, signals, hasTerminal && takesInput ? Terminal(raw: STDIN_FILENO) : nil)
            switch end {
            case .detached: return 0
            case .interrupted(let number): return 128 + number
            case .ended: break
            }
            let answer = try waiting.json()
            if let text = answer["Error"]?["Message"]?.string, !text.isEmpty {
                Output.tell(ClientError("the container ended, but: \(text)").description)
            }
            let code = Int32(truncatingIfNeeded: answer["StatusCode"]?.integer ?? 125)
            if code == 128 + SIGKILL { tellOutOfMemory(since: begin) }
            return code
        }

        private func pass(
            _ connection: Connection, _ signals: borrowing SignalQueue, _ terminal: borrowing Terminal?
        ) throws(ClientError) -> AttachedStream.End {
            if starts {
                do throws(ClientError) {
                    _ = try daemon.request("POST", "/containers/\(id)/start")
                } catch {
                    throw Self.startFailure(error)
                }
                hasStarted()
            }
            if hasTerminal { resize() }
            var stream = AttachedStream(
                connection, hasTerminal: hasTerminal, takesInput: takesInput, keys: keys)
            return try stream.run(
                signals: signals, resized: { if hasTerminal { resize() } },
                signalled: { number in
                    guard proxiesSignals else { return true }
                    _ = try? daemon.request("POST", "/containers/\(id)/kill", [("signal", String(number))])
                    return false
                })
        }

        private func resize() {
            guard let size = Terminal.size() else { return }
            _ = try? daemon.request(
                "POST", "/containers/\(id)/resize", [("h", String(size.rows)), ("w", String(size.columns))])
        }

        static let proxied: [Int32] = [SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGCONT]

        /// The refusal with the exit code that shells give: 127 when there is no such program, 126 when it cannot be executed.
        static func startFailure(_ error: ClientError) -> ClientError {
            let text = error.message.lowercased()
            // Files other than the program are refused in the same words.
            guard text.holds("exec") else { return error.ending(with: 125) }
            if text.holds("executable file not found") || text.holds("no such file or directory") {
                return ClientError(
                    error.message, by: error.by,
                    fix: "name a program that the image has; berth run … ls /bin shows them",
                    status: error.status, exitCode: 127)
            }
            if text.holds("permission denied") || text.holds("is a directory") || text.holds("exec format error") {
                return ClientError(
                    error.message, by: error.by,
                    fix: "name a file that may be executed (chmod +x), made for this machine",
                    status: error.status, exitCode: 126)
            }
            return error.ending(with: 125)
        }

        /// Killed: whether by the kernel, for memory, stands in the container's state, and in the events when it is removed.
        private func tellOutOfMemory(since begin: Moment) {
            var isTold = false
            if !isRemoved {
                isTold = (try? daemon.json("GET", "/containers/\(id)/json"))?["State"]?["OOMKilled"]?.bool == true
            } else if let response = try? daemon.request(
                "GET", "/events",
                [
                    ("since", String(begin.seconds)), ("until", String(Moment.now.seconds + 1)),
                    ("filters", "{\"container\":[\"\(id)\"],\"event\":[\"oom\"]}"),
                ])
            {
                var lines = JSONLines(response)
                isTold = (try? lines.next()) != nil
            }
            guard isTold else { return }
            Output.tell(
                ClientError(
                    "the container was killed: out of memory", by: "the kernel, at the container's memory limit",
                    fix: "give it more (-m), or let it use less"
                ).description)
        }
    }
#endif
