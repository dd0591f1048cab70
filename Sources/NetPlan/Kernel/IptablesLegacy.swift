import Glibc
import NetCore

// The tables of before nf_tables, which libiptc changes in a program of its own: libiptc is GPL, and no other part of berth
// is (LICENSES.md). One call of it a plugin's call, under the lock that iptables itself takes.
extension LinuxKernel {
    mutating func commitLegacy(_ changes: [IptablesChanges], _ owner: Owner, isNew: Bool) throws(KernelError)
        -> ApplyFailure.Cause?
    {
        var request = IptablesRequest(.make)
        request.isNew = isNew
        request.changes = changes
        request.accepted = [owner.commentPrefix]
        // Who publishes one of the ports is asked about one by one; more than a few are never there.
        for _ in 0..<16 {
            let answer = try askLegacy(request)
            let holders = answer.filter { $0.hasPrefix("holder ") }.map { String($0.dropFirst(7)) }
            guard !holders.isEmpty else { return nil }
            let claims = changes.flatMap(\.claims)
            for comment in holders {
                if let cause = try judge(comment, claims, owner) { return cause }
                request.accepted.append(comment)
            }
        }
        throw KernelError("publish ports by iptables-legacy", .busy, "the holders of the ports change all the time")
    }

    mutating func legacyFindings(_ changes: [IptablesChanges]) throws(KernelError) -> [Finding] {
        var request = IptablesRequest(.check)
        request.changes = changes
        return try askLegacy(request).compactMap { line in
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 4, parts[0] == "finding" else { return nil }
            return Finding(parts[1], expected: parts[2], found: parts[3])
        }
    }

    mutating func removeLegacy(_ removal: IptablesRemoval, _ tables: [IptablesTable]) throws(KernelError) {
        // A table that nobody has used is not made for a removal.
        let standing = Set(AddressFamily.allCases.flatMap(IptablesVariant.legacyTables))
        let wanted = tables.filter { standing.contains($0.rawValue) }
        guard !wanted.isEmpty else { return }
        var request = IptablesRequest(.remove)
        request.removal = removal
        request.tables = wanted
        _ = try askLegacy(request)
    }

    mutating func legacyComments() throws(KernelError) -> [String] {
        var request = IptablesRequest(.comments)
        request.tables = [.nat, .filter]
        return try askLegacy(request).compactMap { $0.hasPrefix("comment ") ? String($0.dropFirst(8)) : nil }
    }

    /// berth-iptables is started, before it is known what it is to do: its start takes as long as its work.
    public mutating func startLegacy() {
        // Whoever asks it something is told why it could not be started.
        do throws(KernelError) { legacy = try LegacyProgram.start() } catch {}
    }

    /// The lines of berth-iptables' answer. It takes the lock of all changes itself and dies with this process: should this
    /// one end first, the next waits until it has gone.
    private mutating func askLegacy(_ request: IptablesRequest) throws(KernelError) -> [String] {
        let operation = "change the tables of iptables-legacy"
        var request = request
        request.lock = try state.netfilterLockFile()
        let child: StartedChild
        if let started = legacy { child = started } else { child = try LegacyProgram.start() }
        legacy = nil
        let outcome = child.converse(Array(request.text.utf8))
        let said = String(decoding: outcome.errors, as: UTF8.self).split(separator: "\n").last.map(String.init)
        if outcome.timedOut {
            throw KernelError(operation, .timedOut, "\(LegacyProgram.name) did not end in time")
        }
        guard outcome.exitStatus == 0 else { throw LegacyProgram.refusal(operation, said, outcome) }
        return String(decoding: outcome.output, as: UTF8.self).split(separator: "\n").map(String.init)
    }
}

/// Where berth-iptables is, and what it says when it refuses.
public enum LegacyProgram {
    public static let name = "berth-iptables"

    /// Beside the program that runs, else where `make install` puts it, unless BERTH_IPTABLES_PROGRAM names a file. Throws ENOENT
    /// with the places.
    public static func find() throws(KernelError) -> String {
        if let named = getenv("BERTH_IPTABLES_PROGRAM") { return String(cString: named) }
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
            "this host's iptables is the legacy one, which needs the program \(name); it is none of "
                + places.map { "\($0)/\(name)" }.joined(by: ", ")
                + ": install it there, or name it in BERTH_IPTABLES_PROGRAM")
    }

    /// It waits for its request. Throws ENOENT with the places where it is not, or what the start said.
    static func start() throws(KernelError) -> StartedChild {
        try ChildProcess(path: find(), arguments: [], environment: environment, input: []).start()
    }

    /// Nothing that the program does depends on more.
    static let environment: [String] = {
        guard let lock = getenv("XTABLES_LOCKFILE") else { return [] }
        return ["XTABLES_LOCKFILE=\(String(cString: lock))"]
    }()

    /// Its last line is "errno TAB operation TAB explanation".
    static func refusal(_ operation: String, _ line: String?, _ outcome: ChildProcess.Outcome) -> KernelError {
        let parts = (line ?? "").split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        if parts.count == 3, let code = Int32(parts[0]) {
            return KernelError(parts[1], Errno(code), parts[2].isEmpty ? nil : parts[2])
        }
        let end = outcome.signal.map { "was ended by signal \($0)" } ?? "ended with \(outcome.exitStatus ?? -1)"
        return KernelError(operation, .badMessage, "\(name) \(end)\(line.map { ": \($0)" } ?? "")")
    }
}
