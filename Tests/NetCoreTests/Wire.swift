@testable import NetCore

/// Netlink bytes as a kernel of this byte order would send them, whole or broken.
enum Wire {
    static func number(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    static func big(_ value: Int, _ count: Int) -> [UInt8] { number(value, count).reversed() }

    /// With padding; `length` lies where it is given.
    static func attribute(_ type: Int, _ payload: [UInt8], length: Int? = nil) -> [UInt8] {
        let bytes = number(length ?? payload.count + 4, 2) + number(type, 2) + payload
        return bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4)
    }

    static func nest(_ type: Int, _ parts: [UInt8]...) -> [UInt8] { attribute(type | 0x8000, parts.flatMap { $0 }) }

    static func message(_ type: Int, flags: Int = 0, sequence: Int = 1, _ payload: [UInt8], length: Int? = nil)
        -> [UInt8]
    {
        number(length ?? payload.count + 16, 4) + number(type, 2) + number(flags, 2) + number(sequence, 4)
            + number(0, 4) + payload
    }

    static func reply(_ type: Int, flags: Int = 0, _ payload: [UInt8]) -> NetlinkReply {
        NetlinkReply(type: type, flags: flags, sequence: 1, port: 0, payload: payload[...])
    }
}
