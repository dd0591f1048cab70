/// Where a text stops being JSON, and why: `line 3, column 14: unexpected end of the text`.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    public let message: String
    /// From 1.
    public let line: Int
    /// From 1, in characters (Unicode scalars).
    public let column: Int

    public init(_ message: String, line: Int, column: Int) {
        self.message = message
        self.line = line
        self.column = column
    }

    /// The place of a byte in a text.
    init(_ message: String, at offset: Int, in bytes: [UInt8]) {
        let before = bytes[..<min(offset, bytes.count)]
        let start = before.lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
        self.init(
            message,
            line: 1 + before.reduce(0) { $0 + ($1 == 0x0a ? 1 : 0) },
            column: 1 + before[start...].reduce(0) { $0 + ($1 & 0xc0 == 0x80 ? 0 : 1) })
    }

    public var description: String { "line \(line), column \(column): \(message)" }
}
