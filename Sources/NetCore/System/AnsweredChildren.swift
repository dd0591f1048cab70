import CKernel
import Glibc
import Synchronization

/// Children that have answered and only have to end: the kernel takes their memory back while this process goes on, a tenth of
/// a millisecond each.
public enum AnsweredChildren {
    private static let pids = Mutex<[pid_t]>([])

    static func add(_ pid: pid_t) { pids.withLock { $0.append(pid) } }

    /// Those that have ended leave no zombie.
    public static func reapEnded() {
        pids.withLock { list in
            list.removeAll { pid in
                var status: Int32 = 0
                return waitpid(pid, &status, WNOHANG) != 0
            }
        }
    }

    /// To be called at a process's end: all have ended. One that does not within a second is ended.
    public static func finish() {
        let waiting = pids.withLock { list in
            defer { list = [] }
            return list
        }
        for pid in waiting {
            let handle = berth_pidfd_open(pid)
            if handle >= 0 {
                var ended = pollfd(fd: handle, events: Int16(POLLIN), revents: 0)
                if poll(&ended, 1, 1000) != 1 { kill(pid, SIGKILL) }
                close(handle)
            }
            var status: Int32 = 0
            waitpid(pid, &status, 0)
        }
    }
}
