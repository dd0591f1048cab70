import CKernel
import Glibc

/// A socket of a process on this host that receives at a port (man 7 sock_diag, `ss -ln`).
public struct ListeningSocket: Hashable, Sendable {
    public let address: IPAddress
    public let port: UInt16
    public let inode: UInt32

    /// Nil when the message is no socket of the IP families.
    public init?(_ reply: NetlinkReply) {
        // inet_diag_msg: family, state, timer, retrans, then the ids: ports (network order), 16 bytes source, 16 destination …
        guard [Int(SOCK_DIAG_BY_FAMILY), Int(TCPDIAG_GETSOCK)].contains(reply.type),
            let bytes = reply.header(72).map(Array.init)
        else { return nil }
        guard let family = AddressFamily(constant: bytes[0]),
            let address = IPAddress(bytes: bytes[8..<(8 + family.bits / 8)])
        else { return nil }
        self.address = address
        port = UInt16(bytes[4]) << 8 | UInt16(bytes[5])
        inode = bytes[68..<72].reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Would it answer at `other` (nil: at any address)?
    public func receives(at other: IPAddress?) -> Bool {
        guard let other else { return true }
        // "::" takes IPv4 too, unless IPV6_V6ONLY is set, which is not told; "0.0.0.0" never takes IPv6.
        return address == other || address.isUnspecified && (address.family == .v6 || other.family == .v4)
    }

    /// "812 nginx", found by walking /proc: milliseconds, so only once a conflict is known. Nil when it may not be seen.
    public func process() -> String? {
        guard let names = try? Files.names(in: "/proc") else { return nil }
        let wanted = "socket:[\(inode)]"
        for name in names where name.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            guard let descriptors = try? Files.names(in: "/proc/\(name)/fd") else { continue }
            for descriptor in descriptors {
                var target = [CChar](repeating: 0, count: 64)
                guard readlink("/proc/\(name)/fd/\(descriptor)", &target, 63) > 0 else { continue }
                guard wanted == target.withUnsafeBufferPointer({ String(cString: $0.baseAddress!) }) else { continue }
                let command = (try? Files.read("/proc/\(name)/comm")) ?? []
                return "\(name) \(String(decoding: command.prefix { $0 != 0x0a }, as: UTF8.self))"
            }
        }
        return nil
    }
}

extension NetlinkSocket {
    /// The sockets that listen (tcp, sctp) or are bound (udp). Throws ENOENT when the kernel cannot tell for a protocol.
    public mutating func listeningSockets(_ proto: TransportProtocol, _ family: AddressFamily) throws(KernelError)
        -> [ListeningSocket]
    {
        var header = inet_diag_req_v2()
        header.sdiag_family = family.constant
        header.sdiag_protocol = proto.number
        // TCP_LISTEN is state 10; an unconnected udp socket shows as TCP_CLOSE, 7.
        header.idiag_states = proto == .udp ? 1 << 7 : 1 << 10
        let request = try NetlinkRequest(
            "list \(proto) sockets", type: Int(SOCK_DIAG_BY_FAMILY), flags: NLM_F_DUMP, header: header)
        return try ask(request).compactMap(ListeningSocket.init)
    }

    /// As above, of both families. TCP's listeners stand in one table of the kernel, which the older of its two questions
    /// walks through once (inet_diag_dump_compat). Throws ENOENT when the kernel cannot tell of any family.
    public mutating func listeningSockets(_ proto: TransportProtocol) throws(KernelError) -> [ListeningSocket] {
        if proto == .tcp {
            var header = inet_diag_req()
            header.idiag_states = 1 << 10
            let request = try NetlinkRequest(
                "list tcp sockets", type: Int(TCPDIAG_GETSOCK), flags: NLM_F_DUMP, header: header)
            // Whatever it refuses, the newer questions below are asked, and theirs is the error.
            let both = try? ask(request)
            if let both { return both.compactMap(ListeningSocket.init) }
        }
        var sockets: [ListeningSocket] = []
        var refusal: KernelError?
        for family in AddressFamily.allCases {
            do throws(KernelError) {
                sockets += try listeningSockets(proto, family)
            } catch {
                refusal = error
            }
        }
        if sockets.isEmpty, let refusal { throw refusal }
        return sockets
    }
}
