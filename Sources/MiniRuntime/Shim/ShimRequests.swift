import Glibc
import JSON
import NetCore

// What a line on the socket asks for.
extension Shim {
    func answer(_ connection: RequestConnection, _ line: [UInt8], _ rest: [UInt8]) {
        let request: JSONObject
        do throws(JSONError) {
            guard let object = try JSON(parsing: line).object else {
                return end(connection, JSONLine(ShimError("a request is one JSON object on one line")))
            }
            request = object
        } catch {
            return end(connection, JSONLine(ShimError("read a request: \(error)")))
        }
        do throws(ShimError) {
            try carryOut(request, connection, rest)
        } catch {
            end(connection, JSONLine(error))
        }
    }

    private func carryOut(_ request: JSONObject, _ connection: RequestConnection, _ rest: [UInt8]) throws(ShimError) {
        let exec = try named(request)
        switch request["op"]?.string ?? "" {
        case "start": startContainer { [unowned self] in end(connection, $0) }
        case "state": end(connection, state)
        case "wait": if let exec { exec.wait(connection) } else { wait(connection) }
        case "attach": try attach(request, connection, rest)
        case "exec": try execute(request, connection, rest)
        case "resize":
            let target = exec?.streams ?? streams
            guard let rows = request["rows"]?.integer, let columns = request["columns"]?.integer,
                (0...65535).contains(rows), (0...65535).contains(columns)
            else { throw ShimError("resize: rows and columns are numbers up to 65535") }
            guard target.hasTerminal, target.terminal >= 0 else {
                throw ShimError("resize: there is no terminal, or no longer")
            }
            try attempt { () throws(KernelError) in
                try target.resize(rows: UInt32(rows), columns: UInt32(columns))
            }
            end(connection, .done())
        case "kill":
            guard let number = request["signal"]?.integer, (0...64).contains(number) else {
                throw ShimError("kill: signal is a number from 1 to 64")
            }
            try attempt { () throws(KernelError) in
                if let exec {
                    try exec.signal(Int32(number), group: request["group"]?.bool ?? false)
                } else {
                    try signal(Int32(number))
                }
            }
            end(connection, .done())
        case let other:
            throw ShimError("there is no operation '\(other)': start, state, wait, attach, exec, resize, kill")
        }
    }

    /// The exec that a request names, save one that is to be made.
    private func named(_ request: JSONObject) throws(ShimError) -> ShimExec? {
        guard let id = request["exec"]?.string, request["op"]?.string != "exec" else { return nil }
        guard let exec = execs.first(where: { $0.id == id }) else {
            throw ShimError("there is no exec \(id) in container \(options.id), or it ended long ago")
        }
        return exec
    }

    func end(_ connection: RequestConnection, _ answer: JSONLine) {
        connection.answer(answer)
        forget(connection)
    }

    private func attach(_ request: JSONObject, _ connection: RequestConnection, _ rest: [UInt8]) throws(ShimError) {
        guard let client = client(request, connection, terminal: streams.hasTerminal) else { return }
        client.put(JSONLine.done(["tty": .bool(streams.hasTerminal)]).bytes)
        streams.attach(client, first: rest)
    }

    /// The connection as a stream; nil when it has gone.
    func client(_ request: JSONObject, _ connection: RequestConnection, terminal: Bool) -> AttachedClient? {
        guard let number = connection.handOver() else { return nil }
        forget(connection)
        var wants: Set<LogStream> = []
        if request["stdout"]?.bool ?? false { wants.insert(.stdout) }
        if request["stderr"]?.bool ?? false { wants.insert(.stderr) }
        if terminal, !wants.isEmpty { wants = [.stdout] }
        return AttachedClient(
            loop, number, wants: wants, input: request["stdin"]?.bool ?? false, framed: !terminal)
    }

    private func execute(_ request: JSONObject, _ connection: RequestConnection, _ rest: [UInt8]) throws(ShimError) {
        guard status == .running else {
            throw ShimError("exec in container \(options.id): it is \(status.rawValue), not running")
        }
        let exec = try ShimExec(self, request, connection, rest)
        execs.append(exec)
        // The exit codes of the last ones are kept for who asks late.
        let over = execs.filter(\.isOver)
        if over.count > 128 { execs.removeAll { $0 === over[0] } }
        try exec.start()
    }
}
