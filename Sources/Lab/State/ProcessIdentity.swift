import CContainer
import Glibc
import JSON
import NetCore

/// A process that cannot be taken for another one which got its number later: the number, and when it began.
public struct ProcessIdentity: Hashable, Sendable {
    public let pid: Int32
    /// Clock ticks since boot (man 5 proc, /proc/PID/stat, field 22).
    public let start: Int64

    init(pid: Int32, start: Int64) { (self.pid, self.start) = (pid, start) }

    /// Nil when there is none, or it has ended and waits to be reaped.
    public init?(pid: Int32) {
        guard let status = ProcessStatus(pid), !status.hasEnded else { return nil }
        self.init(pid: pid, start: Int64(clamping: status.start))
    }

    public var isAlive: Bool { ProcessIdentity(pid: pid) == self }

    /// A pidfd of it; nil when it has ended.
    func handle() -> Int32? {
        let number = berth_pidfd_open(pid)
        guard number >= 0 else { return nil }
        // Looked at after it is held: the number cannot be given to another one meanwhile.
        if isAlive { return number }
        close(number)
        return nil
    }

    /// Whether the process of a pidfd ends within that time.
    static func ends(_ handle: Int32, milliseconds: Int32) -> Bool {
        var polled = pollfd(fd: handle, events: Int16(POLLIN), revents: 0)
        return poll(&polled, 1, milliseconds) > 0
    }

    var json: JSON { ["pid": .integer(Int64(pid)), "start": .integer(start)] }

    init?(_ json: JSON?) {
        guard let pid = json?["pid"]?.integer, let start = json?["start"]?.integer, pid > 0, pid <= Int64(Int32.max)
        else {
            return nil
        }
        self.init(pid: Int32(pid), start: start)
    }
}
