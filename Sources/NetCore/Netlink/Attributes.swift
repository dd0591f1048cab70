/// One attribute of a netlink message (man 7 netlink): a type without its flag bits, and its bytes.
public struct Attribute: Sendable {
    public let type: Int
    public let payload: ArraySlice<UInt8>

    /// The attributes in `bytes`, in order. Stops at the first whose length does not fit, so no length that comes from
    /// outside can read past the end or loop for ever.
    public static func list(_ bytes: ArraySlice<UInt8>) -> [Attribute] {
        var found: [Attribute] = []
        each(in: bytes) { found.append($0) }
        return found
    }

    /// As `list`, one by one.
    static func each(in bytes: ArraySlice<UInt8>, _ body: (Attribute) -> Void) {
        var rest = bytes
        while rest.count >= 4 {
            let start = rest.startIndex
            let length = Int(rest[start]) | Int(rest[start + 1]) << 8
            let type = (Int(rest[start + 2]) | Int(rest[start + 3]) << 8) & 0x3fff
            guard length >= 4, length <= rest.count else { break }
            body(Attribute(type: type, payload: rest[(start + 4)..<(start + length)]))
            rest = rest.dropFirst((length + 3) & ~3)
        }
    }

    public var nested: [Attribute] { Attribute.list(payload) }

    /// Host byte order; nil when the attribute is shorter.
    public var u32: UInt32? { little(4).map(UInt32.init(truncatingIfNeeded:)) }
    public var u16: UInt16? { little(2).map(UInt16.init(truncatingIfNeeded:)) }
    public var u8: UInt8? { payload.first }
    /// Network byte order, as netfilter writes numbers.
    public var bigEndian32: UInt32? { u32?.byteSwapped }
    public var bigEndian16: UInt16? { u16?.byteSwapped }
    public var bigEndian64: UInt64? {
        payload.count >= 8 ? payload.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } : nil
    }
    /// Up to the first NUL.
    public var text: String { String(decoding: payload.prefix { $0 != 0 }, as: UTF8.self) }

    private func little(_ count: Int) -> UInt64? {
        guard payload.count >= count else { return nil }
        return payload.prefix(count).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    }
}

extension [Attribute] {
    /// The last attribute of a type, as the kernel's own parser takes it.
    public subscript(type type: Int) -> Attribute? { last { $0.type == type } }
}

/// One message that the kernel sent: its type and everything after the netlink header.
public struct NetlinkReply: Sendable {
    public let type: Int
    public let flags: Int
    public let sequence: UInt32
    /// Of whoever asked for it; 0 where the kernel did it by itself.
    public let port: UInt32
    public let payload: ArraySlice<UInt8>

    /// The attributes after a fixed header of `header` bytes.
    public func attributes(after header: Int) -> [Attribute] {
        payload.count < header ? [] : Attribute.list(payload.dropFirst((header + 3) & ~3))
    }

    /// A fixed header's bytes; nil when the message is shorter.
    public func header(_ count: Int) -> ArraySlice<UInt8>? {
        payload.count < count ? nil : payload.prefix(count)
    }

    /// A number of the fixed header, `offset` bytes behind its beginning; nil when the message is shorter.
    func field<Number: FixedWidthInteger>(_ offset: Int, _: Number.Type) -> Number? {
        guard payload.count >= offset + MemoryLayout<Number>.size else { return nil }
        return payload.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Number.self) }
    }

    /// The messages in one datagram. Stops at the first whose length does not fit.
    public static func list(_ bytes: ArraySlice<UInt8>) -> [NetlinkReply] {
        var found: [NetlinkReply] = []
        var rest = bytes
        while rest.count >= 16 {
            let start = rest.startIndex
            let word = { (offset: Int, count: Int) in
                (0..<count).reversed().reduce(0) { $0 << 8 | Int(rest[start + offset + $1]) }
            }
            let length = word(0, 4)
            guard length >= 16, length <= rest.count else { break }
            found.append(
                NetlinkReply(
                    type: word(4, 2), flags: word(6, 2), sequence: UInt32(word(8, 4)), port: UInt32(word(12, 4)),
                    payload: rest[(start + 16)..<(start + length)]))
            rest = rest.dropFirst((length + 3) & ~3)
        }
        return found
    }
}
