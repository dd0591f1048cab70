import Glibc

/// A SIGTERM or SIGINT that this thread holds back.
public enum PendingSignal {
    /// Takes one off; false when none waits, or when the signals are not held back and so speak for themselves.
    public static func take() -> Bool {
        var set = sigset_t()
        sigpending(&set)
        guard sigismember(&set, SIGTERM) == 1 || sigismember(&set, SIGINT) == 1 else { return false }
        sigemptyset(&set)
        sigaddset(&set, SIGTERM)
        sigaddset(&set, SIGINT)
        var now = timespec()
        return sigtimedwait(&set, nil, &now) > 0
    }
}
