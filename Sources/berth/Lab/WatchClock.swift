#if Daemon
    import ArgumentParser
    import Glibc
    import Inspect
    import NetCore
    import Trace

    /// How long a command listens.
    struct WatchBounds: ParsableArguments {
        @Option(help: ArgumentHelp("Stop after so many.", valueName: "number"))
        var count: Int?
        @Option(name: .customLong("for"), help: ArgumentHelp("Stop after so many seconds.", valueName: "seconds"))
        var seconds: Double?

        func validate() throws {
            if let count, count < 1 { throw ValidationError("--count \(count): expected 1 or more") }
            if let seconds, !(seconds > 0 && seconds <= 86_400 * 30) {
                throw ValidationError("--for \(seconds): expected seconds, at most 30 days")
            }
        }
    }

    /// Waits for what comes, until the bounds are reached or somebody says stop (SIGINT, SIGTERM).
    struct WatchClock {
        nonisolated(unsafe) private static var isStopped = false
        private let end: Int64?
        private var rest: Int?
        private var isDrained = false

        init(_ bounds: WatchBounds) { self.init(seconds: bounds.seconds, count: bounds.count) }

        init(seconds: Double?, count: Int?) {
            end = seconds.map { WatchClock.monotonic + Int64($0 * 1000) }
            rest = count
            for number in [SIGINT, SIGTERM] { signal(number) { _ in WatchClock.isStopped = true } }
        }

        /// True when there may be something to read, or after `milliseconds`; at least once after the end so that what waits is told.
        mutating func wait(_ descriptors: [Int32], milliseconds: Int64? = nil) -> Bool {
            while rest != 0, !isDrained {
                let time = end.map { $0 - WatchClock.monotonic }
                // A signal that comes just before poll(2) is seen a little later.
                let most = min(200, max(0, time ?? 200), milliseconds ?? 200)
                var polled = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
                let ready = WatchClock.isStopped ? 0 : poll(&polled, nfds_t(polled.count), Int32(most))
                if WatchClock.isStopped || (time ?? 1) <= 0 {
                    isDrained = true
                    return true
                }
                if ready > 0 || milliseconds != nil { return true }
            }
            return false
        }

        /// Nothing more is to come: the bounds are reached, or somebody said stop.
        var isOver: Bool { isDrained || rest == 0 }

        /// How many more are wanted.
        var left: Int { rest ?? .max }

        /// Counts one; false when there were enough already.
        mutating func count() -> Bool {
            guard let now = rest else { return true }
            guard now > 0 else { return false }
            rest = now - 1
            return true
        }

        private static func read(_ clock: clockid_t) -> timespec {
            var time = timespec()
            clock_gettime(clock, &time)
            return time
        }

        private static var monotonic: Int64 {
            let time = read(CLOCK_MONOTONIC)
            return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
        }

        /// Nanoseconds since 1970.
        static var now: Int64 {
            let time = read(CLOCK_REALTIME)
            return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        }

        /// 18:41:07.042137, in UTC.
        static func timeOfDay(_ nanoseconds: Int64) -> String {
            let text = UniversalTime.text(Int(nanoseconds / 1_000_000_000))
            let part = String(nanoseconds % 1_000_000_000 / 1000)
            return text.dropFirst(11).dropLast() + "." + String(repeating: "0", count: max(0, 6 - part.utf8.count))
                + part
        }
    }

    enum NodeTask {
        /// What the kernel refused in a node, for people.
        static func refusal(_ error: TraceError, _ task: String) -> InspectError {
            guard case .kernel(let kernel, _) = error else {
                return InspectError(.name, "cannot \(task)", cause: error.description, fix: "see berth help")
            }
            let isRight = kernel.errno == .notPermitted || kernel.errno == .accessDenied
            return InspectError(
                isRight ? .privilege : .kernel, "cannot \(task)", cause: kernel.description,
                fix: isRight
                    ? "run it as root (sudo berth …): it takes CAP_NET_ADMIN and CAP_NET_RAW over the node"
                    : "see what the kernel says of it: dmesg")
        }
    }
#endif
