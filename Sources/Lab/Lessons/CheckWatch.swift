import CKernel
import Glibc
import JSON
import NetCore

/// `berth lab check --watch`: looks when something has changed, and tells what is otherwise then.
enum CheckWatch {
    /// Ends when all tasks are done, when the world ends, or after so many looks. Gives the exit code of the last one. Each look is a
    /// process of its own: one that has entered the world cannot read the learner's progress anew. Throws E-KERNEL when that
    /// process cannot be started, or nobody tells of changes.
    static func run(explained: Bool, ascii: Bool, looks: Int = 20_000, put: (String) -> Void) throws(LabError) -> Int32
    {
        var shown: String?
        var changes = try Changes()
        defer { changes.end() }
        for _ in 0..<looks {
            try changes.begin()
            let (text, errors, code) = try look(explained, ascii)
            if code == 0 || code == 1, text != shown {
                put((shown == nil ? "" : "\n") + text)
                shown = text
            }
            // The world ended under the look: the next one says so.
            if code == 3, try hasEnded() { continue }
            guard code == 1 else {
                put(errors)
                return code
            }
            try changes.wait()
        }
        return 1
    }

    /// No world stands, at the latest half a second from now.
    private static func hasEnded() throws(LabError) -> Bool {
        for _ in 0..<10 {
            if try World.running() == nil { return true }
            usleep(50_000)
        }
        return false
    }

    private static func look(_ explained: Bool, _ ascii: Bool) throws(LabError) -> (
        text: String, errors: String, code: Int32
    ) {
        let words = ["lab-plain", "check", "--watched"] + (explained ? ["--explain"] : []) + (ascii ? ["--ascii"] : [])
        let child = ChildProcess(
            path: "/proc/self/exe", arguments: words, environment: environmentStrings, input: [], seconds: 60)
        let outcome = try during("look at the lesson") { () throws(KernelError) in try child.run() }
        return (
            String(decoding: outcome.output, as: UTF8.self), String(decoding: outcome.errors, as: UTF8.self),
            outcome.exitStatus ?? 3
        )
    }

    /// This process's own, "NAME=VALUE".
    private static var environmentStrings: [String] {
        var found: [String] = []
        var next = environ
        while let text = next.pointee {
            found.append(String(cString: text))
            next += 1
        }
        return found
    }
}

/// What may make a check say something else: the world's recorder tells what the kernel's notifications told it, and the progress
/// file's folder of answers.
private struct Changes {
    /// After a look its own packets are still told of: what is traffic then is its own.
    private static let grace = 300
    private let queue: Int32
    private let file: ProgressFile
    private var recorder: Int32 = -1
    private var lesson = ""
    private var answers: [Int: String] = [:]

    init() throws(LabError) {
        let file = try ProgressFile.standard()
        self.file = file
        queue = try during("watch \(file.path)") { () throws(KernelError) in
            let number = try check("make a watch") { inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC)) }
            let folder = Files.directory(of: file.path)
            try check("watch \(folder)") { inotify_add_watch(number, folder, UInt32(IN_MOVED_TO)) }
            return number
        }
    }

    func end() {
        close(queue)
        if recorder >= 0 { close(recorder) }
    }

    /// From now on nothing is missed; what was told until now, a look that follows sees by itself.
    mutating func begin() throws(LabError) {
        if recorder < 0, let world = try World.running(), Lessons.of(world.description) != nil {
            guard let opened = RecorderLine.open(.watch, at: world.recorder) else {
                throw LabError(
                    .kernel, "nobody tells of changes in the world", cause: "its recorder does not answer",
                    fix: "build the world anew: berth lab reset")
            }
            recorder = opened
            lesson = world.description.name
        }
        _ = take(countsTraffic: false)
        answers = said
    }

    private var said: [Int: String] {
        // Not moved aside here when it cannot be read: the check says so.
        guard let bytes = try? Files.read(file.path, limit: 1 << 20),
            let json = try? JSON(parsing: bytes)
        else { return [:] }
        return Progress(json)?[lesson].answers ?? [:]
    }

    /// Returns when there is something to look at.
    mutating func wait() throws(LabError) {
        let start = Look.milliseconds()
        while true {
            var polled = [recorder, queue].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard poll(&polled, 2, -1) > 0 else { continue }
            if take(countsTraffic: Look.milliseconds() - start > Changes.grace) { return }
            if recorder < 0 {
                // Who builds the world anew holds the progress meanwhile.
                _ = try ProgressLock(file)
                return
            }
        }
    }

    /// Reads what was told; true when it counts. A recorder that is gone is closed.
    private mutating func take(countsTraffic: Bool) -> Bool {
        var counts = false
        var bytes = [UInt8](repeating: 0, count: 4096)
        while recorder >= 0 {
            let count = recv(recorder, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            if count > 0 {
                let isChange = bytes[..<count].contains(RecorderLine.Signal.changed.rawValue)
                counts = counts || isChange || countsTraffic
            } else if count < 0, errno == EAGAIN || errno == EINTR {
                break
            } else {
                close(recorder)
                recorder = -1
            }
        }
        var hasFile = false
        while read(queue, &bytes, bytes.count) > 0 { hasFile = true }
        return counts || hasFile && said != answers
    }
}
