import Glibc
import NetCore

/// Appends what a container writes to its log. Never fails: what finds no room on the disk is counted, and told in the log
/// once there is room again.
final class LogWriter {
    private let chain: LogChain
    private let sizeLimit: Int
    private var file: OwnedDescriptor
    private var size: Int
    private var encoded: [UInt8] = []
    /// What has no line feed yet, a stream each.
    private var unfinished: [LogStream: [UInt8]] = [:]
    /// The rest of a record that the disk had no room for: it goes out before anything else, or the log has half a record.
    private var torn: [UInt8] = []
    private(set) var lost = 0
    private var reason = Errno(0)

    /// Goes on with the file that is there. Throws what open(2) said.
    init(path: String, sizeLimit: Int?, fileLimit: Int) throws(KernelError) {
        chain = LogChain(path: path, limit: max(fileLimit, 1))
        self.sizeLimit = sizeLimit ?? .max
        let file = try OwnedDescriptor(open: path, O_RDWR | O_APPEND | O_CREAT, mode: 0o640)
        size = Int(max(lseek(file.number, 0, SEEK_END), 0))
        // A shim that was killed may have left half a record: it gets a line of its own, which readers pass over.
        var last: UInt8 = 0x0a
        if size > 0, pread(file.number, &last, 1, off_t(size - 1)) == 1, last != 0x0a {
            if Glibc.write(file.number, "\n", 1) == 1 { size += 1 } else { torn = [0x0a] }
        }
        self.file = file
        encoded.reserveCapacity(96 << 10)
    }

    /// Output as it came; its whole lines are in the file afterwards, the rest waits for its line feed.
    func append(_ text: UnsafeBufferPointer<UInt8>, _ stream: LogStream) {
        let tail = LogEncoder.tail(stream, ExitRecord.now)
        var rest = text
        // Borrowed from the table, so that it is not copied.
        var waiting = unfinished.removeValue(forKey: stream) ?? []
        while !rest.isEmpty {
            let feed = memchr(rest.baseAddress!, 0x0a, rest.count)
            let length = feed.map { UnsafeRawPointer(rest.baseAddress!).distance(to: UnsafeRawPointer($0)) + 1 }
            let part = UnsafeBufferPointer(rebasing: rest.prefix(length ?? rest.count))
            rest = UnsafeBufferPointer(rebasing: rest.dropFirst(part.count))
            if waiting.isEmpty, length != nil, part.count <= LogEncoder.pieceLimit {
                put(part, tail)
                continue
            }
            waiting.append(contentsOf: part)
            let isWhole = length != nil
            var done = 0
            waiting.withUnsafeBufferPointer { buffer in
                while buffer.count - done > (isWhole ? 0 : LogEncoder.pieceLimit) {
                    let left = UnsafeBufferPointer(rebasing: buffer[done...])
                    let piece = LogEncoder.pieceLength(left, limit: LogEncoder.pieceLimit)
                    put(UnsafeBufferPointer(rebasing: left.prefix(piece)), tail)
                    done += piece
                }
            }
            waiting.removeSubrange(..<done)
        }
        if !waiting.isEmpty { unfinished[stream] = waiting }
        flush()
    }

    /// The streams have ended: what waits for a line feed is written without one.
    func finish() {
        for stream in [LogStream.stdout, .stderr] {
            guard let waiting = unfinished.removeValue(forKey: stream) else { continue }
            let tail = LogEncoder.tail(stream, ExitRecord.now)
            waiting.withUnsafeBufferPointer { put($0, tail) }
        }
        flush()
    }

    private func put(_ text: UnsafeBufferPointer<UInt8>, _ tail: [UInt8]) {
        let room = size + encoded.count
        if room >= sizeLimit, room > 0 {
            flush()
            if torn.isEmpty, size >= sizeLimit { rotate() }
        }
        LogEncoder.append(text, tail: tail, to: &encoded)
        if encoded.count >= 64 << 10 { flush() }
    }

    private func rotate() {
        do throws(KernelError) {
            file = try chain.rotate()
            size = 0
        } catch {
            // No room for another file: this one goes on.
            reason = error.errno
        }
    }

    private func flush() {
        guard !encoded.isEmpty else { return }
        defer { encoded.removeAll(keepingCapacity: true) }
        guard writeTorn() else { return drop(encoded[...]) }
        if lost > 0 {
            let note = lossNote()
            let written = write(note[...])
            guard written > 0 else { return drop(encoded[...]) }
            lost = 0
            guard written == note.count else {
                torn = Array(note[written...])
                return drop(encoded[...])
            }
        }
        let written = write(encoded[...])
        guard written < encoded.count else { return }
        let begun = written > 0 && encoded[written - 1] != 0x0a
        let next = begun ? (encoded[written...].firstIndex(of: 0x0a) ?? encoded.count - 1) + 1 : written
        if begun { torn = Array(encoded[written..<next]) }
        drop(encoded[next...])
    }

    /// Nothing of an earlier record is owed to the file any more.
    private func writeTorn() -> Bool {
        guard !torn.isEmpty else { return true }
        torn.removeFirst(write(torn[...]))
        return torn.isEmpty
    }

    /// How many bytes the disk took.
    private func write(_ bytes: ArraySlice<UInt8>) -> Int {
        var done = 0
        bytes.withUnsafeBytes { buffer in
            while done < buffer.count {
                let count = Glibc.write(file.number, buffer.baseAddress! + done, buffer.count - done)
                if count > 0 {
                    done += count
                } else if count == 0 || errno != EINTR {
                    reason = count == 0 ? Errno(ENOSPC) : .current
                    break
                }
            }
        }
        size += done
        return done
    }

    private func drop(_ records: ArraySlice<UInt8>) { lost += records.reduce(0) { $0 + ($1 == 0x0a ? 1 : 0) } }

    private func lossNote() -> [UInt8] {
        let text = Array("berth: the log lost \(lost) lines here: \(reason)\n".utf8)
        var note: [UInt8] = []
        let tail = LogEncoder.tail(.stderr, ExitRecord.now)
        text.withUnsafeBufferPointer { LogEncoder.append($0, tail: tail, to: &note) }
        return note
    }
}
