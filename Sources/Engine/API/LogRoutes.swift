#if Daemon
    import Containers
    import Glibc
    import JSON
    import MiniRuntime
    import NIOCore
    import NetCore

    extension Route {
        static let logs: [Route] = [
            Route("GET", "/containers/*/logs") { call in
                let (container, request, exchange) = (try call.container, call.request, call.exchange)
                let log = try call.containers.log(container)
                var selection = try request.selection()
                // What does not run says nothing more.
                selection.follow = request.flag("follow") && log.isRunning
                let reader = try LogReader(path: log.path, selection)
                let frames = LogFrames(isTerminal: log.isTerminal, hasTimes: request.flag("timestamps"))
                try exchange.begin(type: Hijack.type(isTerminal: log.isTerminal, version: request.version))
                var isLast = !selection.follow
                while true {
                    try frames.all(of: reader) { try exchange.write($0) }
                    if isLast || exchange.isAbandoned { break }
                    var wait = pollfd(fd: reader.descriptor ?? -1, events: Int16(POLLIN), revents: 0)
                    if poll(&wait, 1, 200) > 0 { continue }
                    if let until = selection.until, until < Int64(time(nil)) * 1_000_000_000 { break }
                    // What it said last is read after its end is known.
                    do throws(APIError) { isLast = try !call.containers.log(container).isRunning } catch {
                        isLast = true
                    }
                }
                exchange.end()
            }.long,
            Route("POST", "/containers/*/attach") { call in
                let (container, request) = (try call.container, call.request)
                let log = try call.containers.log(container)
                let (isStream, hasLog) = (request.flag("stream"), request.flag("logs"))
                guard isStream || hasLog else {
                    throw APIError(400, "attach asks for nothing: set stream=1, logs=1 or both")
                }
                let attach: () throws -> OwnedDescriptor = {
                    try call.containers.attach(
                        container, stdin: request.flag("stdin"), stdout: request.flag("stdout"),
                        stderr: request.flag("stderr")
                    ).descriptor.copy()
                }
                let hijack = Hijack(call, isTerminal: log.isTerminal)
                guard hasLog else { return try hijack.join(attach()) }
                let reader = try LogReader(path: log.path, request.selection())
                try hijack.begin()
                let frames = LogFrames(isTerminal: log.isTerminal, hasTimes: false)
                let channel = call.exchange.channel
                do {
                    try frames.all(of: reader) { try channel.writeAndFlush($0).wait() }
                    guard isStream, log.isRunning else { return channel.close(promise: nil) }
                    try hijack.join(attach())
                } catch {
                    throw Abandoned()
                }
            }.hijacking,
        ]
    }

    /// A log's records as Docker's stream has them: with a terminal as they are, else in frames (docs/runtime/parts.md, attach).
    struct LogFrames {
        let isTerminal: Bool
        let hasTimes: Bool
        private static let part = 32 << 10

        /// Everything that the reader has now, in parts.
        func all(of reader: LogReader, _ write: (ByteBuffer) throws -> Void) throws {
            var buffer = ByteBuffer()
            while let record = try reader.next() {
                append(record, to: &buffer)
                if buffer.readableBytes >= LogFrames.part {
                    try write(buffer)
                    buffer = ByteBuffer()
                }
            }
            if buffer.readableBytes > 0 { try write(buffer) }
        }

        private func append(_ record: LogRecord, to buffer: inout ByteBuffer) {
            let time = hasTimes ? record.time + " " : ""
            if !isTerminal {
                buffer.writeInteger(UInt32(record.stream == .stderr ? 2 : 1) << 24)
                buffer.writeInteger(UInt32(time.utf8.count + record.text.utf8.count))
            }
            buffer.writeString(time)
            buffer.writeString(record.text)
        }
    }

    extension Request {
        /// Which part of a log is asked for.
        fileprivate func selection() throws(APIError) -> LogSelection {
            var selection = LogSelection()
            selection.streams = []
            if flag("stdout") { selection.streams.insert(.stdout) }
            if flag("stderr") { selection.streams.insert(.stderr) }
            guard !selection.streams.isEmpty else {
                throw APIError(400, "Bad parameters: you must choose at least one stream")
            }
            selection.since = try moment("since").flatMap { $0 == 0 ? nil : $0 }
            selection.until = try moment("until").flatMap { $0 == 0 ? nil : $0 }
            selection.tail = text("tail").flatMap { Int($0) }.flatMap { $0 < 0 ? nil : $0 }
            return selection
        }
    }
#endif
