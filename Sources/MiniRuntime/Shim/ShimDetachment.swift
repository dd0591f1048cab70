import CContainer
import CKernel
import Glibc
import NetCore

/// Away from whoever started the shim: a session of its own, no descriptor, no signal and no directory of theirs.
enum ShimDetachment {
    /// Signals that end the daemon's group, or that a vanished reader sends.
    static let ignored = [
        SIGPIPE, SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2, SIGALRM,
    ]

    /// Returns in the shim; the process that was started waits for its word and ends with the code that it sends.
    /// One fork does: the shim leads a session without a terminal, opens none but with O_NOCTTY, and its parent ends.
    static func fork() throws(KernelError) -> Announcement {
        _ = berth_close_range(3, .max)
        var ends: [Int32] = [-1, -1]
        try check("make a pipe") { berth_shim_pipe(&ends) }
        let child = try check("fork the shim") { Glibc.fork() }
        if child > 0 {
            close(ends[1])
            var code: UInt8 = 125
            while read(ends[0], &code, 1) < 0 && errno == EINTR {}
            _exit(Int32(code))
        }
        close(ends[0])
        setsid()
        for signal in ignored { Glibc.signal(signal, SIG_IGN) }
        let output = try check("keep standard output") { fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3) }
        let null = try OwnedDescriptor(open: "/dev/null", O_RDWR)
        for number in STDIN_FILENO...STDERR_FILENO { dup2(null.number, number) }
        chdir("/")
        umask(0o022)
        OOMScore.spareShim()
        return Announcement(output: output, code: ends[1])
    }

    /// The one word that the starter waits for.
    final class Announcement {
        private var output: Int32
        private var code: Int32

        fileprivate init(output: Int32, code: Int32) { (self.output, self.code) = (output, code) }

        /// False when nobody hears it any more.
        @discardableResult
        func say(_ text: String, code number: UInt8) -> Bool {
            guard output >= 0 else { return true }
            let line = text + "\n"
            let isHeard = write(output, line, line.utf8.count) > 0 || errno != EPIPE
            close(output)
            var byte = number
            _ = write(code, &byte, 1)
            close(code)
            (output, code) = (-1, -1)
            return isHeard
        }
    }
}
