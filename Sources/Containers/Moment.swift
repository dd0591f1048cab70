import Glibc

/// A time of the wall clock.
struct Moment: Hashable, Comparable {
    var seconds: Int
    var nanoseconds: Int

    static var now: Moment {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Moment(seconds: time.tv_sec, nanoseconds: time.tv_nsec)
    }

    /// What Docker writes for never.
    static let never = "0001-01-01T00:00:00Z"

    static func < (one: Moment, other: Moment) -> Bool {
        (one.seconds, one.nanoseconds) < (other.seconds, other.nanoseconds)
    }

    /// RFC 3339 with nanoseconds.
    var text: String {
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        func padded(_ number: Int, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
        }
        return
            "\(padded(Int(parts.tm_year) + 1900, 4))-\(padded(Int(parts.tm_mon) + 1, 2))-\(padded(Int(parts.tm_mday), 2))T"
            + "\(padded(Int(parts.tm_hour), 2)):\(padded(Int(parts.tm_min), 2)):\(padded(Int(parts.tm_sec), 2)).\(padded(nanoseconds, 9))Z"
    }

    /// Reads what `text` writes; nil for anything else, and for never.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z") else { return nil }
        func number(_ from: Int, _ to: Int) -> Int32? { Int32(String(decoding: bytes[from..<to], as: UTF8.self)) }
        guard let year = number(0, 4), year > 1900, let month = number(5, 7), let day = number(8, 10),
            let hour = number(11, 13),
            let minute = number(14, 16), let second = number(17, 19)
        else { return nil }
        var parts = tm()
        parts.tm_year = year - 1900
        parts.tm_mon = month - 1
        parts.tm_mday = day
        parts.tm_hour = hour
        parts.tm_min = minute
        parts.tm_sec = second
        seconds = timegm(&parts)
        var fraction = bytes.count > 20 ? String(decoding: bytes[20..<(bytes.count - 1)], as: UTF8.self) : ""
        fraction += String(repeating: "0", count: max(0, 9 - fraction.utf8.count))
        nanoseconds = Int(fraction.prefix(9)) ?? 0
    }

    init(seconds: Int, nanoseconds: Int) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }
}
