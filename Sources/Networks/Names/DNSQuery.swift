/// A query, read from a client's message.
struct DNSQuery: Hashable, Sendable {
    let id: UInt16
    let recursionDesired: Bool
    /// The name in small letters without the last dot; nil when it cannot be one of ours.
    let name: String?
    let type: UInt16
    let classNumber: UInt16
    /// Name, type and class as they were written: an answer has them to the letter.
    let question: [UInt8]
    /// The client's EDNS buffer (RFC 6891); nil without.
    let bufferSize: Int?

    /// What a message is.
    enum Reading: Hashable, Sendable {
        case query(DNSQuery)
        /// It is answered with that code and nothing else.
        case refused(UInt8, id: UInt16)
        /// It is not answered: too short, or an answer itself.
        case nothing
    }

    static let formatError: UInt8 = 1
    static let serverFailure: UInt8 = 2
    static let noSuchName: UInt8 = 3
    static let notImplemented: UInt8 = 4

    static func read(_ bytes: [UInt8]) -> Reading {
        guard bytes.count >= 12, let id = DNSWire.word(bytes, 0), bytes[2] & 0x80 == 0 else { return .nothing }
        guard bytes[2] & 0x78 == 0 else { return .refused(notImplemented, id: id) }
        let counts = [4, 6, 8, 10].map { Int(DNSWire.word(bytes, $0) ?? 0) }
        var offset = 12
        guard counts[0] == 1, counts[1] + counts[2] + counts[3] <= 64,
            let labels = DNSWire.name(in: bytes, at: &offset),
            let type = DNSWire.word(bytes, offset), let classNumber = DNSWire.word(bytes, offset + 2)
        else { return .refused(formatError, id: id) }
        offset += 4
        let question = Array(bytes[12..<offset])
        var bufferSize: Int?
        for _ in 0..<(counts[1] + counts[2] + counts[3]) {
            guard DNSWire.name(in: bytes, at: &offset) != nil, let kind = DNSWire.word(bytes, offset),
                let size = DNSWire.word(bytes, offset + 2), let length = DNSWire.word(bytes, offset + 8),
                offset + 10 + Int(length) <= bytes.count
            else { return .refused(formatError, id: id) }
            if kind == DNSWire.options { bufferSize = Int(size) }
            offset += 10 + Int(length)
        }
        return .query(
            DNSQuery(
                id: id, recursionDesired: bytes[2] & 1 == 1, name: DNSWire.key(labels), type: type,
                classNumber: classNumber, question: question, bufferSize: bufferSize))
    }

    /// Whether `bytes` is an answer to the question with that id (RFC 5452 section 9.1), the name's case aside.
    static func isAnswer(_ bytes: [UInt8], id: UInt16, to question: [UInt8]) -> Bool {
        guard bytes.count >= 12 + question.count, DNSWire.word(bytes, 0) == id, bytes[2] & 0x80 != 0,
            DNSWire.word(bytes, 4) == 1
        else { return false }
        let folded = { (byte: UInt8) in (0x41...0x5a).contains(byte) ? byte | 0x20 : byte }
        return zip(bytes[12...], question).allSatisfy { folded($0) == folded($1) }
    }
}

/// A record of an answer about the question's own name.
struct DNSRecord: Hashable, Sendable {
    let type: UInt16
    let data: [UInt8]
}

enum DNSAnswer {
    /// Seconds: a container that starts again has another address.
    static let lifetime: UInt8 = 5
    /// What we take and give by UDP at most (RFC 6891 section 6.2.5; no fragments).
    static let largest = 1232

    /// The message; by UDP at most as long as the client takes, and marked as truncated where that is too short.
    static func message(_ query: DNSQuery, code: UInt8 = 0, _ records: [DNSRecord] = [], byUDP: Bool) -> [UInt8] {
        let limit = byUDP ? min(max(query.bufferSize ?? 512, 512), largest) : 65535
        let options: [UInt8] =
            query.bufferSize == nil ? [] : [0, 0, 41, UInt8(largest >> 8), UInt8(largest & 0xff), 0, 0, 0, 0, 0, 0]
        var answers: [UInt8] = []
        var count = 0
        var isTruncated = false
        for record in records {
            let bytes: [UInt8] =
                [0xc0, 12, UInt8(record.type >> 8), UInt8(record.type & 0xff), 0, 1, 0, 0, 0, lifetime]
                + [UInt8(record.data.count >> 8), UInt8(record.data.count & 0xff)] + record.data
            guard 12 + query.question.count + answers.count + bytes.count + options.count <= limit else {
                isTruncated = true
                break
            }
            answers += bytes
            count += 1
        }
        // Answer, authoritative, recursion available.
        var message: [UInt8] = []
        DNSWire.put(query.id, &message)
        message.append(0x84 | (isTruncated ? 2 : 0) | (query.recursionDesired ? 1 : 0))
        message.append(0x80 | code)
        for number in [1, count, 0, query.bufferSize == nil ? 0 : 1] { DNSWire.put(UInt16(number), &message) }
        return message + query.question + answers + options
    }

    /// For what could not be read.
    static func refusal(_ code: UInt8, id: UInt16) -> [UInt8] {
        [UInt8(id >> 8), UInt8(id & 0xff), 0x80, 0x80 | code] + [UInt8](repeating: 0, count: 8)
    }
}
