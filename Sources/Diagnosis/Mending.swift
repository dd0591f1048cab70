import CKernel
import Explain
import Glibc
import Inspect
import JSON
public import NetCore

/// What `--fix` does, and `--undo` takes back.
public enum Mending {
    /// What of the findings a command mends, in their order.
    public static func fixable(_ checkup: Checkup) -> [HealthFinding] {
        checkup.findings.filter { $0.remedy.toldOnly == nil && !$0.remedy.commands.isEmpty && $0.state == .open }
    }

    /// The commands that `fix` would run, a line each as one types them; those of berth's own objects once.
    public static func plan(_ checkup: Checkup) -> [String] {
        var lines: [String] = []
        for finding in fixable(checkup) {
            for command in finding.remedy.commands {
                let line = Checkup.words([command], or: "")
                if !lines.contains(line) { lines.append(line) }
            }
        }
        return lines
    }

    /// Mends what can be mended, writes how to take it back into a file of `folder` before each change, and looks again. `say` is told each
    /// command before it runs. Throws where no undo file can be written: then nothing was changed.
    public static func fix(
        _ checkup: inout Checkup, _ places: Examination.Places, _ selection: Checkup.Selection, folder: String,
        say: (String) -> Void
    ) throws(KernelError) {
        let wanted = fixable(checkup)
        guard !wanted.isEmpty else { return }
        var file = UndoFile(folder: folder)
        var failures: [(HealthFinding, String)] = []
        let isRepair = wanted.contains { $0.id.name == "owned-rules" || $0.id.name == "drift" }
        let before = isRepair ? Restored(places) : nil
        var done: Set<[[String]]> = []
        for finding in wanted where !finding.remedy.isOwn && done.insert(finding.remedy.commands).inserted {
            try file.add(finding)
            for command in finding.remedy.commands {
                say(Checkup.words([command], or: ""))
                if let failure = HostCommand.run(command) {
                    failures.append((finding, failure))
                    break
                }
            }
        }
        if wanted.contains(where: \.remedy.isOwn) {
            say(isRepair ? "berth repair" : "berth doctor --fix: what is dead is taken down")
            do throws(InspectError) {
                // Both are the same work; only what its own rules named is selected here.
                _ = try Doctor(of: places.state, in: places.directories, cache: places.cache, fix: true)
            } catch {
                for finding in wanted where finding.remedy.isOwn { failures.append((finding, error.message)) }
            }
        }
        let now = Checkup(places, selection)
        checkup.compare(with: now, tried: wanted, failures: failures)
        if let before, checkup.findings.contains(where: { $0.id.name == "owned-rules" && $0.state == .fixed }) {
            checkup.notes += Restored(places).notes(since: before)
        }
        checkup.undoFile = file.isEmpty ? nil : file.path
    }

    /// Runs what a file says, the last fix first, and removes the file. What has changed since is left alone and said. Throws where the file
    /// cannot be read or is none.
    public static func undo(_ path: String, say: (String) -> Void) throws(KernelError) -> [String] {
        let file = try UndoFile(reading: path)
        var failures: [String] = []
        for fix in file.fixes.reversed() {
            if fix.undo.isEmpty { say("\(fix.id): nothing to take back (\(Checkup.words(fix.commands, or: "")))") }
            for command in fix.undo {
                if let changed = HostCommand.changedSince(command, fix.commands) {
                    say("left alone: \(changed)")
                    continue
                }
                say(Checkup.words([command], or: ""))
                if let failure = HostCommand.run(command) { failures.append(failure) }
            }
        }
        if failures.isEmpty { try Files.remove(path) }
        return failures
    }
}

/// How to take back what was changed: a file of JSON.
struct UndoFile {
    struct Fix {
        let id: String
        let commands: [[String]]
        let undo: [[String]]
    }
    let path: String
    private(set) var fixes: [Fix] = []

    var isEmpty: Bool { fixes.isEmpty }

    init(folder: String) {
        let stamp = UniversalTime.text(time(nil)).filter { $0 != ":" && $0 != "-" }
        path = "\(folder)/undo-\(stamp)-\(getpid()).json"
    }

    /// On the disk before the fix is done. Throws what the kernel said.
    mutating func add(_ finding: HealthFinding) throws(KernelError) {
        fixes.append(Fix(id: "\(finding.id)", commands: finding.remedy.commands, undo: finding.remedy.undo))
        let words = { (commands: [[String]]) -> JSON in .array(commands.map { .array($0.map { .string($0) }) }) }
        let json: JSON = [
            "version": 1,
            "fixes": .array(
                fixes.map { ["id": .string($0.id), "commands": words($0.commands), "undo": words($0.undo)] }),
        ]
        try Files.makeDirectories(Files.directory(of: path), mode: 0o700)
        try Files.replace(path, with: Array(json.prettyText.utf8) + [0x0a])
    }

    init(reading path: String) throws(KernelError) {
        self.path = path
        let bytes = try Files.read(path)
        let wrong = KernelError("read undo file \(path)", .invalidArgument, "it is no file of berth doctor --fix")
        guard let json = try? JSON(parsing: bytes), json["version"]?.integer == 1, let list = json["fixes"]?.array
        else {
            throw wrong
        }
        let words = { (json: JSON?) -> [[String]] in (json?.array ?? []).map { ($0.array ?? []).compactMap(\.string) } }
        for fix in list {
            guard let id = fix["id"]?.string else { throw wrong }
            fixes.append(Fix(id: id, commands: words(fix["commands"]), undo: words(fix["undo"])))
        }
    }
}
