import Glibc
import NetCore

/// An address and a port as the socket calls take them (man 7 ip, man 7 ipv6).
struct SocketAddress {
    private var storage = sockaddr_storage()
    private var length: socklen_t

    init(_ address: IPAddress, _ port: UInt16) {
        switch address.family {
        case .v4:
            length = socklen_t(MemoryLayout<sockaddr_in>.size)
            withUnsafeMutableBytes(of: &storage) { bytes in
                bytes.storeBytes(of: sa_family_t(AF_INET), as: sa_family_t.self)
                bytes.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
                bytes[4..<8].copyBytes(from: address.bytes)
            }
        case .v6:
            length = socklen_t(MemoryLayout<sockaddr_in6>.size)
            withUnsafeMutableBytes(of: &storage) { bytes in
                bytes.storeBytes(of: sa_family_t(AF_INET6), as: sa_family_t.self)
                bytes.storeBytes(of: port.bigEndian, toByteOffset: 2, as: UInt16.self)
                bytes[8..<24].copyBytes(from: address.bytes)
            }
        }
    }

    private init() { length = socklen_t(MemoryLayout<sockaddr_storage>.size) }

    /// Nil for a family that is neither of the two.
    var address: IPAddress? {
        withUnsafeBytes(of: storage) { bytes in
            switch Int32(storage.ss_family) {
            case AF_INET: IPAddress(bytes: Array(bytes[4..<8]))
            case AF_INET6: IPAddress(bytes: Array(bytes[8..<24]))
            default: nil
            }
        }
    }

    /// Calls `body` with the address as C takes it.
    func use<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
        withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    /// One datagram and who sent it; nil when none waits.
    static func receive(_ socket: Int32, _ room: inout [UInt8]) -> (bytes: [UInt8], from: SocketAddress)? {
        var from = SocketAddress()
        var length = from.length
        let count = withUnsafeMutablePointer(to: &from.storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                recvfrom(socket, &room, room.count, Int32(MSG_DONTWAIT), $0, &length)
            }
        }
        guard count >= 0 else { return nil }
        from.length = length
        return (Array(room[..<count]), from)
    }

    /// A new connection, the caller's to close, and who is at its other end; nil when none waits.
    static func accept(_ listener: Int32) -> (socket: Int32, from: SocketAddress)? {
        var from = SocketAddress()
        var length = from.length
        let number = withUnsafeMutablePointer(to: &from.storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.accept(listener, $0, &length) }
        }
        guard number >= 0 else { return nil }
        _ = fcntl(number, F_SETFD, FD_CLOEXEC)
        _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) | O_NONBLOCK)
        from.length = length
        return (number, from)
    }

    /// A new socket, close-on-exec and not blocking.
    static func socket(_ family: AddressFamily, _ type: __socket_type, _ proto: Int32 = 0) throws(KernelError)
        -> OwnedDescriptor
    {
        let flags = Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let number = try check("open a socket") {
            Glibc.socket(Int32(family.constant), Int32(type.rawValue) | flags, proto)
        }
        return OwnedDescriptor(taking: number)
    }
}
