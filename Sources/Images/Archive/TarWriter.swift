import Glibc
import NetCore

/// Writes a tar archive (ustar, with pax headers where that is too narrow) to a descriptor or to a digest.
final class TarWriter {
    private let descriptor: Int32
    private let what: String
    private var buffer: [UInt8] = []
    private var rest: Int64 = 0
    private var padding = 0

    init(_ descriptor: Int32, _ what: String) {
        self.descriptor = descriptor
        self.what = what
        buffer.reserveCapacity(Buffer.size + 1024)
    }

    /// The entry's header; `entry.size` bytes of content must follow.
    func begin(_ entry: TarEntry) throws(ImageError) {
        precondition(rest == 0, "the entry before is whole")
        let size = entry.kind == .file ? entry.size : 0
        let records = TarWriter.records(entry, size: size)
        if !records.isEmpty {
            var header = TarEntry(name: Array("PaxHeaders/".utf8) + TarWriter.cut(entry.name, 80))
            header.seconds = max(0, entry.seconds)
            buffer += TarWriter.header(header, type: UInt8(ascii: "x"), size: Int64(records.count))
            buffer += records
            buffer += [UInt8](repeating: 0, count: (512 - records.count % 512) % 512)
        }
        buffer += TarWriter.header(entry, type: TarWriter.type(entry.kind), size: size)
        rest = size
        padding = Int((512 - size % 512) % 512)
        if buffer.count >= Buffer.size { try flush() }
    }

    func add(_ bytes: UnsafeRawBufferPointer) throws(ImageError) {
        precondition(Int64(bytes.count) <= rest, "no more than the entry's size")
        rest -= Int64(bytes.count)
        buffer.append(contentsOf: bytes)
        if rest == 0 {
            buffer += [UInt8](repeating: 0, count: padding)
            padding = 0
        }
        if buffer.count >= Buffer.size { try flush() }
    }

    /// A whole file.
    func add(_ entry: TarEntry, _ content: [UInt8]) throws(ImageError) {
        var entry = entry
        entry.size = Int64(content.count)
        try begin(entry)
        var outcome: ImageError?
        content.withUnsafeBytes { bytes in
            do throws(ImageError) { if !bytes.isEmpty { try add(bytes) } } catch { outcome = error }
        }
        if let outcome { throw outcome }
    }

    /// A file's content from a descriptor: as much as was told before, whatever has become of the file; zeros for what it lacks.
    func add(from file: Int32, name: Name) throws(ImageError) {
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: Buffer.size, alignment: 64)
        defer { room.deallocate() }
        var isShort = false
        while rest > 0 {
            let wish = Int(min(rest, Int64(room.count)))
            var count = 0
            if !isShort {
                count = try kernel { () throws(KernelError) in
                    try check("read \(name.shown)") { () -> Int in Glibc.read(file, room.baseAddress, wish) }
                }
            }
            if count == 0 {
                isShort = true
                memset(room.baseAddress!, 0, wish)
                count = wish
            }
            try add(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(room)[..<count]))
        }
    }

    /// The end of the archive is written.
    func finish() throws(ImageError) {
        precondition(rest == 0, "the last entry is whole")
        buffer += [UInt8](repeating: 0, count: 1024)
        try flush()
    }

    private func flush() throws(ImageError) {
        let bytes = buffer
        buffer.removeAll(keepingCapacity: true)
        try kernel { () throws(KernelError) in
            try Files.write(bytes, to: descriptor, operation: "write \(what)")
        }
    }
}

extension TarWriter {
    private static func type(_ kind: TarEntry.Kind) -> UInt8 {
        switch kind {
        case .file: UInt8(ascii: "0")
        case .hardLink: UInt8(ascii: "1")
        case .symbolicLink: UInt8(ascii: "2")
        case .characterDevice: UInt8(ascii: "3")
        case .blockDevice: UInt8(ascii: "4")
        case .directory: UInt8(ascii: "5")
        case .pipe: UInt8(ascii: "6")
        }
    }

    /// What the header has no room for.
    private static func records(_ entry: TarEntry, size: Int64) -> [UInt8] {
        var bytes: [UInt8] = []
        if split(entry.name) == nil { bytes += record("path", entry.name) }
        if entry.target.count > 100 { bytes += record("linkpath", entry.target) }
        if size >= 1 << 33 { bytes += record("size", Array(String(size).utf8)) }
        if entry.user >= 1 << 21 { bytes += record("uid", Array(String(entry.user).utf8)) }
        if entry.group >= 1 << 21 { bytes += record("gid", Array(String(entry.group).utf8)) }
        if entry.seconds < 0 || entry.seconds >= 1 << 33 { bytes += record("mtime", Array(String(entry.seconds).utf8)) }
        for (key, value) in entry.attributes {
            bytes += record("SCHILY.xattr." + String(decoding: key, as: UTF8.self), value)
        }
        return bytes
    }

    /// The length counts its own digits.
    private static func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
        let body = [0x20] + Array(key.utf8) + [UInt8(ascii: "=")] + value + [0x0a]
        var length = body.count + 1
        while body.count + String(length).utf8.count != length { length = body.count + String(length).utf8.count }
        return Array(String(length).utf8) + body
    }

    /// The name as ustar keeps it, in two fields; nil when it does not fit.
    private static func split(_ name: Name) -> (prefix: Name, name: Name)? {
        if name.count <= 100 { return ([], name) }
        guard name.count <= 256 else { return nil }
        for index in name.indices.reversed().dropFirst() where name[index] == UInt8(ascii: "/") {
            let rest = name.count - index - 1
            if rest > 100 { return nil }
            if (1...155).contains(index) { return (Array(name[..<index]), Array(name[(index + 1)...])) }
        }
        return nil
    }

    private static func cut(_ name: Name, _ count: Int) -> Name {
        Array((name.split(separator: UInt8(ascii: "/")).last ?? []).prefix(count))
    }

    private static func header(_ entry: TarEntry, type: UInt8, size: Int64) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ bytes: some Collection<UInt8>, _ at: Int) {
            for (index, byte) in bytes.enumerated() { block[at + index] = byte }
        }
        func octal(_ value: Int64, _ at: Int, _ digits: Int) {
            let text = Array(String(value, radix: 8).utf8)
            put([UInt8](repeating: 0x30, count: max(0, digits - text.count)) + text, at)
        }
        let (prefix, name) = split(entry.name) ?? ([], Array(entry.name.prefix(100)))
        put(name, 0)
        put(prefix, 345)
        octal(Int64(entry.mode & 0o7777), 100, 7)
        octal(entry.user < 1 << 21 ? Int64(entry.user) : 0, 108, 7)
        octal(entry.group < 1 << 21 ? Int64(entry.group) : 0, 116, 7)
        octal(size < 1 << 33 ? size : 0, 124, 11)
        octal((0..<(1 << 33)).contains(entry.seconds) ? entry.seconds : 0, 136, 11)
        block[156] = type
        put(entry.target.prefix(100), 157)
        put([0x75, 0x73, 0x74, 0x61, 0x72, 0, 0x30, 0x30], 257)
        octal(Int64(entry.major & 0o7777777), 329, 7)
        octal(Int64(entry.minor & 0o7777777), 337, 7)
        put([UInt8](repeating: 0x20, count: 8), 148)
        let sum = block.reduce(0) { $0 + Int64($1) }
        octal(sum, 148, 6)
        block[154] = 0
        return block
    }
}
