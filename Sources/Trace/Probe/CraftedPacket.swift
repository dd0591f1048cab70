import CKernel
import Glibc
import NetCore

/// A probe as bytes from its IP header on, with the device and the neighbour that it is for.
struct CraftedPacket: Sendable {
    private let probe: Probe
    private let device: Int32
    private let neighbour: [UInt8]
    let bytes: [UInt8]

    /// The thread is inside the source's namespace. Throws when there is no way to the address.
    init(_ wish: RawPacket, _ probe: Probe, number: UInt16, sequence: UInt32?, marker: [UInt8]) throws(KernelError) {
        self.probe = probe
        let operation = "write a packet to \(probe.address) by hand"
        guard wish.source.map({ $0.family == probe.address.family }) ?? true else {
            throw KernelError(operation, .invalidArgument, "its source is of the other family")
        }
        var routes = try NetlinkSocket(NETLINK_ROUTE)
        let route = try routes.routeAnswer(to: probe.address)
        let links = try routes.links()
        var index = route.device
        if let name = wish.device {
            guard let link = links.first(where: { $0.name == name }) else {
                throw KernelError(
                    operation, .noSuchDevice, "there is no \(name): \(links.map(\.name).joined(by: ", "))")
            }
            index = link.index
        }
        guard let index, let link = links.first(where: { $0.index == index }) else {
            throw KernelError(operation, Errno(ENETUNREACH), "no route leads there: name a device")
        }
        device = index
        // Where the route is another device's, the router that this one leads to.
        let isRouted = route.kind == .unicast && route.device == index
        let gateway = isRouted ? route.gateway : try routes.gateways(of: index, probe.address.family).first
        let hop = gateway ?? probe.address
        let isWithoutMAC = link.isLoopback || link.mac == nil
        neighbour =
            isWithoutMAC ? [UInt8](repeating: 0, count: 6) : try CraftedPacket.address(of: hop, index, operation)
        guard let source = wish.source ?? route.source else {
            throw KernelError(operation, Errno(EADDRNOTAVAIL), "the node has no address there: name a source")
        }
        bytes = CraftedPacket.written(
            wish, probe, source: source, number: number, sequence: sequence, marker: marker)
    }

