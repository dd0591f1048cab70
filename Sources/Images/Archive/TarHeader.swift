/// The 512 bytes before an entry.
struct TarHeader {
    private let block: [UInt8]
    private let number: Int
    let type: UInt8

    /// Throws 400 when the bytes' sum is not the one that they tell.
    init(_ block: [UInt8], number: Int) throws(ImageError) {
        self.block = block
        self.number = number
        type = block[156]
        var (unsigned, signed) = (0, 0)
        for (index, byte) in block.enumerated() {
            let byte = (148..<156).contains(index) ? 0x20 : byte
            unsigned += Int(byte)
            signed += Int(Int8(bitPattern: byte))
        }
        let told = try field(148..<156)
        guard told == unsigned || told == signed else {
            throw ImageError(
                400,
                number == 1
                    ? "this is no tar archive" : "the archive's entry \(number) is damaged (its checksum is wrong)")
        }
    }

    func size() throws(ImageError) -> Int64 {
        let size = try field(124..<136)
        guard size >= 0 else { throw ImageError(400, "the archive's entry \(number) has a size below zero") }
        return size
    }

    func entry() throws(ImageError) -> TarEntry {
        var entry = TarEntry(name: text(0..<100))
        entry.kind = try kind()
        entry.target = text(157..<257)
        if block[257..<263].elementsEqual([0x75, 0x73, 0x74, 0x61, 0x72, 0]) {
            // star ends its shorter prefix with times and "tar".
            let isStar = block[508..<512].elementsEqual([0x74, 0x61, 0x72, 0])
            let prefix = text(isStar ? 345..<476 : 345..<500)
            if !prefix.isEmpty { entry.name = prefix + [UInt8(ascii: "/")] + entry.name }
        }
        entry.mode = UInt32(truncatingIfNeeded: try field(100..<108)) & 0o7777
        entry.user = UInt32(truncatingIfNeeded: try field(108..<116))
        entry.group = UInt32(truncatingIfNeeded: try field(116..<124))
        entry.size = try size()
        entry.seconds = try field(136..<148)
        if entry.kind == .characterDevice || entry.kind == .blockDevice {
            entry.major = UInt32(truncatingIfNeeded: try field(329..<337))
            entry.minor = UInt32(truncatingIfNeeded: try field(337..<345))
        }
        return entry
    }

    private func kind() throws(ImageError) -> TarEntry.Kind {
        switch type {
        case 0, UInt8(ascii: "0"), UInt8(ascii: "7"): return .file
        case UInt8(ascii: "1"): return .hardLink
        case UInt8(ascii: "2"): return .symbolicLink
        case UInt8(ascii: "3"): return .characterDevice
        case UInt8(ascii: "4"): return .blockDevice
        case UInt8(ascii: "5"): return .directory
        case UInt8(ascii: "6"): return .pipe
        case UInt8(ascii: "S"): throw PaxRecords.sparse(text(0..<100))
        default:
            throw ImageError(
                400,
                "the archive's entry \(number) (\(text(0..<100).shown)) is of a kind that berth does not know: \([type].shown)"
            )
        }
    }

    /// Up to a NUL.
    private func text(_ range: Range<Int>) -> Name { Array(block[range].prefix { $0 != 0 }) }

    /// Octal digits between blanks, or GNU's binary when the first bit is set.
    private func field(_ range: Range<Int>) throws(ImageError) -> Int64 {
        let bytes = block[range]
        if let first = bytes.first, first & 0x80 != 0 {
            var value: Int64 = first & 0x40 != 0 ? -1 : 0
            for (index, byte) in bytes.enumerated() {
                let byte = index == 0 ? (first & 0x40 != 0 ? byte : byte & 0x7f) : byte
                guard value >= -(1 << 54), value < 1 << 54 else { throw damaged() }
                value = value << 8 | Int64(byte)
            }
            return value
        }
        let digits = bytes.drop { $0 == 0x20 || $0 == 0 }.prefix { $0 != 0x20 && $0 != 0 }
        guard digits.allSatisfy({ (0x30...0x37).contains($0) }) else { throw damaged() }
        return digits.reduce(0) { $0 << 3 | Int64($1 - 0x30) }
    }

    private func damaged() -> ImageError {
        ImageError(
            400,
            number == 1
                ? "this is no tar archive" : "the archive's entry \(number) is damaged (a number in its header is none)"
        )
    }
}
