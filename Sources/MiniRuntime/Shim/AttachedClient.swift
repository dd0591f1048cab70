import Glibc

/// A connection that has become a process's stream. What it does not read in time is lost to it, in whole frames.
final class AttachedClient {
    /// What may wait for a client that does not read.
    static let backlogLimit = 1 << 20
    /// A client that takes less than this of a full backlog in a second does not read.
    private static let leastProgress = 64 << 10

    private let loop: ShimLoop
    private var source: ShimLoop.Source?
    let wants: Set<LogStream>
    let isFramed: Bool
    private(set) var holdsInput: Bool
    private var backlog: [UInt8] = []
    private var sent = 0
    private var isEnding = false
    /// It was given its time, and is skipped until it has caught up.
    private var isBehind = false
    private var isWatched = false
    /// How many bytes it ever took.
    private var taken = 0
    /// Its bytes for the process; empty: it has no more.
    var received: (UnsafeBufferPointer<UInt8>) -> Void = { _ in }
    /// It has gone.
    var closed: () -> Void = {}
    /// There is room in its backlog again, or it is given up.
    var relieved: () -> Void = {}

    init(_ loop: ShimLoop, _ connection: Int32, wants: Set<LogStream>, input: Bool, framed: Bool) {
        self.loop = loop
        self.wants = wants
        isFramed = framed
        holdsInput = input
        source = loop.add(connection, POLLIN) { [weak self] events in self?.ready(events) }
    }

    /// The output must wait a moment for this one.
    var isFull: Bool { !isBehind && backlog.count - sent > AttachedClient.backlogLimit }
    /// It is not yet through with what it was given.
    var isBusy: Bool { source != nil }

    func send(_ bytes: UnsafeBufferPointer<UInt8>, _ stream: LogStream) {
        guard wants.contains(stream), source != nil, !isEnding else { return }
        if isBehind {
            guard backlog.count - sent < AttachedClient.backlogLimit / 2 else { return }
            isBehind = false
        }
        if isFramed {
            let count = UInt32(bytes.count)
            let kind: UInt8 = stream == .stdout ? 1 : 2
            put([kind, 0, 0, 0] + (0..<4).map { UInt8(truncatingIfNeeded: count >> (24 - 8 * $0)) })
        }
        backlog.append(contentsOf: bytes)
        flush()
        if isFull { watch() }
    }

    /// Bytes that are no output: the answer before the stream.
    func put(_ bytes: [UInt8]) { backlog.append(contentsOf: bytes) }

    /// Nothing comes after what it has: it is closed when that is through, or when it has not read for ten seconds.
    func end() {
        guard !isEnding else { return }
        isEnding = true
        flush()
        guard source != nil else { return }
        giveUp(unlessMoved: backlog.count - sent)
    }

    private func giveUp(unlessMoved left: Int) {
        loop.after(10_000) { [weak self] in
            guard let self, source != nil else { return }
            let now = backlog.count - sent
            if now >= left { close() } else { giveUp(unlessMoved: now) }
        }
    }

    /// No more input is taken until `resumeInput`.
    func pauseInput() { if let source { source.events &= ~POLLIN } }
    func resumeInput() { if let source, holdsInput || !inputHasEnded { source.events |= POLLIN } }
    private var inputHasEnded = false

    private func watch() {
        guard !isWatched else { return }
        isWatched = true
        let before = taken
        loop.after(1000) { [weak self] in
            guard let self, source != nil else { return }
            isWatched = false
            guard isFull else { return }
            if taken - before < AttachedClient.leastProgress {
                isBehind = true
                relieved()
            } else {
                watch()
            }
        }
    }

    private func ready(_ events: Int32) {
        if events & (POLLERR | POLLNVAL) != 0 { return close() }
        if events & POLLOUT != 0 { flush() }
        if source != nil, events & POLLIN != 0, source!.events & POLLIN != 0 { receive() }
        // Both directions are over: nothing can be said to it any more.
        if source != nil, events & POLLHUP != 0 { close() }
    }

    private func receive() {
        guard let source else { return }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32 << 10) { room in
            let count = read(source.descriptor, room.baseAddress, room.count)
            if count > 0 {
                if holdsInput { received(UnsafeBufferPointer(rebasing: room[..<count])) }
            } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
                source.events &= ~POLLIN
                inputHasEnded = true
                endInput()
            }
        }
    }

    private func endInput() {
        guard holdsInput else { return }
        holdsInput = false
        received(UnsafeBufferPointer(start: nil, count: 0))
    }

    func flush() {
        guard let source else { return }
        let wasFull = isFull
        while sent < backlog.count {
            let count = backlog.withUnsafeBytes { write(source.descriptor, $0.baseAddress! + sent, $0.count - sent) }
            if count > 0 {
                sent += count
                taken += count
            } else if errno == EAGAIN {
                break
            } else if errno != EINTR {
                return close()
            }
        }
        if sent == backlog.count {
            backlog.removeAll(keepingCapacity: backlog.capacity <= 64 << 10)
            sent = 0
            source.events &= ~POLLOUT
            if isEnding { close() }
        } else {
            source.events |= POLLOUT
            if sent > 256 << 10 {
                backlog.removeSubrange(..<sent)
                sent = 0
            }
        }
        if wasFull, !isFull { relieved() }
    }

    func close() {
        guard let source else { return }
        self.source = nil
        loop.close(source)
        backlog = []
        sent = 0
        endInput()
        relieved()
        closed()
    }
}
