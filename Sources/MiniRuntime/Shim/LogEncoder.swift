import Glibc

/// Where a line came from.
public enum LogStream: String, Hashable, Sendable {
    case stdout, stderr
}

/// Output bytes as records of Docker's json-file format: `{"log":"text\n","stream":"stdout","time":"…"}`. What is no UTF-8
/// is replaced.
enum LogEncoder {
    /// More than this without a line feed is written in pieces, as Docker does.
    static let pieceLimit = 16 << 10

    static func append(_ text: UnsafeBufferPointer<UInt8>, tail: [UInt8], to bytes: inout [UInt8]) {
        bytes.append(contentsOf: prefix)
        var index = 0
        var plain = 0
        while index < text.count {
            let byte = text[index]
            if byte >= 0x20 && byte < 0x80 && byte != 0x22 && byte != 0x5c {
                index += 1
                continue
            }
            if byte >= 0x80 {
                let length = validLength(text, index)
                if length > 0 {
                    index += length
                    continue
                }
            }
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[plain..<index]))
            escape(byte, into: &bytes)
            index += 1
            plain = index
        }
        bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[plain..<index]))
        bytes.append(contentsOf: tail)
    }

    /// How a record ends whose text came from `stream` at `time`.
    static func tail(_ stream: LogStream, _ time: String) -> [UInt8] {
        Array("\",\"stream\":\"\(stream.rawValue)\",\"time\":\"\(time)\"}\n".utf8)
    }

    private static let prefix = Array("{\"log\":\"".utf8)
    private static let hexadecimal = Array("0123456789abcdef".utf8)

    private static func escape(_ byte: UInt8, into bytes: inout [UInt8]) {
        switch byte {
        case 0x22, 0x5c:
            bytes.append(0x5c)
            bytes.append(byte)
        case 0x0a: bytes.append(contentsOf: [0x5c, 0x6e])
        case 0x0d: bytes.append(contentsOf: [0x5c, 0x72])
        case 0x09: bytes.append(contentsOf: [0x5c, 0x74])
        case 0..<0x20:
            bytes.append(contentsOf: "\\u00".utf8)
            bytes.append(hexadecimal[Int(byte >> 4)])
            bytes.append(hexadecimal[Int(byte & 15)])
        default: bytes.append(contentsOf: [0xef, 0xbf, 0xbd])
        }
    }

    /// How many bytes the UTF-8 character at `index` has (RFC 3629); 0 when none is there.
    private static func validLength(_ text: UnsafeBufferPointer<UInt8>, _ index: Int) -> Int {
        let first = text[index]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xbf
        switch first {
        case 0xc2...0xdf: length = 2
        case 0xe0: (length, second) = (3, 0xa0...0xbf)
        case 0xed: (length, second) = (3, 0x80...0x9f)
        case 0xe1...0xef: length = 3
        case 0xf0: (length, second) = (4, 0x90...0xbf)
        case 0xf4: (length, second) = (4, 0x80...0x8f)
        case 0xf1...0xf3: length = 4
        default: return 0
        }
        guard index + length <= text.count, second.contains(text[index + 1]) else { return 0 }
        for place in 2..<max(length, 2) where text[index + place] & 0xc0 != 0x80 { return 0 }
        return length
    }

    /// Where a piece of at most `limit` bytes may end without cutting a character in two.
    static func pieceLength(_ text: UnsafeBufferPointer<UInt8>, limit: Int) -> Int {
        guard text.count > limit else { return text.count }
        for back in 0..<4 where text[limit - back] & 0xc0 != 0x80 { return limit - back }
        return limit
    }
}
