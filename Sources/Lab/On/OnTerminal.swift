import CContainer
import Glibc
import NetCore

/// A terminal of the command's own, so that it has job control: what it writes is shown, what is typed reaches it.
final class OnTerminal {
    let master: Int32
    /// The command's end; closed by `begin`.
    private(set) var peer: Int32
    private var before = [UInt8](repeating: 0, count: 256)
    private var isRaw = false

    /// Throws what the kernel said.
    init() throws(KernelError) {
        let master = try OwnedDescriptor(open: "/dev/ptmx", O_RDWR | O_NOCTTY)
        let number = master.number
        peer = try check("open the terminal's other end") { berth_terminal_peer(number) }
        berth_copy_terminal_size(0, number)
        self.master = master.release()
    }

    /// The other end is the command's alone, and what is typed goes there as it is.
    func begin() {
        close(peer)
        isRaw = before.withUnsafeMutableBytes { berth_raw_terminal(0, $0.baseAddress, $0.count) } == 0
        let flags = fcntl(master, F_GETFL)
        _ = fcntl(master, F_SETFL, flags | O_NONBLOCK)
    }

    /// The own terminal is as before.
    func end() {
        if isRaw { _ = before.withUnsafeBytes { berth_restore_terminal(0, $0.baseAddress) } }
        isRaw = false
    }

    func resize() { berth_copy_terminal_size(0, master) }

    /// Whatever has been written.
    func show() {
        var chunk = [UInt8](repeating: 0, count: 4096)
        for _ in 0..<256 {
            let count = read(master, &chunk, chunk.count)
            guard count > 0 else {
                // EIO: nobody has the other end open any more; the exit code follows at once.
                if count < 0, errno == EIO { usleep(1000) }
                return
            }
            OnTerminal.write(chunk[..<count], to: 1)
        }
    }

    /// Whatever was typed; false when nothing will come.
    func type() -> Bool {
        var chunk = [UInt8](repeating: 0, count: 4096)
        let count = read(0, &chunk, chunk.count)
        if count > 0 { OnTerminal.write(chunk[..<count], to: master) }
        return count > 0 || (count < 0 && (errno == EINTR || errno == EAGAIN))
    }

    private static func write(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                // A command that does not read must not keep the terminal: what it has no room for is lost.
                if poll(&polled, 1, 1000) <= 0 { return }
            } else if errno != EINTR {
                return
            }
        }
    }
}
