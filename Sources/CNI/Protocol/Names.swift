/// Container identifiers and network names: a letter or digit, then letters, digits, `_`, `.` and `-` (SPEC; P-6, P-10).
enum Names {
    static let rule = "must begin with a letter or digit and hold only letters, digits, _, . and -"

    static func isValid(_ text: String) -> Bool {
        guard let first = text.utf8.first, isAlphanumeric(first) else { return false }
        return text.utf8.allSatisfy {
            isAlphanumeric($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
        }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte | 0x20)
    }
}
