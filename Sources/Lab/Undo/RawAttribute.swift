import NetCore

/// Attributes as bytes: what the kernel told is given back to it.
enum RawAttribute {
    static func bytes(_ type: Int, _ payload: some Collection<UInt8>) -> [UInt8] {
        let length = payload.count + 4
        var bytes = [UInt8(length & 0xff), UInt8(length >> 8 & 0xff), UInt8(type & 0xff), UInt8(type >> 8 & 0xff)]
        bytes += payload
        while bytes.count % 4 != 0 { bytes.append(0) }
        return bytes
    }

    static func text(_ type: Int, _ text: String) -> [UInt8] { bytes(type, Array(text.utf8) + [0]) }

    static func number(_ type: Int, _ value: UInt32) -> [UInt8] { bytes(type, little(value)) }

    static func bigEndian(_ type: Int, _ value: UInt32) -> [UInt8] { bytes(type, little(value).reversed()) }

    static func bigEndian(_ type: Int, _ value: UInt64) -> [UInt8] {
        bytes(type, (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64($0))) })
    }

    /// Host byte order, which is little endian on every machine that berth runs on.
    static func little(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) }
    }

    static func number(_ bytes: some Collection<UInt8>) -> UInt32 {
        bytes.prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    }
}

extension Attribute {
    /// With its head.
    var raw: [UInt8] { RawAttribute.bytes(type, payload) }
}
