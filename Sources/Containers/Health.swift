import JSON

/// How a container is by its checks: Docker's `State.Health`.
struct Health: Hashable, Sendable {
    enum Status: String { case starting, healthy, unhealthy }

    /// One check that is over.
    struct Result: Hashable, Sendable {
        /// Bytes of output that are kept.
        static let kept = 4096
        var start: Moment
        var end: Moment
        /// 0: well. -1: the check itself could not be made, or took too long.
        var exitCode: Int64
        var output: String
    }

    var status = Status.starting
    var failures = 0
    /// The last five, the oldest first.
    var log: [Result] = []

    init() {}

    /// One more check is over, of a container that started then.
    mutating func take(_ result: Result, _ check: HealthCheck, startedAt: Moment?) {
        log = log.suffix(4) + [result]
        if result.exitCode == 0 {
            failures = 0
            status = .healthy
            return
        }
        if status == .starting, let startedAt, result.start.nanoseconds(since: startedAt) < check.startPeriod { return }
        failures += 1
        if failures >= check.retries { status = .unhealthy }
    }

    /// As in `ps`.
    var words: String { status == .starting ? "health: starting" : status.rawValue }

    var json: JSONObject {
        [
            "Status": .string(status.rawValue), "FailingStreak": .integer(Int64(failures)),
            "Log": .array(
                log.map {
                    [
                        "Start": .string($0.start.text), "End": .string($0.end.text), "ExitCode": .integer($0.exitCode),
                        "Output": .string($0.output),
                    ]
                }),
        ]
    }

    /// What `json` gave; nil for anything else.
    init?(_ object: JSONObject) {
        guard let status = object["Status"]?.string.flatMap({ Status(rawValue: $0) }) else { return nil }
        self.status = status
        failures = Int(object["FailingStreak"]?.integer ?? 0)
        for one in object["Log"]?.array ?? [] {
            guard let start = Moment(one["Start"]?.string ?? ""), let end = Moment(one["End"]?.string ?? "") else {
                continue
            }
            log.append(
                Result(
                    start: start, end: end, exitCode: one["ExitCode"]?.integer ?? -1,
                    output: one["Output"]?.string ?? ""))
        }
    }
}

extension Moment {
    /// Negative when it is earlier; at the edge of what fits.
    func nanoseconds(since other: Moment) -> Int64 {
        let (product, isTooMuch) = Int64(seconds - other.seconds).multipliedReportingOverflow(by: 1_000_000_000)
        if isTooMuch { return seconds < other.seconds ? .min : .max }
        return product.addingReportingOverflow(Int64(nanoseconds - other.nanoseconds)).partialValue
    }
}
