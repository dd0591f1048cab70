import Foundation

/// A Chromium without a screen, driven over --remote-debugging-pipe: it reads commands from its descriptor 3 and writes answers and events
/// to its descriptor 4, each a JSON text that ends with a zero byte.
final class Chromium {
    private let pid: pid_t
    private let input: Int32
    private let output: Int32
    private var buffer = Data()
    private var next = 1
    private(set) var events: [[String: Any]] = []
    private let profile: String

    /// Starts it with a profile of its own. Throws `Failure` when the program cannot be executed.
    init(program: String, scratch: String) throws {
        profile = "\(scratch)/profile"
        var commands: [Int32] = [0, 0]
        var answers: [Int32] = [0, 0]
        guard pipe(&commands) == 0, pipe(&answers) == 0 else {
            throw Failure("two pipes for Chromium: \(String(cString: strerror(errno)))")
        }
        for end in commands + answers { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // First out of the way of 3 and 4.
        let (from, to) = (fcntl(commands[0], F_DUPFD_CLOEXEC, 10), fcntl(answers[1], F_DUPFD_CLOEXEC, 10))
        posix_spawn_file_actions_adddup2(&actions, from, 3)
        posix_spawn_file_actions_adddup2(&actions, to, 4)
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "\(scratch)/chromium.log", O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var arguments = [
            program, "--headless=new", "--disable-gpu", "--no-first-run", "--hide-scrollbars", "--mute-audio",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--disable-dev-shm-usage",
            "--force-color-profile=srgb", "--font-render-hinting=none", "--disable-lcd-text",
            "--user-data-dir=\(profile)", "--remote-debugging-pipe",
        ]
        // Its sandbox refuses to work for root.
        if getuid() == 0 { arguments.append("--no-sandbox") }
        let environment = [
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=\(scratch)", "TZ=UTC", "LANG=C.UTF-8",
            "FONTCONFIG_FILE=\(scratch)/fonts.conf",
        ]
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
        defer { for text in argv + envp { free(text) } }
        var child: pid_t = 0
        let failed = posix_spawn(&child, program, &actions, nil, &argv, &envp)
        for end in [from, to, commands[0], answers[1]] { _ = close(end) }
        guard failed == 0 else {
            throw Failure("execute \(program): \(String(cString: strerror(failed))) (scripts/deps page installs it)")
        }
        (pid, input, output) = (child, commands[1], answers[0])
    }

    /// Sends a command and waits for its answer, at most `seconds`.
    @discardableResult
    func send(_ method: String, _ parameters: [String: Any] = [:], session: String? = nil, seconds: Double = 20) throws
        -> [String: Any]
    {
        let id = next
        next += 1
        var message: [String: Any] = ["id": id, "method": method, "params": parameters]
        if let session { message["sessionId"] = session }
        var bytes = try JSONSerialization.data(withJSONObject: message)
        bytes.append(0)
        try bytes.withUnsafeBytes { raw in
            var written = 0
            while written < raw.count {
                let count = write(input, raw.baseAddress! + written, raw.count - written)
                guard count > 0 else { throw Failure("write to Chromium: \(String(cString: strerror(errno)))") }
                written += count
            }
        }
        let deadline = now() + seconds
        while now() < deadline {
            guard let answer = try receive(until: deadline) else { continue }
            guard let number = answer["id"] as? Int else {
                events.append(answer)
                continue
            }
            guard number == id else { continue }
            if let error = answer["error"] as? [String: Any] {
                throw Failure("\(method): \(error["message"] ?? error)")
            }
            return answer["result"] as? [String: Any] ?? [:]
        }
        throw Failure("\(method) was not answered in \(seconds) s")
    }

    /// Takes what has come in the meantime, for so long.
    func listen(seconds: Double) throws {
        let deadline = now() + seconds
        while now() < deadline {
            if let event = try receive(until: deadline), event["id"] == nil { events.append(event) }
        }
    }

    func forgetEvents() { events = [] }

    private func receive(until deadline: Double) throws -> [String: Any]? {
        while true {
            if let end = buffer.firstIndex(of: 0) {
                let text = buffer[buffer.startIndex..<end]
                let value = try JSONSerialization.jsonObject(with: Data(text)) as? [String: Any]
                buffer = Data(buffer[(end + 1)...])
                return value
            }
            var wait = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            let left = deadline - now()
            guard left > 0, poll(&wait, 1, Int32(left * 1000) + 1) > 0 else { return nil }
            var chunk = [UInt8](repeating: 0, count: 1 << 16)
            let count = read(output, &chunk, chunk.count)
            guard count > 0 else { throw Failure("Chromium has ended (its words: chromium.log)") }
            buffer.append(contentsOf: chunk[0..<count])
        }
    }

    func end() {
        _ = try? send("Browser.close", seconds: 3)
        close(input)
        close(output)
        var status: Int32 = 0
        for _ in 0..<50 {
            if waitpid(pid, &status, WNOHANG) == pid { return }
            usleep(100_000)
        }
        kill(pid, SIGKILL)
        waitpid(pid, &status, 0)
    }
}
