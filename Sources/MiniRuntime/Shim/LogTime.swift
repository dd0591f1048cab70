import Glibc
import NetCore

/// Moments as the log writes them: 2026-11-26T18:41:07.042000000Z (RFC 3339 with nine digits, so that they sort as text).
public enum LogTime {
    static func text(_ time: timespec) -> String {
        let digits = String(time.tv_nsec)
        let fraction = String(repeating: "0", count: 9 - digits.utf8.count) + digits
        return UniversalTime.text(Int(time.tv_sec)).dropLast() + "." + fraction + "Z"
    }

    /// Nanoseconds since 1970 of an RFC 3339 text with any number of digits and any offset; nil when it is none.
    public static func nanoseconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes[4] == 0x2d, bytes[7] == 0x2d, bytes[13] == 0x3a, bytes[16] == 0x3a,
            let year = number(bytes[0..<4]), let month = number(bytes[5..<7]), let day = number(bytes[8..<10]),
            let hour = number(bytes[11..<13]), let minute = number(bytes[14..<16]), let second = number(bytes[17..<19])
        else { return nil }
        var parts = tm()
        parts.tm_year = Int32(year - 1900)
        parts.tm_mon = Int32(month - 1)
        parts.tm_mday = Int32(day)
        parts.tm_hour = Int32(hour)
        parts.tm_min = Int32(minute)
        parts.tm_sec = Int32(second)
        var index = 19
        var fraction: Int64 = 0
        if bytes[index] == 0x2e {
            index += 1
            var weight: Int64 = 100_000_000
            while index < bytes.count, (0x30...0x39).contains(bytes[index]) {
                fraction += Int64(bytes[index] - 0x30) * weight
                weight /= 10
                index += 1
            }
        }
        guard index < bytes.count, let offset = offset(bytes[index...]) else { return nil }
        // Beyond the year 2262 there are no nanoseconds.
        let (whole, isTooMuch) = (Int64(timegm(&parts)) - offset).multipliedReportingOverflow(by: 1_000_000_000)
        return isTooMuch || whole > Int64.max - fraction ? nil : whole + fraction
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
        digits.reduce(Int?.some(0)) { sum, digit in
            (0x30...0x39).contains(digit) ? sum.map { $0 * 10 + Int(digit - 0x30) } : nil
        }
    }

    /// Seconds east of Greenwich: "Z", "+01:00".
    private static func offset(_ text: ArraySlice<UInt8>) -> Int64? {
        if text.elementsEqual("Z".utf8) || text.elementsEqual("z".utf8) { return 0 }
        let start = text.startIndex
        guard text.count == 6, text[start] == 0x2b || text[start] == 0x2d,
            let hours = number(text[(start + 1)..<(start + 3)]), let minutes = number(text[(start + 4)..<(start + 6)])
        else { return nil }
        let seconds = Int64(hours * 3600 + minutes * 60)
        return text[start] == 0x2b ? seconds : -seconds
    }
}
