#if Daemon
    import Containers
    import Glibc
    import Images
    import JSON
    import NIOCore
    import NIOHTTP1
    import NetCore
    import Networks

    /// Finds who serves a request, and gives it a thread.
    final class Service: Sendable {
        static let oldest = 24
        static let newest = 50
        static let version = "0.2.0"
        /// In every answer.
        static let fields = [
            ("Api-Version", "1.\(newest)"), ("Docker-Experimental", "false"), ("Ostype", "linux"),
            ("Server", "Berth/\(version) (linux)"),
        ]

        enum Match: Sendable {
            case route(Route, [String])
            case error(Int, String)
        }

        let model: Model
        private let gate: Gate
        private let routes: [Route]
        private let isDebugging: Bool

        /// What is not prompt waits for the gate.
        init(_ model: Model, gate: Gate, isDebugging: Bool) {
            self.model = model
            self.gate = gate
            self.isDebugging = isDebugging
            routes =
                Route.system + Route.containers + Route.logs + Route.streams + Route.execs + Route.archives
                + Route.images
                + Route.networks + Route.volumes + Route.own + Route.unserved
        }

        func match(_ head: HTTPRequestHead) -> Match {
            var path = head.uri.prefix { $0 != "?" }
            guard path.first == "/" else { return .error(400, "the request's path does not begin with /") }
            if let version = Request.version(of: head.uri) {
                let stated = path.dropFirst(2).prefix { $0 != "/" }
                if version > Service.newest {
                    return .error(
                        400, "client version \(stated) is too new. Maximum supported API version is 1.\(Service.newest)"
                    )
                }
                if version < Service.oldest {
                    return .error(
                        400,
                        "client version \(stated) is too old. Minimum supported API version is 1.\(Service.oldest), please upgrade your client to a newer version"
                    )
                }
                path = path.dropFirst(2 + stated.count)
            }
            var segments: [String] = []
            for segment in path.split(separator: "/", omittingEmptySubsequences: true) {
                guard let text = Request.decode(segment), text != ".", text != ".." else {
                    return .error(400, "the request's path is not one: \(segment)")
                }
                segments.append(text)
            }
            // What cannot be read is not what was left out: kill without a signal is another thing than kill with %ff.
            let query = head.uri.utf8.firstIndex(of: UInt8(ascii: "?")).map { head.uri[$0...].dropFirst() } ?? ""
            for part in query.split(whereSeparator: { $0 == "&" || $0 == "=" })
            where Request.decode(part, plusIsSpace: true) == nil {
                return .error(400, "the request's query is not one: \(part.prefix(100))")
            }
            var allowed: [String] = []
            for route in routes {
                guard let parameters = route.parameters(of: segments) else { continue }
                if route.method == head.method.rawValue || route.method == "*" { return .route(route, parameters) }
                allowed.append(route.method)
            }
            return allowed.isEmpty
                ? .error(404, "page not found")
                : .error(405, "method \(head.method.rawValue) is not allowed here: \(allowed.joined(by: ", "))")
        }

        /// Called on the connection's event loop; the answer comes from a thread.
        func serve(_ exchange: Exchange, _ match: Match) {
            switch match {
            case .error(let status, let message): fail(exchange, status, message)
            case .route(let route, let parameters):
                let call = Call(exchange: exchange, model: model, parameters: parameters)
                let go = { @Sendable [self] in
                    let isTaken = Threads.run(route.threads) { [self] in
                        run(route, call)
                        log(exchange)
                    }
                    if !isTaken {
                        fail(exchange, 503, "too many requests are being answered: try again when some have ended")
                    }
                }
                if route.isPrompt { go() } else { gate.pass(go) }
            }
        }

        private func run(_ route: Route, _ call: Call) {
            do {
                try route.serve(call)
            } catch is Abandoned {
                call.exchange.cut()
            } catch let error as APIError {
                fail(call.exchange, error.status, error.description)
            } catch let error as ImageError {
                fail(call.exchange, error.status, error.description)
            } catch let error as NetworkError {
                fail(call.exchange, error.status, error.description)
            } catch {
                fail(call.exchange, 500, "\(error)")
            }
        }

        private func fail(_ exchange: Exchange, _ status: Int, _ message: String) {
            if exchange.hasBegun { return exchange.cut() }
            exchange.answer(status, ["message": .string(message)])
            if status >= 500 && status != 501 {
                StandardError.line("\(exchange.request.method) \(exchange.request.target): \(message)")
            }
        }

        private func log(_ exchange: Exchange) {
            guard isDebugging else { return }
            StandardError.line("\(exchange.request.method) \(exchange.request.target) \(exchange.status)")
        }
    }

    /// What the daemon serves.
    struct Model: Sendable {
        var home: Home
        var containers: Containers
        var images: ImageStore
        var networks: NetworkStore
        var events: EventLog
    }

    enum StandardError {
        /// One line, with the time.
        static func line(_ text: String) {
            let line = "\(UniversalTime.text(Glibc.time(nil))) \(text)\n"
            _ = write(STDERR_FILENO, line, line.utf8.count)
        }
    }
#endif
