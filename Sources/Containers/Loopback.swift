import Glibc
import NetCore

/// The link `lo` of a container that no plugin brings up.
enum Loopback {
    /// `lo` of that namespace is up. The thread is where it was before.
    static func up(_ path: String) throws(KernelError) {
        let home = try NetworkNamespace.current()
        let target = try NetworkNamespace(open: path)
        try target.enter()
        let socket = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var request = ifreq()
        withUnsafeMutableBytes(of: &request.ifr_ifrn) { $0.copyBytes(from: Array("lo\0".utf8)) }
        var code: Int32 = -1
        if socket >= 0 {
            code = ioctl(socket, UInt(SIOCGIFFLAGS), &request)
            request.ifr_ifru.ifru_flags |= Int16(IFF_UP)
            if code == 0 { code = ioctl(socket, UInt(SIOCSIFFLAGS), &request) }
        }
        let errno = Errno.current
        if socket >= 0 { close(socket) }
        do throws(KernelError) { try home.enter() } catch {
            fatalError("\(error): going on in a stranger's namespace would be worse")
        }
        guard code == 0 else { throw KernelError("bring up lo in \(path)", errno) }
    }
}
