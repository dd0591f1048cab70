import Glibc
import JSON
import NetCore

/// A line of a json-file log.
enum LogLine {
    private static let opening = Array("{\"log\":\"".utf8)
    private static let outward = Array("\",\"stream\":\"stdout\",\"time\":\"".utf8)
    private static let errors = Array("\",\"stream\":\"stderr\",\"time\":\"".utf8)

    /// Nil for half a record, as a kill in the middle of a write leaves it.
    static func record(_ line: ArraySlice<UInt8>) -> LogRecord? { plain(line) ?? parsed(line) }

    /// As our own shim and Docker write it: no tree is built.
    private static func plain(_ line: ArraySlice<UInt8>) -> LogRecord? {
        guard line.starts(with: opening), line.suffix(2).elementsEqual("\"}".utf8) else { return nil }
        var text: [UInt8] = []
        text.reserveCapacity(line.count)
        var index = line.startIndex + opening.count
        while index < line.endIndex, line[index] != 0x22 {
            guard line[index] == 0x5c else {
                text.append(line[index])
                index += 1
                continue
            }
            guard index + 1 < line.endIndex else { return nil }
            switch line[index + 1] {
            case 0x6e: text.append(0x0a)
            case 0x72: text.append(0x0d)
            case 0x74: text.append(0x09)
            case 0x22, 0x5c, 0x2f: text.append(line[index + 1])
            case 0x75:
                guard index + 5 < line.endIndex, let code = hexadecimal(line[(index + 2)...(index + 5)]), code < 0x80
                else { return nil }
                text.append(UInt8(code))
                index += 4
            default: return nil
            }
            index += 2
        }
        let rest = line[index...]
        let stream: LogStream
        if rest.starts(with: outward) {
            stream = .stdout
        } else if rest.starts(with: errors) {
            stream = .stderr
        } else {
            return nil
        }
        let time = rest.dropFirst(outward.count).dropLast(2)
        guard !time.contains(where: { $0 == 0x22 || $0 == 0x5c }) else { return nil }
        return LogRecord(
            stream: stream, time: String(decoding: time, as: UTF8.self), text: String(decoding: text, as: UTF8.self))
    }

    private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> Int? {
        Int(String(decoding: digits, as: UTF8.self), radix: 16)
    }

    private static func parsed(_ line: ArraySlice<UInt8>) -> LogRecord? {
        guard let object = (try? JSON(parsing: Array(line)))?.object, let text = object["log"]?.string,
            let stream = object["stream"]?.string.flatMap(LogStream.init(rawValue:)), let time = object["time"]?.string
        else { return nil }
        return LogRecord(stream: stream, time: time, text: text)
    }

    /// Where the last `wanted` lines of a file begin, and how many there are.
    static func last(_ wanted: Int, in file: Int32) throws(KernelError) -> (offset: off_t, lines: Int) {
        let size = Int(try check("measure a log") { Int(lseek(file, 0, SEEK_END)) })
        guard wanted > 0 else { return (off_t(size), 0) }
        var end = size
        var feeds = 0
        while end > 0 {
            let begin = max(0, end - (64 << 10))
            var room = [UInt8](repeating: 0, count: end - begin)
            let count = try check("read a log") { pread(file, &room, room.count, off_t(begin)) }
            for index in stride(from: count - 1, through: 0, by: -1) where room[index] == 0x0a {
                feeds += 1
                if feeds > wanted { return (off_t(begin + index + 1), wanted) }
            }
            end = begin
        }
        return (0, feeds)
    }
}
