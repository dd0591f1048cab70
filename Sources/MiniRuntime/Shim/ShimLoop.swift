import Glibc
import NetCore

/// One thread's wait for many descriptors and a few moments (poll(2)). It sleeps until something happens.
final class ShimLoop {
    /// A descriptor that somebody listens to. Without events it is still told of a hang-up.
    final class Source {
        let descriptor: Int32
        var events: Int32
        let ready: (Int32) -> Void
        fileprivate(set) var isOpen = true

        fileprivate init(_ descriptor: Int32, _ events: Int32, _ ready: @escaping (Int32) -> Void) {
            self.descriptor = descriptor
            self.events = events
            self.ready = ready
        }
    }

    /// After so many milliseconds of nothing it gives its memory back, until something happens.
    private static let restless: Int32 = 1000
    private var sources: [Source] = []
    private var alarms: [(at: UInt64, ring: () -> Void)] = []

    /// Takes the descriptor over: `close` closes it.
    func add(_ descriptor: Int32, _ events: Int32, _ ready: @escaping (Int32) -> Void) -> Source {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        let source = Source(descriptor, events, ready)
        sources.append(source)
        return source
    }

    func close(_ source: Source) {
        guard source.isOpen else { return }
        source.isOpen = false
        Glibc.close(source.descriptor)
        sources.removeAll { $0 === source }
    }

    /// Once, after so many milliseconds.
    func after(_ milliseconds: UInt64, _ ring: @escaping () -> Void) {
        alarms.append((ShimLoop.now + milliseconds, ring))
    }

    static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1000 + UInt64(time.tv_nsec) / 1_000_000
    }

    /// Runs until the condition holds; it is looked at after each event.
    func run(until isOver: () -> Bool) {
        var polled: [pollfd] = []
        var isResting = false
        while !isOver() {
            let present = sources
            polled.removeAll(keepingCapacity: true)
            // A source that wants nothing at all (paused) is not asked: its hang-up would wake the loop for ever.
            for source in present {
                polled.append(
                    pollfd(
                        fd: source.events < 0 ? -1 : source.descriptor, events: Int16(max(source.events, 0)), revents: 0
                    ))
            }
            let next = alarms.map(\.at).min()
            let now = ShimLoop.now
            var patience = next.map { Int32(clamping: $0 > now ? $0 - now : 0) } ?? -1
            let isTiring = !isResting && (patience < 0 || patience > ShimLoop.restless)
            if isTiring { patience = ShimLoop.restless }
            let count = poll(&polled, nfds_t(polled.count), patience)
            if isTiring, count == 0 {
                IdleMemory.giveBack()
                isResting = true
            }
            if count > 0 { isResting = false }
            if count > 0 {
                for (index, source) in present.enumerated() where polled[index].revents != 0 && source.isOpen {
                    source.ready(Int32(polled[index].revents))
                }
            }
            guard !alarms.isEmpty else { continue }
            let time = ShimLoop.now
            let due = alarms.filter { $0.at <= time }
            alarms.removeAll { $0.at <= time }
            if !due.isEmpty { isResting = false }
            for alarm in due { alarm.ring() }
        }
    }
}
