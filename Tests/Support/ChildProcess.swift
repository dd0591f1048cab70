import CKernel
import Glibc
import NetCore

/// How a child process ended.
public struct ChildOutcome: Sendable, CustomStringConvertible {
    public let command: String
    /// The exit code, or 128 and the signal.
    public let exitCode: Int32
    public let output: [UInt8]
    public let errorOutput: String
    /// It was killed because its time was over.
    public let timedOut: Bool

    public var text: String { String(decoding: output, as: UTF8.self) }
    public var description: String {
        "`\(command)` ended with \(exitCode)\(timedOut ? " (killed: out of time)" : "")\n  stdout: \(text)\n  stderr: \(errorOutput)"
    }
}

/// A started child, in the namespaces of the thread that started it.
public final class RunningChild {
    public let command: String
    public let processID: pid_t
    private var input: Int32
    private var output: Int32
    private var errors: Int32
    private var unsent: ArraySlice<UInt8>
    private var outputBytes: [UInt8] = []
    private var errorBytes: [UInt8] = []
    private var status: Int32?

    /// Starts `arguments[0]` (sought in PATH) with exactly this environment. posix_spawn keeps the thread's namespaces.
    public init(_ arguments: [String], environment: [String: String], input: [UInt8] = []) throws(KernelError) {
        command = arguments.joined(separator: " ")
        let operation = "start \(command)"
        var outputEnds: [Int32] = [-1, -1]
        var errorEnds: [Int32] = [-1, -1]
        try check(operation) { berth_pipe_cloexec(&outputEnds) }
        try check(operation) { berth_pipe_cloexec(&errorEnds) }
        var inputEnds: [Int32] = [-1, -1]
        try check(operation) { berth_pipe_cloexec(&inputEnds) }
        try check(operation) { fcntl(inputEnds[1], F_SETFL, O_NONBLOCK) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, inputEnds[0], 0)
        posix_spawn_file_actions_adddup2(&actions, outputEnds[1], 1)
        posix_spawn_file_actions_adddup2(&actions, errorEnds[1], 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigaddset(&signals, SIGPIPE)
        // A child that does not read its input must not end the tests.
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var envp: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        var child = pid_t()
        let code = posix_spawnp(&child, arguments[0], &actions, &attributes, &argv, &envp)
        for pointer in argv + envp { free(pointer) }
        posix_spawn_file_actions_destroy(&actions)
        posix_spawnattr_destroy(&attributes)
        for end in [inputEnds[0], outputEnds[1], errorEnds[1]] { close(end) }
        processID = child
        self.input = inputEnds[1]
        output = outputEnds[0]
        errors = errorEnds[0]
        unsent = input[...]
        guard code == 0 else {
            status = 0
            closePipes()
            throw KernelError(operation, Errno(code))
        }
        send()
    }

    /// Waits for the end and collects what was printed; kills the child's process group after `seconds`.
    public func wait(seconds: Double = 30) -> ChildOutcome {
        let end = RunningChild.now() + seconds
        var timedOut = false
        while output >= 0 || errors >= 0 {
            let left = end - RunningChild.now()
            if left <= 0 {
                timedOut = true
                break
            }
            // A grandchild may keep the pipes open: once the child itself is gone, what is there is all there is.
            let gone = reap(blocking: false)
            let ready = readWhatIsThere(milliseconds: gone ? 0 : Int32(min(left * 1000, 50)))
            if gone && !ready { break }
        }
        var nap: UInt32 = 100
        while !timedOut && !reap(blocking: false) {
            if RunningChild.now() > end { timedOut = true }
            usleep(nap)
            nap = min(nap * 2, 2000)
        }
        if timedOut { kill() }
        closePipes()
        return ChildOutcome(
            command: command, exitCode: berth_exit_status(status ?? 0), output: outputBytes,
            errorOutput: String(decoding: errorBytes, as: UTF8.self), timedOut: timedOut)
    }

    /// What it has printed so far.
    public func printedSoFar() -> String {
        _ = readWhatIsThere(milliseconds: 0)
        return String(decoding: outputBytes, as: UTF8.self)
    }

    /// It is gone, with its process group, and reaped.
    public func kill(_ signal: Int32 = SIGKILL) {
        guard status == nil else { return closePipes() }
        Glibc.kill(-processID, signal)
        Glibc.kill(processID, signal)
        _ = reap(blocking: true)
        closePipes()
    }

    private func reap(blocking: Bool) -> Bool {
        guard status == nil else { return true }
        var found: Int32 = 0
        guard waitpid(processID, &found, blocking ? 0 : WNOHANG) == processID else { return false }
        status = found
        return true
    }

    /// True when something was read.
    private func readWhatIsThere(milliseconds: Int32) -> Bool {
        var polled = [
            pollfd(fd: output, events: Int16(POLLIN), revents: 0),
            pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
            pollfd(fd: input, events: Int16(POLLOUT), revents: 0),
        ]
        guard poll(&polled, 3, milliseconds) > 0 else { return false }
        if polled[2].revents != 0 { send() }
        if polled[0].revents != 0 { RunningChild.drain(&output, into: &outputBytes) }
        if polled[1].revents != 0 { RunningChild.drain(&errors, into: &errorBytes) }
        return polled[0].revents != 0 || polled[1].revents != 0
    }

    private static func drain(_ descriptor: inout Int32, into bytes: inout [UInt8]) {
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count = read(descriptor, &chunk, chunk.count)
        if count > 0 {
            bytes.append(contentsOf: chunk[..<count])
        } else {
            close(descriptor)
            descriptor = -1
        }
    }

    private func closePipes() {
        for descriptor in [input, output, errors] where descriptor >= 0 { close(descriptor) }
        (input, output, errors) = (-1, -1, -1)
    }

    /// Gives the child what its pipe takes; closes the pipe when all is given or nobody reads.
    private func send() {
        while input >= 0 {
            let count = unsent.withUnsafeBytes { write(input, $0.baseAddress, $0.count) }
            if count < 0 && errno == EAGAIN { return }
            unsent = count < 0 ? [] : unsent.dropFirst(count)
            if unsent.isEmpty {
                close(input)
                input = -1
            }
        }
    }

    static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

extension PrivateHost {
    /// Runs a child to its end in the thread's present namespaces.
    public func run(
        _ arguments: [String], environment: [String: String] = [:], input: [UInt8] = [], seconds: Double = 30
    ) throws(KernelError) -> ChildOutcome {
        try RunningChild(arguments, environment: self.environment.merging(environment) { $1 }, input: input).wait(
            seconds: seconds)
    }

    /// Runs a line of words split at spaces and gives what it printed; anything but exit code 0 is thrown.
    @discardableResult
    public func must(_ line: String, input: String = "", seconds: Double = 30) throws -> String {
        let outcome = try run(line.split(separator: " ").map(String.init), input: Array(input.utf8), seconds: seconds)
        guard outcome.exitCode == 0 else { throw CommandFailed(outcome) }
        return outcome.text
    }

    /// A child that runs until the host ends.
    @discardableResult
    public func start(_ arguments: [String], environment: [String: String] = [:], input: [UInt8] = [])
        throws(KernelError) -> RunningChild
    {
        let child = try RunningChild(arguments, environment: self.environment.merging(environment) { $1 }, input: input)
        background.append(child)
        return child
    }
}

/// A command of the test itself that did not end with 0.
public struct CommandFailed: Error, Sendable, CustomStringConvertible {
    public let outcome: ChildOutcome
    public init(_ outcome: ChildOutcome) { self.outcome = outcome }
    public var description: String { outcome.description }
}
