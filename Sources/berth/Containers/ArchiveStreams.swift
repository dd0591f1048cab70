#if Daemon
    import Client
    import Glibc
    import JSON
    import NetCore

    /// An archive that goes to the daemon.
    enum Upload {
        /// From a file, or standard input; what the daemon tells of it is printed. Throws the daemon's refusal.
        static func run(
            _ path: String, _ query: [(String, String)], from file: String?, what: String, isQuiet: Bool = false
        ) throws(ClientError) {
            let source = try UploadSource(file, what: what, isQuiet: isQuiet)
            let response = try Daemon.chosen().request(
                "POST", path, query, .stream(type: "application/x-tar", next: source.next))
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

    /// An archive that comes from the daemon.
    enum Download {
        /// To a file, or to standard output, which is no terminal. Throws the daemon's refusal.
        static func run(_ path: String, _ query: [(String, String)] = [], to output: String?, what: String)
            throws(ClientError)
        {
            if output == nil, Terminal.isTerminal(STDOUT_FILENO) {
                throw ClientError("an archive is nothing for a terminal", fix: "name a file: -o FILE, or a pipe")
            }
            try write(try Daemon.chosen().request("GET", path, query), to: output, what: what)
        }

        /// The file is whole, or not there.
        private static func write(_ response: Response, to path: String?, what: String) throws(ClientError) {
            var progress = Progress(what, total: nil)
            defer { progress.end() }
            guard let path else {
                while case let bytes = try response.read(), !bytes.isEmpty { try Output.write(bytes) }
                return
            }
            let temporary = "\(path).tmp-\(getpid())"
            do throws(ClientError) {
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
            } catch {
                unlink(temporary)
                throw error
            }
        }
    }
#endif
