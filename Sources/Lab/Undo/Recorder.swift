import CContainer
import CKernel
import Glibc
import MiniRuntime
import NetCore

/// Keeps what a world's nodes were like, one moment after each change, so that a learner can go back. A process in the world, which
/// ends with it. The kernel's notifications wake it; it reads nothing by the clock.
final class Recorder {
    /// Moments kept; those before are forgotten.
    static let most = 200
    /// Milliseconds without a further notification after which a change is over, and after which it is looked at all the same.
    private static let quiet: Int64 = 100
    private static let patience: Int64 = 1000

    private let nodes: [RecordedNode]
    private var sources: [RecorderSource] = []
    private let files: FileSignals
    private let listener: Int32
    private var watchers: [Int32] = []
    /// The newest is last.
    private var moments: [[NodeState]] = []
    /// How many of the moments stood when the open task began.
    private var taskBegan = 1

    private var dirty: Set<Int> = []
    /// Somebody did something; else a difference in routes is the kernel's own doing.
    private var isAsked = false
    private var hasTraffic = false
    private var hasTyped = false
    private var firstNews: Int64 = 0
    private var lastNews: Int64 = 0
    /// When a command that has begun will have done what it does first.
    private var later: Int64?

    /// In the world's first process: the recorder runs, and answers from now on.
    static func start(_ names: [String]) throws(KernelError) {
        try Files.makeDirectories(Files.directory(of: RecorderLine.socket))
        let listener = try check("make a socket") {
            Glibc.socket(
                AF_UNIX,
                Int32(SOCK_SEQPACKET.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        }
        defer { close(listener) }
        try check("bind \(RecorderLine.socket)") {
            RecorderLine.address(RecorderLine.socket) { bind(listener, $0, $1) }
        }
        chmod(RecorderLine.socket, 0o600)
        try check("listen at \(RecorderLine.socket)") { listen(listener, 64) }
        _ = try Files.create(RecorderLine.typed, with: [], mode: 0o600)
        guard try check("fork", { fork() }) == 0 else { return }
        if listener != 3 { dup2(listener, 3) }
        _ = berth_close_range(4, .max)
        Title.set("berth-record")
        signal(SIGPIPE, SIG_IGN)
        if let recorder = try? Recorder(names, listener: 3) { recorder.run() }
        _exit(1)
    }

    private init(_ names: [String], listener: Int32) throws(KernelError) {
        let home = try OwnedDescriptor(open: "/proc/thread-self/ns/net", O_RDONLY).release()
        var nodes: [RecordedNode] = []
        for name in names { nodes.append(try RecordedNode(name, home: home)) }
        self.nodes = nodes
        self.listener = listener
        files = try FileSignals()
        for (place, node) in nodes.enumerated() { sources += try RecorderSource.all(node, place) }
        moments = [try readAll()]
    }

    private func readAll() throws(KernelError) -> [NodeState] {
        var states: [NodeState] = []
        for (place, node) in nodes.enumerated() { states.append(try node.read(nodes, place)) }
        return states
    }

    private static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    private var hasNews: Bool { !dirty.isEmpty || hasTraffic || hasTyped }

    private func run() -> Never {
        while true {
            var polled = ([listener, files.descriptor] + sources.map(\.descriptor) + watchers).map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            var wait: Int64 = -1
            if hasNews { wait = max(0, min(lastNews + Recorder.quiet, firstNews + Recorder.patience) - Recorder.now) }
            if let later { wait = wait < 0 ? max(0, later - Recorder.now) : min(wait, max(0, later - Recorder.now)) }
            let ready = poll(&polled, nfds_t(polled.count), Int32(wait))
            if ready > 0 {
                takeIn()
                for watcher in watchers where polled.contains(where: { $0.fd == watcher && $0.revents != 0 }) {
                    close(watcher)
                    watchers.removeAll { $0 == watcher }
                }
                if polled[0].revents != 0 { accept() }
            }
            let now = Recorder.now
            if hasNews, now >= min(lastNews + Recorder.quiet, firstNews + Recorder.patience) { look() }
            if let due = later, now >= due {
                later = nil
                tell(.changed)
            }
        }
    }

    /// Whatever the kernel has told until now.
    private func takeIn() {
        let before = (dirty.count, hasTraffic, hasTyped)
        var isNew = false
        for source in sources {
            let news = source.drain()
            if news.isState { dirty.insert(source.place) }
            if news.isAsked { isAsked = true }
            if news.isTraffic { hasTraffic = true }
            isNew = isNew || news.isState || news.isTraffic
        }
        let signals = files.drain()
        if signals.rules || signals.typed {
            dirty = Set(nodes.indices)
            isNew = true
        }
        if signals.typed { (hasTyped, isAsked) = (true, true) }
        guard isNew else { return }
        lastNews = Recorder.now
        if before == (0, false, false) { firstNews = lastNews }
    }

    /// Reads what may have changed. A difference is a moment of its own; one that the kernel made alone belongs to the last.
    private func look() {
        var states = moments[moments.count - 1]
        var isChanged = false
        for place in dirty.sorted() {
            guard var state = try? nodes[place].read(nodes, place), state != states[place] else { continue }
            state.share(states[place])
            if isAsked || !state.isSame(butForRoutes: states[place]) { isChanged = true }
            states[place] = state
        }
        if isChanged {
            moments.append(states)
            if moments.count > Recorder.most {
                moments.removeFirst()
                taskBegan = max(1, taskBegan - 1)
            }
        } else {
            moments[moments.count - 1] = states
        }
        if isChanged || hasTyped { tell(.changed) } else if hasTraffic { tell(.traffic) }
        forget()
    }

    private func forget() { (dirty, isAsked, hasTraffic, hasTyped) = ([], false, false, false) }

    /// After a command even routes are somebody's doing, which old programs change without a message.
    private func lookAtAll(isCommand: Bool = true) {
        takeIn()
        dirty = Set(nodes.indices)
        if isCommand { (isAsked, hasTyped) = (true, true) }
        look()
    }

    private func tell(_ signal: RecorderLine.Signal) {
        for watcher in watchers {
            var byte = signal.rawValue
            // One that does not read has enough to read.
            send(watcher, &byte, 1, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        }
    }

    private func accept() {
        for _ in 0..<64 {
            let connection = berth_shim_accept(listener)
            guard connection >= 0 else { return }
            var polled = pollfd(fd: connection, events: Int16(POLLIN), revents: 0)
            var bytes = [UInt8](repeating: 0, count: 64)
            let count = poll(&polled, 1, 500) > 0 ? recv(connection, &bytes, bytes.count, 0) : 0
            guard count > 0,
                let question = RecorderLine.Question(rawValue: String(decoding: bytes[..<count], as: UTF8.self))
            else {
                close(connection)
                continue
            }
            if question == .watch {
                watchers.append(connection)
                continue
            }
            let answer = Array(self.answer(question).utf8)
            send(connection, answer, answer.count, Int32(MSG_NOSIGNAL))
            close(connection)
        }
    }

    private func answer(_ question: RecorderLine.Question) -> String {
        switch question {
        case .began: later = Recorder.now + 1000
        case .begin:
            lookAtAll()
            moments = [moments[moments.count - 1]]
            taskBegan = 1
        case .typed: lookAtAll()
        case .task:
            lookAtAll()
            taskBegan = moments.count
        case .undo: return undo(to: max(0, moments.count - 2), isLooking: true)
        case .undoTask:
            lookAtAll(isCommand: false)
            return undo(to: min(taskBegan, moments.count) - 1, isLooking: false)
        case .watch: break
        }
        return "noted"
    }

    /// The world is as at a moment before the last; what came after it is forgotten.
    private func undo(to wanted: Int, isLooking: Bool) -> String {
        var wanted = wanted
        if isLooking {
            lookAtAll(isCommand: false)
            wanted = moments.count - 2
        }
        guard wanted >= 0, wanted < moments.count - 1 else { return RecorderLine.nothing }
        let names = nodes.map(\.name)
        var words = WorldDifference.words(names, from: moments[wanted], to: moments[moments.count - 1])
        // A change that could not be undone before, and has no other name than what stands now.
        while words.isEmpty, wanted > 0 {
            wanted -= 1
            words = WorldDifference.words(names, from: moments[wanted], to: moments[moments.count - 1])
        }
        let result = WorldReturn(nodes: nodes, wanted: moments[wanted]).restore()
        let left = WorldDifference.words(names, from: moments[wanted], to: result.now)
        moments.removeLast(moments.count - wanted)
        moments.append(result.now)
        taskBegan = max(1, min(taskBegan, moments.count))
        // Its own changes are not the learner's.
        takeIn()
        forget()
        tell(.changed)
        return Recorder.sentence(words, left, result.refused)
    }

    private static func sentence(_ words: [String], _ left: [String], _ refused: [KernelError]) -> String {
        func list(_ all: [String]) -> String {
            all.count <= 4 ? all.joined(by: ", ") : Array(all.prefix(3)).joined(by: ", ") + " and \(all.count - 3) more"
        }
        var lines: [String] = []
        let done = words.filter { !left.contains($0) }
        if !done.isEmpty || left.isEmpty {
            lines.append("undone: \(done.isEmpty ? "routes that the kernel keeps" : list(done))")
        }
        if !left.isEmpty {
            lines.append("\(RecorderLine.refusal) \(list(left))" + (refused.first.map { " (\($0))" } ?? ""))
        }
        return lines.joined(by: "\n")
    }
}
