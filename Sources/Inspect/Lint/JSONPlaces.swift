import JSON

/// Where the members and elements of a JSON text stand, for who has to point at them. The parser keeps no positions, and
/// this stands outside its module, so that plugins do not pay for what they never ask: the text is read a second time.
struct JSONPlaces: Sendable {
    /// A place in the text; line and column from 1, the column in characters (Unicode scalars).
    struct Place: Hashable, Sendable {
        let line: Int
        let column: Int
    }

    private var offsets: [String: Int] = [:]
    private var repeated: [(path: String, offset: Int)] = []
    private let bytes: [UInt8]

    /// Reads a text that `JSON(parsing:)` takes; of any other it knows the places up to the fault.
    init(of bytes: [UInt8]) {
        self.bytes = bytes
        var index = 0
        skipSpace(&index)
        offsets[""] = index
        readValue("", &index)
    }

    /// The place of a key path as errors write it, `plugins[0].ipam.ranges[0][1].subnet`: of a member its key, of an element
    /// its value. Of a key that is repeated the last, which counts. Nil when the text has nothing there; "" is the whole.
    subscript(path: String) -> Place? { offsets[path].map(place) }

    /// Keys that stand in one object a second time, with the place where they are repeated, in the text's order.
    var repetitions: [(path: String, place: Place)] { repeated.map { ($0.path, place($0.offset)) } }

    private func place(_ offset: Int) -> Place {
        let before = bytes[..<min(offset, bytes.count)]
        let start = before.lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
        return Place(
            line: 1 + before.count { $0 == 0x0a }, column: 1 + before[start...].count { $0 & 0xc0 != 0x80 })
    }

    // MARK: reading

    private func byte(_ index: Int) -> UInt8? { index < bytes.count ? bytes[index] : nil }

    private func skipSpace(_ index: inout Int) {
        while let byte = byte(index), byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { index += 1 }
    }

    private mutating func readValue(_ path: String, _ index: inout Int) {
        switch byte(index) {
        case UInt8(ascii: "{"): readObject(path, &index)
        case UInt8(ascii: "["): readArray(path, &index)
        case UInt8(ascii: "\""): skipString(&index)
        default:
            while let byte = byte(index), byte != UInt8(ascii: ","), byte != UInt8(ascii: "]"),
                byte != UInt8(ascii: "}")
            {
                index += 1
            }
        }
    }

    private mutating func readObject(_ path: String, _ index: inout Int) {
        var keys: Set<String> = []
        index += 1
        while true {
            skipSpace(&index)
            guard byte(index) == UInt8(ascii: "\"") else { break }
            let start = index
            skipString(&index)
            let key = JSONPlaces.text(bytes[start..<index])
            let member = path.isEmpty ? key : "\(path).\(key)"
            if !keys.insert(key).inserted { repeated.append((member, start)) }
            offsets[member] = start
            skipSpace(&index)
            guard byte(index) == UInt8(ascii: ":") else { return }
            index += 1
            skipSpace(&index)
            readValue(member, &index)
            skipSpace(&index)
            guard byte(index) == UInt8(ascii: ",") else { break }
            index += 1
        }
        if byte(index) == UInt8(ascii: "}") { index += 1 }
    }

    private mutating func readArray(_ path: String, _ index: inout Int) {
        var number = 0
        index += 1
        while true {
            skipSpace(&index)
            guard let byte = byte(index), byte != UInt8(ascii: "]") else { break }
            let element = "\(path)[\(number)]"
            offsets[element] = index
            readValue(element, &index)
            skipSpace(&index)
            guard self.byte(index) == UInt8(ascii: ",") else { break }
            index += 1
            number += 1
        }
        if byte(index) == UInt8(ascii: "]") { index += 1 }
    }

    private func skipString(_ index: inout Int) {
        index += 1
        while let byte = byte(index) {
            index += byte == UInt8(ascii: "\\") ? 2 : 1
            if byte == UInt8(ascii: "\"") { return }
        }
        index = min(index, bytes.count)
    }

    /// What a string with its quotation marks stands for.
    private static func text(_ quoted: ArraySlice<UInt8>) -> String {
        guard quoted.contains(UInt8(ascii: "\\")) else {
            return String(decoding: quoted.dropFirst().dropLast(), as: UTF8.self)
        }
        do throws(JSONError) {
            return try JSON(parsing: Array(quoted)).string ?? ""
        } catch {
            return String(decoding: quoted.dropFirst().dropLast(), as: UTF8.self)
        }
    }
}
