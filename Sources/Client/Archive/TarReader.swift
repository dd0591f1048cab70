import NetCore

/// Reads a tar archive as it comes: headers, and the bytes of files.
struct TarReader {
    private let source: () throws(ClientError) -> ArraySlice<UInt8>
    private var pending: ArraySlice<UInt8> = []
    /// Of the member's content, and its padding, what was not read.
    private var left: Int64 = 0
    private var padding = 0

    /// `source` gives bytes, at the end none.
    init(_ source: @escaping () throws(ClientError) -> ArraySlice<UInt8>) { self.source = source }

    private static func broken(_ why: String) -> ClientError {
        ClientError(
            "the archive cannot be read", by: why, fix: "try again; if it stays so, the daemon sends no tar archive")
    }

    /// The next member; what was not read of the one before is stepped over. Nil at the archive's end.
    mutating func next() throws(ClientError) -> TarHeader? {
        var path: String?
        var link: String?
        var size: Int64?
        while true {
            while try !content().isEmpty {}
            guard let block = try block() else { return nil }
            if block.allSatisfy({ $0 == 0 }) { return nil }
            let sum = block.enumerated().reduce(0) { $0 + ((148..<156).contains($1.offset) ? 32 : Int64($1.element)) }
            guard Self.number(block[148..<156]) == sum else { throw Self.broken("a header's check sum is wrong") }
            let stated = Self.number(block[124..<136])
            guard stated >= 0 else { throw Self.broken("a member's size is negative") }
            let type = block[156]
            switch type {
            case 0x78, 0x67, 0x4c, 0x4b:
                guard stated <= 1 << 20 else { throw Self.broken("a header is longer than 1 MiB") }
                begin(stated)
                var bytes: [UInt8] = []
                while case let part = try content(), !part.isEmpty { bytes += part }
                if type == 0x4c {
                    path = Self.text(bytes[...])
                } else if type == 0x4b {
                    link = Self.text(bytes[...])
                } else if type == 0x78 {
                    for (key, value) in try Self.records(bytes) {
                        if key == "path" { path = value }
                        if key == "linkpath" { link = value }
                        if key == "size" { size = Int64(value) }
                    }
                }
                continue
            default: break
            }
            guard let kind = TarHeader.Kind(rawValue: type == 0 || type == 0x37 ? 0x30 : type) else {
                throw Self.broken("a member is of kind \(type)")
            }
            var name = Self.text(block[0..<100])
            let prefix = Self.text(block[345..<500])
            if !prefix.isEmpty, Self.text(block[257..<262]) == "ustar", block[262] == 0 { name = "\(prefix)/\(name)" }
            let length = kind == .file ? size ?? stated : 0
            guard length >= 0 else { throw Self.broken("a member's size is negative") }
            begin(kind == .file ? length : kind == .hardLink ? 0 : stated)
            return TarHeader(
                name: path ?? name, kind: kind,
                mode: UInt32(truncatingIfNeeded: Self.number(block[100..<108])) & 0o7777,
                user: UInt32(truncatingIfNeeded: Self.number(block[108..<116])),
                group: UInt32(truncatingIfNeeded: Self.number(block[116..<124])), size: length,
                modified: Self.number(block[136..<148]), link: link ?? Self.text(block[157..<257]))
        }
    }

    /// The next bytes of the member's content; at its end none.
    mutating func content() throws(ClientError) -> ArraySlice<UInt8> {
        if left == 0 {
            while padding > 0 {
                guard try fill() else { throw Self.broken("it ends in the middle") }
                let count = min(padding, pending.count)
                pending = pending.dropFirst(count)
                padding -= count
            }
            return []
        }
        guard try fill() else { throw Self.broken("it ends in the middle") }
        let bytes = pending.prefix(Int(min(left, Int64(pending.count))))
        pending = pending.dropFirst(bytes.count)
        left -= Int64(bytes.count)
        return bytes
    }

    private mutating func begin(_ size: Int64) {
        left = size
        padding = TarHeader.padding(size)
    }

    private mutating func fill() throws(ClientError) -> Bool {
        if pending.isEmpty { pending = try source() }
        return !pending.isEmpty
    }

    private mutating func block() throws(ClientError) -> [UInt8]? {
        var block: [UInt8] = []
        while block.count < 512 {
            guard try fill() else {
                if block.isEmpty { return nil }
                throw Self.broken("it ends in the middle of a header")
            }
            let part = pending.prefix(512 - block.count)
            block += part
            pending = pending.dropFirst(part.count)
        }
        return block
    }

    /// Octal, or GNU's base 256.
    static func number(_ field: ArraySlice<UInt8>) -> Int64 {
        if let first = field.first, first & 0x80 != 0 {
            return field.dropFirst().suffix(7).reduce(0) { $0 << 8 | Int64($1) }
        }
        return field.drop { $0 == 0x20 || $0 == 0 }.prefix { (0x30...0x37).contains($0) }.reduce(0) {
            $0 << 3 | Int64($1 - 0x30)
        }
    }

    private static func text(_ field: ArraySlice<UInt8>) -> String {
        String(decoding: field.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// `LENGTH KEY=VALUE\n` …
    static func records(_ bytes: [UInt8]) throws(ClientError) -> [(String, String)] {
        var records: [(String, String)] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let digits = rest.prefix { (0x30...0x39).contains($0) }
            guard digits.count < 8, let length = Int(String(decoding: digits, as: UTF8.self)),
                length > digits.count + 2,
                length <= rest.count
            else { throw broken("a pax header is wrong") }
            let record = rest.prefix(length).dropFirst(digits.count + 1).dropLast()
            guard let equals = record.firstIndex(of: 0x3d) else { throw broken("a pax header is wrong") }
            records.append(
                (
                    String(decoding: record[..<equals], as: UTF8.self),
                    String(decoding: record[(equals + 1)...], as: UTF8.self)
                ))
            rest = rest.dropFirst(length)
        }
        return records
    }
}
