import CContainer
import CKernel
import Glibc
import NetCore

/// Does what is typed in the world's shells and is for the world as a whole (`HeldProgram`). Each call has a process of its own.
struct HeldService {
    let descriptor: Int32
    private let directory: LabDirectory

    init(_ descriptor: Int32, _ directory: LabDirectory) {
        // The holder's execution of commands must not hand it on.
        if descriptor >= 0 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        (self.descriptor, self.directory) = (descriptor, directory)
    }

    /// Takes in whoever waits.
    func accept() {
        for _ in 0..<64 {
            let connection = berth_shim_accept(descriptor)
            guard connection >= 0 else { return }
            if fork() == 0 {
                // The leash and the directory's lock are the holder's alone.
                if connection != 3 { dup2(connection, 3) }
                _ = berth_close_range(4, .max)
                serve(3)
            }
            close(connection)
        }
    }

    private func serve(_ connection: Int32) -> Never {
        _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
        berth_default_signals()
        signal(SIGPIPE, SIG_IGN)
        guard let request = OnService.request(connection) else { _exit(1) }
        guard HeldProgram.isWhole(request.command) else { OnService.answer(connection, 2) }
        let child = fork()
        if child == 0 { become(request) }
        for stream in request.streams { close(stream) }
        guard child > 0 else { OnService.answer(connection, 125) }
        // These end the world, and with it who typed them.
        let isLast = request.command.dropFirst().first.map { ["reset", "next", "stop", "start"].contains($0) } ?? false
        OnService.follow(child, connection, outlives: isLast)
    }

    /// A PATH without the world's own programs, which are not there.
    private func outside(_ path: String) -> String {
        path.split(separator: ":").filter { $0 != OnProgram.folder }.map(String.init).joined(by: ":")
    }

    /// Becomes berth, among the starter's processes and mounts. In a forked child.
    private func become(_ request: OnService.Request) -> Never {
        for (place, stream) in request.streams.enumerated() { dup2(stream, Int32(place)) }
        setsid()
        clearenv()
        for line in request.environment {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, parts[0] != "BERTH_LAB_NODE", parts[0] != "PS1" else { continue }
            let value = parts[0] == "PATH" ? outside(parts[1]) : parts[1]
            setenv(parts[0], value, 1)
        }
        setenv(HeldProgram.directoryVariable, directory.path, 1)
        if chdir(request.directory) != 0 { chdir("/") }
        signal(SIGPIPE, SIG_DFL)
        var arguments: [UnsafeMutablePointer<CChar>?] = (["berth"] + request.command).map { strdup($0) } + [nil]
        execv("/proc/self/exe", &arguments)
        _exit(126)
    }
}
