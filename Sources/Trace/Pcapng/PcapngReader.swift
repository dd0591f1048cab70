/// Reads pcapng (draft-ietf-opsawg-pcapng), whoever wrote it: sections of both byte orders, interfaces, packets with their
/// directions and comments. Other blocks are passed over.
public struct PcapngReader: Hashable, Sendable {
    public struct Interface: Hashable, Sendable {
        /// "eth0"; nil when nobody named it.
        public var name: String?
        public var description: String?
        /// LINKTYPE_*: 1 Ethernet, 101 an IP header.
        public var linkType: UInt16
        /// What its times are counted in, and the seconds that are added.
        fileprivate var resolution: Resolution
        fileprivate var offset: Int64
    }

    public struct Packet: Hashable, Sendable {
        /// Place among `interfaces`.
        public var interface: Int
        /// Nanoseconds since 1970; nil where the file tells none.
        public var time: Int64?
        public var bytes: [UInt8]
        /// What it had on the wire.
        public var length: Int
        public var direction: PcapngWriter.Direction
        public var comments: [String]
    }

    /// What is wrong with the file, as a sentence, with the byte where it is.
    public struct Fault: Error, Hashable, Sendable, CustomStringConvertible {
        public let description: String
    }

    public private(set) var interfaces: [Interface] = []
    public private(set) var packets: [Packet] = []
    /// The comment of the first section.
    public private(set) var comment: String?

    /// Does it begin as such a file does?
    public static func isPcapng(_ bytes: some Collection<UInt8>) -> Bool {
        bytes.prefix(4).elementsEqual([0x0a, 0x0d, 0x0d, 0x0a])
    }

    /// Reads a whole file. Throws `Fault`.
    public init(_ bytes: [UInt8]) throws(Fault) {
        guard PcapngReader.isPcapng(bytes) else {
            let isOld = [[0xd4, 0xc3, 0xb2, 0xa1], [0xa1, 0xb2, 0xc3, 0xd4], [0x4d, 0x3c, 0xb2, 0xa1]].contains {
                bytes.prefix(4).elementsEqual($0)
            }
            throw Fault(
                description: isOld
                    ? "it is of the older form pcap, which tells no devices: editcap -F pcapng OLD NEW makes it pcapng"
                    : "it does not begin with a pcapng section")
        }
        var cursor = Cursor(bytes: bytes, isBig: false)
        var first = 0
        while cursor.place < bytes.count { try block(&cursor, &first) }
    }

    private struct Cursor {
        let bytes: [UInt8]
        var isBig: Bool
        var place = 0

        func number(_ start: Int, _ count: Int) -> UInt64 {
            var value: UInt64 = 0
            for step in 0..<count {
                value = value << 8 | UInt64(bytes[isBig ? start + step : start + count - 1 - step])
            }
            return value
        }
        func long(_ start: Int) -> Int { Int(number(start, 4)) }
        func word(_ start: Int) -> Int { Int(number(start, 2)) }
    }

    /// Times are in units of a power of ten or of two.
    fileprivate enum Resolution: Hashable, Sendable {
        case decimal(UInt8)
        case binary(UInt8)

        /// Nil when it does not fit.
        func nanoseconds(_ units: UInt64) -> Int64? {
            switch self {
            case .decimal(let power) where power <= 9:
                let factor = (0..<(9 - Int(power))).reduce(UInt64(1)) { value, _ in value * 10 }
                let (value, isOver) = units.multipliedReportingOverflow(by: factor)
                return isOver ? nil : Int64(exactly: value)
            case .decimal(let power):
                let divisor = (0..<min(Int(power) - 9, 19)).reduce(UInt64(1)) { value, _ in value * 10 }
                return Int64(exactly: units / divisor)
            case .binary(let power):
                guard power < 64 else { return nil }
                let whole = units >> power
                let part = power == 0 ? 0 : units & (UInt64.max >> (64 - UInt64(power)))
                let (high, isOver) = whole.multipliedReportingOverflow(by: 1_000_000_000)
                guard !isOver else { return nil }
                let low = part.multipliedFullWidth(by: 1_000_000_000)
                let shifted = power == 0 ? 0 : low.low >> power | (low.high << (64 - UInt64(power)))
                return Int64(exactly: high &+ shifted)
            }
        }
    }

    private mutating func block(_ cursor: inout Cursor, _ first: inout Int) throws(Fault) {
        let start = cursor.place
        guard cursor.bytes.count >= start + 12 else { throw PcapngReader.cut(start) }
        let isSection = PcapngReader.isPcapng(cursor.bytes[start...])
        if isSection {
            switch Array(cursor.bytes[(start + 8)..<(start + 12)]) {
            case [0x1a, 0x2b, 0x3c, 0x4d]: cursor.isBig = true
            case [0x4d, 0x3c, 0x2b, 0x1a]: cursor.isBig = false
            default:
                throw Fault(description: "the section at byte \(start) has no byte-order mark")
            }
            first = interfaces.count
        }
        let (type, length) = (cursor.long(start), cursor.long(start + 4))
        guard length >= 12, length % 4 == 0 else {
            throw Fault(description: "the block at byte \(start) says that it has \(length) bytes")
        }
        guard length <= cursor.bytes.count - start else { throw PcapngReader.cut(start) }
        guard cursor.long(start + length - 4) == length else {
            throw Fault(description: "the block at byte \(start) has two lengths that differ")
        }
        cursor.place = start + length
        let body = (start + 8)..<(start + length - 4)
        if isSection { return try section(cursor, body) }
        switch type {
        case 1: try interface(cursor, body)
        case 3: try simple(cursor, body, first)
        case 6: try packet(cursor, body, first)
        default: break
        }
    }

