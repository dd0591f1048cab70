import NetCore

/// A member of a tar archive (POSIX ustar, with the pax and GNU extensions for long names).
struct TarHeader: Hashable {
    enum Kind: UInt8 {
        case file = 0x30
        case hardLink = 0x31
        case symbolicLink = 0x32
        case characterDevice = 0x33
        case blockDevice = 0x34
        case directory = 0x35
        case pipe = 0x36
    }

    var name: String
    var kind: Kind
    var mode: UInt32
    var user: UInt32
    var group: UInt32
    var size: Int64
    var modified: Int64
    var link = ""

    /// Its blocks: one, and before it those of a pax header where a name is long.
    var blocks: [UInt8] {
        var records: [UInt8] = []
        if name.utf8.count > 99 { records += Self.record("path", name) }
        if link.utf8.count > 99 { records += Self.record("linkpath", link) }
        if size > 0o77777777777 { records += Self.record("size", String(size)) }
        var bytes: [UInt8] = []
        if !records.isEmpty {
            bytes += Self.block("PaxHeaders/member", 0x78, 0o644, 0, 0, Int64(records.count), modified, "")
            bytes += records + [UInt8](repeating: 0, count: Self.padding(Int64(records.count)))
        }
        return bytes
            + Self.block(name, kind.rawValue, mode, user, group, size > 0o77777777777 ? 0 : size, modified, link)
    }

    /// Zero bytes up to the next block.
    static func padding(_ size: Int64) -> Int { Int((512 - size % 512) % 512) }

    private static func record(_ key: String, _ value: String) -> [UInt8] {
        let rest = " \(key)=\(value)\n"
        var length = rest.utf8.count + 1
        while String(length).utf8.count + rest.utf8.count != length {
            length = String(length).utf8.count + rest.utf8.count
        }
        return Array("\(length)\(rest)".utf8)
    }

    private static func block(
        _ name: String, _ kind: UInt8, _ mode: UInt32, _ user: UInt32, _ group: UInt32, _ size: Int64,
        _ modified: Int64,
        _ link: String
    ) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ text: some Collection<UInt8>, at offset: Int, _ width: Int) {
            for (index, byte) in text.prefix(width).enumerated() { block[offset + index] = byte }
        }
        func octal(_ value: Int64, at offset: Int, _ width: Int) {
            let digits = String(max(0, value), radix: 8)
            put((String(repeating: "0", count: max(0, width - 1 - digits.count)) + digits).utf8, at: offset, width - 1)
        }
        put(name.utf8, at: 0, 99)
        octal(Int64(mode & 0o7777), at: 100, 8)
        octal(Int64(user & 0o7777777), at: 108, 8)
        octal(Int64(group & 0o7777777), at: 116, 8)
        octal(size, at: 124, 12)
        octal(modified, at: 136, 12)
        put("        ".utf8, at: 148, 8)
        block[156] = kind
        put(link.utf8, at: 157, 99)
        put("ustar\u{0}00".utf8, at: 257, 8)
        let sum = block.reduce(0) { $0 + Int64($1) }
        octal(sum, at: 148, 7)
        block[155] = 0x20
        return block
    }
}
