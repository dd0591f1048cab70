import Glibc
import NetCore
import Synchronization
import TestSupport
import Testing

@testable import MiniRuntime

@Suite("A container's log")
struct ShimLogTests {
    private func folder(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/berth-log-XXXXXX".utf8CString)
        let path = try #require(mkdtemp(&template)).withMemoryRebound(to: CChar.self, capacity: 1) {
            String(cString: $0)
        }
        defer {
            for name in (try? Files.names(in: path)) ?? [] { unlink("\(path)/\(name)") }
            rmdir(path)
        }
        try body(path)
    }

    private func records(_ path: String, _ change: (inout LogSelection) -> Void = { _ in }) throws -> [LogRecord] {
        var selection = LogSelection()
        change(&selection)
        let reader = try LogReader(path: path, selection)
        var found: [LogRecord] = []
        while let record = try reader.next() { found.append(record) }
        return found
    }

    private func put(_ text: String, _ writer: LogWriter, _ stream: LogStream = .stdout) {
        Array(text.utf8).withUnsafeBufferPointer { writer.append($0, stream) }
    }

    @Test("what is written is read, whatever the bytes; lines that arrive in parts are whole, streams apart")
    func roundTrip() throws {
        try folder { path in
            let writer = try LogWriter(path: "\(path)/log", sizeLimit: nil, fileLimit: 1)
            let odd = "quote \" backslash \\ tab \t escape \u{1b} umlaut ä emoji 🚢\r\n"
            put("par", writer)
            put("error\n", writer, .stderr)
            put("tial\n" + odd + "no line feed", writer)
            [0xff, 0xc3, 0x0a].withUnsafeBufferPointer { writer.append($0, .stderr) }
            writer.finish()
            let found = try records("\(path)/log")
            #expect(found.map(\.text) == ["error\n", "partial\n", odd, "\u{fffd}\u{fffd}\n", "no line feed"])
            #expect(found.map(\.stream) == [.stderr, .stdout, .stdout, .stderr, .stdout])
            #expect(found.allSatisfy { LogTime.nanoseconds($0.time) != nil })
        }
    }

    @Test("a long line is split at 16 KiB, never within a character")
    func pieces() throws {
        try folder { path in
            let writer = try LogWriter(path: "\(path)/log", sizeLimit: nil, fileLimit: 1)
            let line = "x" + String(repeating: "ä", count: 20_000) + "\n"
            put(line, writer)
            let found = try records("\(path)/log").map(\.text)
            #expect(found.joined() == line)
            #expect(found.map(\.utf8.count) == [16383, 16384, 7235])
        }
    }

    @Test("tail, since and until choose records, across rotated files")
    func selection() throws {
        try folder { path in
            let writer = try LogWriter(path: "\(path)/log", sizeLimit: 200, fileLimit: 5)
            for number in 0..<12 { put("line \(number)\n", writer) }
            let all = try records("\(path)/log")
            #expect(all.count == 12)
            #expect(try Files.names(in: path).count > 2)
            #expect(try records("\(path)/log") { $0.tail = 7 } == all.suffix(7))
            #expect(try records("\(path)/log") { $0.tail = 0 } == [])
            #expect(try records("\(path)/log") { $0.tail = 100 } == all)
            let middle = try #require(LogTime.nanoseconds(all[6].time))
            #expect(try records("\(path)/log") { $0.since = middle }.first == all.first { $0.time >= all[6].time })
            #expect(try records("\(path)/log") { $0.until = middle }.last == all.last { $0.time <= all[6].time })
            #expect(try records("\(path)/log") { $0.streams = [.stderr] } == [])
        }
    }

    @Test("half a record of a killed shim is passed over, and nothing after it is lost")
    func torn() throws {
        try folder { path in
            put("one\n", try LogWriter(path: "\(path)/log", sizeLimit: nil, fileLimit: 1))
            let whole = try Files.read("\(path)/log")
            try Files.replace("\(path)/log", with: whole + whole.dropLast(9))
            put("two\n", try LogWriter(path: "\(path)/log", sizeLimit: nil, fileLimit: 1))
            #expect(try records("\(path)/log").map(\.text) == ["one\n", "two\n"])
        }
    }

    @Test("a follower sees each of 100,000 lines once, while the log rotates under it", arguments: [1, 3])
    func followed(files: Int) throws {
        try folder { path in
            let log = "\(path)/log"
            let isOver = Atomic(false)
            var thread = pthread_t()
            let job = WriterJob(log: log, files: files, over: { isOver.store(true, ordering: .sequentiallyConsistent) })
            var selection = LogSelection()
            selection.follow = true
            let reader = try LogReader(path: log, selection)
            let code = pthread_create(
                &thread, nil,
                { pointer in
                    Unmanaged<WriterJob>.fromOpaque(pointer!).takeRetainedValue().run()
                    return nil
                }, Unmanaged.passRetained(job).toOpaque())
            #expect(code == 0)
            var expected = 0
            var wrong = 0
            let descriptor = try #require(reader.descriptor)
            let deadline = time(nil) + 60
            while time(nil) < deadline {
                let done = isOver.load(ordering: .sequentiallyConsistent)
                while let record = try reader.next() {
                    if record.text != "line \(expected)\n" { wrong += 1 }
                    expected += 1
                }
                if done { break }
                var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                poll(&polled, 1, 1000)
            }
            pthread_join(thread, nil)
            #expect(expected == 100_000)
            #expect(wrong == 0)
            #expect(reader.filesLost == 0)
        }
    }
}

/// Writes 100,000 lines as a shim does, in a log of small files.
private final class WriterJob: Sendable {
    let log: String
    let files: Int
    let over: @Sendable () -> Void

    init(log: String, files: Int, over: @escaping @Sendable () -> Void) {
        (self.log, self.files, self.over) = (log, files, over)
    }

    func run() {
        defer { over() }
        guard let writer = try? LogWriter(path: log, sizeLimit: 200_000, fileLimit: files) else { return }
        for number in 0..<100_000 {
            Array("line \(number)\n".utf8).withUnsafeBufferPointer { writer.append($0, .stdout) }
        }
        writer.finish()
    }
}
