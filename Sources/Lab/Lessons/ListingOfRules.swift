import CKernel
import Glibc

/// While programs list the rules of a world: iptables-legacy takes the world's own lock, as learners do, and what these programs warn
/// of is not for the learner.
struct ListingOfRules {
    private let errors: Int32

    init(_ world: World) {
        setenv("XTABLES_LOCKFILE", "/proc/\(world.state.root.pid)/root/run/xtables.lock", 1)
        errors = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
        let null = berth_open_cloexec("/dev/null", O_WRONLY, 0)
        guard null >= 0 else { return }
        if errors >= 0 { dup2(null, STDERR_FILENO) }
        close(null)
    }

    func end() {
        unsetenv("XTABLES_LOCKFILE")
        guard errors >= 0 else { return }
        dup2(errors, STDERR_FILENO)
        close(errors)
    }
}
