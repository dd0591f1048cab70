import CContainer
import Glibc
import NetCore

/// What a container's init and the process that made it say to each other: one message a packet.
enum InitMessage: UInt8 {
    /// To init: go on.
    case proceed = 0x67
    /// From init: the mounts stand, the hooks may run.
    case mounted = 0x6d
    /// From init: everything is ready for the user's program.
    case ready = 0x72
    /// From init: it failed; a byte of code and the sentence follow.
    case failed = 0x65
}

/// One end of that talk.
struct InitChannel: ~Copyable {
    let socket: OwnedDescriptor

    init(taking number: Int32) { socket = OwnedDescriptor(taking: number) }

    func say(_ message: InitMessage, _ rest: [UInt8] = []) {
        let bytes = [message.rawValue] + rest
        _ = send(socket.number, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }

    func say(_ error: OCIError) {
        say(.failed, [UInt8(truncatingIfNeeded: error.code)] + error.message.utf8.prefix(60_000))
    }

    /// The other side's next message; nil when it has gone, and an error that it told.
    func hear() throws(OCIError) -> InitMessage? {
        var bytes = [UInt8](repeating: 0, count: 65536)
        var count = 0
        repeat { count = recv(socket.number, &bytes, bytes.count, 0) } while count < 0 && errno == EINTR
        guard count > 0, let message = InitMessage(rawValue: bytes[0]) else { return nil }
        if message == .failed {
            throw OCIError(
                String(decoding: bytes[..<count].dropFirst(2), as: UTF8.self), code: count > 1 ? Int32(bytes[1]) : 1)
        }
        return message
    }
}
