import Inspect
import NetCore

/// berth's own rules: how many are there, since when the others are missing, and who took them.
extension HealthRule {
    static func ownedRules(_ examination: Examination, _ id: RuleID) throws(KernelError) -> Judgement {
        let tally = try examination.ownRules()
        let memory = Remembered(examination.places.state)
        guard !tally.differences.isEmpty else {
            return .passed("all \(tally.all.counted("rule")) of berth's present\(memory.last)")
        }
        var remedy = Remedy([["berth", "repair"]])
        remedy.isOwn = true
        let told = memory.told(of: tally.differences)
        var inside = tally.tables.isEmpty ? [] : [tally.tables.joined(by: " and ")]
        if !tally.tables.isEmpty || told.since != nil { inside.append("missing") }
        if let since = told.since { inside.append(since) }
        // A chain that others share, an order, a jump: no rule of anybody's alone.
        let rest = tally.missing == 0 ? ", but altered or out of order, or what they share is missing" : ""
        return .found([
            HealthFinding(
                id, .error, "berth's rules",
                "\(tally.present) of \(tally.all) berth rules present\(rest)"
                    + (inside.isEmpty ? "" : " (\(inside.joined(by: " ")))"),
                evidence: Array(tally.differences.prefix(3)).joined(by: "; ")
                    + (tally.differences.count > 3 ? "; and \(tally.differences.count - 3) more" : "")
                    + (told.unknown.map { "; \($0)" } ?? ""),
                remedy: remedy)
        ])
    }
}

/// What `berth watch` has written down, and whether it watches now.
private struct Remembered {
    private var memory = RemovalMemory()
    private var unreadable: String?
    private var isWatched = false

    init(_ state: StateDirectory) {
        do throws(KernelError) {
            isWatched = try RepairWatch.isRunning(state)
            memory = try RemovalMemory(reading: state)
        } catch {
            unreadable = "what berth watch has seen is not known: \(error)"
        }
    }

    /// Of what is there again.
    var last: String {
        if let unreadable { return "; \(unreadable)" }
        guard let entry = memory.entries.last else { return "" }
        let back = entry.restored.map { ", back at \(UniversalTime.text($0))" } ?? ""
        return "; the last time some were missing: \(entry.since)\(back)"
    }

    /// Since when and by whom what differs was taken, or why that is not known.
    func told(of differences: [String]) -> (since: String?, unknown: String?) {
        if let unreadable { return (nil, unreadable) }
        var causes: [RemovalMemory.Entry] = []
        for one in differences {
            if let cause = memory.cause(of: one), !causes.contains(cause) { causes.append(cause) }
        }
        guard let first = causes.min(by: { $0.time < $1.time }) else {
            if differences.allSatisfy({ $0.holds("(iptables-legacy") }) {
                return (
                    nil,
                    "since when and by whom is not known: iptables-legacy tells nobody who changes its tables; berth watch would have noticed when, and brings them back"
                )
            }
            if isWatched {
                return (nil, "since when and by whom is not known: it was so when berth watch began")
            }
            return (
                nil,
                "since when and by whom is not known, as nobody watched: berth watch tells it the next time, and brings them back by itself"
            )
        }
        var since = first.since
        for other in causes where other != first && other.process != nil && other.process != first.process {
            since += "; \(other.since)"
        }
        return (
            since,
            isWatched ? nil : "berth watch, which saw that, does not run now: what came afterwards is not known"
        )
    }
}
