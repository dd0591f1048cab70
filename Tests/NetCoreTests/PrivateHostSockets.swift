import CKernel
import Glibc
import TestSupport

@testable import NetCore

enum PrivateHostSockets {
    /// A TCP socket of this process listens at 127.0.0.1:7777 in a host of its own; what the kernel tells of it.
    static func listen() throws -> ([ListeningSocket], String?) {
        try PrivateHost.run { _ in
            let socket = OwnedDescriptor(
                taking: try check("open a socket") { Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) })
            var place = sockaddr_in()
            place.sin_family = sa_family_t(AF_INET)
            place.sin_port = UInt16(7777).bigEndian
            place.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            try check("bind") {
                withUnsafePointer(to: place) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        bind(socket.number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                    }
                }
            }
            try check("listen") { Glibc.listen(socket.number, 1) }
            var diagnostics = try NetlinkSocket(NETLINK_SOCK_DIAG)
            let found = try diagnostics.listeningSockets(.tcp, .v4).filter { $0.port == 7777 }
            return (found, found.first?.process())
        }
    }
}
