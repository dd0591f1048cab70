import CKernel
import Glibc
import NetCore

/// A program run to its end in a process group of its own: its standard input written whole, its output collected,
/// its standard error passed on. One thread, poll(2) over the three pipes.
struct ChildProcess {
    let path: String
    let arguments: [String]
    /// `NAME=value`, nothing else is inherited.
    let environment: [String]
    let input: [UInt8]
    /// How long it may run, then how long it has to go after SIGTERM before SIGKILL.
    var seconds = 60
    var graceSeconds = 5
    /// More output than this ends the child: no plugin's answer is that long.
    var outputLimit = 8 << 20

    struct Outcome {
        /// All of its standard output, up to the limit.
        let output: [UInt8]
        /// The last 4 KiB of its standard error.
        let errors: [UInt8]
        /// As waitpid(2) gives it; nil when even SIGKILL did not end it in time.
        let waitStatus: Int32?
        let timedOut: Bool
        /// A signal asked this process to end, and the child was ended for it.
        let interrupted: Bool
        let tooMuchOutput: Bool

        var exitStatus: Int32? { waitStatus.flatMap { $0 & 0x7f == 0 ? ($0 >> 8) & 0xff : nil } }
        var signal: Int32? { waitStatus.flatMap { $0 & 0x7f == 0 ? nil : $0 & 0x7f } }
    }

    /// Throws what posix_spawn(3) said (ENOENT, EACCES, ETXTBSY, …); everything after the start is in the outcome.
    func run() throws(KernelError) -> Outcome {
        // A plugin that ends without reading its input must not kill us: SIGPIPE waits, and is taken off at the end.
        let pipeSignal = BlockedSignal(SIGPIPE)
        defer { pipeSignal.end() }
        let input = try Pipe()
        let output = try Pipe()
        let errors = try Pipe()
        let pid = try spawn(input.reader.number, output.writer.number, errors.writer.number)
        var conversation = Conversation(
            pid: pid, input: input.keepWriter(), output: output.keepReader(), errors: errors.keepReader(),
            text: self.input, outputLimit: outputLimit, deadline: Clock.now + Clock.seconds(seconds),
            grace: Clock.seconds(graceSeconds))
        return conversation.run()
    }

    private func spawn(_ input: Int32, _ output: Int32, _ errors: Int32) throws(KernelError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO)

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

/// The talk with a started child, up to its end.
private struct Conversation: ~Copyable {
    let pid: pid_t
    var input: OwnedDescriptor?
    var output: OwnedDescriptor?
    var errors: OwnedDescriptor?
    let text: [UInt8]
    let outputLimit: Int
    var deadline: UInt64
    let grace: UInt64

    private var written = 0
    private var collected: [UInt8] = []
    private var said: [UInt8] = []
    private var waitStatus: Int32?
    private var timedOut = false
    private var interrupted = false
    private var tooMuchOutput = false
    private var stage = Stage.running

    private enum Stage { case running, terminated, killed }

    /// How often a child is looked for that has ended while a grandchild still holds its pipes.
    private static let glance: UInt64 = 100_000_000

