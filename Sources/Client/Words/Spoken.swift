import Glibc

/// Numbers as people read them, in docker's words.
public enum Spoken {
    /// `Less than a second`, `About a minute`, `3 hours`, `2 weeks`.
    public static func duration(seconds: Int64) -> String {
        let minutes = seconds / 60
        // Hours are rounded, as docker's are.
        let hours = (seconds + 1800) / 3600
        if seconds < 1 { return "Less than a second" }
        if seconds == 1 { return "1 second" }
        if seconds < 60 { return "\(seconds) seconds" }
        if minutes == 1 { return "About a minute" }
        if minutes < 60 { return "\(minutes) minutes" }
        if hours == 1 { return "About an hour" }
        if hours < 48 { return "\(hours) hours" }
        if hours < 24 * 7 * 2 { return "\(hours / 24) days" }
        if hours < 24 * 30 * 2 { return "\(hours / 24 / 7) weeks" }
        if hours < 24 * 365 * 2 { return "\(hours / 24 / 30) months" }
        return "\(hours / 24 / 365) years"
    }

    /// `4.26MB`: by 1000, three digits.
    public static func size(_ bytes: Double, digits: Int32 = 3) -> String {
        scaled(bytes, 1000, ["B", "kB", "MB", "GB", "TB", "PB", "EB"], digits)
    }

    /// `1.5MiB`: by 1024, four digits.
    public static func binarySize(_ bytes: Double) -> String {
        scaled(bytes, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"], 4)
    }

    private static func scaled(_ bytes: Double, _ base: Double, _ units: [String], _ digits: Int32) -> String {
        var value = bytes
        var unit = 0
        while value >= base, unit < units.count - 1 {
            value /= base
            unit += 1
        }
        return format("%.*g", digits, value) + units[unit]
    }

    /// printf(3).
    static func format(_ format: String, _ values: any CVarArg...) -> String {
        var room = [CChar](repeating: 0, count: 400)
        let count = withVaList(values) { vsnprintf(&room, room.count, format, $0) }
        return String(decoding: room[..<min(Int(max(count, 0)), 399)].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// `12.34%`.
    public static func percent(_ value: Double) -> String { format("%.2f%%", value) }
}
