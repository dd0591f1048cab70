/// Whether processes have ended.
public enum ProcessLife {
    /// A process of that number is there and has not ended: one that waits to be reaped has (field 3 of /proc/PID/stat, after the name
    /// in parentheses, which may hold anything).
    public static func goesOn(_ pid: Int64) -> Bool {
        guard let text = try? Files.read("/proc/\(pid)/stat", limit: 4096),
            let end = text.lastIndex(of: UInt8(ascii: ")")), end + 2 < text.count
        else { return false }
        return ![UInt8(ascii: "Z"), UInt8(ascii: "X")].contains(text[end + 2])
    }
}
