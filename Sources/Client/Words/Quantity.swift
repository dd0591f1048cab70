/// Sizes, shares and spans of time as people write them.
public enum Quantity {
    /// `512`, `64k`, `256m`, `1.5g`, with or without b or ib behind the unit: bytes, by 1024.
    public static func bytes(_ text: String, of option: String) throws(ClientError) -> Int64 {
        var word = Substring(text.lowercased())
        if word.hasSuffix("ib") { word = word.dropLast(2) } else if word.hasSuffix("b") { word = word.dropLast() }
        var factor: Double = 1
        if let unit = word.last, let power = "kmgtp".firstIndex(of: unit) {
            for _ in 0...("kmgtp".distance(from: "kmgtp".startIndex, to: power)) { factor *= 1024 }
            word = word.dropLast()
        }
        while word.last == " " { word = word.dropLast() }
        guard let number = Double(word), number >= 0, number * factor < 9e18,
            word.allSatisfy({ $0.isNumber || $0 == "." })
        else {
            throw ClientError(
                "\(option) \(text) is no size", fix: "write a number with b, k, m or g behind it, as \(option) 256m")
        }
        return Int64(number * factor)
    }

    /// `--cpus 1.5`: billionths of a processor. Decimal, without rounding.
    public static func nanoCPUs(_ text: String) throws(ClientError) -> Int64 {
        let bad = ClientError(
            "--cpus \(text) is no number of processors", by: "it takes at most nine digits after the point",
            fix: "write for example --cpus 1.5")
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count <= 2, parts.allSatisfy({ $0.allSatisfy { "0123456789".contains($0) } }), text != ".",
            !text.isEmpty
        else { throw bad }
        let fraction = parts.count == 2 ? String(parts[1]) : ""
        guard fraction.count <= 9, let whole = Int64(parts[0].isEmpty ? "0" : parts[0]), whole < 1_000_000,
            let nanos = Int64(fraction + String(repeating: "0", count: 9 - fraction.count))
        else { throw bad }
        return whole * 1_000_000_000 + nanos
    }

    /// `90s`, `1m30s`, `2h`, `300ms`, as Go writes them: nanoseconds; nil when it is none.
    public static func duration(_ text: String) -> Int64? {
        var rest = Substring(text)
        var total: Double = 0
        guard !rest.isEmpty else { return nil }
        if rest == "0" { return 0 }
        while !rest.isEmpty {
            let digits = rest.prefix { "0123456789.".contains($0) }
            guard let number = Double(digits) else { return nil }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { !"0123456789.".contains($0) }
            rest = rest.dropFirst(unit.count)
            switch unit {
            case "ns": total += number
            case "us", "µs": total += number * 1e3
            case "ms": total += number * 1e6
            case "s": total += number * 1e9
            case "m": total += number * 60e9
            case "h": total += number * 3600e9
            default: return nil
            }
        }
        return total < 9e18 ? Int64(total) : nil
    }

    /// `--ulimit name=soft[:hard]`.
    public static func ulimit(_ text: String) throws(ClientError) -> (name: String, soft: Int64, hard: Int64) {
        let pair = text.split(separator: "=", maxSplits: 1)
        let values = pair.count == 2 ? pair[1].split(separator: ":", omittingEmptySubsequences: false) : []
        guard pair.count == 2, values.count == 1 || values.count == 2, let soft = Int64(values[0]),
            let hard = Int64(values[values.count - 1]), hard == -1 || (soft != -1 && soft <= hard)
        else {
            throw ClientError(
                "--ulimit \(text) cannot be read",
                fix: "write name=soft:hard with soft at most hard, as --ulimit nofile=1024:2048")
        }
        return (String(pair[0]), soft, hard)
    }
}
