import CContainer
import Glibc
import NetCore

/// `berth-init -- PROGRAM ARGUMENTS`: the first process of a container that wants one (`--init`). It starts the program, hands every
/// signal on to it, reaps whatever is orphaned, and ends as the program ends. One thread.
public enum Reaper {
    /// The program's own code, 128 and the signal that ended it, 126 or 127 when it cannot be executed.
    public static func run(_ words: [String]) -> Int32 {
        let arguments = Array(words.first == "--" ? words.dropFirst() : words[...])
        guard !arguments.isEmpty else { return fail("berth-init -- PROGRAM ARGUMENTS: no program is named", 2) }
        let signals = berth_signal_descriptor()
        guard signals >= 0 else { return fail("berth-init: hold signals back: \(Errno.current)", 125) }
        let child = fork()
        guard child >= 0 else { return fail("berth-init: start \(arguments[0]): \(Errno.current)", 125) }
        if child == 0 { execute(arguments) }
        var polled = pollfd(fd: signals, events: Int16(POLLIN), revents: 0)
        while true {
            if let code = reap(child) { return code }
            _ = poll(&polled, 1, -1)
            var signal = berth_read_signal(signals)
            while signal != 0 {
                // SIGCHLD is for this process; a stopped terminal is the program's own affair.
                if ![SIGCHLD, SIGTTIN, SIGTTOU].contains(signal) { kill(child, signal) }
                signal = berth_read_signal(signals)
            }
        }
    }

    /// Whoever has ended is reaped; the code, once the program is among them.
    private static func reap(_ child: pid_t) -> Int32? {
        var code: Int32?
        while true {
            var status: Int32 = 0
            let pid = waitpid(-1, &status, WNOHANG)
            if pid < 0 && errno == EINTR { continue }
            guard pid > 0 else { return code }
            if pid == child { code = status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f) }
        }
    }

    /// In a process group of its own, in the terminal's foreground if there is one. Does not return.
    private static func execute(_ arguments: [String]) -> Never {
        setpgid(0, 0)
        // SIGTTOU is held back still, or this would stop it.
        if isatty(0) == 1 { tcsetpgrp(0, getpgrp()) }
        berth_default_signals()
        var words = arguments.map { strdup($0) } + [nil]
        execvp(arguments[0], &words)
        let code = Errno.current
        _exit(fail("exec: \"\(arguments[0])\": \(code)", code == .noSuchFile ? 127 : 126))
    }

    private static func fail(_ text: String, _ code: Int32) -> Int32 {
        let line = text + "\n"
        write(2, line, line.utf8.count)
        return code
    }
}
