import Glibc

/// What /proc/PID/stat tells of a process (man 5 proc).
public struct ProcessStatus: Hashable, Sendable {
    /// When it began, in clock ticks since boot: with its number this is one process alone, however often the number is given again.
    public let start: UInt64
    /// It waits to be reaped, or is just being.
    public let hasEnded: Bool

    /// Nil when there is none of that number.
    public init?(_ pid: Int32) {
        // The name stands in parentheses and may hold anything.
        guard let text = try? Files.read("/proc/\(pid)/stat", limit: 4096),
            let end = text.lastIndex(of: UInt8(ascii: ")"))
        else { return nil }
        let fields = String(decoding: text[(end + 1)...], as: UTF8.self).split(separator: " ")
        guard fields.count > 19, let start = UInt64(fields[19]) else { return nil }
        self.start = start
        hasEnded = fields[0] == "Z" || fields[0] == "X"
    }

    /// A process of that number is there and has not ended.
    public static func goesOn(_ pid: Int32) -> Bool { ProcessStatus(pid)?.hasEnded == false }

    /// Every process of the machine has its number in this PID namespace (PROC_PID_INIT_INO of linux/proc_ns.h).
    public static var seesEveryProcess: Bool {
        var bytes = [CChar](repeating: 0, count: 64)
        let count = readlink("/proc/thread-self/ns/pid", &bytes, 63)
        return count > 0
            && String(decoding: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self) == "pid:[4026531836]"
    }
}
