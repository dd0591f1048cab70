import CContainer
import CKernel
import Glibc
import JSON
import NetCore

/// Starting a shim, and finding out what became of one. From any thread.
public enum ShimProcess {
    /// The container is created and its shim listens. Throws the shim's own words and code (125, 126, 127).
    public static func launch(_ options: ShimOptions, program: String, seconds: Int = 60) throws(ShimError) {
        let outcome: ChildProcess.Outcome
        do throws(KernelError) {
            var environment: [String] = []
            var pointer = berth_environment()
            while let each = pointer?.pointee {
                environment.append(String(cString: each))
                pointer = pointer?.successor()
            }
            outcome = try ChildProcess(
                path: program, arguments: options.arguments, environment: environment, input: [], seconds: seconds
            ).run()
        } catch {
            throw ShimError(error)
        }
        let line = Array(outcome.output.prefix { $0 != 0x0a })
        if line.elementsEqual("ready".utf8) { return }
        if let object = (try? JSON(parsing: line))?.object, let text = object["error"]?.string {
            throw ShimError(text, code: Int32(clamping: object["code"]?.integer ?? 125))
        }
        throw ShimError(
            outcome.timedOut
                ? "start \(program): no word from it in \(seconds) seconds"
                : "start \(program): it ended with \(outcome.exitStatus ?? -1) and no word: \(String(decoding: outcome.errors, as: UTF8.self))"
        )
    }

    /// The shim's pid while it lives; nil when it has ended, by itself or killed. `run` is the folder of its socket.
    ///
    /// A shim that was killed leaves its container running: the init has a new parent, what it writes goes nowhere (SIGPIPE), its
    /// exit code is lost. There is then no `exit.json`, shim.pid is not locked, the socket refuses (ECONNREFUSED), and the runtime's `state`
    /// tells the init. `bury` ends it.
    public static func find(run: String) -> pid_t? {
        let number = Glibc.open("\(run)/shim.pid", O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { return nil }
        let file = OwnedDescriptor(taking: number)
        // The shim holds the lock for as long as it lives, and the kernel lets go of it in any case.
        guard flock(file.number, LOCK_SH | LOCK_NB) != 0 else { return nil }
        guard let bytes = try? Files.read(file.number, limit: 64, operation: "read shim.pid") else { return nil }
        return pid_t(String(decoding: bytes.prefix { $0 != 0x0a }, as: UTF8.self))
    }

    /// What a killed shim left is gone: its container from the runtime, by force, and its files; and `exit.json` says so (137).
    /// Does nothing while the shim lives. An exit record that is there stays as it is.
    public static func bury(_ options: ShimOptions, runtime: String) throws(KernelError) {
        guard find(run: options.run) == nil else { return }
        let delete = ChildProcess(
            path: runtime, arguments: ["--root", options.ociRoot, "delete", "--force", options.id],
            environment: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], input: [], seconds: 30)
        _ = try delete.run()
        if !Files.exists(options.exit) {
            let record = ExitRecord(
                exitCode: 137, signal: SIGKILL, error: "the container's shim was killed, and the container with it")
            try record.write(options.exit)
        }
        for name in ["shim.sock", "shim.pid", "init.pid", "runtime.log", "console.sock"] {
            try Files.remove("\(options.run)/\(name)")
        }
    }
}

/// One connection to a shim: one request, its answer, and then perhaps a stream. Used by one thread at a time.
public struct ShimConnection: ~Copyable {
    private let socket: OwnedDescriptor
    private let path: String

    /// Connects to `RUN/shim.sock`. Throws ECONNREFUSED when the shim was killed, ENOENT when it has ended or there was none.
    public init(_ path: String) throws(KernelError) {
        socket = try ShimSocket.connect(path)
        self.path = path
    }

    /// The answer to one request. An answer that must come at once has `seconds` time; nil waits as long as it takes
    /// (`wait`). Throws the shim's own error with its code.
    public func request(_ request: JSONObject, seconds: Int? = 30) throws(ShimError) -> JSONObject {
        let name = request["op"]?.string ?? "a request"
        let line: [UInt8]
        do throws(KernelError) {
            try send(JSON.object(request).bytes + [0x0a], name)
            line = try readLine(name, seconds: seconds)
        } catch {
            throw ShimError(error)
        }
        guard let answer = (try? JSON(parsing: line))?.object else {
            throw ShimError("ask the shim at \(path) for \(name): it answered what is no JSON")
        }
        // The answer to `wait` may tell an error of the container's; only a failed request has no "ok".
        if answer["ok"]?.bool != true {
            throw ShimError(
                answer["error"]?.string ?? "\(name) failed", code: Int32(clamping: answer["code"]?.integer ?? 125))
        }
        return answer
    }

    /// Returns when the shim has ended, for a connection on which `wait` was answered: the container is removed from its runtime then.
    /// False when that took longer.
    public func waitForEnd(seconds: Int) -> Bool {
        var byte: UInt8 = 0
        while isReadable(seconds: seconds) {
            let count = read(socket.number, &byte, 1)
            if count == 0 || (count < 0 && errno != EINTR) { return true }
        }
        return false
    }

    /// The stream that follows the answer to `attach` and `exec`.
    public consuming func takeStream() -> OwnedDescriptor { socket }

    private func send(_ bytes: [UInt8], _ name: String) throws(KernelError) {
        var done = 0
        while done < bytes.count {
            done += try check("ask the shim at \(path) for \(name)") {
                bytes.withUnsafeBytes {
                    berth_shim_send(socket.number, $0.baseAddress! + done, UInt($0.count - done))
                }
            }
        }
    }

    private func isReadable(seconds: Int?) -> Bool {
        var polled = pollfd(fd: socket.number, events: Int16(POLLIN), revents: 0)
        while true {
            let count = poll(&polled, 1, seconds.map { Int32(clamping: $0 * 1000) } ?? -1)
            if count >= 0 || errno != EINTR { return count > 0 }
        }
    }

    /// Not a byte more than the line: what follows is the stream's.
    private func readLine(_ name: String, seconds: Int?) throws(KernelError) -> [UInt8] {
        let operation = "ask the shim at \(path) for \(name)"
        var line: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 4096)
        while true {
            guard isReadable(seconds: seconds) else {
                throw KernelError(operation, .timedOut, "no answer in \(seconds ?? 0) seconds")
            }
            let seen = try check(operation) { recv(socket.number, &room, room.count, Int32(MSG_PEEK)) }
            guard seen > 0 else { throw KernelError(operation, Errno(ECONNRESET), "the shim has ended") }
            let end = room[..<seen].firstIndex(of: 0x0a)
            let wanted = end.map { $0 + 1 } ?? seen
            let count = try check(operation) { recv(socket.number, &room, wanted, 0) }
            line += room[..<count]
            if line.last == 0x0a { return Array(line.dropLast()) }
            guard line.count < RequestConnection.limit else { throw KernelError(operation, .tooLarge) }
        }
    }
}
