import CKernel
import Glibc

/// A program run to its end in a process group of its own: its standard input written whole, its output collected,
/// its standard error passed on. One thread, poll(2) over the three pipes.
public struct ChildProcess: Sendable {
    public let path: String
    let arguments: [String]
    /// `NAME=value`, nothing else is inherited.
    let environment: [String]
    let input: [UInt8]
    /// Descriptors that it keeps besides: locks that must hold for as long as it works.
    let inherited: [Int32]
    /// How long it may run, then how long it has to go after SIGTERM before SIGKILL.
    public var seconds: Int
    /// A SIGTERM or SIGINT that this thread holds back is taken, and ends the child. For a process of one thread alone, which then ends
    /// by `Outcome.interrupted`: where another thread waits for signals it would be taken from under its hands.
    public var isInterruptible = false
    var graceSeconds: Int
    /// More output than this ends the child: no plugin's answer is that long.
    var outputLimit = 8 << 20

    public init(
        path: String, arguments: [String], environment: [String], input: [UInt8], inherited: [Int32] = [],
        seconds: Int = 60,
        graceSeconds: Int = 5
    ) {
        self.path = path
        self.arguments = arguments
        self.environment = environment
        self.input = input
        self.inherited = inherited
        self.seconds = seconds
        self.graceSeconds = graceSeconds
    }

    public struct Outcome: Sendable {
        /// All of its standard output, up to the limit.
        public let output: [UInt8]
        /// The last 4 KiB of its standard error.
        public let errors: [UInt8]
        /// As waitpid(2) gives it; nil when even SIGKILL did not end it in time.
        public let waitStatus: Int32?
        public let timedOut: Bool
        /// A signal asked this process to end, and the child was ended for it.
        public let interrupted: Bool
        public let tooMuchOutput: Bool
        /// Its output ended with the last words that were waited for; it may not have ended yet.
        public let isAnswered: Bool

        public var exitStatus: Int32? { waitStatus.flatMap { $0 & 0x7f == 0 ? ($0 >> 8) & 0xff : nil } }
        public var signal: Int32? { waitStatus.flatMap { $0 & 0x7f == 0 ? nil : $0 & 0x7f } }
    }

    /// Throws what posix_spawn(3) said (ENOENT, EACCES, ETXTBSY, …); everything after the start is in the outcome.
    public func run() throws(KernelError) -> Outcome { try start().converse(input) }

    /// The child waits for its input. Throws what posix_spawn(3) said.
    public func start() throws(KernelError) -> StartedChild {
        let input = try Pipe()
        let output = try Pipe()
        let errors = try Pipe()
        let pid = try spawn(input.reader.number, output.writer.number, errors.writer.number)
        return StartedChild(
            self, pid, input: input.keepWriter(), output: output.keepReader(), errors: errors.keepReader())
    }

    private func spawn(_ input: Int32, _ output: Int32, _ errors: Int32) throws(KernelError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO)
        // Onto itself: that takes close-on-exec away in the child.
        for descriptor in inherited { posix_spawn_file_actions_adddup2(&actions, descriptor, descriptor) }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // What waits here (SIGTERM, while a chain runs) must reach the plugin.
        var mask = sigset_t()
        sigemptyset(&mask)
        var defaults = sigset_t()
        sigemptyset(&defaults)
        sigaddset(&defaults, SIGPIPE)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setsigmask(&attributes, &mask)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        let flags = Int32(POSIX_SPAWN_SETPGROUP) | Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)
        posix_spawnattr_setflags(&attributes, Int16(flags))

        var argumentPointers = ([path] + arguments).map { strdup($0) } + [nil]
        var environmentPointers = environment.map { strdup($0) } + [nil]
        defer { for pointer in argumentPointers + environmentPointers { free(pointer) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, path, &actions, &attributes, &argumentPointers, &environmentPointers)
        guard code == 0 else { throw KernelError("execute \(path)", Errno(code)) }
        return pid
    }
}

