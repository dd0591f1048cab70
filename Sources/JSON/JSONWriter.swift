// Written from the Swift tree in one pass: handing it back to json-c would copy every value once more and cut keys at NUL.
extension JSON {
    /// Compact, in the members' order; "/" stands plain.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Two spaces a level, a line feed at the end of each line but the last.
    public var prettyText: String {
        var writer = Writer(indent: 2)
        writer.write(self, level: 0)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// The compact text as UTF-8.
    public var bytes: [UInt8] {
        var writer = Writer(indent: nil)
        writer.write(self, level: 0)
        return writer.bytes
    }
}

private struct Writer {
    var bytes: [UInt8] = []
    /// Spaces a level; nil writes everything on one line.
    let indent: Int?

    init(indent: Int?) {
        self.indent = indent
        bytes.reserveCapacity(1024)
    }

    mutating func write(_ value: JSON, level: Int) {
        switch value {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let flag): bytes.append(contentsOf: (flag ? "true" : "false").utf8)
        case .integer(let number): bytes.append(contentsOf: String(number).utf8)
        case .double(let text): bytes.append(contentsOf: text.utf8)
        case .string(let text): write(string: text)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                separate(first: index == 0, level: level + 1)
                write(element, level: level + 1)
            }
            close(UInt8(ascii: "]"), isEmpty: elements.isEmpty, level: level)
        case .object(let object):
            bytes.append(UInt8(ascii: "{"))
            for (index, member) in object.members.enumerated() {
                separate(first: index == 0, level: level + 1)
                write(string: member.key)
                bytes.append(UInt8(ascii: ":"))
                if indent != nil { bytes.append(UInt8(ascii: " ")) }
                write(member.value, level: level + 1)
            }
            close(UInt8(ascii: "}"), isEmpty: object.isEmpty, level: level)
        }
    }

    private mutating func separate(first: Bool, level: Int) {
        if !first { bytes.append(UInt8(ascii: ",")) }
        breakLine(level: level)
    }

    private mutating func close(_ bracket: UInt8, isEmpty: Bool, level: Int) {
        if !isEmpty { breakLine(level: level) }
        bytes.append(bracket)
    }

    private mutating func breakLine(level: Int) {
        guard let indent else { return }
        bytes.append(0x0a)
        bytes.append(contentsOf: repeatElement(0x20, count: indent * level))
    }

    private mutating func write(string: String) {
        bytes.append(UInt8(ascii: "\""))
        defer { bytes.append(UInt8(ascii: "\"")) }
        let isPlain = string.utf8.allSatisfy { $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") }
        if isPlain {
            bytes.append(contentsOf: string.utf8)
            return
        }
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case 0x08: bytes.append(contentsOf: "\\b".utf8)
            case 0x09: bytes.append(contentsOf: "\\t".utf8)
            case 0x0a: bytes.append(contentsOf: "\\n".utf8)
            case 0x0c: bytes.append(contentsOf: "\\f".utf8)
            case 0x0d: bytes.append(contentsOf: "\\r".utf8)
            case 0..<0x20: bytes.append(contentsOf: ((byte < 16 ? "\\u000" : "\\u00") + String(byte, radix: 16)).utf8)
            default: bytes.append(byte)
            }
        }
    }
}
