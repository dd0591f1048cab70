#if Daemon
    import Containers
    import JSON

    extension Route {
        static let containers: [Route] = [
            Route("GET", "/containers/json") { call in
                let request = call.request
                let limit = try request.number("limit").flatMap { $0 > 0 ? $0 : nil }
                let list = try call.containers.list(
                    all: request.flag("all") || limit != nil, limit: limit, size: request.flag("size"),
                    filters: request.filters())
                call.exchange.answer(.array(list.map { .object($0) }))
            },
            // An image may be large, a network slow: not among the quick ones.
            Route("POST", "/containers/create") { call in
                let name = call.request.text("name").map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 }
                let answer = try call.containers.create(
                    name: name.flatMap { $0.isEmpty ? nil : $0 }, call.request.json())
                call.exchange.answer(201, .object(answer))
            },
            Route("POST", "/containers/prune") { call in
                call.exchange.answer(.object(try call.containers.prune(filters: call.request.filters())))
            },
            Route("GET", "/containers/*/json") { call in
                call.exchange.answer(
                    .object(try call.containers.inspect(call.container, size: call.request.flag("size"))))
            },
            Route("POST", "/containers/*/start") { call in
                call.exchange.answer(try call.containers.start(call.container) ? 204 : 304)
            },
            Route("POST", "/containers/*/stop") { call in
                let stopped = try call.containers.stop(
                    call.container, signal: call.request.text("signal"), seconds: call.request.number("t"))
                call.exchange.answer(stopped ? 204 : 304)
            }.long,
            Route("POST", "/containers/*/restart") { call in
                try call.containers.restart(
                    call.container, signal: call.request.text("signal"), seconds: call.request.number("t"))
                call.exchange.answer(204)
            }.long,
            Route("POST", "/containers/*/kill") { call in
                try call.containers.kill(call.container, signal: call.request.text("signal"))
                call.exchange.answer(204)
            },
            Route("POST", "/containers/*/pause") { call in
                try call.containers.pause(call.container)
                call.exchange.answer(204)
            },
            Route("POST", "/containers/*/unpause") { call in
                try call.containers.unpause(call.container)
                call.exchange.answer(204)
            },
            Route("POST", "/containers/*/rename") { call in
                guard let name = call.request.text("name"), !name.isEmpty else {
                    throw APIError(400, "a container is renamed to something: query parameter name is missing")
                }
                try call.containers.rename(call.container, to: name.hasPrefix("/") ? String(name.dropFirst()) : name)
                call.exchange.answer(204)
            },
            Route("POST", "/containers/*/update") { call in
                call.exchange.answer(.object(try call.containers.update(call.container, call.request.json())))
            },
            Route("POST", "/containers/*/resize") { call in
                let (rows, columns) = try call.terminalSize()
                try call.containers.resize(call.container, rows: rows, columns: columns)
                call.exchange.answer(200)
            },
            Route("GET", "/containers/*/top") { call in
                let arguments = call.request.text("ps_args") ?? ""
                call.exchange.answer(
                    .object(try call.containers.top(call.container, arguments: arguments.isEmpty ? "-ef" : arguments)))
            },
            Route("GET", "/containers/*/changes") { call in
                call.exchange.answer(.array(try call.containers.changes(call.container).map { .object($0) }))
            },
            Route("DELETE", "/containers/*") { call in
                let request = call.request
                if request.flag("link") {
                    throw APIError(
                        501, "a link is not taken away alone: make the container anew without it")
                }
                try call.containers.remove(
                    call.container, force: request.flag("force"), volumes: request.flag("v"))
                call.exchange.answer(204)
            }.long,
            // The head goes out as soon as the model waits: the client starts the container only then.
            Route("POST", "/containers/*/wait") { call in
                let condition = call.request.text("condition") ?? ""
                let exchange = call.exchange
                let answer = try call.containers.wait(
                    call.container, condition: condition.isEmpty ? "not-running" : condition,
                    isAbandoned: {
                        if !exchange.hasBegun {
                            do { try exchange.begin(type: "application/json") } catch { return true }
                        }
                        return exchange.isAbandoned
                    })
                try exchange.begin(type: "application/json")
                try exchange.write(JSON.object(answer).bytes + [0x0a])
                exchange.end()
            }.long,
        ]

        static let execs: [Route] = [
            Route("POST", "/containers/*/exec") { call in
                let id = try call.containers.createExec(call.container, call.request.json())
                call.exchange.answer(201, ["Id": .string(id)])
            },
            Route("GET", "/exec/*/json") { call in
                call.exchange.answer(.object(try call.containers.inspectExec(call.parameters[0])))
            },
            Route("POST", "/exec/*/resize") { call in
                let (rows, columns) = try call.terminalSize()
                try call.containers.resizeExec(call.parameters[0], rows: rows, columns: columns)
                call.exchange.answer(200)
            },
            Route("POST", "/exec/*/start") { call in
                let body = Body(try call.request.json(isOptional: true))
                let (tty, isDetached) = (try body.flag("Tty"), try body.flag("Detach"))
                guard
                    let stream = try call.containers.startExec(call.parameters[0], detach: isDetached, tty: tty)
                else { return call.exchange.answer(200) }
                try Hijack(call, isTerminal: stream.isTerminal).join(stream.descriptor.copy())
            }.hijacking,
        ]
    }

    extension Call {
        /// `h` and `w` of a resize.
        func terminalSize() throws(APIError) -> (rows: Int, columns: Int) {
            guard let rows = try request.number("h"), let columns = try request.number("w"),
                (0...65535).contains(rows), (0...65535).contains(columns)
            else { throw APIError(400, "a terminal's size is wanted: query parameters h and w, from 0 to 65535") }
            return (rows, columns)
        }
    }
#endif
