import CContainer
import CKernel
import Glibc
import NetCore

/// A process that somebody waits for: signals go to it, its terminal is shown here, its end is ours.
struct Foreground: ~Copyable {
    private let signals: Int32
    private var before = [UInt8](repeating: 0, count: 256)
    private var isRaw = false

    /// To be made before the child: from now on signals wait.
    init() throws(OCIError) {
        signals = try kernel { () throws(KernelError) in try check("hold signals back") { berth_signal_descriptor() } }
    }

    /// The other side of the process's terminal, from the socket on which it was sent; -1 where there is none.
    mutating func receive(_ console: Int32) throws(OCIError) -> Int32 {
        guard console >= 0 else { return -1 }
        let terminal = try kernel { () throws(KernelError) in
            try check("receive the terminal") { berth_receive_descriptor(console) }
        }
        close(console)
        _ = berth_copy_terminal_size(STDIN_FILENO, terminal)
        isRaw = berth_raw_terminal(STDIN_FILENO, &before, before.count) == 0
        return terminal
    }

    /// The process's exit code, 128 and its signal when it was killed.
    mutating func wait(_ process: borrowing NewProcess, terminal: Int32) -> Int32 {
        var input: Int32 = terminal >= 0 ? STDIN_FILENO : -1
        var output = terminal
        while true {
            var polled = [
                pollfd(fd: process.handle.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
                pollfd(fd: input, events: Int16(POLLIN), revents: 0),
                pollfd(fd: output, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&polled, 4, -1) > 0 else { continue }
            if polled[3].revents != 0, !Foreground.pass(output, STDOUT_FILENO) { output = -1 }
            if polled[2].revents != 0, !Foreground.pass(input, terminal) { input = -1 }
            if polled[1].revents != 0 { forward(process, terminal) }
            if polled[0].revents != 0 { break }
        }
        while output >= 0, Foreground.isReadable(output), Foreground.pass(output, STDOUT_FILENO) {}
        if isRaw { _ = berth_restore_terminal(STDIN_FILENO, before) }
        return Int32(berth_exit_status(process.wait()))
    }

    private func forward(_ process: borrowing NewProcess, _ terminal: Int32) {
        while case let number = berth_read_signal(signals), number > 0 {
            switch number {
            case SIGCHLD, SIGURG, SIGPIPE: continue
            case SIGWINCH where terminal >= 0: _ = berth_copy_terminal_size(STDIN_FILENO, terminal)
            default: berth_pidfd_signal(process.handle.number, number)
            }
        }
    }

    private static func isReadable(_ descriptor: Int32) -> Bool {
        var polled = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&polled, 1, 0) == 1 && polled.revents & Int16(POLLIN) != 0
    }

    /// False at the end of the input, or when nobody takes it.
    private static func pass(_ from: Int32, _ to: Int32) -> Bool {
        var bytes = [UInt8](repeating: 0, count: 16384)
        let count = read(from, &bytes, bytes.count)
        guard count > 0 else { return count < 0 && (errno == EINTR || errno == EAGAIN) }
        do throws(KernelError) {
            try Files.write(Array(bytes[..<count]), to: to, operation: "write")
            return true
        } catch {
            return false
        }
    }
}
