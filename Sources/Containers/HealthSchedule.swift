import Glibc

/// When which container is checked: one thread for all of them, which starts each check on a thread of its own. A container is
/// checked by one at a time, and of all that are due at once only some start at once: a start is what costs.
final class HealthSchedule: Sendable {
    /// So many checks are being started at once.
    static let starts = 8

    private struct Entry {
        let container: Container
        let check: HealthCheck
        /// Nanoseconds of the monotonic clock.
        var due: Int64
        var probe: HealthProbe?
    }
    private struct Table {
        var entries: [String: Entry] = [:]
        var starting = 0
        /// Counts what may change who is next.
        var changes = 0
        var hasThread = false
    }
    private enum Turn {
        case due([HealthProbe])
        case again, over
    }
    private let table = Monitor(Table())

    /// The container is checked from now on, that many nanoseconds from now for the first time. `run` makes one check, on a thread of its own.
    func begin(
        _ container: Container, _ check: HealthCheck, after delay: Int64,
        run: @escaping @Sendable (HealthProbe) -> Void
    ) {
        stop(container)
        let needsThread = table.change { table in
            table.entries[container.id] = Entry(
                container: container, check: check, due: HealthSchedule.moment(in: delay))
            table.changes += 1
            defer { table.hasThread = true }
            return !table.hasThread
        }
        if needsThread { Threads.start { [self] in work(run) } }
    }

    /// It is not checked any more; a check that runs is broken off, and what it would have said counts for nothing. With `milliseconds` that
    /// check's end is waited for.
    func stop(_ container: Container, milliseconds: Int = 0) {
        let entry = table.change {
            $0.changes += 1
            return $0.entries.removeValue(forKey: container.id)
        }
        guard let probe = entry?.probe else { return }
        probe.cancel()
        if milliseconds > 0 { probe.waitForEnd(milliseconds: milliseconds) }
    }

    /// The check's process runs: the next one may be started.
    func hasStarted(_ probe: HealthProbe) {
        guard probe.claimStart() else { return }
        table.change {
            $0.starting -= 1
            $0.changes += 1
        }
    }

    /// The check is over. Unless it was broken off, `count` is called, with no `stop` beside it, and gives the nanoseconds until the
    /// next one; nil when there is none.
    func finish(_ probe: HealthProbe, count: () -> Int64?) {
        hasStarted(probe)
        table.change { table in
            guard table.entries[probe.container.id]?.probe === probe else { return }
            table.changes += 1
            table.entries[probe.container.id]?.probe = nil
            if let delay = count() {
                table.entries[probe.container.id]?.due = HealthSchedule.moment(in: delay)
            } else {
                table.entries[probe.container.id] = nil
            }
        }
        probe.end()
    }

    /// The thread: it ends when no container is checked any more.
    private func work(_ run: @escaping @Sendable (HealthProbe) -> Void) {
        while true {
            var seen = 0
            let rest = table.read { table -> Int64 in
                seen = table.changes
                guard table.starting < HealthSchedule.starts else { return .max }
                return table.entries.values.filter { $0.probe == nil }.map(\.due).min().map { $0 - HealthSchedule.now }
                    ?? .max
            }
            // Rounded up: it is never too early, and a check of one millisecond does not spin.
            let milliseconds = Int(min(max(0, rest), 60_000_000_000) / 1_000_000) + 1
            let turn = table.wait(milliseconds: rest <= 0 ? 0 : milliseconds) { table -> Turn? in
                if table.entries.isEmpty {
                    table.hasThread = false
                    return .over
                }
                let probes = HealthSchedule.take(&table)
                if !probes.isEmpty { return .due(probes) }
                return table.changes == seen ? nil : .again
            }
            switch turn {
            case .over: return
            case .due(let probes): for probe in probes { Threads.start { run(probe) } }
            case .again, nil: break
            }
        }
    }

    /// Those whose time has come, the longest due first, as far as they may start.
    private static func take(_ table: inout Table) -> [HealthProbe] {
        let now = HealthSchedule.now
        let due = table.entries.values.filter { $0.probe == nil && $0.due <= now }.sorted { $0.due < $1.due }
        let probes = due.prefix(max(0, starts - table.starting)).map { HealthProbe($0.container, $0.check) }
        for probe in probes { table.entries[probe.container.id]?.probe = probe }
        table.starting += probes.count
        return probes
    }

    /// Never at the edge of what fits: a year of years is as good as never.
    private static func moment(in delay: Int64) -> Int64 { now + min(max(0, delay), 1 << 60) }

    static var now: Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// One check of one container, while it runs.
final class HealthProbe: Sendable {
    let container: Container
    let check: HealthCheck
    private struct State {
        var isCancelled = false
        var isOver = false
        var isStarting = true
        var stream: Int32 = -1
    }
    private let state = Monitor(State())

    init(_ container: Container, _ check: HealthCheck) {
        self.container = container
        self.check = check
    }

    var isCancelled: Bool { state.read { $0.isCancelled } }

    /// True for the first who asks.
    func claimStart() -> Bool {
        state.change { state in
            defer { state.isStarting = false }
            return state.isStarting
        }
    }

    /// Whoever reads the check's stream reads its end at once.
    func cancel() {
        state.change {
            $0.isCancelled = true
            if $0.stream >= 0 { shutdown($0.stream, Int32(SHUT_RDWR)) }
        }
    }

    /// `body` runs with the stream where `cancel` finds it. False: it was broken off before, and `body` was not called.
    func reading(_ stream: Int32, _ body: () -> Void) -> Bool {
        let isRead = state.change {
            if !$0.isCancelled { $0.stream = stream }
            return !$0.isCancelled
        }
        if isRead { body() }
        state.change { $0.stream = -1 }
        return isRead
    }

    func end() { state.change { $0.isOver = true } }

    func waitForEnd(milliseconds: Int) { _ = state.wait(milliseconds: milliseconds) { $0.isOver ? true : nil } }
}
