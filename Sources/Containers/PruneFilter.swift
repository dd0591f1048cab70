import Images
import JSON

/// `filters` of a prune: `label` and `label!`, and `until`, the moment before which a thing was made.
public struct PruneFilter {
    private let filter: Filter
    private var until: Moment?

    /// Throws 400 for a key that is none of `known`, and for a moment that cannot be read.
    public init(_ filters: JSONObject, _ known: [String]) throws(APIError) {
        for key in filters.keys where !known.contains(key) { throw APIError(400, "invalid filter '\(key)'") }
        filter = Filter(filters)
        let texts = filter.values("until")
        guard texts.count < 2 else { throw APIError(400, "more than one until filter specified: give one") }
        until = try texts.first.map { text throws(APIError) in try PruneFilter.moment(text, now: Moment.now) }
    }

    public func takes(labels: JSONObject, created: String) -> Bool {
        if let until {
            guard let created = Moment(created), created < until else { return false }
        }
        return filter.takesLabels(labels)
    }

    /// Whether a key has the value true. Throws 400 for what is neither true nor false.
    func flag(_ key: String) throws(APIError) -> Bool {
        guard let text = filter.values(key).first?.lowercased() else { return false }
        if ["1", "t", "true"].contains(text) { return true }
        guard ["0", "f", "false"].contains(text) else {
            throw APIError(400, "invalid filter '\(key)=\(text)': it is true or false")
        }
        return false
    }

    /// Seconds since 1970 with or without a fraction, a time of RFC 3339, a day, or a span before now as 24h or 1h30m.
    static func moment(_ text: String, now: Moment) throws(APIError) -> Moment {
        let bytes = Array(text.utf8)
        let isNumber = !bytes.isEmpty && bytes.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2e }
        if isNumber, let seconds = Double(text), seconds < 4e9 {
            return Moment(seconds: Int(seconds), nanoseconds: Int((seconds - seconds.rounded(.down)) * 1e9))
        }
        for suffix in ["", "Z", ":00Z", "T00:00:00Z"] {
            if let moment = exact(text + suffix) { return moment }
        }
        if let moment = elsewhere(text) { return moment }
        if let span = TimeSpan.nanoseconds(text) {
            return Moment(seconds: now.seconds - Int(span / 1_000_000_000), nanoseconds: now.nanoseconds)
        }
        throw APIError(
            400, "until=\(text) is no moment: write 24h, 2026-01-31, 2026-01-31T12:00:00Z or seconds since 1970")
    }

    /// A time with its distance from Greenwich: 2026-01-31T12:00:00+01:00.
    private static func elsewhere(_ text: String) -> Moment? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 25, let sign = [UInt8(ascii: "+"): -1, UInt8(ascii: "-"): 1][bytes[bytes.count - 6]],
            bytes[bytes.count - 3] == UInt8(ascii: ":"),
            var moment = exact(String(decoding: bytes[..<(bytes.count - 6)], as: UTF8.self) + "Z"),
            let hours = Int(String(decoding: bytes[(bytes.count - 5)..<(bytes.count - 3)], as: UTF8.self)),
            let minutes = Int(String(decoding: bytes.suffix(2), as: UTF8.self)), (0..<24).contains(hours)
        else { return nil }
        moment.seconds += sign * (hours * 3600 + minutes * 60)
        return moment
    }

    /// Of RFC 3339, at Greenwich: every digit and sign is where it belongs.
    private static func exact(_ text: String) -> Moment? {
        let bytes = Array(text.utf8)
        let form = Array("0000-00-00T00:00:00".utf8)
        func fits(_ byte: UInt8, _ wanted: UInt8) -> Bool {
            wanted == UInt8(ascii: "0") ? (0x30...0x39).contains(byte) : byte == wanted
        }
        let fraction = bytes.dropFirst(form.count).dropLast()
        guard bytes.count > form.count, zip(bytes, form).allSatisfy({ fits($0, $1) }),
            fraction.isEmpty || fraction.first == UInt8(ascii: ".") && fraction.count > 1,
            fraction.dropFirst().allSatisfy({ fits($0, UInt8(ascii: "0")) })
        else { return nil }
        return Moment(text)
    }
}
