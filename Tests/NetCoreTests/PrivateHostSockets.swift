import CKernel
import Glibc
import TestSupport

@testable import NetCore

enum PrivateHostSockets {
    /// A socket bound to a port of 127.0.0.1 or of "::".
    private static func bound(_ family: Int32, _ type: __socket_type, _ port: UInt16) throws -> OwnedDescriptor {
        let socket = OwnedDescriptor(
            taking: try check("open a socket") { Glibc.socket(family, Int32(type.rawValue), 0) })
        let number = socket.number
        func put(_ place: UnsafePointer<some Any>, _ size: Int) throws(KernelError) {
            try check("bind") {
                place.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(number, $0, socklen_t(size)) }
            }
        }
        if family == AF_INET {
            var place = sockaddr_in()
            place.sin_family = sa_family_t(AF_INET)
            place.sin_port = port.bigEndian
            place.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            try put(&place, MemoryLayout<sockaddr_in>.size)
        } else {
            var place = sockaddr_in6()
            place.sin6_family = sa_family_t(AF_INET6)
            place.sin6_port = port.bigEndian
            try put(&place, MemoryLayout<sockaddr_in6>.size)
        }
        return socket
    }

    /// Sockets of both families listen at TCP 7778 and 7779, are bound to UDP 7780 and 7781, and one is bound to TCP 7782 and
    /// does not listen; what the kernel tells of TCP and of UDP, as "address port" in order.
    static func ofBothFamilies() throws -> (tcp: [String], udp: [String]) {
        try PrivateHost.run { _ in
            let listening = try bound(AF_INET, SOCK_STREAM, 7778)
            let listening6 = try bound(AF_INET6, SOCK_STREAM, 7779)
            let udp = try bound(AF_INET, SOCK_DGRAM, 7780)
            let udp6 = try bound(AF_INET6, SOCK_DGRAM, 7781)
            let silent = try bound(AF_INET, SOCK_STREAM, 7782)
            for socket in [listening.number, listening6.number] { try check("listen") { Glibc.listen(socket, 1) } }
            var diagnostics = try NetlinkSocket(NETLINK_SOCK_DIAG)
            let words = try [TransportProtocol.tcp, .udp].map { (proto) throws(KernelError) in
                try diagnostics.listeningSockets(proto).map { "\($0.address) \($0.port)" }.sorted()
            }
            withExtendedLifetime((udp.number, udp6.number, silent.number)) {}
            return (words[0], words[1])
        }
    }

    /// A TCP socket of this process listens at 127.0.0.1:7777 in a host of its own; what the kernel tells of it.
    static func listen() throws -> ([ListeningSocket], String?) {
        try PrivateHost.run { _ in
            let socket = try bound(AF_INET, SOCK_STREAM, 7777)
            try check("listen") { Glibc.listen(socket.number, 1) }
            var diagnostics = try NetlinkSocket(NETLINK_SOCK_DIAG)
            let found = try diagnostics.listeningSockets(.tcp, .v4).filter { $0.port == 7777 }
            return (found, found.first?.process())
        }
    }
}
