import CKernel
import Glibc
import JSON
import NetCore

/// One record of a container's log.
public struct LogRecord: Hashable, Sendable {
    public let stream: LogStream
    /// RFC 3339.
    public let time: String
    /// The text with its line feed; a piece of a long line has none.
    public let text: String
}

/// What of a log is wanted.
public struct LogSelection: Sendable {
    /// Nanoseconds since 1970: not before, not after.
    public var since: Int64?
    public var until: Int64?
    /// The last so many records of the log; nil: all.
    public var tail: Int?
    public var streams: Set<LogStream> = [.stdout, .stderr]
    /// What comes later is wanted too.
    public var follow = false

    public init() {}
}

/// Reads a log from its oldest file on, through rotations, with a bounded part of it in memory. Used by one thread at a time.
/// Follower: `next()` until nil, wait until `descriptor` is readable, again; after the container's end once more until nil.
public final class LogReader {
    /// A longer line is no record and passed over.
    private static let lineLimit = 1 << 20

    private let chain: LogChain
    private let selection: LogSelection
    private var file: OwnedDescriptor?
    private let watch: OwnedDescriptor?
    private var buffer: [UInt8] = []
    private var start = 0
    /// The rest of a line that is too long is being passed over.
    private var isSkipping = false
    private var isOver = false
    /// How many log files were gone before they could be read (LogChain, rule 3).
    public private(set) var filesLost = 0

    /// A log that does not exist yet is empty. Throws what open(2) or inotify said.
    public init(path: String, _ selection: LogSelection = LogSelection()) throws(KernelError) {
        chain = LogChain(path: path, limit: 1)
        self.selection = selection
        if selection.follow {
            let number = try check("watch \(path)") { inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC)) }
            let queue = OwnedDescriptor(taking: number)
            let folder = Files.directory(of: path)
            try check("watch \(folder)") {
                inotify_add_watch(number, folder, UInt32(IN_MODIFY | IN_MOVED_TO | IN_CREATE))
            }
            watch = consume queue
        } else {
            watch = nil
        }
        try begin()
    }

    /// Readable when there may be more; nil unless it follows.
    public var descriptor: Int32? {
        switch watch {
        case .some(let watch): watch.number
        case .none: nil
        }
    }

    /// The next record; nil when there is none now. Throws what read(2) said.
    public func next() throws(KernelError) -> LogRecord? {
        drainWatch()
        while !isOver {
            if let end = buffer[start...].firstIndex(of: 0x0a) {
                let line = buffer[start..<end]
                start = end + 1
                if isSkipping {
                    isSkipping = false
                    continue
                }
                guard let record = LogLine.record(line), selection.streams.contains(record.stream) else { continue }
                if selection.since != nil || selection.until != nil, let time = LogTime.nanoseconds(record.time) {
                    if let since = selection.since, time < since { continue }
                    if let until = selection.until, time > until {
                        isOver = true
                        return nil
                    }
                }
                return record
            }
            if try fill() { continue }
            guard try advance() else { return nil }
        }
        return nil
    }

    private func drainWatch() {
        guard let descriptor else { return }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4096) { room in
            for _ in 0..<64 where read(descriptor, room.baseAddress!, room.count) <= 0 { return }
        }
    }

    /// More of the present file stands in the buffer.
    private func fill() throws(KernelError) -> Bool {
        guard let number = fileNumber else { return false }
        if start > 0 {
            buffer.removeSubrange(..<start)
            start = 0
        }
        if buffer.count > LogReader.lineLimit {
            buffer.removeAll(keepingCapacity: true)
            isSkipping = true
        }
        let before = buffer.count
        let room = 64 << 10
        buffer.append(contentsOf: repeatElement(0, count: room))
        let count = buffer.withUnsafeMutableBytes { read(number, $0.baseAddress! + before, room) }
        let code = Errno.current
        buffer.removeLast(room - max(count, 0))
        if count < 0, code != .interrupted { throw KernelError("read \(chain.path)", code) }
        return count > 0
    }

    private var fileNumber: Int32? {
        switch file {
        case .some(let file): file.number
        case .none: nil
        }
    }

    /// The file is read to its end: the next one, if it has one.
    private func advance() throws(KernelError) -> Bool {
        guard let number = fileNumber, let present = FileIdentity(number) else {
            guard let found = try open(chain.path) else { return false }
            file = consume found
            return true
        }
        for _ in 0..<200 {
            if FileIdentity(path: chain.path) == present { return false }
            // It has a successor, so nothing is written to it any more: what came since the last look is read first.
            if try fill() { return true }
            guard let own = FileIdentity(number) else { return false }
            if own.names == 0 {
                // Taken away unread: the oldest that is left is the next.
                filesLost += 1
                if let oldest = try oldest() { return take(consume oldest) }
            } else if let place = place(of: present), place > 0, let found = try open(chain.name(place - 1)),
                FileIdentity(path: chain.name(place)) == present, FileIdentity(found.number) != present
            {
                // Seen at the same place before and after: the file below is its successor (files move from the highest down).
                return take(consume found)
            }
            // In the middle of a rotation.
            usleep(100)
        }
        return false
    }

    private func take(_ found: consuming OwnedDescriptor) -> Bool {
        file = consume found
        buffer.removeAll(keepingCapacity: true)
        start = 0
        isSkipping = false
        return true
    }

    /// Highest first: during a rotation the newest has two names.
    private func place(of identity: FileIdentity) -> Int? {
        guard let numbers = try? numbers() else { return nil }
        return numbers.reversed().first { FileIdentity(path: chain.name($0)) == identity }
    }

    /// Which numbers there are, 0 for the log itself.
    private func numbers() throws(KernelError) -> [Int] {
        let prefix = (chain.path.split(separator: "/").last.map(String.init) ?? chain.path)
        let names = try Files.names(in: Files.directory(of: chain.path))
        return names.compactMap { name -> Int? in
            if name == prefix { return 0 }
            guard name.hasPrefix(prefix + ".") else { return nil }
            return Int(name.dropFirst(prefix.count + 1)).flatMap { $0 > 0 ? $0 : nil }
        }.sorted()
    }

    /// Opened and held against being taken away; nil when the name is not there, or just went.
    private func open(_ path: String) throws(KernelError) -> OwnedDescriptor? {
        let number = berth_open_cloexec(path, O_RDONLY, 0)
        if number < 0 {
            guard errno == ENOENT else { throw KernelError("open \(path)", .current) }
            return nil
        }
        let found = OwnedDescriptor(taking: number)
        _ = flock(number, LOCK_SH | LOCK_NB)
        guard let identity = FileIdentity(number), identity.names > 0 else { return nil }
        return found
    }

    private func oldest() throws(KernelError) -> OwnedDescriptor? {
        for _ in 0..<100 {
            guard let last = try numbers().last else { return nil }
            if let found = try open(chain.name(last)) { return found }
        }
        return nil
    }

    private func begin() throws(KernelError) {
        guard let tail = selection.tail else {
            file = try oldest()
            return
        }
        var wanted = tail
        for number in try numbers() {
            guard let found = try open(chain.name(number)) else { continue }
            let (offset, lines) = try LogLine.last(wanted, in: found.number)
            lseek(found.number, offset, SEEK_SET)
            file = consume found
            wanted -= lines
            if wanted <= 0 { break }
        }
    }
}
