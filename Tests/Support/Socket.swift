import CKernel
import Glibc
import NetCore

/// A non-blocking socket of a test, closed with its owner. Raw for SCTP.
final class Socket {
    let number: Int32
    let family: AddressFamily

    init(_ transport: Transport, _ family: AddressFamily) throws(KernelError) {
        let kind = transport == .tcp ? SOCK_STREAM : transport == .udp ? SOCK_DGRAM : SOCK_RAW
        let flags = SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue
        number = try check("open a \(transport.rawValue) socket") {
            socket(Int32(family.constant), Int32(kind.rawValue | flags), transport.number)
        }
        self.family = family
        var on: Int32 = 1
        setsockopt(number, SOL_SOCKET, SO_REUSEADDR, &on, 4)
        if family == .v6 { setsockopt(number, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &on, 4) }
    }

    private init(taking number: Int32, _ family: AddressFamily) {
        self.number = number
        self.family = family
    }

    deinit { close(number) }

    func bind(_ endpoint: Endpoint) throws(KernelError) {
        // A child that another test is just starting holds copies of this process's descriptors until its exec, a
        // listener closed a moment ago among them.
        for _ in 0..<500 {
            if Socket.with(endpoint, { Glibc.bind(number, $0, $1) }) == 0 { return }
            guard errno == EADDRINUSE else { break }
            usleep(10_000)
        }
        throw KernelError("bind to \(endpoint)", .current)
    }

    /// False when the kernel refuses at once.
    func connect(_ endpoint: Endpoint) -> Bool {
        Socket.with(endpoint) { Glibc.connect(number, $0, $1) } == 0 || errno == EINPROGRESS
    }

    func accept() -> (Socket, Endpoint)? {
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let taken = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.accept(number, $0, &size) }
        }
        return taken < 0 ? nil : (Socket(taking: taken, family), Socket.endpoint(storage))
    }

    func wait(_ events: Int32, _ milliseconds: Int32) -> Bool {
        var polled = pollfd(fd: number, events: Int16(events), revents: 0)
        return poll(&polled, 1, milliseconds) > 0 && polled.revents & Int16(events) != 0
    }

    func send(_ text: String) -> Bool {
        Glibc.send(number, text, text.utf8.count, Int32(MSG_NOSIGNAL)) == text.utf8.count
    }

    func send(_ text: String, to endpoint: Endpoint) -> Bool { send(Array(text.utf8), to: endpoint) }

    func send(_ bytes: [UInt8], to endpoint: Endpoint) -> Bool {
        Socket.with(endpoint) { sendto(number, bytes, bytes.count, Int32(MSG_NOSIGNAL), $0, $1) } == bytes.count
    }

    func receive() -> ([UInt8], Endpoint)? {
        var bytes = [UInt8](repeating: 0, count: 65536)
        var storage = sockaddr_storage()
        var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let count = withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { recvfrom(number, &bytes, bytes.count, 0, $0, &size) }
        }
        return count < 0 ? nil : (Array(bytes[..<count]), Socket.endpoint(storage))
    }

    /// One ICMPv6 message to ff02::1 over `link` with hop limit 255; the kernel fills in the checksum (RFC 3542).
    /// False while the link has no address that could be the source yet, or no route: the kernel gives ff00::/8 to a link
    /// once it has told itself of the carrier, which on a busy machine takes a second.
    static func sendToAllNodes(_ message: [UInt8], link: String) throws(KernelError) -> Bool {
        let number = try check("open an ICMPv6 socket") {
            socket(AF_INET6, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), Int32(IPPROTO_ICMPV6))
        }
        defer { close(number) }
        var hops: Int32 = 255
        try check("set the hop limit") {
            setsockopt(number, Int32(IPPROTO_IPV6), IPV6_MULTICAST_HOPS, &hops, 4)
        }
        var index = Int32(if_nametoindex(link))
        try check("choose link \(link)") { setsockopt(number, Int32(IPPROTO_IPV6), IPV6_MULTICAST_IF, &index, 4) }
        let target = Endpoint("ff02::1", 0)
        return try ignoring(.noSuchAddress, Errno(ENETUNREACH)) { () throws(KernelError) in
            try check("send to all nodes on \(link)") {
                with(target) { sendto(number, message, message.count, 0, $0, $1) }
            }
        } != nil
    }

    private static func with<Value>(_ endpoint: Endpoint, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Value)
        -> Value
    {
        var storage = sockaddr_storage()
        let bytes = endpoint.address.bytes
        let size: Int
        if endpoint.address.family == .v4 {
            size = MemoryLayout<sockaddr_in>.size
            withUnsafeMutableBytes(of: &storage) {
                $0.storeBytes(of: UInt16(AF_INET), as: UInt16.self)
                $0.storeBytes(of: endpoint.port.bigEndian, toByteOffset: 2, as: UInt16.self)
                UnsafeMutableRawBufferPointer(rebasing: $0[4..<8]).copyBytes(from: bytes)
            }
        } else {
            size = MemoryLayout<sockaddr_in6>.size
            withUnsafeMutableBytes(of: &storage) {
                $0.storeBytes(of: UInt16(AF_INET6), as: UInt16.self)
                $0.storeBytes(of: endpoint.port.bigEndian, toByteOffset: 2, as: UInt16.self)
                UnsafeMutableRawBufferPointer(rebasing: $0[8..<24]).copyBytes(from: bytes)
            }
        }
        return withUnsafePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(size)) }
        }
    }

    private static func endpoint(_ storage: sockaddr_storage) -> Endpoint {
        withUnsafeBytes(of: storage) {
            let port = UInt16(bigEndian: $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
            let range = Int32(storage.ss_family) == AF_INET ? 4..<8 : 8..<24
            return Endpoint(IPAddress(bytes: Array($0[range]))!, port)
        }
    }
}

