import CContainer
import CKernel
import Glibc
import JSON
import NetCore
import Synchronization

/// Keeps an eye running, and hands on what it says.
final class EyeProcess: Sendable {
    private struct State {
        var input: Int32 = -1
        var isEnding = false
        var isWatched = false
        /// What the lesson is that a goal was built for, and the goal.
        var goalOf = ""
        var goal: JSON?
    }
    private let hub: Hub
    private let wish: EyeWish
    private let state = Mutex(State())

    init(_ hub: Hub, _ wish: EyeWish) { (self.hub, self.wish) = (hub, wish) }

    /// Until `end`, or until the world has ended with which it ends; to be called on a thread of its own.
    func run() {
        var wish = wish
        while !state.withLock({ $0.isEnding }) {
            let status = once(wish)
            switch EyeEnd(rawValue: status) {
            case .over: return
            case .again: wish.gone = nil
            case .hasGone: wish.gone = "ended"
            default: usleep(500_000)
            }
        }
    }

    /// The eye ends; `run` returns.
    func end() {
        state.withLock { state in
            state.isEnding = true
            if state.input >= 0 { close(state.input) }
            state.input = -1
        }
    }

    func say(_ command: EyeCommands.Command) {
        if case .watched(let isWatched) = command { state.withLock { $0.isWatched = isWatched } }
        let bytes = EyeCommands.bytes(command)
        state.withLock { state in
            guard state.input >= 0 else { return }
            guard !EyeProcess.write(bytes, to: state.input) else { return }
            // Half a line would spoil the next: this eye hears no more, ends by that, and another one begins.
            close(state.input)
            state.input = -1
        }
    }

    /// False when it could not be written whole; an eye that does not read is waited for three seconds.
    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var done = 0
        let end = Eye.now + 3000
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, $0.count - done) }
            if count > 0 {
                done += count
                continue
            }
            if count < 0, errno == EINTR { continue }
            var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard count < 0, errno == EAGAIN, poll(&polled, 1, Int32(clamping: max(0, end - Eye.now))) > 0 else {
                return false
            }
        }
        return true
    }

    /// One eye's life; its exit code.
    private func once(_ wish: EyeWish) -> Int32 {
        var (input, output): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
        guard berth_pipe_cloexec(&input) == 0 else { return 1 }
        guard berth_pipe_cloexec(&output) == 0 else {
            for number in input { close(number) }
            return 1
        }
        _ = fcntl(input[1], F_SETFL, O_NONBLOCK)
        let child = EyeProcess.spawn(wish, input[0], output[1])
        close(input[0])
        close(output[1])
        defer { close(output[0]) }
        guard child > 0 else {
            close(input[1])
            return 1
        }
        let isWatched = state.withLock { state in
            // Told to end meanwhile: it sees the end of its input.
            if state.isEnding { close(input[1]) } else { state.input = input[1] }
            return state.isWatched
        }
        if isWatched { say(.watched(true)) }
        let reader = FrameInput(output[0])
        while let frame = Frame.read(reader) {
            hub.take(frame)
            if frame.name == .lesson { seek(frame.bytes) }
        }
        state.withLock { state in
            if state.input >= 0 { close(state.input) }
            state.input = -1
        }
        // What cannot be read is no eye's word: it has nobody to speak to any more, and ends by that.
        kill(child, SIGTERM)
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 1
    }

    private static func spawn(_ wish: EyeWish, _ input: Int32, _ output: Int32) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The server waits for signals by blocking them.
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let spoken: [String] = ["berth", "view-eye", wish.json.text]
        var words: [UnsafeMutablePointer<CChar>?] = spoken.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var child = pid_t()
        guard posix_spawn(&child, "/proc/self/exe", &actions, &attributes, &words, berth_environment()) == 0 else {
            return -1
        }
        return child
    }

    // MARK: the goal

    /// The goal of a lesson is built beside, and given to the eye when it stands.
    private func seek(_ identity: [UInt8]) {
        guard let json = try? JSON(parsing: identity), let lesson = json["lesson"]?.string,
            let backend = json["backend"]?.string
        else { return }
        let name = "\(lesson) \(backend)"
        let (known, isNew): (JSON?, Bool) = state.withLock { state in
            defer { state.goalOf = name }
            if state.goalOf != name { state.goal = nil }
            return (state.goal, state.goalOf != name)
        }
        if let known { return say(.goals(known)) }
        guard isNew else { return }
        Background.run { [self] in
            let child = Background.child(["view-goal", lesson, backend], seconds: 120)
            let outcome = try? child.run()
            guard let outcome, outcome.exitStatus == 0, let goals = try? JSON(parsing: outcome.output) else { return }
            let isWanted = state.withLock { state in
                guard state.goalOf == name else { return false }
                state.goal = goals
                return true
            }
            if isWanted { say(.goals(goals)) }
        }
    }
}

/// Work beside the server, and programs that it executes: itself, by other words.
enum Background {
    static func run(_ body: @escaping @Sendable () -> Void) {
        let work = Unmanaged.passRetained(Work(body))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                Unmanaged<Work>.fromOpaque(argument!).takeRetainedValue().body()
                return nil
            }, work.toOpaque())
        if code == 0 { pthread_detach(thread) } else { work.release() }
    }

    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Not interruptible: a signal that asks the server to end is the main thread's.
    static func child(_ words: [String], seconds: Int) -> ChildProcess {
        ChildProcess(path: "/proc/self/exe", arguments: words, environment: environment, input: [], seconds: seconds)
    }

    private static let environment: [String] = {
        var found: [String] = []
        var next = berth_environment()
        while let text = next?.pointee {
            found.append(String(cString: text))
            next = next.map { $0 + 1 }
        }
        return found
    }()
}
