import Glibc

/// A moment as text, in UTC: logs and leases are read on other machines, too.
public enum UniversalTime {
    /// `seconds` since 1970 as RFC 3339 writes them (man 3 gmtime): 2026-11-26T18:41:07Z, with milliseconds …07.042Z.
    public static func text(_ seconds: Int, milliseconds: Int? = nil) -> String {
        var moment = time_t(seconds)
        var parts = tm()
        gmtime_r(&moment, &parts)
        let padded = { (number: Int, width: Int) in
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
        }
        let date = [(parts.tm_year + 1900, 4), (parts.tm_mon + 1, 2), (parts.tm_mday, 2)]
        let time = [parts.tm_hour, parts.tm_min, parts.tm_sec]
        return date.map { padded(Int($0.0), $0.1) }.joined(by: "-") + "T"
            + time.map { padded(Int($0), 2) }.joined(by: ":") + (milliseconds.map { "." + padded($0, 3) } ?? "") + "Z"
    }
}