/// SCTP packets by hand (RFC 9260 sections 3.1 and 3.3.2), just enough to see a port being translated.
enum SCTP {
    /// A common header with one INIT (1) or INIT ACK (2) chunk.
    static func initiation(
        _ type: UInt8, from source: UInt16, to destination: UInt16, verification: UInt32, tag: UInt32
    ) -> [UInt8] {
        func big<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
            withUnsafeBytes(of: number.bigEndian, Array.init)
        }
        var chunk: [UInt8] = [type, 0]
        let parameters: [UInt8] = type == 2 ? [0, 7, 0, 8, 1, 2, 3, 4] : []
        chunk +=
            big(UInt16(20 + parameters.count)) + big(tag) + big(UInt32(65536)) + big(UInt16(1)) + big(UInt16(1))
            + big(UInt32(7))
        chunk += parameters
        var packet = big(source) + big(destination) + big(verification) + [0, 0, 0, 0] + chunk
        packet.replaceSubrange(8..<12, with: withUnsafeBytes(of: checksum(packet).littleEndian, Array.init))
        return packet
    }

    /// A raw IPv4 socket shows the IP header, a raw IPv6 socket does not (man 7 raw, RFC 3542).
    static func payload(_ bytes: [UInt8], _ family: AddressFamily) -> ArraySlice<UInt8> {
        guard family == .v4, let first = bytes.first else { return bytes[...] }
        return bytes.dropFirst(Int(first & 15) * 4)
    }

    static func ports(_ packet: ArraySlice<UInt8>) -> (source: UInt16, destination: UInt16)? {
        guard packet.count >= 12 else { return nil }
        let bytes = Array(packet.prefix(4))
        return (UInt16(bytes[0]) << 8 | UInt16(bytes[1]), UInt16(bytes[2]) << 8 | UInt16(bytes[3]))
    }

    /// The first chunk's initiate tag.
    static func tag(_ packet: ArraySlice<UInt8>) -> UInt32? {
        guard packet.count >= 20 else { return nil }
        return packet.dropFirst(16).prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// CRC32c (RFC 9260 appendix A).
    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(UInt32.max) { crc, byte in
            (0..<8).reduce(crc ^ UInt32(byte)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0x82f6_3b78 : value >> 1 }
        }
    }
}
