import Glibc
import NetCore

/// The link `lo` of a container that no plugin brings up.
enum Loopback {
    /// `lo` of that namespace is up. The thread is where it was before.
    static func up(_ path: String) throws(KernelError) {
        try NetworkNamespace(open: path).inside { () throws(KernelError) in
            let number = try check("make a socket in \(path)") {
                Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            }
            let socket = OwnedDescriptor(taking: number)
            var request = ifreq()
            withUnsafeMutableBytes(of: &request.ifr_ifrn) { $0.copyBytes(from: Array("lo\0".utf8)) }
            try check("ask for lo in \(path)") { ioctl(socket.number, UInt(SIOCGIFFLAGS), &request) }
            request.ifr_ifru.ifru_flags |= Int16(IFF_UP)
            try check("bring up lo in \(path)") { ioctl(socket.number, UInt(SIOCSIFFLAGS), &request) }
        }
    }
}
