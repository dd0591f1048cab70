/// The words of a JSON text, held to RFC 8259 before json-c reads it. json-c judges structure and depth; even when strict
/// it takes 'single quotes', control characters as they are, NaN, Infinity, "1.", overlong UTF-8 and what follows a NUL,
/// lets a too large integer be the largest, and cuts a key at \u0000.
enum Tokens {
    typealias Fault = (offset: Int, message: String)

    /// The first byte that no JSON text has at its place; nil when all words are sound.
    static func fault(in bytes: [UInt8]) -> Fault? {
        var index = 0
        while index < bytes.count {
            switch bytes[index] {
            case 0x20, 0x09, 0x0a, 0x0d, UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "["), UInt8(ascii: "]"),
                UInt8(ascii: ":"), UInt8(ascii: ","):
                index += 1
            case UInt8(ascii: "\""):
                if let fault = string(bytes, &index) { return fault }
            case UInt8(ascii: "-"), 0x30...0x39:
                if let fault = number(bytes, &index) { return fault }
            case UInt8(ascii: "t"):
                if let fault = word("true", bytes, &index) { return fault }
            case UInt8(ascii: "f"):
                if let fault = word("false", bytes, &index) { return fault }
            case UInt8(ascii: "n"):
                if let fault = word("null", bytes, &index) { return fault }
            case UInt8(ascii: "'"):
                return (index, "strings stand in double quotes")
            default:
                return (index, "unexpected \(name(of: bytes[index]))")
            }
        }
        return nil
    }

    /// Steps over a string with its quotes.
    private static func string(_ bytes: [UInt8], _ index: inout Int) -> Fault? {
        index += 1
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\""):
                index += 1
                return nil
            case UInt8(ascii: "\\"):
                if let fault = escape(bytes, &index) { return fault }
            case 0..<0x20:
                return (index, "\(name(of: bytes[index])) in a string is written as an escape")
            case 0x80...:
                var parser = Unicode.UTF8.ForwardParser()
                var rest = bytes[index...].makeIterator()
                guard case .valid(let scalar) = parser.parseScalar(from: &rest) else { return (index, "invalid UTF-8") }
                index += scalar.count
            default:
                index += 1
            }
        }
        return (bytes.count, "the text ends in a string")
    }

    private static func escape(_ bytes: [UInt8], _ index: inout Int) -> Fault? {
        guard index + 1 < bytes.count else { return (bytes.count, "the text ends in a string") }
        switch bytes[index + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            index += 2
            return nil
        case UInt8(ascii: "u"):
            guard index + 6 <= bytes.count, bytes[(index + 2)..<(index + 6)].allSatisfy(isHexadecimal) else {
                return (index, "\\u wants four hexadecimal digits")
            }
            // Names and paths go to the kernel as C strings, which end at NUL.
            if bytes[(index + 2)..<(index + 6)].allSatisfy({ $0 == UInt8(ascii: "0") }) {
                return (index, "\\u0000 is refused")
            }
            index += 6
            return nil
        default:
            return (index, "unknown escape in a string")
        }
    }

    /// Steps over a number; an integer must fit 64 bits.
    private static func number(_ bytes: [UInt8], _ index: inout Int) -> Fault? {
        let start = index
        if bytes[index] == UInt8(ascii: "-") { index += 1 }
        let digits = index
        skipDigits(bytes, &index)
        if index == digits { return (index, "a digit is missing") }
        if bytes[digits] == UInt8(ascii: "0"), index - digits > 1 { return (digits, "a number begins with 0") }
        let whole = bytes[start..<index]
        var isInteger = true
        if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
            isInteger = false
            index += 1
            let fraction = index
            skipDigits(bytes, &index)
            if index == fraction { return (index, "a digit is missing") }
        }
        if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            index += 1
            if index < bytes.count, bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-") {
                index += 1
            }
            let exponent = index
            skipDigits(bytes, &index)
            if index == exponent { return (index, "a digit is missing") }
        }
        // 18 digits always fit.
        if isInteger, whole.count > 18, Int64(String(decoding: whole, as: UTF8.self)) == nil {
            return (start, "the integer does not fit 64 bits")
        }
        return nil
    }

    private static func skipDigits(_ bytes: [UInt8], _ index: inout Int) {
        while index < bytes.count, (0x30...0x39).contains(bytes[index]) { index += 1 }
    }

    private static func word(_ word: StaticString, _ bytes: [UInt8], _ index: inout Int) -> Fault? {
        for offset in 0..<word.utf8CodeUnitCount {
            guard index + offset < bytes.count, bytes[index + offset] == word.utf8Start[offset] else {
                return (index, "unknown word; \(word) was begun")
            }
        }
        index += word.utf8CodeUnitCount
        return nil
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte | 0x20)
    }

    private static func name(of byte: UInt8) -> String {
        switch byte {
        case 0x21..<0x7f: "character \(Character(UnicodeScalar(byte)))"
        case 0: "NUL"
        case 0..<0x20, 0x7f: "control character \(byte)"
        default: "byte \(byte)"
        }
    }
}
