/// What an extended header says of the entry that follows it: lines of "length key=value".
struct PaxRecords {
    private var records: [(key: Name, value: [UInt8])] = []

    init() {}

    /// Throws 400 for what is no list of records.
    init(_ bytes: [UInt8]) throws(ImageError) {
        var rest = bytes[...]
        while let first = rest.first, first != 0 {
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            guard (1...7).contains(digits.count) else { throw PaxRecords.damaged() }
            let length = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
            guard length <= rest.count, length >= digits.count + 3 else { throw PaxRecords.damaged() }
            let record = rest.prefix(length).dropFirst(digits.count)
            guard record.first == 0x20, record.last == 0x0a, let equals = record.firstIndex(of: UInt8(ascii: "="))
            else {
                throw PaxRecords.damaged()
            }
            records.append(
                (Array(record[(record.startIndex + 1)..<equals]), Array(record[(equals + 1)..<(record.endIndex - 1)])))
            rest = rest.dropFirst(length)
        }
    }

    func apply(to entry: inout TarEntry) throws(ImageError) {
        for (key, value) in records {
            switch String(decoding: key, as: UTF8.self) {
            case "path": entry.name = value
            case "linkpath": entry.target = value
            case "size": entry.size = try PaxRecords.number(value)
            case "uid": entry.user = try PaxRecords.id(value)
            case "gid": entry.group = try PaxRecords.id(value)
            case "mtime": (entry.seconds, entry.nanoseconds) = try PaxRecords.time(value)
            default:
                let attribute = Array("SCHILY.xattr.".utf8)
                if key.starts(with: attribute), key.count > attribute.count {
                    entry.attributes.append((Array(key.dropFirst(attribute.count)), value))
                } else if key.starts(with: Array("GNU.sparse.".utf8)) {
                    throw PaxRecords.sparse(entry.name)
                }
            }
        }
    }

    static func sparse(_ name: Name) -> ImageError {
        ImageError(
            400,
            "the archive has \(name.shown) as a sparse file, which berth does not read: make the archive without --sparse"
        )
    }

    private static func damaged() -> ImageError { ImageError(400, "the archive has a damaged extended header") }

    private static func number(_ value: [UInt8]) throws(ImageError) -> Int64 {
        guard (1...18).contains(value.count), value.allSatisfy({ (0x30...0x39).contains($0) }) else { throw damaged() }
        return value.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }

    private static func id(_ value: [UInt8]) throws(ImageError) -> UInt32 {
        guard let id = UInt32(exactly: try number(value)) else { throw damaged() }
        return id
    }

    private static func time(_ value: [UInt8]) throws(ImageError) -> (Int64, UInt32) {
        let isBefore = value.first == UInt8(ascii: "-")
        let parts = value.dropFirst(isBefore ? 1 : 0).split(
            separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first else { throw damaged() }
        let seconds = try number(Array(first))
        var fraction: [UInt8] = parts.count == 2 ? Array(parts[1].prefix(9)) : []
        fraction += [UInt8](repeating: 0x30, count: 9 - fraction.count)
        let nanoseconds = UInt32(try number(fraction))
        if !isBefore { return (seconds, nanoseconds) }
        return nanoseconds == 0 ? (-seconds, 0) : (-seconds - 1, 1_000_000_000 - nanoseconds)
    }
}
