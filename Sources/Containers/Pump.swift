import Glibc
import NetCore

/// Bytes between two sockets, both ways, each way until its sender has ended.
enum Pump {
    /// Two connected sockets. Throws 500.
    static func pair() throws(APIError) -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw APIError(500, "make a pair of sockets: \(Errno.current)")
        }
        return (ends[0], ends[1])
    }

    /// A socket that can be written to for as long as it is open, whatever became of `other`: what is sent to a process that has ended
    /// is thrown away, and does not cost its reader what the process said before.
    static func lasting(_ other: Int32) throws(APIError) -> Int32 {
        do throws(APIError) {
            let (ours, theirs) = try pair()
            start(theirs, other)
            return ours
        } catch {
            close(other)
            throw error
        }
    }

    /// On a thread of its own; both are closed at the end.
    static func start(_ one: Int32, _ other: Int32) {
        Threads.start {
            for descriptor in [one, other] { _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK) }
            var ways = [Way(from: one, to: other), Way(from: other, to: one)]
            while !ways.allSatisfy(\.isOver), !(ways[0].isOver && ways[1].isBroken),
                !(ways[1].isOver && ways[0].isBroken)
            {
                var polled = ways.flatMap { way in
                    [
                        pollfd(fd: way.wantsInput ? way.from : -1, events: Int16(POLLIN), revents: 0),
                        pollfd(fd: way.wantsOutput ? way.to : -1, events: Int16(POLLOUT), revents: 0),
                    ]
                }
                guard poll(&polled, 4, -1) > 0 || errno == EINTR else { break }
                for index in ways.indices {
                    if polled[2 * index].revents != 0 { ways[index].read() }
                    if polled[2 * index + 1].revents != 0 { ways[index].write() }
                }
            }
            close(one)
            close(other)
        }
    }

    private struct Way {
        let from: Int32
        let to: Int32
        private var buffer: [UInt8] = []
        private var hasEnded = false
        private(set) var isOver = false
        /// Nobody reads there any more: what comes is thrown away.
        private(set) var isBroken = false

        init(from: Int32, to: Int32) {
            self.from = from
            self.to = to
        }

        var wantsInput: Bool { !hasEnded && buffer.count < 1 << 16 }
        var wantsOutput: Bool { !isOver && !buffer.isEmpty }

        mutating func read() {
            var chunk = [UInt8](repeating: 0, count: 1 << 16)
            let count = Glibc.read(from, &chunk, chunk.count)
            if count > 0 {
                if isBroken { return }
                buffer += chunk[..<count]
                write()
            } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
                hasEnded = true
                if buffer.isEmpty { end() }
            }
        }

        mutating func write() {
            let count = buffer.withUnsafeBytes { send(to, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count > 0 {
                buffer.removeFirst(count)
            } else if count < 0, errno != EAGAIN, errno != EINTR {
                buffer = []
                isBroken = true
            }
            if hasEnded, buffer.isEmpty { end() }
        }

        private mutating func end() {
            isOver = true
            shutdown(to, Int32(SHUT_WR))
        }
    }
}
