import Glibc
import NetCore

/// A program of berth's own beside the plugins, executed only by calls that need it: it reads a request from standard input
/// and writes lines to standard output, the last of them `lastLine`. Where it refuses it ends with 1, and its last line is "errno TAB operation TAB
/// explanation"; what it has on standard error goes on to whoever called us.
public struct HelperProgram: Sendable {
    public let name: String
    /// The environment's variable that names its file.
    let variable: String
    /// Why it is needed, for whoever has not installed it.
    let need: String
    /// Variables that it inherits; nothing else does.
    let inherited: [String]

    /// Said when all is done; after it the program closes its output.
    public static let lastLine = "done"

    /// Changes the tables of iptables-legacy.
    public static let iptables = HelperProgram(
        name: "berth-iptables", variable: "BERTH_IPTABLES_PROGRAM",
        need: "this host's iptables is the legacy one, which needs the program", inherited: ["XTABLES_LOCKFILE"])
    /// Speaks to firewalld over D-Bus.
    public static let firewalld = HelperProgram(
        name: "berth-firewalld", variable: "BERTH_FIREWALLD_PROGRAM",
        need: "\"backend\": \"firewalld\" needs the program", inherited: ["DBUS_SYSTEM_BUS_ADDRESS"])

    /// Beside the program that runs, else where `make install` puts it, unless the variable names a file. Throws ENOENT with
    /// the places.
    public func find() throws(KernelError) -> String {
        if let named = getenv(variable) { return String(cString: named) }
        var places: [String] = []
        if let own = realpath("/proc/self/exe", nil) {
            let path = String(cString: own)
            free(own)
            if let slash = path.lastIndex(of: "/") { places.append(String(path[..<slash])) }
        }
        places += ["/usr/local/libexec/berth", "/usr/libexec/berth", "/usr/local/bin", "/usr/bin", "/opt/cni/bin"]
        for place in places where access("\(place)/\(name)", X_OK) == 0 { return "\(place)/\(name)" }
        throw KernelError(
            "run \(name)", .noSuchFile,
            "\(need) \(name); it is none of " + places.map { "\($0)/\(name)" }.joined(by: ", ")
                + ": install it there, or name it in \(variable)")
    }

    /// It waits for its request. `locks` are descriptors that it keeps: should this process end first, whoever takes them next
    /// waits for it. Throws ENOENT with the places where it is not, or what the start said.
    func start(holding locks: [Int32] = []) throws(KernelError) -> StartedChild {
        let environment = inherited.compactMap { name in getenv(name).map { "\(name)=\(String(cString: $0))" } }
        // What it changes belongs to the plugin's work, which a signal does not cut in the middle (P-21): it is not interruptible.
        return try ChildProcess(
            path: try find(), arguments: [], environment: environment, input: [], inherited: locks
        ).start()
    }

    /// The lines of its answer to `input`. Throws its refusal, or what became of it, as a failure to do `operation`.
    func answer(of child: StartedChild, to input: String, _ operation: String) throws(KernelError) -> [String] {
        let outcome = child.converse(Array(input.utf8), until: Array("\(HelperProgram.lastLine)\n".utf8))
        if outcome.timedOut { throw KernelError(operation, .timedOut, "\(name) did not end within a minute") }
        guard outcome.isAnswered else { throw refusal(operation, outcome) }
        return String(decoding: outcome.output, as: UTF8.self).split(separator: "\n").dropLast().map(String.init)
    }

    /// It is started, asked and waited for.
    func ask(_ input: String, holding locks: [Int32], _ operation: String) throws(KernelError) -> [String] {
        try answer(of: start(holding: locks), to: input, operation)
    }

    private func refusal(_ operation: String, _ outcome: ChildProcess.Outcome) -> KernelError {
        let said = outcome.output.isEmpty ? outcome.errors : outcome.output
        let line = String(decoding: said, as: UTF8.self).split(separator: "\n").last.map(String.init)
        let parts = (line ?? "").split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        if parts.count == 3, let code = Int32(parts[0]) {
            return KernelError(parts[1], Errno(code), parts[2].isEmpty ? nil : parts[2])
        }
        let end = outcome.signal.map { "was ended by signal \($0)" } ?? "ended with \(outcome.exitStatus ?? -1)"
        return KernelError(operation, .badMessage, "\(name) \(end)\(line.map { ": \($0)" } ?? "")")
    }
}

/// What such a program says to whoever asked it.
public enum HelperAnswer {
    /// All is done: the lines, the last line, and the end of the process. Its output is closed first, since the kernel would do it
    /// only after it took the memory back.
    public static func give(_ lines: [String]) -> Never {
        write((lines + [HelperProgram.lastLine, ""]).joined(by: "\n"))
        for descriptor in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO] { close(descriptor) }
        _exit(0)
    }

    /// Nothing was done: one line, whatever `error` cites, and exit code 1.
    public static func refuse(_ error: KernelError) -> Never {
        let said = [error.operation, error.explanation ?? ""].map { text in
            String(text.map { $0 == "\t" || $0.isNewline ? " " : $0 })
        }
        write("\(error.errno.rawValue)\t\(said[0])\t\(said[1])\n")
        _exit(1)
    }

    private static func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            guard count > 0 || errno == EINTR else { return }
            rest = rest.dropFirst(max(count, 0))
        }
    }
}
