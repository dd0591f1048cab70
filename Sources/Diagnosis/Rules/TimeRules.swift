import CTimex
import Glibc
import NetCore

/// Whether the clock, which containers share, is right, as far as this host can know.
extension HealthRule {
    static let time: [HealthRule] =
        [
            HealthRule(
                .time, "clock",
                why:
                    "by a wrong clock certificates are not valid yet: TLS fails in every container, and logs are of another day"
            ) { (examination, id) throws(KernelError) in
                let now = Int(Glibc.time(nil))
                let newest = try newestFile(examination)
                let words =
                    "the clock says \(UniversalTime.text(now)), \(newest.path) was written at \(UniversalTime.text(newest.time))"
                // A disk's own clock may be a little ahead.
                guard newest.time > now + 60 else { return .passed(words) }
                return .found([
                    HealthFinding(
                        id, .error, "the clock", "it is behind what has happened already: \(words)",
                        evidence: "clock_gettime CLOCK_REALTIME, and st_mtime of \(newest.path)",
                        remedy: Remedy(
                            [["timedatectl", "set-ntp", "true"]],
                            toldOnly: "programs see the time jump; without a network, date -s sets it by hand"))
                ])
            },
            HealthRule(
                .time, "synchronized",
                why: "a clock that nobody keeps is off by seconds a week, until certificates and tokens are refused"
            ) { (_, id) throws(KernelError) in
                let clock = try KernelClock()
                guard !clock.isSynchronized else { return .passed(clock.words) }
                return .found([
                    HealthFinding(
                        id, .warning, "the clock", "nobody keeps it: the kernel counts it as not synchronized",
                        evidence: clock.words,
                        remedy: Remedy(
                            [["timedatectl", "set-ntp", "true"]],
                            toldOnly:
                                "which program keeps it is the host's choice (systemd-timesyncd, chrony, the virtual machine's host), and programs may see it jump"
                        ))
                ])
            },
        ]

    /// What certainly was before now: berth's own program, the daemon's files.
    private static func newestFile(_ examination: Examination) throws(KernelError) -> (path: String, time: Int) {
        let root = examination.places.root
        var newest = (path: "/proc/self/exe", time: try modified("/proc/self/exe") ?? 0)
        for path in [root] + (try examination.names(in: root).prefix(1000).map { "\(root)/\($0)" }) {
            if let time = try modified(path), time > newest.time { newest = (path, time) }
        }
        if newest.path == "/proc/self/exe" { newest.path = Examination.link("/proc/self/exe") ?? newest.path }
        return newest
    }

    /// Seconds since 1970; nil where it is not there.
    private static func modified(_ path: String) throws(KernelError) -> Int? {
        var found = stat()
        if stat(path, &found) == 0 { return found.st_mtim.tv_sec }
        let code = Errno.current
        if code == .noSuchFile { return nil }
        throw KernelError("look at \(path)", code)
    }
}

/// What the kernel knows of its clock (man 2 adjtimex).
public struct KernelClock: Hashable, Sendable {
    /// STA_…
    public let status: Int32
    /// Microseconds by which it is wrong at most, as who keeps it has said; it grows until he says so again.
    public let maxError: Int

    public init(status: Int32, maxError: Int) { (self.status, self.maxError) = (status, maxError) }

    /// Reads it. Throws what the kernel said.
    public init() throws(KernelError) {
        var answer = timex()
        try check("read the clock's state") { adjtimex(&answer) }
        self.init(status: answer.status, maxError: answer.maxerror)
    }

    /// Somebody keeps it: NTP, PTP, a virtual machine's host.
    public var isSynchronized: Bool { status & STA_UNSYNC == 0 }

    var words: String {
        let hex = String(UInt32(bitPattern: status), radix: 16)
        let error = maxError < 10_000 ? "\(maxError) µs" : "\(maxError / 1000) ms"
        // Where nobody says, the kernel's number means nothing.
        return isSynchronized
            ? "adjtimex: status 0x\(hex), wrong by \(error) at most"
            : "adjtimex: status 0x\(hex) (STA_UNSYNC), by how much it is wrong nobody knows"
    }
}
