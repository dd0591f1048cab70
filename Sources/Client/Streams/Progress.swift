import Glibc

/// A line on a terminal about a thing that takes longer than half a second: `loading 12.3MB / 30.1MB  41 %  4.1MB/s`.
public struct Progress {
    private let what: String
    private let total: Int64?
    private let isShown: Bool
    private let begin = Moment.now
    private var last = Moment.now
    private var done: Int64 = 0
    private var hasLine = false

    public init(_ what: String, total: Int64?) {
        self.what = what
        self.total = total
        isShown = Terminal.isTerminal(STDERR_FILENO)
    }

    public mutating func advance(_ bytes: Int) {
        done += Int64(bytes)
        guard isShown else { return }
        let now = Moment.now
        let since = Self.seconds(begin, now)
        guard since > 0.5, Self.seconds(last, now) > 0.1 || !hasLine else { return }
        last = now
        hasLine = true
        var line = "\(what) \(Spoken.size(Double(done)))"
        if let total, total > 0 {
            line += " / \(Spoken.size(Double(total)))  \(min(100, done * 100 / total)) %"
        }
        line += "  \(Spoken.size(Double(done) / since))/s"
        Output.tell("\r\u{1b}[K\(line)")
    }

    /// The line is gone again.
    public mutating func end() {
        if hasLine { Output.tell("\r\u{1b}[K") }
        hasLine = false
    }

    static func seconds(_ from: Moment, _ to: Moment) -> Double {
        Double(to.seconds - from.seconds) + Double(to.nanoseconds - from.nanoseconds) / 1e9
    }
}
