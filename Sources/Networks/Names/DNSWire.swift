import NetCore

/// The wire form of DNS messages (RFC 1035 section 4): what is read here was sent by anybody.
enum DNSWire {
    /// Types and classes that are spoken of (RFC 1035 section 3.2; RFC 3596; RFC 6891).
    static let a: UInt16 = 1
    static let pointer: UInt16 = 12
    static let aaaa: UInt16 = 28
    static let options: UInt16 = 41
    static let any: UInt16 = 255
    static let internet: UInt16 = 1

    static func word(_ bytes: [UInt8], _ offset: Int) -> UInt16? {
        guard offset >= 0, offset + 2 <= bytes.count else { return nil }
        return UInt16(bytes[offset]) << 8 | UInt16(bytes[offset + 1])
    }

    static func put(_ word: UInt16, _ bytes: inout [UInt8]) {
        bytes.append(UInt8(word >> 8))
        bytes.append(UInt8(word & 0xff))
    }

    /// The labels of the name at `offset`, which moves behind it; nil for what is cut off, longer than 255 bytes, or points
    /// anywhere but backwards: each pointer must lead before the place where the last one led, so that none can turn in a circle.
    static func name(in bytes: [UInt8], at offset: inout Int) -> [[UInt8]]? {
        var labels: [[UInt8]] = []
        var place = offset
        var start = offset
        var end: Int?
        var length = 1
        while true {
            guard place >= 0, place < bytes.count else { return nil }
            let size = Int(bytes[place])
            switch size >> 6 {
            case 0:
                if size == 0 {
                    offset = end ?? place + 1
                    return labels
                }
                length += size + 1
                guard place + 1 + size <= bytes.count, length <= 255 else { return nil }
                labels.append(Array(bytes[place + 1..<place + 1 + size]))
                place += size + 1
            case 3:
                guard let word = word(bytes, place) else { return nil }
                let target = Int(word & 0x3fff)
                guard target >= 12, target < start else { return nil }
                if end == nil { end = place + 2 }
                place = target
                start = target
            default: return nil
            }
        }
    }

    /// A name of dots as labels with their lengths; nil when DNS has no room for it.
    static func encoded(_ name: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        for label in name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
            guard (1...63).contains(label.count) else { return nil }
            bytes.append(UInt8(label.count))
            bytes += label
        }
        bytes.append(0)
        return bytes.count <= 255 ? bytes : nil
    }

    /// Small letters, as names are compared; nil when a label holds a dot or a byte that no name of ours has.
    static func key(_ labels: [[UInt8]]) -> String? {
        guard labels.allSatisfy({ $0.allSatisfy { (0x21...0x7e).contains($0) && $0 != UInt8(ascii: ".") } }) else {
            return nil
        }
        return lowered(labels.map { String(decoding: $0, as: UTF8.self) }.joined(by: "."))
    }

    static func lowered(_ text: String) -> String {
        String(decoding: text.utf8.map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }
}
