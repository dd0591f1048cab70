import Glibc
import NetCore

/// A container's streams joined to this process's own: one thread, poll(2) over the connection, standard input and signals.
public struct AttachedStream {
    public enum End: Hashable, Sendable {
        /// The container's side closed.
        case ended
        /// The detach keys were typed.
        case detached
        /// A signal asked this process to end.
        case interrupted(Int32)
    }

    private let connection: Connection
    private let hasTerminal: Bool
    private let takesInput: Bool
    private var keys: DetachKeys
    private var frames = Frames()
    private var pending: [UInt8] = []
    private var inputIsOpen: Bool
    private var inputIsTold: Bool

    /// `hasTerminal`: the container has one, so the stream is not in frames. `takesInput`: standard input goes there.
    public init(_ connection: Connection, hasTerminal: Bool, takesInput: Bool, keys: DetachKeys) {
        self.connection = connection
        self.hasTerminal = hasTerminal
        self.takesInput = takesInput
        self.keys = keys
        inputIsOpen = takesInput
        inputIsTold = !takesInput
    }

    /// Passes everything on until one side is done. `resized` is called when the window has another size, `signalled` with each
    /// other signal; it answers whether that ends this process.
    public mutating func run(
        signals: borrowing SignalQueue, resized: () -> Void, signalled: (Int32) -> Bool
    ) throws(ClientError) -> End {
        while true {
            if connection.hasAhead {
                if try !passOutput() { return .ended }
                continue
            }
            var waits = [
                pollfd(fd: connection.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: -1, events: Int16(POLLIN), revents: 0),
            ]
            if !pending.isEmpty { waits[0].events |= Int16(POLLOUT) }
            if inputIsOpen && pending.count < 65536 { waits[2].fd = STDIN_FILENO }
            if poll(&waits, 3, -1) < 0 { continue }
            while let signal = signals.next() {
                if signal == SIGWINCH { resized() } else if signalled(signal) { return .interrupted(signal) }
            }
            if waits[2].revents != 0, try !takeInput() { return .detached }
            flush()
            if waits[0].revents & Int16(POLLIN | POLLHUP | POLLERR) != 0, try !passOutput() { return .ended }
        }
    }

    /// False: the stream ended.
    private mutating func passOutput() throws(ClientError) -> Bool {
        let bytes = try connection.read()
        if bytes.isEmpty { return false }
        if hasTerminal {
            try Output.write(bytes, to: STDOUT_FILENO)
        } else {
            for piece in try frames.feed(bytes) {
                try Output.write(piece.bytes, to: piece.stream >= 2 ? STDERR_FILENO : STDOUT_FILENO)
            }
        }
        return true
    }

    /// False: the detach keys were typed.
    private mutating func takeInput() throws(ClientError) -> Bool {
        var count = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: 32768) { room, filled in
            count = read(STDIN_FILENO, room.baseAddress, room.count)
            filled = max(count, 0)
        }
        if count < 0, errno == EINTR || errno == EAGAIN { return true }
        if count <= 0 {
            inputIsOpen = false
            return true
        }
        guard hasTerminal else {
            pending += bytes
            return true
        }
        let typed = keys.pass(bytes)
        pending += typed.bytes
        return !typed.isWhole
    }

    private mutating func flush() {
        if !pending.isEmpty {
            guard let count = connection.sendSome(pending[...]) else {
                // The container's input is closed; its output may still come.
                pending = []
                inputIsOpen = false
                inputIsTold = true
                return
            }
            pending.removeFirst(count)
        }
        if pending.isEmpty && !inputIsOpen && !inputIsTold {
            inputIsTold = true
            connection.closeWriting()
        }
    }
}
