import CKernel
import Glibc
import NetCore

/// A packet that a device of the namespace received or sent.
public struct CapturedPacket: Hashable, Sendable {
    /// PACKET_HOST … PACKET_OUTGOING (man 7 packet).
    public var kind: UInt8
    public var device: Int32
    /// Nanoseconds since 1970, by the kernel.
    public var time: Int64
    public var headers: PacketHeaders

    public var isOutgoing: Bool { kind == 4 }
}

/// Every IP packet on every device of one namespace: before netfilter on its way in, after it on its way out.
struct PacketCapture: ~Copyable {
    private let socket: OwnedDescriptor
    var descriptor: Int32 { socket.number }

    /// Captures from now on. The caller's thread is inside the namespace.
    init() throws(KernelError) {
        // ETH_P_ALL, from the network header on.
        let number = try check("open a packet capture socket") {
            Glibc.socket(17, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), Int32(UInt16(3).bigEndian))
        }
        let socket = OwnedDescriptor(taking: number)
        var on: Int32 = 1
        // SO_TIMESTAMPNS.
        try check("ask for the packets' times") { setsockopt(number, SOL_SOCKET, 35, &on, 4) }
        var room: Int32 = 4 << 20
        if setsockopt(number, SOL_SOCKET, SO_RCVBUFFORCE, &room, 4) != 0 {
            setsockopt(number, SOL_SOCKET, SO_RCVBUF, &room, 4)
        }
        self.socket = socket
    }

    /// Takes over an open capture socket.
    init(taking number: Int32) { socket = OwnedDescriptor(taking: number) }

    /// Gives the socket away without closing it.
    consuming func release() -> Int32 { socket.release() }

    /// Whatever waits, at most 10,000 packets.
    func packets() throws(KernelError) -> [CapturedPacket] {
        var found: [CapturedPacket] = []
        var data = [UInt8](repeating: 0, count: 256)
        for _ in 0..<10_000 {
            var address = [UInt8](repeating: 0, count: 20)
            var control = [UInt8](repeating: 0, count: 256)
            var controlLength = 0
            let count = data.withUnsafeMutableBytes { data in
                address.withUnsafeMutableBytes { address in
                    control.withUnsafeMutableBytes { control in
                        var part = iovec(iov_base: data.baseAddress, iov_len: data.count)
                        return withUnsafeMutablePointer(to: &part) { part in
                            var message = msghdr()
                            message.msg_name = address.baseAddress
                            message.msg_namelen = 20
                            message.msg_iov = part
                            message.msg_iovlen = 1
                            message.msg_control = control.baseAddress
                            message.msg_controllen = control.count
                            let count = recvmsg(descriptor, &message, Int32(MSG_DONTWAIT))
                            controlLength = Int(message.msg_controllen)
                            return count
                        }
                    }
                }
            }
            guard count >= 0 else {
                let code = Errno.current
                if code == .tryAgain || code == .wouldBlock { return found }
                // A device that goes down says so once; the socket goes on.
                if code == Errno(ENETDOWN) || code == .interrupted { continue }
                throw KernelError("read captured packets", code)
            }
            let packet = PacketCapture.packet(
                data[..<count], address: address, control: control[..<controlLength])
            if let packet { found.append(packet) }
        }
        return found
    }

    /// Nil when it is no IP packet. `address` is a sockaddr_ll, `control` the message's ancillary data.
    static func packet(_ data: ArraySlice<UInt8>, address: [UInt8], control: ArraySlice<UInt8>) -> CapturedPacket? {
        guard address.count >= 12, let headers = PacketHeaders(packet: data) else { return nil }
        let number = { (bytes: ArraySlice<UInt8>) in bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }
        var time: Int64 = 0
        var rest = control
        // cmsghdr: length (8), level (4), type (4); the data follows.
        while rest.count >= 16 {
            let length = number(rest.prefix(8))
            guard length >= 16, length <= UInt64(rest.count) else { break }
            let body = rest.dropFirst(16).prefix(Int(length) - 16)
            if number(rest.dropFirst(8).prefix(4)) == UInt64(SOL_SOCKET), number(rest.dropFirst(12).prefix(4)) == 35,
                body.count >= 16
            {
                time =
                    Int64(truncatingIfNeeded: number(body.prefix(8))) &* 1_000_000_000
                    &+ Int64(truncatingIfNeeded: number(body.dropFirst(8).prefix(8)))
            }
            rest = rest.dropFirst((Int(length) + 7) & ~7)
        }
        return CapturedPacket(
            kind: address[10], device: Int32(truncatingIfNeeded: number(address[4..<8])), time: time, headers: headers)
    }
}
