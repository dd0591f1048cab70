import Glibc
import NetCore

/// A client's connection (RFC 7766): queries with their length before them, one answered after the other.
final class NameConnection {
    static let patience: UInt64 = 10_000_000_000

    let serial: UInt64
    private let socket: OwnedDescriptor
    private var received: [UInt8] = []
    private var unsent: ArraySlice<UInt8> = []
    /// A query of it is with the host's resolvers.
    var isWaiting = false
    private(set) var deadline: UInt64

    init(_ socket: consuming OwnedDescriptor, serial: UInt64, now: UInt64) {
        self.socket = socket
        self.serial = serial
        deadline = now + NameConnection.patience
    }

    /// While an answer is awaited nothing more is read: who asks on and on waits in the kernel.
    var polled: pollfd {
        pollfd(fd: socket.number, events: Int16(unsent.isEmpty ? isWaiting ? 0 : POLLIN : POLLOUT), revents: 0)
    }

    /// Reads and writes what there is; false when the connection is over.
    func go(on events: Int16, now: UInt64, _ room: inout [UInt8]) -> Bool {
        if events == 0 { return isWaiting || now < deadline }
        if events & Int16(POLLERR | POLLNVAL) != 0 { return false }
        if events & Int16(POLLOUT) != 0 {
            let count = unsent.withUnsafeBytes {
                send(socket.number, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count < 0 { return errno == EAGAIN || errno == EINTR }
            unsent = unsent.dropFirst(count)
            deadline = now + NameConnection.patience
            return true
        }
        if events & Int16(POLLIN) == 0 { return events & Int16(POLLHUP) == 0 }
        let count = recv(socket.number, &room, room.count, Int32(MSG_DONTWAIT))
        if count < 0 { return errno == EAGAIN || errno == EINTR }
        guard count > 0 else { return false }
        received += room[..<count]
        deadline = now + NameConnection.patience
        return received.count <= 2 * 65537
    }

    /// The next whole query, unless an answer is still on its way.
    func next() -> [UInt8]? {
        guard unsent.isEmpty, !isWaiting, let length = DNSWire.word(received, 0), received.count >= 2 + Int(length)
        else { return nil }
        let message = Array(received[2..<2 + Int(length)])
        received.removeFirst(2 + Int(length))
        return message
    }

    func answer(_ message: [UInt8]) {
        isWaiting = false
        unsent = ([UInt8(message.count >> 8), UInt8(message.count & 0xff)] + message)[...]
    }
}
