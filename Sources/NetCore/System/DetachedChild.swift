import CKernel
import Glibc
import Synchronization

/// Work that the kernel makes us wait for, carried on by a child after this process has answered: closing nf_tables
/// sockets and the tail of a link's removal (docs/adr/0005-del.md). Only for single-threaded processes.
public enum DetachedChild {
    private static let lingering = Mutex<[Int32]>([])

    /// Keeps a socket open whose closing would wait: the child closes it.
    public static func keep(_ descriptor: Int32) {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        guard copy >= 0 else { return }
        lingering.withLock { $0.append(copy) }
    }

    /// Forks a child that keeps nothing but those sockets and what `inherited` names, with stdio on /dev/null and a session of its own;
    /// it runs `body` and ends. The caller's copies are closed. Throws what fork said.
    public static func run(inheriting inherited: [Int32] = [], _ body: () -> Void) throws(KernelError) {
        let sockets = lingering.withLock { list in
            defer { list = [] }
            return list
        }
        let child = try check("fork the child that finishes the removal") { fork() }
        if child == 0 {
            setsid()
            leaveOnly(sockets + inherited)
            body()
            // Closing while the grace period runs holds the lock of all nftables transactions until its end, and the
            // next plugin of the chain would wait for it: afterwards it costs nothing.
            if !sockets.isEmpty { usleep(60_000) }
            _exit(0)
        }
        for socket in sockets { close(socket) }
    }

    /// To be called once, at a process's end: what still lingers gets a child.
    public static func finish() {
        let waiting = lingering.withLock { !$0.isEmpty }
        guard waiting else { return }
        // Without a child the close waits some milliseconds: slower, not wrong.
        do { try run {} } catch { closeAll() }
    }

    private static func closeAll() {
        lingering.withLock { list in
            for socket in list { close(socket) }
            list = []
        }
    }

    private static func leaveOnly(_ kept: [Int32]) {
        let null = berth_open_cloexec("/dev/null", O_RDWR, 0)
        if null >= 0 { for number: Int32 in 0...2 { dup2(null, number) } }
        var next: UInt32 = 3
        for number in kept.sorted() where number >= 3 {
            if UInt32(number) > next { _ = berth_close_range(next, UInt32(number) - 1) }
            next = UInt32(number) + 1
        }
        _ = berth_close_range(next, .max)
        chdir("/")
    }
}
