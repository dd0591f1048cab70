import CContainer
import CKernel
import Glibc

/// A command in a node has a parent that is in the node as well. The kernel lets a world's first process end only when every process
/// of the world is reaped (zap_pid_ns_processes), and a command that was left by a caller outside would wait for the machine's
/// first process, which in many containers reaps nobody.
enum Supervised {
    /// In a process whose children are born in the node: `become` runs in a child of a child of a child, which the node's first process
    /// adopts. Gives the descriptor at which the command's end is heard, and which takes the command along when it is closed; -1
    /// when there is none.
    static func start(_ become: () -> Never) -> Int32 {
        var ends: [Int32] = [-1, -1]
        guard berth_new_pair(&ends) == 0 else { return -1 }
        fflush(nil)
        let first = fork()
        if first == 0 {
            close(ends[0])
            // Whose parent ends is the node's.
            if fork() == 0 { supervise(ends[1], become) }
            _exit(0)
        }
        close(ends[1])
        var status: Int32 = 0
        // Only now the command begins: it is to see nobody in the node who does not belong there.
        if first > 0, berth_wait_child(first, &status) == first, send(ends[0], &status, 4, Int32(MSG_NOSIGNAL)) == 4 {
            return ends[0]
        }
        close(ends[0])
        return -1
    }

    private static func supervise(_ line: Int32, _ become: () -> Never) -> Never {
        var word: Int32 = 0
        guard recv(line, &word, 4, 0) == 4 else { _exit(1) }
        let child = fork()
        if child == 0 { become() }
        Title.set("berth-exec")
        // The terminal's signals are the command's.
        for number in [SIGINT, SIGQUIT, SIGTTOU] { signal(number, SIG_IGN) }
        guard child > 0 else { _exit(1) }
        let handle = berth_pidfd_open(child)
        var isLeft = false
        while true {
            var polled = [
                pollfd(fd: handle, events: Int16(POLLIN), revents: 0),
                pollfd(fd: isLeft ? -1 : line, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&polled, 2, -1) > 0 else { continue }
            if polled[1].revents != 0 {
                isLeft = true
                kill(child, SIGKILL)
            }
            guard polled[0].revents != 0 else { continue }
            var status: Int32 = 0
            if berth_wait_child(child, &status) == child { send(line, &status, 4, Int32(MSG_NOSIGNAL)) }
            _exit(0)
        }
    }

    /// The command's exit code; 137 when the world ended before it.
    static func wait(_ line: Int32) -> Int32 {
        var status: Int32 = 0
        while true {
            let count = recv(line, &status, 4, 0)
            if count < 0, errno == EINTR { continue }
            return count == 4 ? berth_exit_status(status) : 128 + SIGKILL
        }
    }
}
