import CKernel
import Glibc
import NetCore

extension Look {
    /// What a node's request is answered with: the body, without the end of its line; nil when nothing came within 0.7 s. A real
    /// connection, as curl would make it: it tells whom the server sees, also where a packet's way is hard to tell.
    func ask(_ node: String, _ address: IPAddress, _ port: UInt16) throws(LabError) -> String? {
        if case .answer(let text) = try request(node, address, port, milliseconds: 700) { return text }
        return nil
    }

    /// A socket of the node's, which does not block.
    func open(_ node: String, _ family: AddressFamily, _ type: __socket_type) throws(LabError) -> Int32 {
        try inside(node, "open a socket in node \(node)") { () throws(KernelError) in
            try check("open a socket") {
                Glibc.socket(
                    Int32(family.constant),
                    Int32(type.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
            }
        }
    }

    /// The body runs in the node's network.
    func inside<Value>(_ node: String, _ task: String, _ body: () throws(KernelError) -> Value) throws(LabError)
        -> Value
    {
        let place = "/proc/\(try world.node(node).process.pid)/ns/net"
        return try during(task) { () throws(KernelError) in
            let home = try NetworkNamespace.current()
            let namespace = try NetworkNamespace(open: place)
            return try namespace.inside(home: home.number, body)
        }
    }

    static func wait(_ number: Int32, _ events: Int32, until end: Int) -> Bool {
        var polled = pollfd(fd: number, events: Int16(events), revents: 0)
        return poll(&polled, 1, Int32(max(0, end - milliseconds()))) > 0
    }

    static func milliseconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }

    /// A sockaddr_in or sockaddr_in6 (man 7 ip, ipv6).
    static func socketAddress(_ address: IPAddress, _ port: UInt16) -> [UInt8] {
        let family = UInt16(address.family.constant)
        var bytes = [UInt8(family & 0xff), UInt8(family >> 8), UInt8(port >> 8), UInt8(port & 0xff)]
        if address.family == .v6 { bytes += [0, 0, 0, 0] }
        bytes += address.bytes
        return bytes + [UInt8](repeating: 0, count: address.family == .v4 ? 8 : 4)
    }
}
