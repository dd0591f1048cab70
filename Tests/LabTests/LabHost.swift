import CKernel
import Glibc
import NetCore
import TestSupport

/// A private host with berth on it, for one user of it: everything that this user's lab starts bears a mark.
struct LabHost {
    let host: PrivateHost
    let uid: Int
    let mark: String
    static let program = "/run/berth-program"
    var directory: String { "\(host.scratch)/user/berth/lab" }

    init(_ host: PrivateHost, uid: Int) throws {
        self.host = host
        self.uid = uid
        mark = "LAB_TEST_MARK=\(getpid())-\(UInt64.random(in: 0 ... .max))"
        // The program stands beside the tests' own, maybe where this user cannot go.
        var path = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &path, path.count - 1)
        let own = String(decoding: path[..<max(count, 0)].map(UInt8.init(bitPattern:)), as: UTF8.self)
        _ = try Files.create(LabHost.program, with: [], mode: 0o755)
        // `make test` names the one that it has just built for release: a debug build takes three times as long.
        let named = getenv("BERTH_TEST_PROGRAM").map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : [$0] } ?? []
        let built = [Files.directory(of: own), ".build/debug"].map { "\($0)/berth" }
        let berth = try (named + built).first(where: Files.exists).unwrapped("no berth beside \(own)")
        try check("bind \(berth)") { mount(berth, LabHost.program, "none", UInt(MS_BIND), nil) }
        let home = "\(host.scratch)/user"
        try Files.makeDirectories(home, mode: 0o700)
        try check("give \(home) to \(uid)") { chown(home, uid_t(uid), gid_t(uid)) }
        let parts = mark.split(separator: "=").map(String.init)
        host.environment[parts[0]] = parts[1]
        host.environment["XDG_RUNTIME_DIR"] = home
        // A world is held for half an hour, and outlives the test's host.
        let lab = self
        host.whenOver.append {
            for process in lab.processes() { kill(process.pid, SIGKILL) }
            for _ in 0..<20 {
                usleep(10_000)
                LabHost.reapOrphans()
            }
        }
    }

    /// Where this process reaps orphans, a holder that has ended is its child: exit tests wait for ever behind
    /// one that nobody reaps.
    static func reapOrphans() {
        for pid in ((try? Files.names(in: "/proc")) ?? []).compactMap({ pid_t($0) }) {
            guard let bytes = try? Files.read("/proc/\(pid)/stat"),
                let bracket = bytes.lastIndex(of: UInt8(ascii: ")")),
                ["(berth-lab", "(berth-world", "(berth-node"].contains(
                    where: String(decoding: bytes[..<bracket], as: UTF8.self).hasSuffix)
            else { continue }
            let fields = String(decoding: bytes[(bracket + 1)...], as: UTF8.self).split(separator: " ")
            if fields[0] == "Z", pid_t(fields[1]) == getpid() { waitpid(pid, nil, WNOHANG) }
        }
    }

    func words(_ words: [String]) -> [String] {
        let user = ["setpriv", "--reuid", "\(uid)", "--regid", "\(uid)", "--clear-groups"]
        return (uid == 0 ? [] : user) + [LabHost.program, "lab-plain"] + words
    }

    func lab(_ words: String...) throws -> ChildOutcome { try host.run(self.words(words), seconds: 20) }

    /// A command in a node; the test fails when it does not succeed.
    @discardableResult
    func on(_ node: String, _ line: String, exits code: Int32 = 0) throws -> String {
        let outcome = try host.run(
            words(["exec", node] + line.split(separator: " ").map(String.init)), seconds: 20)
        host.expect(outcome.exitCode, is: code, "\(outcome)")
        return outcome.text
    }

    func begin(_ words: String...) throws -> RunningChild {
        try RunningChild(self.words(words), environment: host.environment)
    }

    /// Every process with the mark that has not ended.
    func processes() -> [(pid: pid_t, name: String)] {
        let names = (try? Files.names(in: "/proc")) ?? []
        return names.compactMap { pid_t($0) }.compactMap { pid in
            guard let environment = try? Files.read("/proc/\(pid)/environ"),
                environment.split(separator: 0).contains(where: { $0.elementsEqual(mark.utf8) }),
                let name = try? Files.read("/proc/\(pid)/comm")
            else { return nil }
            return (pid, String(decoding: name.dropLast(), as: UTF8.self))
        }
    }

    /// Namespaces of the marked processes that are not this thread's: "net:[4026532211]".
    func namespaces() -> Set<String> {
        let kinds = ["net", "mnt", "pid", "user", "uts", "ipc"]
        let own = Set(kinds.map { LabHost.link("/proc/thread-self/ns/\($0)") })
        return Set(processes().flatMap { each in kinds.map { LabHost.link("/proc/\(each.pid)/ns/\($0)") } })
            .subtracting(own).subtracting([""])
    }

    /// The namespaces that the lab's processes have made, and every process of this machine that is in one of them, marked or not.
    /// Their numbers alone would not do: the kernel gives them anew at once, to whoever comes.
    func footprint() -> Footprint {
        let namespaces = namespaces()
        return Footprint(namespaces: namespaces, members: members(of: namespaces))
    }

    struct Footprint {
        let namespaces: Set<String>
        fileprivate let members: Set<String>
        static var none: Footprint { Footprint(namespaces: [], members: []) }
    }

    /// "PID since START" of those in one of the namespaces. One that has ended and waits for the machine's first process to reap
    /// it does nothing any more, and is not the lab's to reap.
    private func members(of namespaces: Set<String>) -> Set<String> {
        var found: Set<String> = []
        for pid in ((try? Files.names(in: "/proc")) ?? []).compactMap({ pid_t($0) }) {
            let kinds = ["net", "mnt", "pid", "user", "uts", "ipc"]
            guard kinds.contains(where: { namespaces.contains(LabHost.link("/proc/\(pid)/ns/\($0)")) }),
                let bytes = try? Files.read("/proc/\(pid)/stat"), let bracket = bytes.lastIndex(of: UInt8(ascii: ")"))
            else { continue }
            let fields = String(decoding: bytes[(bracket + 1)...], as: UTF8.self).split(separator: " ")
            if fields[0] != "Z", fields[0] != "X" { found.insert("\(pid) since \(fields[19])") }
        }
        return found
    }

    func mounts() -> [String] {
        let bytes = (try? Files.read("/proc/thread-self/mountinfo")) ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// Files of the lab, without directories.
    func files() throws -> [String] {
        try HostState.files(below: "\(host.scratch)/user").filter { !$0.hasSuffix("/") }
    }

    /// Nothing of the lab is left within five seconds: no process, namespace, mount, file.
    func expectNothing(
        of print: Footprint, mounts before: [String], _ when: String, file: String = #fileID, line: Int = #line
    ) throws {
        // Two looks at once: a process that is just ending shows neither its mark nor, to one look, its children.
        var quiet = 0
        for _ in 0..<1000 where quiet < 2 {
            let isQuiet = processes().isEmpty && print.members.isDisjoint(with: members(of: print.namespaces))
            quiet = try isQuiet && files().isEmpty ? quiet + 1 : 0
            if quiet < 2 { usleep(5000) }
        }
        host.expect(processes().map(\.name), is: [], "processes \(when)", file: file, line: line)
        host.expect(try files(), is: [], "files \(when)", file: file, line: line)
        let held = print.members.intersection(members(of: print.namespaces))
        host.expect(held, is: [], "processes in its namespaces \(when)", file: file, line: line)
        host.expect(mounts(), is: before, "mounts \(when)", file: file, line: line)
    }

    /// What the host's network is, with every parameter that it has.
    func state() throws -> HostState {
        var lines = try host.state().lines
        func add(_ path: String) {
            guard let names = try? Files.names(in: path) else {
                // Counts what passes, which is no setting.
                guard !path.hasSuffix("nf_conntrack_count"), let bytes = try? Files.read(path) else { return }
                return lines.append("\(path) = \(String(decoding: bytes, as: UTF8.self))")
            }
            for name in names.sorted() { add("\(path)/\(name)") }
        }
        add("/proc/sys/net")
        return HostState(lines: lines)
    }

    private static func link(_ path: String) -> String {
        var text = [CChar](repeating: 0, count: 64)
        let count = readlink(path, &text, text.count)
        return String(decoding: text[..<max(count, 0)].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

struct Missing: Error, CustomStringConvertible { let description: String }

extension Optional {
    func unwrapped(_ words: String) throws -> Wrapped {
        guard let self else { throw Missing(description: words) }
        return self
    }
}

/// A generator that the seed in a failure's text repeats (SplitMix64).
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
