import CKernel
import Glibc
import NetCore

/// The probe's own socket in the source namespace: the source port (or echo number) is known before the first packet.
struct ProbeSocket: ~Copyable {
    let probe: Probe
    private let socket: OwnedDescriptor
    /// The port, or the number of the echo.
    let number: UInt16
    /// TCP: the SYN's sequence number, when it could be chosen.
    let sequence: UInt32?
    /// Eight bytes that no other probe has: what UDP and ICMP carry first.
    let marker: [UInt8]
    static let markerLength = 8
    /// Written past the kernel's own protocols, where that was wished.
    private let raw: CraftedPacket?
    var descriptor: Int32 { socket.number }

    /// What became of the probe, as its program sees it.
    enum Answer: Hashable, Sendable {
        case nothing, answered
        case failed(Errno)
    }

    /// Bound to a free port; nothing is sent. The thread is inside the source namespace.
    init(_ probe: Probe) throws(KernelError) {
        self.probe = probe
        raw = nil
        marker = Array("berth".utf8) + (0..<3).map { _ in UInt8.random(in: 0x61...0x7a) }
        let family = Int32(probe.address.family.constant)
        let type: Int32
        let proto: Int32
        switch probe.kind {
        case .tcp: (type, proto) = (Int32(SOCK_STREAM.rawValue), 6)
        case .udp: (type, proto) = (Int32(SOCK_DGRAM.rawValue), 17)
        case .icmp: (type, proto) = (Int32(SOCK_RAW.rawValue), Int32(probe.protocolNumber))
        }
        let descriptor = try check("open a socket for the probe") {
            Glibc.socket(family, type | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), proto)
        }
        let socket = OwnedDescriptor(taking: descriptor)
        number = try ProbeSocket.bound(probe, descriptor)
        sequence = probe.kind == .tcp ? ProbeSocket.chosenSequence(descriptor) : nil
        self.socket = socket
    }

    /// The socket belongs to the source's namespace; `home` is the thread's own.
    init(in namespace: borrowing NetworkNamespace, home: Int32, _ probe: Probe, raw: RawPacket? = nil)
        throws(KernelError)
    {
        let made: (descriptor: Int32, number: UInt16, sequence: UInt32?, marker: [UInt8], raw: CraftedPacket?)
        made = try namespace.inside(home: home) { () throws(KernelError) in
            guard let raw else {
                let made = try ProbeSocket(probe)
                let (number, sequence, marker) = (made.number, made.sequence, made.marker)
                return (made.release(), number, sequence, marker, nil)
            }
            let number = UInt16.random(in: 0x8000...0xfffe)
            let sequence = probe.kind == .tcp ? UInt32.random(in: 1...UInt32.max) : nil
            let marker = Array("berth".utf8) + (0..<3).map { _ in UInt8.random(in: 0x61...0x7a) }
            let crafted = try CraftedPacket(raw, probe, number: number, sequence: sequence, marker: marker)
            return (try crafted.open().release(), number, sequence, marker, crafted)
        }
        self.probe = probe
        self.raw = made.raw
        number = made.number
        sequence = made.sequence
        marker = made.marker
        socket = OwnedDescriptor(taking: made.descriptor)
    }

    private consuming func release() -> Int32 { socket.release() }

    private static func bound(_ probe: Probe, _ descriptor: Int32) throws(KernelError) -> UInt16 {
        guard probe.kind != .icmp else { return UInt16.random(in: 0x4000...0xfffe) }
        let any = SocketAddress(IPAddress(family: probe.address.family, value: 0), 0)
        try check("bind the probe to a free port") { any.pass { bind(descriptor, $0, $1) } }
        if probe.kind == .udp {
            var on: Int32 = 1
            // The ICMP error is told as errno.
            setsockopt(
                descriptor, probe.address.family == .v4 ? Int32(IPPROTO_IP) : Int32(IPPROTO_IPV6),
                probe.address.family == .v4 ? 11 : 25, &on, 4)
        }
        return try SocketAddress.localPort(descriptor)
    }

    /// A socket in repair mode may be told its next sequence number (man 7 tcp does not know it; CRIU does so): then no NAT can
    /// hide the SYN. Nil where the kernel does not let this process; it goes on with a number of its own.
    private static func chosenSequence(_ descriptor: Int32) -> UInt32? {
        // TCP_REPAIR 19, TCP_REPAIR_QUEUE 20, TCP_QUEUE_SEQ 21, TCP_SEND_QUEUE 2, TCP_REPAIR_OFF_NO_WP -1 (linux/tcp.h).
        var (on, queue, off): (Int32, Int32, Int32) = (1, 2, -1)
        var sequence = UInt32.random(in: 1...UInt32.max)
        guard setsockopt(descriptor, 6, 19, &on, 4) == 0 else { return nil }
        let isSet = setsockopt(descriptor, 6, 20, &queue, 4) == 0 && setsockopt(descriptor, 6, 21, &sequence, 4) == 0
        return setsockopt(descriptor, 6, 19, &off, 4) == 0 && isSet ? sequence : nil
    }

    /// What the tracer's tables look for.
    var matches: [TraceTable.Match] {
        let proto = probe.protocolNumber
        switch probe.kind {
        case .icmp: return [.echo(number, protocolNumber: proto), .marker(marker, protocolNumber: proto)]
        case .udp: return [.port(number, protocolNumber: proto), .marker(marker, protocolNumber: proto)]
        case .tcp: return [.port(number, protocolNumber: proto)] + (sequence.map { [.sequence($0)] } ?? [])
        }
    }

    /// The first packet is on its way, or the kernel said at once why not.
    func send() -> Answer {
        if let raw { return raw.send(descriptor) }
        let target = SocketAddress(probe.address, probe.kind == .icmp ? 0 : probe.port)
        if target.pass({ connect(descriptor, $0, $1) }) != 0, errno != EINPROGRESS { return .failed(Errno.current) }
        guard probe.kind != .tcp else { return .nothing }
        let bytes = probe.kind == .icmp ? echo() : marker + Array(probe.payload.utf8)
        return Glibc.send(descriptor, bytes, bytes.count, 0) < 0 ? .failed(Errno.current) : .nothing
    }

    private func echo() -> [UInt8] {
        let type: UInt8 = probe.address.family == .v4 ? 8 : 128
        // A sequence of its own, too: NAT may change the number, and then this tells an answer from that of another probe.
        var bytes: [UInt8] = [type, 0, 0, 0, UInt8(number >> 8), UInt8(number & 0xff)] + marker.suffix(2)
        bytes += marker + Array(probe.payload.utf8)
        // RFC 1071; the kernel itself writes that of ICMPv6.
        var sum: UInt32 = 0
        for place in stride(from: 0, to: bytes.count, by: 2) {
            sum += UInt32(bytes[place]) << 8 | (place + 1 < bytes.count ? UInt32(bytes[place + 1]) : 0)
        }
        while sum > 0xffff { sum = (sum >> 16) + (sum & 0xffff) }
        let check = ~UInt16(sum)
        bytes[2] = UInt8(check >> 8)
        bytes[3] = UInt8(check & 0xff)
        return bytes
    }

    /// What has come meanwhile; never waits.
    func answer() -> Answer {
        if let raw { return raw.answer(descriptor, number: number, sequence: sequence) }
        if probe.kind == .tcp {
            var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            guard poll(&state, 1, 0) > 0 else { return .nothing }
            var code: Int32 = 0
            var size = socklen_t(4)
            getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
            return code == 0 ? .answered : .failed(Errno(code))
        }
        var bytes = [UInt8](repeating: 0, count: 2048)
        for _ in 0..<100 {
            let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            guard count >= 0 else {
                let code = Errno.current
                return code == .tryAgain || code == .wouldBlock ? .nothing : .failed(code)
            }
            guard probe.kind == .icmp else { return .answered }
            // A raw socket sees everybody's ICMP, for IPv4 with its header.
            let start = probe.address.family == .v4 ? Int(bytes[0] & 15) * 4 : 0
            guard count >= start + 8 else { continue }
            let isReply = bytes[start] == (probe.address.family == .v4 ? 0 : 129)
            if isReply, UInt16(bytes[start + 4]) << 8 | UInt16(bytes[start + 5]) == number { return .answered }
        }
        return .nothing
    }

    /// The connection ends with a reset, not with a conversation of its own.
    func abort() {
        guard raw == nil else { return }
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }
}

/// A sockaddr_in or sockaddr_in6 (man 7 ip, ipv6).
struct SocketAddress {
    private let bytes: [UInt8]

    init(_ address: IPAddress, _ port: UInt16) {
        let family = UInt16(address.family.constant)
        var bytes = [UInt8(family & 0xff), UInt8(family >> 8), UInt8(port >> 8), UInt8(port & 0xff)]
        if address.family == .v6 { bytes += [0, 0, 0, 0] }
        bytes += address.bytes
        while bytes.count < (address.family == .v4 ? 16 : 28) { bytes.append(0) }
        self.bytes = bytes
    }

    func pass<Value>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Value) -> Value {
        var storage = sockaddr_storage()
        return withUnsafeMutableBytes(of: &storage) { raw in
            raw.copyBytes(from: bytes)
            return body(raw.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
    }

    static func localPort(_ descriptor: Int32) throws(KernelError) -> UInt16 {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let code = withUnsafeMutableBytes(of: &storage) {
            getsockname(descriptor, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), &size)
        }
        guard code == 0 else { throw KernelError("read the probe's port", Errno.current) }
        return withUnsafeBytes(of: storage) { UInt16($0[2]) << 8 | UInt16($0[3]) }
    }
}
