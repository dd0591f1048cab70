import Glibc

/// The talk with a started child, up to its end.
struct Conversation: ~Copyable {
    let pid: pid_t
    var input: OwnedDescriptor?
    var output: OwnedDescriptor?
    var errors: OwnedDescriptor?
    let text: [UInt8]
    let outputLimit: Int
    var deadline: UInt64
    let grace: UInt64
    /// A signal that asks this process to end ends the child; else it waits until the child has ended.
    let isInterruptible: Bool
    /// A child whose output ends with these bytes has done all that it was asked for: its end is not waited for.
    var lastWords: [UInt8]?

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
        errors: consuming OwnedDescriptor, text: [UInt8], outputLimit: Int, deadline: UInt64, grace: UInt64,
        isInterruptible: Bool
    ) {
        self.isInterruptible = isInterruptible
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
        let isAnswered = lastWords.map { collected.suffix($0.count).elementsEqual($0) } ?? false
        var nap: UInt32 = 20
        while !(isAnswered && !AnsweredChildren.isWaitedFor) && waitStatus == nil {
            reap()
            if waitStatus != nil { break }
            guard escalate() else { break }
            usleep(nap)
            nap = min(nap * 2, 5000)
        }
        return ChildProcess.Outcome(
            output: collected, errors: said, waitStatus: waitStatus, timedOut: timedOut, interrupted: interrupted,
            tooMuchOutput: tooMuchOutput, isAnswered: isAnswered)
    }

    private mutating func reap() {
        guard waitStatus == nil else { return }
        var status: Int32 = 0
        if waitpid(pid, &status, WNOHANG) == pid { waitStatus = status }
    }

    /// Past the deadline, or when this process is asked to end: SIGTERM to the group, SIGKILL after the grace, then one
    /// more second; false when that is over.
    private mutating func escalate() -> Bool {
        if isInterruptible, stage == .running, waitStatus == nil, PendingSignal.take() { interrupted = true }
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
    /// Writes a plugin's words through. A reader that does not read costs at most a tenth of a second, not the plugin's
    /// time.
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
