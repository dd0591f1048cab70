/// A span of time as people and Go write it: `1m30s`, `1.5h`, `250ms`, `0`.
public enum TimeSpan {
    private static let units = ["ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9]

    /// Nil for anything else, and for what 63 bits of nanoseconds do not hold.
    public static func nanoseconds(_ text: String) -> Int64? {
        var rest = Substring(text)
        var total: Double = 0
        guard !rest.isEmpty else { return nil }
        if rest == "0" { return 0 }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isASCII && !$0.isNumber && $0 != "." }
            rest = rest.dropFirst(unit.count)
            guard let number = Double(digits), let factor = units[String(unit)] else { return nil }
            total += number * factor
        }
        return total < 9e18 ? Int64(total) : nil
    }
}
