import CKernel

/// An established TCP connection, from one end (`ss -tn`). An IPv4 peer of an IPv6 socket is told as IPv4.
public struct TCPConnection: Hashable, Sendable {
    public let local: IPAddress
    public let localPort: UInt16
    public let remote: IPAddress
    public let remotePort: UInt16

    /// Nil when the message is no socket of the IP families.
    public init?(_ reply: NetlinkReply) {
        // inet_diag_msg: family, state, timer, retrans, then ports (network order), 16 bytes source, 16 destination …
        guard reply.type == Int(SOCK_DIAG_BY_FAMILY), let bytes = reply.header(72).map(Array.init),
            let family = AddressFamily(constant: bytes[0]),
            let local = TCPConnection.address(bytes[8..<24], family),
            let remote = TCPConnection.address(bytes[24..<40], family)
        else { return nil }
        (self.local, self.remote) = (local, remote)
        localPort = UInt16(bytes[4]) << 8 | UInt16(bytes[5])
        remotePort = UInt16(bytes[6]) << 8 | UInt16(bytes[7])
    }

    private static func address(_ bytes: ArraySlice<UInt8>, _ family: AddressFamily) -> IPAddress? {
        if family == .v4 { return IPAddress(bytes: bytes.prefix(4)) }
        // RFC 4291 2.5.5.2.
        let isMapped = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes.dropFirst(10).prefix(2).allSatisfy { $0 == 255 }
        return IPAddress(bytes: isMapped ? bytes.suffix(4) : bytes)
    }
}

extension NetlinkSocket {
    public mutating func establishedConnections(_ family: AddressFamily) throws(KernelError) -> [TCPConnection] {
        var header = inet_diag_req_v2()
        header.sdiag_family = family.constant
        header.sdiag_protocol = TransportProtocol.tcp.number
        header.idiag_states = 1 << 1  // TCP_ESTABLISHED
        let request = try NetlinkRequest(
            "list TCP connections", type: Int(SOCK_DIAG_BY_FAMILY), flags: NLM_F_DUMP, header: header)
        return try ask(request).compactMap(TCPConnection.init)
    }
}