    init(
        pid: pid_t, input: consuming OwnedDescriptor, output: consuming OwnedDescriptor,
        errors: consuming OwnedDescriptor, text: [UInt8], outputLimit: Int, deadline: UInt64, grace: UInt64
    ) {
        for number in [input.number, output.number, errors.number] {
            _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) | O_NONBLOCK)
        }
        self.pid = pid
        self.input = consume input
        self.output = consume output
        self.errors = consume errors
        self.text = text
        self.outputLimit = outputLimit
        self.deadline = deadline
        self.grace = grace
    }

    mutating func run() -> ChildProcess.Outcome {
        if text.isEmpty { input = nil }
        while output != nil || errors != nil {
            guard escalate() else { break }
            let events = transfer()
            if events == 0 {
                // Nobody has said anything for a while. When the child itself has gone, whoever holds the pipes now is
                // a process that it left behind: nobody waits for that one.
                if waitStatus != nil { break }
                reap()
            }
        }
        input = nil
        var nap: UInt32 = 20
        while waitStatus == nil {
            reap()
            if waitStatus != nil { break }
            guard escalate() else { break }
            usleep(nap)
            nap = min(nap * 2, 5000)
        }
        return ChildProcess.Outcome(
            output: collected, errors: said, waitStatus: waitStatus, timedOut: timedOut, interrupted: interrupted,
            tooMuchOutput: tooMuchOutput)
    }

    private mutating func reap() {
        guard waitStatus == nil else { return }
        var status: Int32 = 0
        if waitpid(pid, &status, WNOHANG) == pid { waitStatus = status }
    }

    /// Past the deadline, or when this process is asked to end: SIGTERM to the group, SIGKILL after the grace, then one more second; false when that is over.
    private mutating func escalate() -> Bool {
        if stage == .running, waitStatus == nil, PendingSignal.take() { interrupted = true }
        guard Clock.now >= deadline || (interrupted && stage == .running), waitStatus == nil else { return true }
        switch stage {
        case .running:
            timedOut = !interrupted
            kill(-pid, SIGTERM)
            stage = .terminated
            deadline = Clock.now + grace
        case .terminated:
            kill(-pid, SIGKILL)
            stage = .killed
            deadline = Clock.now + Clock.seconds(1)
        case .killed:
            return false
        }
        return true
    }

    /// Waits for something to do and does it; the number of descriptors that had something.
    private mutating func transfer() -> Int32 {
        let now = Clock.now
        let patience = min(deadline > now ? deadline - now : 0, Conversation.glance)
        var polled = [
            pollfd(fd: input.number, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: output.number, events: Int16(POLLIN), revents: 0),
            pollfd(fd: errors.number, events: Int16(POLLIN), revents: 0),
        ]
        let count = poll(&polled, 3, Int32((patience + 999_999) / 1_000_000))
        guard count > 0 else { return max(count, 0) }
        if polled[0].revents != 0 { write() }
        if polled[1].revents != 0 { readOutput() }
        if polled[2].revents != 0 { readErrors() }
        return count
    }

    private mutating func write() {
        let descriptor = input.number
        let count = text.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + written, $0.count - written) }
        if count >= 0 {
            written += count
            if written == text.count { input = nil }
        } else if errno != EAGAIN && errno != EINTR {
            // EPIPE: the program did not want to know. Its exit status says whether that was well.
            input = nil
        }
    }

    private mutating func readOutput() {
        guard let bytes = Conversation.read(output.number) else { return }
        if bytes.isEmpty { output = nil }
        collected += bytes
        if collected.count > outputLimit {
            tooMuchOutput = true
            collected = Array(collected.prefix(outputLimit))
            output = nil
        }
    }

    private mutating func readErrors() {
        guard let bytes = Conversation.read(errors.number) else { return }
        if bytes.isEmpty { errors = nil }
        Diagnostics.pass(bytes)
        said = Array((said + bytes).suffix(4096))
    }

    /// Nil when there is nothing now, empty at the end.
    private static func read(_ descriptor: Int32) -> [UInt8]? {
        var chunk = [UInt8](repeating: 0, count: 4096)
        let count = Glibc.read(descriptor, &chunk, chunk.count)
        if count > 0 { return Array(chunk[..<count]) }
        return count < 0 && (errno == EAGAIN || errno == EINTR) ? nil : []
    }
}

extension Optional where Wrapped == OwnedDescriptor, Wrapped: ~Copyable {
    /// The descriptor's number; -1, which poll(2) passes over, when it is closed.
    fileprivate var number: Int32 {
        switch self {
        case .some(let descriptor): descriptor.number
        case .none: -1
        }
    }
}

/// What people read: standard error.
enum Diagnostics {
    /// Writes a plugin's words through. A reader that does not read costs at most a tenth of a second, not the plugin's time.
    static func pass(_ bytes: [UInt8]) {
        var polled = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        guard !bytes.isEmpty, poll(&polled, 1, 100) == 1, polled.revents & Int16(POLLOUT) != 0 else { return }
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }
}

/// The monotonic clock, in nanoseconds.
enum Clock {
    static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    static func seconds(_ count: Int) -> UInt64 { UInt64(max(count, 0)) * 1_000_000_000 }
}
