import CContainer
import Glibc
import JSON
import NetCore

/// create, start and run.
extension OCICommand {
    private static let creationFlags = ["bundle,b", "console-socket", "pid-file", "preserve-fds"]
    private static let creationSwitches = ["no-pivot", "no-new-keyring"]

    private func request(_ options: Options, _ verb: String) throws(OCIError) -> CreationRequest {
        guard options.words.count == 1 else { throw OCIError("\(verb) takes one argument, the container's id") }
        let preserved = try options.number("preserve-fds") ?? 0
        guard preserved >= 0 && preserved < 10_000 else { throw OCIError("--preserve-fds must be a small number") }
        return CreationRequest(
            id: options.words[0], root: root, bundle: try OCICommand.absolute(options.value("bundle") ?? "."),
            pidFile: options.value("pid-file"), consoleSocket: options.value("console-socket"),
            pivots: !options.has("no-pivot"), hasNewKeyring: !options.has("no-new-keyring"),
            preserved: preserved + OCICommand.listeners, listeners: OCICommand.listeners)
    }

    /// Sockets that systemd hands on (man 3 sd_listen_fds).
    private static var listeners: Int {
        getenv("LISTEN_FDS").flatMap { Int(String(cString: $0)) }.map { min(max($0, 0), 1000) } ?? 0
    }

    private static func absolute(_ path: String) throws(OCIError) -> String {
        guard let found = realpath(path, nil) else { throw OCIError("--bundle \(path): \(Errno.current)") }
        defer { free(found) }
        return String(cString: found)
    }

    func create(_ arguments: [String]) throws(OCIError) {
        let options = try Options(
            arguments, valued: OCICommand.creationFlags, plain: OCICommand.creationSwitches, verb: "create")
        if let shim = getenv("BERTH_SHIM").flatMap({ pid_t(String(cString: $0)) }) {
            _ = berth_die_with(SIGKILL)
            guard getppid() == shim else { throw OCIError("create: the shim that asked for it was killed") }
        }
        let created = try ContainerCreation(try request(options, "create")).create()
        // The process stays, and is somebody else's to wait for.
        _ = consume created
    }

    func start(_ arguments: [String]) throws(OCIError) {
        let options = try Options(arguments, valued: [], plain: [], verb: "start")
        guard options.words.count == 1 else { throw OCIError("start takes one argument, the container's id") }
        let record = try ContainerRecord.load(options.words[0], in: root)
        let lock = try kernel { () throws(KernelError) in try FileLock(directory: record.directory, .exclusive) }
        try start(record)
        lock.release()
    }

    private func start(_ record: ContainerRecord) throws(OCIError) {
        switch record.status {
        case .created: break
        case .stopped: throw OCIError("cannot start a container that has stopped: delete it and create it again")
        case .running, .paused: throw OCIError("cannot start an already running container")
        }
        let answer = try kernel { () throws(KernelError) in
            let handle = OwnedDescriptor(
                taking: try check("look at process \(record.pid)") { berth_pidfd_open(record.pid) })
            let pipe = try OwnedDescriptor(open: record.pipe, O_RDONLY | O_NONBLOCK)
            return try OCICommand.answer(pipe.number, handle.number)
        }
        unlink(record.pipe)
        guard answer.first == UInt8(ascii: "0") else {
            throw OCIError("the container ended before it was started: delete it and look at its output")
        }
        if answer.count > 1 {
            throw OCIError(String(decoding: answer.dropFirst(2), as: UTF8.self), code: Int32(answer[1]))
        }
        let spec = try record.spec().spec
        do throws(OCIError) {
            try spec.hooks.run(.poststart, record.describe(.running))
        } catch {
            Glibc.kill(record.pid, SIGKILL)
            throw error
        }
    }

    /// What init wrote until it became the program, or ended.
    private static func answer(_ pipe: Int32, _ handle: Int32) throws(KernelError) -> [UInt8] {
        var answer: [UInt8] = []
        var isLast = false
        while true {
            var polled = [
                pollfd(fd: pipe, events: Int16(POLLIN), revents: 0),
                pollfd(fd: isLast ? -1 : handle, events: Int16(POLLIN), revents: 0),
            ]
            try check("wait for the container's start") { poll(&polled, 2, isLast ? 0 : -1) }
            if polled[0].revents != 0 {
                var bytes = [UInt8](repeating: 0, count: 4096)
                let count = read(pipe, &bytes, bytes.count)
                if count > 0 { answer += bytes[..<count] } else if count == 0 { return answer }
            } else if isLast {
                return answer
            }
            // It has ended: what it said last is read, and no more is waited for.
            if polled[1].revents != 0 { isLast = true }
        }
    }

    func run(_ arguments: [String]) throws(OCIError) -> Int32 {
        let options = try Options(
            arguments, valued: OCICommand.creationFlags,
            plain: OCICommand.creationSwitches + ["detach,d", "keep", "no-subreaper"], verb: "run")
        var request = try request(options, "run")
        if options.has("detach") {
            let created = try ContainerCreation(request).create()
            do throws(OCIError) {
                try start(created.record)
            } catch {
                created.process.kill()
                _ = created.process.wait()
                try destroy(created.record, created.cgroup)
                throw error
            }
            return 0
        }
        request.isForeground = true
        let creation = try ContainerCreation(request)
        var foreground = try Foreground()
        let created = try creation.create()
        do throws(OCIError) {
            let terminal = try foreground.receive(created.console)
            created.channel.say(.proceed)
            // Nothing is said where the program runs.
            _ = try created.channel.hear()
            try created.spec.hooks.run(.poststart, created.record.describe(.running))
            let code = foreground.wait(created.process, terminal: terminal)
            if !options.has("keep") { try destroy(created.record, created.cgroup) }
            return code
        } catch {
            created.process.kill()
            _ = created.process.wait()
            try destroy(created.record, created.cgroup)
            throw error
        }
    }
}
