import Glibc

/// A point in time: seconds since 1970 and nanoseconds.
public struct Moment: Hashable, Comparable, Sendable {
    public var seconds: Int64
    public var nanoseconds: Int64

    public init(seconds: Int64, nanoseconds: Int64 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    public static var now: Moment {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Moment(seconds: Int64(time.tv_sec), nanoseconds: Int64(time.tv_nsec))
    }

    public static func < (left: Moment, right: Moment) -> Bool {
        (left.seconds, left.nanoseconds) < (right.seconds, right.nanoseconds)
    }

    /// RFC 3339, also without zone (local time then) or time of day: `2026-11-27T01:02:03.5Z`, `2026-11-27`.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        func number(_ range: Range<Int>) -> Int64? {
            guard range.upperBound <= bytes.count, bytes[range].allSatisfy({ (0x30...0x39).contains($0) }) else {
                return nil
            }
            return bytes[range].reduce(0) { $0 * 10 + Int64($1 - 0x30) }
        }
        func isByte(_ index: Int, _ value: UInt8) -> Bool { index < bytes.count && bytes[index] == value }
        guard let year = number(0..<4), isByte(4, 0x2d), let month = number(5..<7), isByte(7, 0x2d),
            let day = number(8..<10), (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        var clock: [Int64] = [0, 0, 0]
        var at = 10
        var nanoseconds: Int64 = 0
        if isByte(10, 0x54) || isByte(10, 0x20) {
            for (index, start) in [11, 14, 17].enumerated() {
                if index > 0 {
                    guard isByte(start - 1, 0x3a) else { break }
                }
                guard let value = number(start..<(start + 2)), value < (index == 0 ? 24 : 61) else { return nil }
                clock[index] = value
                at = start + 2
            }
            if isByte(at, 0x2e) {
                at += 1
                var scale: Int64 = 100_000_000
                while at < bytes.count, (0x30...0x39).contains(bytes[at]) {
                    nanoseconds += Int64(bytes[at] - 0x30) * scale
                    scale /= 10
                    at += 1
                }
            }
        }
        var seconds = Self.days(year, month, day) * 86400 + clock[0] * 3600 + clock[1] * 60 + clock[2]
        if at == bytes.count {
            var time = tm()
            time.tm_year = Int32(year - 1900)
            time.tm_mon = Int32(month - 1)
            time.tm_mday = Int32(day)
            time.tm_hour = Int32(clock[0])
            time.tm_min = Int32(clock[1])
            time.tm_sec = Int32(clock[2])
            time.tm_isdst = -1
            seconds = Int64(mktime(&time))
        } else if isByte(at, 0x5a) && at + 1 == bytes.count {
        } else if isByte(at, 0x2b) || isByte(at, 0x2d), let hours = number((at + 1)..<(at + 3)), isByte(at + 3, 0x3a),
            let minutes = number((at + 4)..<(at + 6)), at + 6 == bytes.count
        {
            seconds -= (bytes[at] == 0x2b ? 1 : -1) * (hours * 3600 + minutes * 60)
        } else {
            return nil
        }
        self.init(seconds: seconds, nanoseconds: nanoseconds)
    }

    /// Days from 1970-01-01 in the Gregorian calendar.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719468
    }

    /// What `--since` and `--until` take: a span before now, a time, or seconds since 1970. As the API wants it.
    public static func parameter(_ text: String, of option: String) throws(ClientError) -> String {
        let moment: Moment
        if let span = Quantity.duration(text) {
            let now = Moment.now
            let total = now.seconds * 1_000_000_000 + now.nanoseconds - span
            moment = Moment(seconds: total / 1_000_000_000, nanoseconds: total % 1_000_000_000)
        } else if let time = Moment(text) {
            moment = time
        } else if !text.isEmpty, text.allSatisfy({ "0123456789.".contains($0) }), Double(text) != nil {
            return text
        } else {
            throw ClientError(
                "\(option) \(text) is no time",
                fix: "write a span (10m, 1h30m), a time (2026-11-27T01:02:03Z) or seconds since 1970"
            )
        }
        let nanos = String(moment.nanoseconds)
        return "\(moment.seconds).\(String(repeating: "0", count: 9 - nanos.count))\(nanos)"
    }

    /// `2026-11-27 01:02:03 +0100 CET`, as docker prints a time in a table.
    public var localText: String {
        var time = time_t(seconds)
        var parts = tm()
        localtime_r(&time, &parts)
        return text(parts, "%Y-%m-%d %H:%M:%S %z %Z")
    }

    /// `2026-11-27T01:02:03.123456789+01:00`.
    public var preciseText: String {
        var time = time_t(seconds)
        var parts = tm()
        localtime_r(&time, &parts)
        let digits = String(nanoseconds)
        let zone = text(parts, "%z")
        return text(parts, "%Y-%m-%dT%H:%M:%S") + "." + String(repeating: "0", count: 9 - digits.count) + digits
            + (zone == "+0000" ? "Z" : zone.prefix(3) + ":" + zone.suffix(2))
    }

    private func text(_ parts: tm, _ format: String) -> String {
        var parts = parts
        var room = [CChar](repeating: 0, count: 80)
        let count = strftime(&room, room.count, format, &parts)
        return String(decoding: room[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
