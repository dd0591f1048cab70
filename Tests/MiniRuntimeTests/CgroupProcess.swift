import CKernel
import Glibc
import JSON
import MiniRuntime
import NetCore

/// A shell that waits until it is let go, so that it is in its group before it does anything; dead and reaped at the end.
final class CgroupProcess {
    let pid: pid_t
    private let input: OwnedDescriptor
    private let output: OwnedDescriptor
    private var status: Int32?

    /// `script` runs after `go()`, with what `say` writes as its further input.
    init(_ script: String) throws {
        var toChild: [Int32] = [-1, -1]
        var fromChild: [Int32] = [-1, -1]
        try check("make a pipe") { berth_pipe_cloexec(&toChild) }
        try check("make a pipe") { berth_pipe_cloexec(&fromChild) }
        let reader = OwnedDescriptor(taking: toChild[0])
        let writer = OwnedDescriptor(taking: fromChild[1])
        input = OwnedDescriptor(taking: toChild[1])
        output = OwnedDescriptor(taking: fromChild[0])
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, reader.number, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, writer.number, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, writer.number, STDERR_FILENO)
        var arguments = ["/bin/sh", "-c", "read go; \(script)"].map { (text: String) in strdup(text) } + [nil]
        var environment = [strdup("PATH=/usr/sbin:/usr/bin:/sbin:/bin"), nil]
        defer { for pointer in arguments + environment { free(pointer) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, "/bin/sh", &actions, nil, &arguments, &environment)
        guard code == 0 else { throw KernelError("execute /bin/sh", Errno(code)) }
        self.pid = pid
    }

    /// In the group from its first command on.
    convenience init(_ script: String, in group: Cgroup) throws {
        try self.init(script)
        try group.add(pid)
        try go()
    }

    func go() throws { try say("go") }

    func say(_ line: String) throws {
        try Files.write(Array("\(line)\n".utf8), to: input.number, operation: "speak to the child")
    }

    /// What it says next; nil when that takes longer.
    func hears(seconds: Int, milliseconds: Int = 0) -> String? {
        var wait = pollfd(fd: output.number, events: Int16(POLLIN), revents: 0)
        guard poll(&wait, 1, Int32(seconds * 1000 + milliseconds)) == 1 else { return nil }
        var bytes = [UInt8](repeating: 0, count: 65536)
        let count = read(output.number, &bytes, bytes.count)
        return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// Everything it says until `word`, or until it ends, or the time is over.
    func hears(upTo word: String, seconds: Int = 60) -> String {
        var text = ""
        let end = time(nil) + seconds
        while !text.holds(word), time(nil) < end, let more = hears(seconds: 1) ?? (isRunning ? "" : nil) {
            if more.isEmpty, !isRunning { break }
            text += more
        }
        return text
    }

    private var isRunning: Bool {
        if status != nil { return false }
        var found: Int32 = 0
        guard waitpid(pid, &found, WNOHANG) == pid else { return true }
        status = found
        return false
    }

    /// The wait status; nil when it has not ended by then.
    func ends(seconds: Int = 60) -> Int32? {
        for _ in 0..<(seconds * 100) where isRunning { usleep(10_000) }
        return status
    }

    /// The signal that ended it.
    func diesOf(seconds: Int = 60) -> Int32? { ends(seconds: seconds).map { $0 & 0x7f } }

    deinit {
        if isRunning {
            kill(pid, SIGKILL)
            _ = ends(seconds: 10)
        }
    }
}

/// A group of this test's own; it and its processes are gone after `body`.
func withGroup<R>(_ name: String, _ resources: JSONObject? = nil, _ body: (Cgroup) throws -> R) throws -> R {
    let group = try Cgroup(path: "/berth-test-\(getpid())/\(name)")
    let parent = try Cgroup(path: "/berth-test-\(getpid())")
    do {
        try group.make(resources)
        let result = try body(group)
        try group.kill()
        try group.remove()
        // The last test's parent goes; the others' stays while they have groups in it.
        for hierarchy in parent.hierarchies { rmdir(hierarchy.directory(parent.path)) }
        return result
    } catch {
        do {
            try group.kill()
            try group.remove()
        } catch {}
        for hierarchy in parent.hierarchies { rmdir(hierarchy.directory(parent.path)) }
        throw error
    }
}
