#if Daemon
    import ArgumentParser

    /// The command line as docker takes it and the argument parser does not: `--rm=true`, `--sig-proxy=false`.
    enum CommandWords {
        private static let flags: Set<String> = [
            "--rm", "--detach", "-d", "--interactive", "-i", "--tty", "-t", "--privileged", "--read-only", "--init",
            "--oom-kill-disable", "--no-healthcheck", "--publish-all", "-P", "--sig-proxy", "--all", "-a", "--quiet",
            "-q",
            "--force", "-f", "--no-trunc", "--follow", "--timestamps", "--no-stream", "--no-stdin", "--internal",
            "--ipv6",
            "--attachable", "--volumes", "--size", "--explain", "--dry-run", "--attach",
        ]

        /// What a flag's value says, as Go reads it; nil when it says nothing.
        static func truth(_ text: some StringProtocol) -> Bool? {
            switch text {
            case "true", "1", "t", "T", "TRUE", "True": true
            case "false", "0", "f", "F", "FALSE", "False": false
            default: nil
            }
        }

        /// The words with the first such value written as a flag, from `start` on; nil when there is none.
        private static func step(_ words: [String], from start: Int) -> (words: [String], next: Int)? {
            for index in words.indices.dropFirst(start) {
                let word = words[index]
                guard word.hasPrefix("-"), let equals = word.firstIndex(of: "="),
                    flags.contains(String(word[..<equals]))
                else { continue }
                var changed = words
                switch truth(word[word.index(after: equals)...]) {
                case true?: changed[index] = String(word[..<equals])
                case false?:
                    if word.hasPrefix("--sig-proxy") {
                        changed[index] = "--no-sig-proxy"
                    } else {
                        changed.remove(at: index)
                        return (changed, index)
                    }
                case nil: continue
                }
                return (changed, index + 1)
            }
            return nil
        }

        /// The command that the words mean. When they cannot be read as they stand, flags with values are written as flags,
        /// one after the other from the left: what is right of the image is the container's own and stays as it is.
        static func command(_ words: [String]) throws -> any ParsableCommand {
            // Its -H is where it listens, several times perhaps, and not the daemon that berth's own -H names.
            if words.first == "daemon" { return try DaemonCommand.parseAsRoot(Array(words.dropFirst())) }
            // This --host is a picture's subject, and takes no address.
            if words.first == "graph", words.contains("--host") {
                return try GraphCommand.parseAsRoot(Array(words.dropFirst()))
            }
            if words.first == "view", words.contains("--host") {
                return try ViewCommand.parseAsRoot(Array(words.dropFirst()))
            }
            if let command = QuickCommand.parsed(words) { return command }
            do {
                return try BerthCommand.parseAsRoot(words)
            } catch {
                var attempt = (words: words, next: 0)
                while let changed = step(attempt.words, from: attempt.next) {
                    attempt = changed
                    if let command = try? BerthCommand.parseAsRoot(attempt.words) { return command }
                }
                throw error
            }
        }
    }

    /// The commands that are waited for most: read without looking at all others.
    enum QuickCommand {
        private static let commands: [String: any ParsableCommand.Type] = [
            "run": RunCommand.self, "exec": ExecCommand.self, "ps": PsCommand.self, "create": CreateCommand.self,
            "start": StartCommand.self, "stop": StopCommand.self, "rm": RemoveCommand.self, "kill": KillCommand.self,
            "wait": WaitCommand.self,
        ]

        /// Nil when it is none of those, or cannot be read: then the whole parser tells why.
        static func parsed(_ arguments: [String]) -> (any ParsableCommand)? {
            guard let name = arguments.first, let type = commands[name],
                let command = try? type.parseAsRoot(Array(arguments.dropFirst()))
            else { return nil }
            return Swift.type(of: command) == type ? command : nil
        }
    }
#endif
