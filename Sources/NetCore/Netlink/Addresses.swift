import CKernel
import Glibc

/// An address on a link (RTM_NEWADDR): what `ip address show` prints.
public struct LinkAddress: Hashable, Sendable {
    public let link: Int32
    public let prefix: IPPrefix
    public let flags: UInt32

    /// Duplicate address detection goes on (IPv6): the address cannot be used yet.
    public var isTentative: Bool { flags & UInt32(IFA_F_TENTATIVE) != 0 }
    /// Another host has the address.
    public var isDuplicate: Bool { flags & UInt32(IFA_F_DADFAILED) != 0 }
    /// The kernel made it (IPv6 link-local) rather than a configuration.
    public var isLinkLocal: Bool { prefix.address.isLinkLocal }

    /// Nil when the message is no address.
    public init?(_ reply: NetlinkReply) {
        guard reply.type == RTM_NEWADDR, let header = reply.header(8) else { return nil }
        let attributes = reply.attributes(after: 8)
        let bytes = Array(header)
        guard let local = attributes[type: IFA_LOCAL] ?? attributes[type: IFA_ADDRESS],
            let address = IPAddress(bytes: local.payload), address.family.constant == bytes[0],
            Int(bytes[1]) <= address.family.bits
        else { return nil }
        link = Int32(bitPattern: bytes[4...].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
        prefix = IPPrefix(address, length: Int(bytes[1]))
        flags = attributes[type: IFA_FLAGS]?.u32 ?? UInt32(bytes[2])
    }
}

public enum AddressRequest {
    /// `ip address add PREFIX dev …`. IPv4 gets its broadcast address, as the reference plugins set it.
    /// `skippingDetection` is IFA_F_NODAD: an IPv6 address can be used at once. Without `makesRoute` (IFA_F_NOPREFIXROUTE)
    /// the kernel makes no route to its network, neither now nor when the link comes up again.
    public static func add(
        _ prefix: IPPrefix, to link: Int32, named name: String, skippingDetection: Bool = false,
        makesRoute: Bool = true
    ) throws(KernelError) -> NetlinkRequest {
        try NetlinkRequest(
            "add address \(prefix) to \(name)", type: RTM_NEWADDR, flags: NLM_F_CREATE | NLM_F_EXCL,
            header: header(prefix, link)
        ) {
            $0.put(IFA_LOCAL, bytes: prefix.address.bytes)
            $0.put(IFA_ADDRESS, bytes: prefix.address.bytes)
            if prefix.family == .v4, prefix.length < 31 {
                $0.put(IFA_BROADCAST, bytes: prefix.last.bytes)
            }
            let flags =
                (prefix.family == .v6 && skippingDetection ? UInt32(IFA_F_NODAD) : 0)
                | (makesRoute ? 0 : UInt32(IFA_F_NOPREFIXROUTE))
            if flags != 0 { $0.put(IFA_FLAGS, flags) }
        }
    }

    /// `ip address delete PREFIX dev …`.
    public static func delete(_ prefix: IPPrefix, from link: Int32, named name: String) throws(KernelError)
        -> NetlinkRequest
    {
        try NetlinkRequest(
            "delete address \(prefix) from \(name)", type: RTM_DELADDR, flags: 0, header: header(prefix, link)
        ) {
            $0.put(IFA_LOCAL, bytes: prefix.address.bytes)
            $0.put(IFA_ADDRESS, bytes: prefix.address.bytes)
        }
    }

    private static func header(_ prefix: IPPrefix, _ link: Int32) -> ifaddrmsg {
        var header = ifaddrmsg()
        header.ifa_family = prefix.family.constant
        header.ifa_prefixlen = UInt8(prefix.length)
        header.ifa_index = UInt32(bitPattern: link)
        return header
    }
}

extension NetlinkSocket {
    /// The addresses of one link, or of all (`ip address show [dev …]`).
    public mutating func addresses(of link: Int32? = nil) throws(KernelError) -> [LinkAddress] {
        var header = ifaddrmsg()
        if let link { header.ifa_index = UInt32(bitPattern: link) }
        let request = try NetlinkRequest("list addresses", type: RTM_GETADDR, flags: NLM_F_DUMP, header: header)
        return try ask(request).compactMap(LinkAddress.init).filter { link == nil || $0.link == link }
    }
}
