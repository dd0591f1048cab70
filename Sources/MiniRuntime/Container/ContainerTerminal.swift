import CContainer
import Glibc
import NetCore

/// A pseudoterminal of the container's own devpts, in a child that is about to become a program.
struct ContainerTerminal {
    let main: Int32
    let peer: Int32

    init(in root: borrowing RootDirectory, _ process: ProcessSpec) throws(KernelError) {
        guard let main = try root.find("/dev/pts/ptmx", O_RDWR | O_NOCTTY) else {
            throw KernelError(
                "open a terminal", .noSuchFile, "a process with a terminal needs devpts mounted on /dev/pts")
        }
        let number = main.release()
        let peer = try check("open the other end of a terminal") { berth_terminal_peer(number) }
        self.peer = peer
        self.main = number
        try check("give the terminal to user \(process.user)") { fchown(peer, process.user, .max) }
        if process.rows > 0 || process.columns > 0 {
            try check("set the terminal's size") { berth_terminal_size(number, process.rows, process.columns) }
        }
    }

    /// It is also /dev/console.
    func becomeConsole(in root: borrowing RootDirectory) throws(KernelError) {
        let place = try root.makeFile("/dev/console")
        let tree = try Mounting.clone(peer, "the terminal")
        try Mounting.attach(tree.number, place.number, "/dev/console")
    }

    /// The process's three streams and its controlling terminal are this one; the other side goes over the socket.
    func take(_ socket: Int32) throws(KernelError) {
        try check("send the terminal") { berth_send_descriptor(socket, main, "/dev/ptmx") }
        for stream in Int32(0)...2 { try check("use the terminal as stream \(stream)") { dup2(peer, stream) } }
        try check("make the terminal the controlling one") { berth_controlling_terminal(0) }
    }
}
