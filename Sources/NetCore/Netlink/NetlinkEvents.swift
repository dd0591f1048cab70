import CKernel
import Glibc

extension NetlinkSocket {
    /// Makes room for events that come faster than they are read (as much as this process may have), and lets the
    /// socket be read without waiting.
    public func makeRoom(bytes: Int32) {
        var room = bytes
        // Only a process that is privileged in the first user namespace may go past net.core.rmem_max.
        if setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &room, 4) != 0 {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &room, 4)
        }
    }

    /// Whatever waits at a socket that joined groups, at most `limit` datagrams; never waits itself. An overrun takes
    /// nothing of what waits: `SocketLosses` counts what was lost.
    public func events(_ operation: String, limit: Int = 10_000) throws(KernelError) -> [NetlinkReply] {
        var found: [NetlinkReply] = []
        for _ in 0..<limit {
            do throws(KernelError) {
                found += try receive(operation, flags: Int32(MSG_DONTWAIT))
            } catch  where error.errno == .timedOut {
                return found
            } catch  where error.errno == Errno(ENOBUFS) {
                continue
            }
        }
        return found
    }
}

/// How many messages the kernel had no room for at a socket, of any family (man 7 socket, SO_MEMINFO).
public enum SocketLosses {
    public static func count(_ descriptor: Int32) -> Int {
        var values = [UInt32](repeating: 0, count: 16)
        var size = socklen_t(values.count * 4)
        // SO_MEMINFO; the ninth word is SK_MEMINFO_DROPS (linux/sock_diag.h).
        guard getsockopt(descriptor, SOL_SOCKET, 55, &values, &size) == 0, size >= 36 else { return 0 }
        return Int(values[8])
    }
}
