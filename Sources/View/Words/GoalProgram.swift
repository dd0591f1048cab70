import CContainer
import CKernel
import Glibc
import JSON
import Lab
import NetCore
import Topology

/// `view-goal LESSON BACKEND`: the world as the lesson's own solutions make it, one map after each task, as a JSON array. They are built
/// once for each lesson, backend and program, and kept beside the learner's progress.
enum GoalProgram {
    static func run(_ words: [String]) -> Int32 {
        guard words.count == 2, let lesson = Lessons.named(words[0]), let backend = Backend(rawValue: words[1]) else {
            return 2
        }
        // The learner's own commands come first.
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 15)
        do {
            let file = try kept(lesson, backend)
            if let file, let known = try? Files.read(file, limit: 8 << 20), (try? JSON(parsing: known)) != nil {
                try Files.write(known, to: STDOUT_FILENO, operation: "tell the goal")
                return 0
            }
            let own = "\(LabDirectory.standard.path)-goal-\(getpid())"
            let maps = try Bounded.run(in: LabDirectory(own)) { directory throws(LabError) in
                try SolvedLesson(lesson, backend, in: directory).maps()
            }
            let text = JSON.array(maps.map(\.json)).bytes
            if let file { try? Files.replace(file, with: text) }
            try Files.write(text, to: STDOUT_FILENO, operation: "tell the goal")
            return 0
        } catch {
            let text = "berth view: \(error)\n"
            _ = write(STDERR_FILENO, text, text.utf8.count)
            return 1
        }
    }

    /// Its name says of which program it is: another one may build another world.
    private static func kept(_ lesson: Lesson, _ backend: Backend) throws -> String? {
        let folder = "\(Files.directory(of: try ProgressFile.standard().path))/goals"
        var program = stat()
        guard stat("/proc/self/exe", &program) == 0 else { return nil }
        try Files.makeDirectories(folder, mode: 0o700)
        let stamp = "\(program.st_size)-\(program.st_mtim.tv_sec)-\(program.st_mtim.tv_nsec)"
        let name = "\(lesson.id)-\(backend.rawValue)-"
        // Those of a program of before.
        for old in try Files.names(in: folder) where old.hasPrefix(name) && old != "\(name)\(stamp).json" {
            try? Files.remove("\(folder)/\(old)")
        }
        return "\(folder)/\(name)\(stamp).json"
    }
}

/// A world that ends with who builds it, also when that one is told to end, or its parent is killed.
private enum Bounded {
    static func run<Value>(
        in directory: LabDirectory, _ body: (LabDirectory) throws(LabError) -> Value
    ) throws -> Value {
        fflush(nil)
        var ends: [Int32] = [-1, -1]
        try check("make a pipe") { berth_pipe_cloexec(&ends) }
        let (builder, server) = (getpid(), berth_pidfd_open(getppid()))
        let guardian = try check("fork", { fork() })
        if guardian == 0 {
            setsid()
            close(ends[1])
            guardWorld(of: builder, server, ends[0], directory)
        }
        close(ends[0])
        defer {
            close(ends[1])
            var status: Int32 = 0
            waitpid(guardian, &status, 0)
        }
        return try body(directory)
    }

    /// In a child: waits for the builder's end, or for the server's, with which the builder ends, and then for the world's. (The
    /// kernel's own signal of a parent's death is forgotten by who enters a user namespace.)
    private static func guardWorld(of builder: pid_t, _ server: Int32, _ line: Int32, _ directory: LabDirectory)
        -> Never
    {
        var polled = [
            pollfd(fd: line, events: Int16(POLLIN), revents: 0), pollfd(fd: server, events: Int16(POLLIN), revents: 0),
        ]
        while poll(&polled, 2, -1) < 0, errno == EINTR {}
        if polled[1].revents != 0 { kill(builder, SIGKILL) }
        // A world that was just being made is there a moment later.
        for _ in 0..<(polled[1].revents != 0 ? 20 : 1) {
            if let world = try? World.running(in: directory) {
                try? world.stop()
                break
            }
            if polled[1].revents != 0 { usleep(100_000) }
        }
        rmdir(directory.path)
        _exit(0)
    }
}
