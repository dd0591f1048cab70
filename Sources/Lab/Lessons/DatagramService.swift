import CContainer
import CKernel
import Glibc
import NetCore

/// A lesson's server for UDP, and its client that speaks once a second. Hidden words of `berth`, as `Service`'s.
enum DatagramService {
    /// `NODE PORT udp`: answers each datagram with the node's name and whom it sees.
    static func answer(_ node: String, _ port: UInt16) -> Int32 {
        guard let socket = bound(port, both: true) else { return failed("serve UDP port \(port)", node) }
        guard Service.leave(socket, "berth-serve \(node) \(port)/udp") else { return 0 }
        var bytes = [UInt8](repeating: 0, count: 2048)
        while true {
            var peer = sockaddr_storage()
            var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let count = withUnsafeMutableBytes(of: &peer) {
                recvfrom(3, &bytes, bytes.count, 0, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), &size)
            }
            guard count >= 0 else {
                usleep(10_000)
                continue
            }
            withUnsafeMutableBytes(of: &peer) {
                let address = $0.baseAddress!.assumingMemoryBound(to: sockaddr.self)
                guard let name = Service.name(address, size) else { return }
                let text = "\(node) sees \(name)\n"
                _ = sendto(3, text, text.utf8.count, Int32(MSG_DONTWAIT), address, size)
            }
        }
    }

    /// `NODE PORT says ADDRESS PORT`: from one socket, hence one flow, a datagram a second. Answers are thrown away.
    static func say(_ node: String, _ port: UInt16, _ target: IPAddress, _ targetPort: UInt16) -> Int32 {
        guard let socket = bound(port, both: false) else { return failed("speak from UDP port \(port)", node) }
        guard Service.leave(socket, "berth-say \(node) \(target):\(targetPort)") else { return 0 }
        let address = Look.socketAddress(target, targetPort)
        var count = 0
        var bytes = [UInt8](repeating: 0, count: 2048)
        while true {
            count += 1
            let text = "\(node) says \(count)\n"
            _ = address.withUnsafeBytes {
                sendto(
                    3, text, text.utf8.count, Int32(MSG_DONTWAIT),
                    $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
            }
            for _ in 0..<64 where recv(3, &bytes, bytes.count, Int32(MSG_DONTWAIT)) < 0 { break }
            sleep(1)
        }
    }

    private static func bound(_ port: UInt16, both: Bool) -> Int32? {
        var (family, off) = (both ? AF_INET6 : AF_INET, Int32(0))
        var number = socket(family, Int32(SOCK_DGRAM.rawValue), 0)
        if number < 0, both {
            family = AF_INET
            number = socket(family, Int32(SOCK_DGRAM.rawValue), 0)
        }
        if family == AF_INET6 { setsockopt(number, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &off, 4) }
        let own = Look.socketAddress(IPAddress(family: family == AF_INET6 ? .v6 : .v4, value: 0), port)
        let code = own.withUnsafeBytes {
            bind(number, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        return code == 0 ? number : nil
    }

    private static func failed(_ task: String, _ node: String) -> Int32 {
        let line = "berth: cannot \(task) in node \(node): \(Errno.current)\n"
        _ = write(STDERR_FILENO, line, line.utf8.count)
        return 1
    }
}
