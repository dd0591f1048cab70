import Glibc
import NetCore

/// SIGTERM and SIGINT wait while this lives, so that a plugin's work is never cut in the middle (P-21). When it goes,
/// what waited is taken away and the thread's mask is as before.
struct Interruption: ~Copyable {
    private var before = sigset_t()
    private var waiting: sigset_t

    init() {
        waiting = sigset_t()
        sigemptyset(&waiting)
        sigaddset(&waiting, SIGTERM)
        sigaddset(&waiting, SIGINT)
        pthread_sigmask(SIG_BLOCK, &waiting, &before)
    }

    /// Whether somebody has asked this process to end (man 2 sigpending).
    var isPending: Bool {
        var pending = sigset_t()
        sigpending(&pending)
        return sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1
    }

    deinit {
        var set = waiting
        var now = timespec()
        // At most one of each kind can wait (man 7 signal).
        for _ in 0..<2 { _ = sigtimedwait(&set, nil, &now) }
        var mask = before
        pthread_sigmask(SIG_SETMASK, &mask, nil)
    }
}

extension PendingSignal {
    static let error = CNIError(.internal, "interrupted", details: "a signal asked this process to end")
}