    private static func cut(_ place: Int) -> Fault {
        Fault(description: "it is cut short in the block at byte \(place)")
    }

    private mutating func section(_ cursor: Cursor, _ body: Range<Int>) throws(Fault) {
        guard body.count >= 16 else { throw PcapngReader.cut(body.lowerBound - 8) }
        guard cursor.word(body.lowerBound + 4) == 1 else {
            throw Fault(
                description: "it is of pcapng version \(cursor.word(body.lowerBound + 4)), and 1 is what is known")
        }
        let options = PcapngReader.options(cursor, (body.lowerBound + 16)..<body.upperBound)
        if comment == nil { comment = options.first { $0.code == 1 }.map { PcapngReader.text($0.value) } }
    }

    private mutating func interface(_ cursor: Cursor, _ body: Range<Int>) throws(Fault) {
        guard body.count >= 8 else { throw PcapngReader.cut(body.lowerBound - 8) }
        var found = Interface(
            linkType: UInt16(cursor.word(body.lowerBound)), resolution: .decimal(6), offset: 0)
        for (code, value) in PcapngReader.options(cursor, (body.lowerBound + 8)..<body.upperBound) {
            switch (code, value.count) {
            case (2, _): found.name = PcapngReader.text(value)
            case (3, _): found.description = PcapngReader.text(value)
            case (9, 1): found.resolution = value[0] & 0x80 == 0 ? .decimal(value[0]) : .binary(value[0] & 0x7f)
            case (14, 8):
                let bytes = cursor.isBig ? value : value.reversed()
                found.offset = Int64(bitPattern: bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
            default: break
            }
        }
        interfaces.append(found)
    }

    private mutating func simple(_ cursor: Cursor, _ body: Range<Int>, _ first: Int) throws(Fault) {
        guard body.count >= 4 else { throw PcapngReader.cut(body.lowerBound - 8) }
        guard first < interfaces.count else { throw PcapngReader.unknown(body.lowerBound - 8, 0) }
        let length = cursor.long(body.lowerBound)
        let data = cursor.bytes[(body.lowerBound + 4)..<body.upperBound].prefix(length)
        packets.append(
            Packet(interface: first, bytes: Array(data), length: length, direction: .unknown, comments: []))
    }

    private static func unknown(_ place: Int, _ number: Int) -> Fault {
        Fault(description: "the packet at byte \(place) is of interface \(number), which was not told of before it")
    }

    private mutating func packet(_ cursor: Cursor, _ body: Range<Int>, _ first: Int) throws(Fault) {
        let start = body.lowerBound
        guard body.count >= 20 else { throw PcapngReader.cut(start - 8) }
        let number = cursor.long(start)
        guard number < interfaces.count - first else { throw PcapngReader.unknown(start - 8, number) }
        let captured = cursor.long(start + 12)
        guard captured <= body.count - 20 else {
            throw Fault(
                description: "the packet at byte \(start - 8) says that it has \(captured) bytes, more than its block")
        }
        let interface = interfaces[first + number]
        let units = UInt64(cursor.long(start + 4)) << 32 | UInt64(cursor.long(start + 8))
        var found = Packet(
            interface: first + number, time: nil, bytes: Array(cursor.bytes[(start + 20)..<(start + 20 + captured)]),
            length: max(cursor.long(start + 16), captured), direction: .unknown, comments: [])
        if let time = interface.resolution.nanoseconds(units) {
            let (offset, isOver) = interface.offset.multipliedReportingOverflow(by: 1_000_000_000)
            let (sum, isOverToo) = time.addingReportingOverflow(offset)
            if !isOver, !isOverToo { found.time = sum }
        }
        let behind = min(start + 20 + (captured + 3) & ~3, body.upperBound)
        for (code, value) in PcapngReader.options(cursor, behind..<body.upperBound) {
            if code == 1 { found.comments.append(PcapngReader.text(value)) }
            if code == 2, value.count == 4 {
                let flags = value[cursor.isBig ? 3 : 0] & 3
                found.direction = PcapngWriter.Direction(rawValue: UInt32(flags)) ?? .unknown
            }
        }
        packets.append(found)
    }

    /// Up to their end, or to what does not fit.
    private static func options(_ cursor: Cursor, _ range: Range<Int>) -> [(code: Int, value: [UInt8])] {
        var found: [(code: Int, value: [UInt8])] = []
        var place = range.lowerBound
        while place + 4 <= range.upperBound {
            let (code, length) = (cursor.word(place), cursor.word(place + 2))
            guard code != 0, place + 4 + length <= range.upperBound else { break }
            found.append((code, Array(cursor.bytes[(place + 4)..<(place + 4 + length)])))
            place += 4 + (length + 3) & ~3
        }
        return found
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
