#if Daemon
    import Containers
    import Glibc
    import JSON
    import NetCore

    /// Who serves which path. In a pattern, `*` is one segment, `**` one or more (an image's name).
    struct Route: Sendable {
        let method: String
        let pattern: [String]
        /// The body is read while it comes.
        var streamsBody = false
        /// The connection may become a stream (attach, exec).
        var becomesStream = false
        var threads = Threads.Kind.answer
        /// Answered also while the containers of before are not all known again.
        var isPrompt = false
        let serve: @Sendable (Call) throws -> Void

        init(_ method: String, _ path: String, _ serve: @escaping @Sendable (Call) throws -> Void) {
            self.method = method
            pattern = path.split(separator: "/").map { String($0) }
            self.serve = serve
        }

        /// May last: it has a thread of the streams'.
        var long: Route {
            var route = self
            route.threads = .stream
            return route
        }
        var prompt: Route {
            var route = self
            route.isPrompt = true
            return route
        }
        var uploading: Route {
            var route = long
            route.streamsBody = true
            return route
        }
        var hijacking: Route {
            var route = long
            route.becomesStream = true
            return route
        }

        /// What stands for the pattern's stars; nil when the path is another.
        func parameters(of path: [String]) -> [String]? {
            guard let star = pattern.firstIndex(of: "**") else {
                guard path.count == pattern.count else { return nil }
                return stars(path, pattern)
            }
            let after = pattern.count - star - 1
            guard path.count >= pattern.count else { return nil }
            let middle = path[star..<(path.count - after)]
            guard let before = stars(Array(path[..<star]), Array(pattern[..<star])),
                let behind = stars(Array(path.suffix(after)), Array(pattern.suffix(after)))
            else { return nil }
            return before + [Array(middle).joined(by: "/")] + behind
        }

        private func stars(_ path: [String], _ pattern: [String]) -> [String]? {
            var found: [String] = []
            for (segment, wanted) in zip(path, pattern) {
                if wanted == "*" { found.append(segment) } else if segment != wanted { return nil }
            }
            return found
        }
    }

    /// A request on its way through a route.
    struct Call: Sendable {
        let exchange: Exchange
        let model: Model
        let parameters: [String]
        var request: Request { exchange.request }
        var containers: Containers { model.containers }

        /// A container's id or name from the path. Throws 404 for what can be none.
        var container: String {
            get throws(APIError) {
                let text = parameters[0]
                guard !text.utf8.contains(UInt8(ascii: "/")) else { throw APIError(404, "No such container: \(text)") }
                return text
            }
        }

        /// What the model reads from the descriptor is the request's body, as it comes.
        func reading<R>(_ body: (Int32) throws -> R) throws -> R {
            let ends = try Pipe()
            let input = ends.writing
            guard let queue = exchange.stream,
                Threads.run(
                    .stream,
                    { [queue] in
                        _ = queue.pump(to: input)
                        close(input)
                    })
            else {
                close(ends.reading)
                close(ends.writing)
                throw APIError(503, "too many streams run: try again when some have ended")
            }
            defer {
                close(ends.reading)
                queue.refuse()
            }
            let result = try body(ends.reading)
            guard !queue.wasCut else { throw Abandoned() }
            return result
        }

        /// What the model writes to the descriptor is the answer; an error before the first byte is answered as one.
        func writing(
            type: String, _ fields: [(String, String)] = [], _ body: @escaping @Sendable (Int32) throws -> Void
        ) throws {
            let ends = try Pipe()
            let output = ends.writing
            let outcome = Monitor<(any Error)?>(nil)
            let isTaken = Threads.run(.stream) {
                do { try body(output) } catch { outcome.change { $0 = error } }
                close(output)
            }
            guard isTaken else {
                close(ends.reading)
                close(ends.writing)
                throw APIError(503, "too many streams run: try again when some have ended")
            }
            defer { close(ends.reading) }
            var room = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                let count = read(ends.reading, &room, room.count)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { break }
                try exchange.begin(type: type, fields)
                try exchange.write(Array(room[..<count]))
            }
            if let error = outcome.change({ $0 }) { throw error }
            try exchange.begin(type: type, fields)
            exchange.end()
        }
    }

    /// A way for bytes from one thread to another (man 2 socketpair); both ends close on exec, neither by itself.
    struct Pipe {
        let reading: Int32
        let writing: Int32
        init() throws(KernelError) {
            var ends: [Int32] = [-1, -1]
            try check("make a pair of sockets") {
                socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends)
            }
            reading = ends[0]
            writing = ends[1]
        }
    }
#endif