    /// The kernel is made to ask: a datagram to the discard port. Throws when nobody answers within a second.
    private static func address(of hop: IPAddress, _ device: Int32, _ operation: String) throws(KernelError) -> [UInt8]
    {
        var routes = try NetlinkSocket(NETLINK_ROUTE)
        for turn in 0..<100 {
            if let found = try routes.neighbourMAC(of: hop, at: device) { return found }
            if turn == 0 {
                let socket = OwnedDescriptor(
                    taking: try check("ask for \(hop)") {
                        Glibc.socket(
                            Int32(hop.family.constant), Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
                    })
                let target = SocketAddress(hop, 9)
                _ = target.pass { connect(socket.number, $0, $1) }
                _ = Glibc.send(socket.number, "", 0, Int32(MSG_DONTWAIT))
            }
            usleep(10_000)
        }
        throw KernelError(operation, Errno(EHOSTUNREACH), "the next hop \(hop) does not tell its MAC address")
    }

    static func written(
        _ wish: RawPacket, _ probe: Probe, source: IPAddress, number: UInt16, sequence: UInt32?, marker: [UInt8]
    ) -> [UInt8] {
        let payload = marker + Array(probe.payload.utf8)
        var inner: [UInt8]
        let place: Int
        switch probe.kind {
        case .tcp:
            inner =
                two(number) + two(probe.port) + four(sequence ?? 1) + four(0) + [0x50, 0x02] + two(64_240) + [
                    0, 0, 0, 0,
                ]
            place = 16
        case .udp:
            inner =
                two(number) + two(probe.port) + two(UInt16(truncatingIfNeeded: payload.count + 8)) + [0, 0] + payload
            place = 6
        case .icmp:
            inner = [source.family == .v4 ? 8 : 128, 0, 0, 0] + two(number) + marker.suffix(2) + payload
            place = 2
        }
        // RFC 9293 and 8200: addresses, length and protocol are summed with them; not of ICMP for IPv4.
        let isSummed = probe.kind != .icmp || source.family == .v6
        let pseudo = source.bytes + probe.address.bytes + four(UInt32(inner.count)) + [0, 0, 0, probe.protocolNumber]
        let sum = checksum((isSummed ? pseudo : []) + inner)
        inner.replaceSubrange(place..<(place + 2), with: two(sum == 0 && probe.kind == .udp ? 0xffff : sum))
        guard source.family == .v4 else {
            return [0x60, 0, 0, 0] + two(UInt16(truncatingIfNeeded: inner.count)) + [probe.protocolNumber, wish.ttl]
                + source.bytes + probe.address.bytes + inner
        }
        var header: [UInt8] = [0x45, 0] + two(UInt16(truncatingIfNeeded: inner.count + 20))
        header += two(UInt16.random(in: 1...UInt16.max)) + [0x40, 0, wish.ttl, probe.protocolNumber, 0, 0]
        header += source.bytes + probe.address.bytes
        let whole = checksum(header)
        header.replaceSubrange(10..<12, with: two(wish.hasBadChecksum ? whole ^ 0x5555 : whole))
        return header + inner
    }

    private static func two(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xff)] }
    private static func four(_ number: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
    }

    /// RFC 1071.
    static func checksum(_ bytes: [UInt8]) -> UInt16 {
        var sum: UInt32 = 0
        for place in stride(from: 0, to: bytes.count, by: 2) {
            sum += UInt32(bytes[place]) << 8 | (place + 1 < bytes.count ? UInt32(bytes[place + 1]) : 0)
        }
        while sum > 0xffff { sum = (sum >> 16) + (sum & 0xffff) }
        return ~UInt16(sum)
    }

    private var protocolType: UInt16 { probe.address.family == .v4 ? 0x0800 : 0x86dd }

    /// struct sockaddr_ll (man 7 packet).
    private var link: [UInt8] {
        var address = [UInt8](repeating: 0, count: 20)
        address[0] = 17
        (address[2], address[3]) = (UInt8(protocolType >> 8), UInt8(protocolType & 0xff))
        for place in 0..<4 { address[4 + place] = UInt8(truncatingIfNeeded: device >> (place * 8)) }
        address[11] = 6
        address.replaceSubrange(12..<18, with: neighbour.prefix(6))
        return address
    }

    /// A socket on the device, which hears what comes, too. The thread is inside the source's namespace.
    func open() throws(KernelError) -> OwnedDescriptor {
        let number = try check("open a packet socket for the probe") {
            Glibc.socket(
                17, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        }
        let socket = OwnedDescriptor(taking: number)
        let address = link
        try check("bind the probe to its device") {
            address.withUnsafeBytes { bind(number, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), 20) }
        }
        return socket
    }

    func send(_ descriptor: Int32) -> ProbeSocket.Answer {
        let sent = link.withUnsafeBytes { address in
            bytes.withUnsafeBytes { data in
                sendto(
                    descriptor, data.baseAddress, data.count, 0,
                    address.baseAddress!.assumingMemoryBound(to: sockaddr.self), 20)
            }
        }
        return sent < 0 ? .failed(Errno.current) : .nothing
    }

    /// What has come meanwhile; never waits.
    func answer(_ descriptor: Int32, number: UInt16, sequence: UInt32?) -> ProbeSocket.Answer {
        var buffer = [UInt8](repeating: 0, count: 2048)
        for _ in 0..<1000 {
            let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
            guard count > 0 else { return .nothing }
            guard let headers = PacketHeaders(packet: buffer[..<count]) else { continue }
            if headers.isICMPError, headers.word(probe.address.family == .v4 ? 28 : 48) == number {
                return .failed(Errno(EHOSTUNREACH))
            }
            guard headers.protocolNumber == probe.protocolNumber else { continue }
            switch probe.kind {
            case .icmp: if [0, 129].contains(headers.icmpType), headers.icmpID == number { return .answered }
            case .udp: if headers.destinationPort == number { return .answered }
            case .tcp:
                guard headers.destinationPort == number, headers.acknowledgement == sequence.map({ $0 &+ 1 }) else {
                    continue
                }
                return (headers.flags ?? 0) & 4 != 0 ? .failed(Errno(ECONNREFUSED)) : .answered
            }
        }
        return .nothing
    }
}

extension NetlinkSocket {
    /// The MAC address that the kernel knows of a neighbour at a device; nil while it knows none.
    fileprivate mutating func neighbourMAC(of address: IPAddress, at device: Int32) throws(KernelError) -> [UInt8]? {
        let request = try NetlinkRequest("list neighbours", type: RTM_GETNEIGH, flags: NLM_F_DUMP, header: ndmsg())
        for reply in try ask(request) where reply.type == RTM_NEWNEIGH {
            guard let bytes = reply.header(12).map(Array.init) else { continue }
            let index = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[4 + $1]) << (8 * UInt32($1)) }
            let attributes = reply.attributes(after: 12)
            guard Int32(bitPattern: index) == device,
                attributes[type: Int(NDA_DST)].flatMap({ IPAddress(bytes: $0.payload) }) == address,
                let mac = attributes[type: Int(NDA_LLADDR)]?.payload, mac.count == 6
            else { continue }
            return Array(mac)
        }
        return nil
    }

    /// The routers of a device's routes.
    fileprivate mutating func gateways(of device: Int32, _ family: AddressFamily) throws(KernelError) -> [IPAddress] {
        var header = rtmsg()
        header.rtm_family = family.constant
        let request = try NetlinkRequest("list routes", type: RTM_GETROUTE, flags: NLM_F_DUMP, header: header)
        return try ask(request).compactMap { reply in
            let attributes = reply.attributes(after: 12)
            guard attributes[type: Int(RTA_OIF.rawValue)]?.u32.map({ Int32(bitPattern: $0) }) == device else {
                return nil
            }
            return attributes[type: Int(RTA_GATEWAY.rawValue)].flatMap { IPAddress(bytes: $0.payload) }
        }
    }
}
