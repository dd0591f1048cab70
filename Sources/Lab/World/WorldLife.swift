import CContainer
import CKernel
import Glibc
import JSON
import NetCore

extension World {
    /// The world stands when this returns. `program` is the berth whose hidden word `lab-hold` leads to `LabProgram`. Throws
    /// E-NAME, E-EXISTS, E-GUARD, and what the kernel refused; then there is nothing of it.
    public static func start(
        _ name: String, keep: Bool = false, in directory: LabDirectory = .standard, program: String = "/proc/self/exe"
    ) throws(LabError) -> World {
        guard let description = StandardWorlds.named(name) else { throw unknown(name) }
        let world = try start(description, keep: keep, in: directory, program: program)
        // Its recorder is a process of its own, and may not have looked yet: what is typed now would belong to the beginning.
        world.recordFromHere()
        return world
    }

    /// As above, of a world that need not be one of the standard ones. Throws E-NAME with what is wrong with the description.
    public static func start(
        _ description: WorldDescription, keep: Bool = false, in directory: LabDirectory = .standard,
        program: String = "/proc/self/exe"
    ) throws(LabError) -> World {
        if let fault = description.fault {
            throw LabError(
                .name, "world \(description.name) cannot be built", cause: fault, fix: "mend its description")
        }
        if let state = try WorldState.standing(in: directory) {
            throw LabError(
                .exists, "world \(state.description.name) stands already",
                cause: "one world at a time: its holder is process \(state.holder.pid)",
                fix: "go on with it (berth lab status), or end it: berth lab stop")
        }
        let words = ["berth", "lab-hold", directory.path, keep ? "keep" : "leave"]
        let text = try answer(program, words, to: description.json.bytes, seconds: 30)
        if text == Array("ready".utf8) { return try standing(in: directory) }
        throw (try? JSON(parsing: text)).flatMap { LabError($0) }
            ?? LabError(.kernel, "the world's holder ended without a word", fix: "see why: dmesg; then start it again")
    }

    /// The first line that the holder writes. It outlives this process.
    private static func answer(_ program: String, _ words: [String], to text: [UInt8], seconds: Int32) throws(LabError)
        -> [UInt8]
    {
        var ends: [Int32] = [-1, -1]
        try during("start the world's holder") { () throws(KernelError) in
            _ = try check("make a pipe") { berth_pipe_cloexec(&ends) }
        }
        defer { close(ends[0]) }
        // A file without a name: however long the text is, nobody waits for a reader.
        let input = try during("hand over the world's description") { () throws(KernelError) in
            let file = OwnedDescriptor(taking: try check("make a file in memory") { berth_memory_file("berth-lab") })
            let number = file.number
            try Files.write(text, to: number, operation: "write the world's description")
            try check("rewind it") { Int32(truncatingIfNeeded: lseek(number, 0, SEEK_SET)) }
            return file.release()
        }
        defer { close(input) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var child = pid_t()
        let code = posix_spawn(&child, program, &actions, nil, &arguments, berth_environment())
        for argument in arguments { free(argument) }
        posix_spawn_file_actions_destroy(&actions)
        close(ends[1])
        guard code == 0 else {
            throw LabError(KernelError("execute \(program)", Errno(code)), "start the world's holder")
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while bytes.last != UInt8(ascii: "\n") {
            var polled = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
            let ready = poll(&polled, 1, seconds * 1000)
            if ready < 0, errno == EINTR { continue }
            guard ready > 0 else {
                kill(child, SIGKILL)
                var status: Int32 = 0
                waitpid(child, &status, 0)
                throw LabError(.kernel, "the world did not stand within \(seconds) seconds", fix: "start it again")
            }
            let count = read(ends[0], &chunk, chunk.count)
            if count <= 0 { break }
            bytes += chunk[..<count]
        }
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes != Array("ready".utf8) {
            var status: Int32 = 0
            waitpid(child, &status, 0)
        }
        return bytes
    }

    /// Nothing of the world is left: no process, hence no namespace and no mount, and no file.
    public func stop() throws(LabError) {
        let root = state.root.handle()
        defer { if let root { close(root) } }
        guard let holder = state.holder.handle() else { return }
        defer { close(holder) }
        berth_pidfd_signal(holder, SIGTERM)
        if !ProcessIdentity.ends(holder, milliseconds: 5000) { berth_pidfd_signal(holder, SIGKILL) }
        guard let root, !ProcessIdentity.ends(root, milliseconds: 5000) else { return }
        berth_pidfd_signal(root, SIGKILL)
        guard ProcessIdentity.ends(root, milliseconds: 5000) else {
            throw LabError(
                .kernel, "the world's first process does not end",
                cause: "process \(state.root.pid) was killed ten seconds ago",
                fix: "see what it waits for: cat /proc/\(state.root.pid)/stack")
        }
    }
}
