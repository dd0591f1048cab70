import CContainer
import CKernel
import Glibc
import JSON
import NetCore

/// One verb of the OCI runtime, as a child of the shim, and what it had to say when it failed.
final class RuntimeCall {
    let pid: pid_t
    private let log: String
    private let verb: String
    /// What the runtime's standard error said; nothing where that is the container's own.
    private let errors: OwnedDescriptor

    /// Starts it with these standard descriptors (missing ones are /dev/null, errors are kept): a program of runc's command line, or
    /// this one in a child where none is named. Throws what fork(2) or posix_spawn(3) said.
    init(
        _ program: String?, root: String, log: String, _ verb: [String], standard: [Int32]
    ) throws(KernelError) {
        self.log = log
        self.verb = verb.first ?? ""
        unlink(log)
        let null = try OwnedDescriptor(open: "/dev/null", O_RDWR)
        var ends: [Int32] = [-1, -1]
        try check("make a pipe for the runtime") { berth_shim_pipe(&ends) }
        let reader = OwnedDescriptor(taking: ends[0])
        let writer = OwnedDescriptor(taking: ends[1])
        _ = fcntl(reader.number, F_SETFL, O_NONBLOCK)
        // Not the container's own: a runtime that fails would write into its log.
        let three = standard.isEmpty ? [null.number, null.number, writer.number] : standard
        let words = ["--root", root, "--log", log, "--log-format", "json"] + verb
        // A container inherits its runtime's OOM score where the bundle names none: the shim's own is not for it.
        let own = OOMScore.lift()
        defer { OOMScore.lower(from: own) }
        pid =
            if let program { try RuntimeCall.spawn([program] + words, three) } else {
                try RuntimeCall.fork(words, three)
            }
        errors = consume reader
    }

    /// A shim has one thread, so its child may go on as berth-oci: without the millisecond and a half that executing it takes twice.
    private static func fork(_ words: [String], _ three: [Int32]) throws(KernelError) -> pid_t {
        let child = try check("fork berth-oci") { Glibc.fork() }
        guard child == 0 else { return child }
        berth_default_signals()
        for (number, descriptor) in three.enumerated() { dup2(descriptor, Int32(number)) }
        _ = berth_close_range(3, .max)
        _exit(OCICommand.run(arguments: words))
    }

    private static func spawn(_ words: [String], _ three: [Int32]) throws(KernelError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, descriptor) in three.enumerated() {
            posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var mask = sigset_t()
        sigemptyset(&mask)
        // The shim ignores these; a container must not.
        var defaults = sigset_t()
        sigemptyset(&defaults)
        for signal in ShimDetachment.ignored { sigaddset(&defaults, signal) }
        posix_spawnattr_setsigmask(&attributes, &mask)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setflags(&attributes, Int16(Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF)))
        var arguments = words.map { strdup($0) } + [nil]
        defer { for pointer in arguments { free(pointer) } }
        var pid = pid_t()
        let code = posix_spawn(&pid, words[0], &actions, &attributes, &arguments, berth_environment())
        guard code == 0 else { throw KernelError("execute \(words[0])", Errno(code), "is --runtime right?") }
        return pid
    }

    /// Why it failed: the last error of its log, else what it said; with Docker's code.
    func failure(_ status: Int32, saying words: [UInt8] = []) -> ShimError {
        var said = words
        var room = [UInt8](repeating: 0, count: 8192)
        let count = read(errors.number, &room, room.count)
        if count > 0 { said += room[..<count] }
        let text =
            RuntimeCall.lastError(log) ?? RuntimeCall.lastLine(said)
            ?? "the runtime's \(verb) ended with \(berth_exit_status(status)) and no word"
        return ShimError(text, code: RuntimeCall.code(text))
    }

    static func lastError(_ log: String) -> String? {
        guard let bytes = try? Files.read(log, limit: 1 << 20) else { return nil }
        var found: String?
        for line in bytes.split(separator: 0x0a) {
            guard let record = (try? JSON(parsing: Array(line)))?.object else { continue }
            guard ["error", "fatal"].contains(record["level"]?.string ?? ""), let text = record["msg"]?.string else {
                continue
            }
            found = text
        }
        return found
    }

    private static func lastLine(_ bytes: [UInt8]) -> String? {
        bytes.split(separator: 0x0a).last.map { String(decoding: $0, as: UTF8.self) }
    }

    /// 127 for a program that is not there, 126 for one that may not be executed, 125 for anything else: as Docker reads
    /// a runtime's words.
    static func code(_ text: String) -> Int32 {
        let isProgram = text.holds("exec")
        guard isProgram else { return 125 }
        if text.holds("not found") || text.holds("no such file") || text.holds("No such file") { return 127 }
        let refusals = [
            "permission denied", "Permission denied", "is a directory", "not a directory", "exec format error",
            "Exec format error", "EACCES", "ENOEXEC", "name too long", "ENAMETOOLONG", "ELOOP",
        ]
        return refusals.contains(where: text.holds) ? 126 : 125
    }
}

/// The kernel's score of whom to kill for want of memory (man 5 proc, oom_score_adj).
enum OOMScore {
    private static let path = "/proc/self/oom_score_adj"
    static let shim = "-999"
    nonisolated(unsafe) private static var original: String?

    /// The shim is spared where it may ask for that (CAP_SYS_RESOURCE).
    static func spareShim() {
        guard let bytes = try? Files.read(path, limit: 64) else { return }
        let before = String(decoding: bytes.prefix { $0 != 0x0a }, as: UTF8.self)
        if put(shim) { original = before }
    }

    fileprivate static func lift() -> String? {
        guard let original, put(original) else { return nil }
        return shim
    }

    fileprivate static func lower(from score: String?) { if let score { _ = put(score) } }

    private static func put(_ score: String) -> Bool {
        let number = Glibc.open(path, O_WRONLY | O_CLOEXEC)
        guard number >= 0 else { return false }
        defer { close(number) }
        return score.utf8.count == Glibc.write(number, score, score.utf8.count)
    }
}