/// A child that was started ahead of its input. One that is never talked to reads none, and is waited for.
public final class StartedChild {
    private let process: ChildProcess
    private let pid: pid_t
    private var input: OwnedDescriptor?
    private var output: OwnedDescriptor?
    private var errors: OwnedDescriptor?

    fileprivate init(
        _ process: ChildProcess, _ pid: pid_t, input: consuming OwnedDescriptor, output: consuming OwnedDescriptor,
        errors: consuming OwnedDescriptor
    ) {
        self.process = process
        self.pid = pid
        self.input = consume input
        self.output = consume output
        self.errors = consume errors
    }

    /// The child's outcome, after it was given `text`; to be called once. The end of a child that closes its
    /// output after `lastWords` may not be waited for (AnsweredChildren).
    public func converse(_ text: [UInt8], until lastWords: [UInt8]? = nil) -> ChildProcess.Outcome {
        // A child that ends without reading its input must not kill us: SIGPIPE waits, and is taken off at the end.
        let pipeSignal = BlockedSignal(SIGPIPE)
        defer { pipeSignal.end() }
        guard let input = input.take(), let output = output.take(), let errors = errors.take() else {
            preconditionFailure("a child is talked to once")
        }
        var conversation = Conversation(
            pid: pid, input: input, output: output, errors: errors, text: text, outputLimit: process.outputLimit,
            deadline: Clock.now + Clock.seconds(process.seconds), grace: Clock.seconds(process.graceSeconds),
            isInterruptible: process.isInterruptible)
        conversation.lastWords = lastWords
        return conversation.run()
    }

    deinit {
        guard input.take() != nil else { return }
        // Its input has ended; a child that does not end with it is ended.
        var status: Int32 = 0
        for _ in 0..<200 where waitpid(pid, &status, WNOHANG) == 0 { usleep(1000) }
        if waitpid(pid, &status, WNOHANG) == 0 {
            kill(pid, SIGKILL)
            waitpid(pid, &status, 0)
        }
    }
}

/// Both ends of a pipe, close-on-exec and above the three standard descriptors, so that no dup2 onto those hits them.
private struct Pipe: ~Copyable {
    let reader: OwnedDescriptor
    let writer: OwnedDescriptor

    init() throws(KernelError) {
        var ends: [Int32] = [-1, -1]
        try check("make a pipe") { berth_pipe_cloexec(&ends) }
        let lower = OwnedDescriptor(taking: ends[0])
        let upper = OwnedDescriptor(taking: ends[1])
        let reader = try Pipe.raised(lower)
        let writer = try Pipe.raised(upper)
        self.reader = reader
        self.writer = writer
    }

    private static func raised(_ descriptor: consuming OwnedDescriptor) throws(KernelError) -> OwnedDescriptor {
        guard descriptor.number <= STDERR_FILENO else { return descriptor }
        let number = descriptor.number
        return OwnedDescriptor(
            taking: try check("move a pipe's descriptor") { fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) })
    }

    consuming func keepReader() -> OwnedDescriptor { reader }
    consuming func keepWriter() -> OwnedDescriptor { writer }
}

/// One signal blocked in this thread while the value lives; what of it arrived meanwhile is dropped at the end.
private struct BlockedSignal: ~Copyable {
    private let signal: Int32
    private var previous = sigset_t()

    init(_ signal: Int32) {
        self.signal = signal
        var blocked = BlockedSignal.set(signal)
        pthread_sigmask(SIG_BLOCK, &blocked, &previous)
    }

    private static func set(_ signal: Int32) -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        sigaddset(&set, signal)
        return set
    }

    /// Said in a `defer`, it keeps the block up to the end of the scope.
    borrowing func end() {}

    deinit {
        var set = BlockedSignal.set(signal)
        var nothing = timespec()
        var restored = previous
        if sigismember(&restored, signal) == 0 { while sigtimedwait(&set, nil, &nothing) == signal {} }
        pthread_sigmask(SIG_SETMASK, &restored, nil)
    }
}
