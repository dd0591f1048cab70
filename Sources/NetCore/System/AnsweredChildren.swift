import Glibc
import Synchronization

/// Children that have answered and only have to end: the kernel takes their memory back while this process goes on, a tenth of
/// a millisecond each. One that outlives this process is reaped by whoever reaps orphans, as a DEL's is (DetachedChild).
enum AnsweredChildren {
    private static let pids = Mutex<[pid_t]>([])

    static func add(_ pid: pid_t) {
        pids.withLock { list in
            // In a process that lives on, those of before are no zombies.
            list.removeAll { pid in
                var status: Int32 = 0
                return waitpid(pid, &status, WNOHANG) != 0
            }
            list.append(pid)
        }
    }
}
