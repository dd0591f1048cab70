import CKernel
import Glibc

/// A route (RTM_NEWROUTE): what `ip route show table all` prints. Nil means that the kernel's default holds.
public struct Route: Hashable, Sendable {
    public var destination: IPPrefix
    public var gateway: IPAddress?
    /// Index of the link that it leaves by.
    public var link: Int32?
    public var mtu: Int?
    public var advmss: Int?
    public var priority: Int?
    /// 254 (main) unless said.
    public var table: Int?
    /// RT_SCOPE_*: 0 universe, 253 link.
    public var scope: Int?

    public init(destination: IPPrefix, gateway: IPAddress? = nil, link: Int32? = nil) {
        self.destination = destination
        self.gateway = gateway
        self.link = link
    }

    public var isDefault: Bool { destination.length == 0 }

    /// Nil when the message is no unicast route.
    public init?(_ reply: NetlinkReply) {
        guard reply.type == RTM_NEWROUTE, let header = reply.header(12).map(Array.init) else { return nil }
        guard let family = AddressFamily(constant: header[0]), Int(header[1]) <= family.bits else { return nil }
        guard Int(header[7]) == Int(RTN_UNICAST) else { return nil }
        let attributes = reply.attributes(after: 12)
        let zero = IPAddress(family: family, value: 0)
        let target = attributes[type: Int(RTA_DST.rawValue)].flatMap { IPAddress(bytes: $0.payload) } ?? zero
        guard target.family == family else { return nil }
        destination = IPPrefix(target, length: Int(header[1]))
        gateway = attributes[type: Int(RTA_GATEWAY.rawValue)].flatMap { IPAddress(bytes: $0.payload) }
        link = attributes[type: Int(RTA_OIF.rawValue)]?.u32.map { Int32(bitPattern: $0) }
        priority = attributes[type: Int(RTA_PRIORITY.rawValue)]?.u32.map(Int.init)
        table = attributes[type: Int(RTA_TABLE.rawValue)]?.u32.map(Int.init) ?? Int(header[4])
        scope = Int(header[6])
        let metrics = attributes[type: Int(RTA_METRICS.rawValue)]?.nested ?? []
        mtu = metrics[type: RTAX_MTU]?.u32.map(Int.init)
        advmss = metrics[type: RTAX_ADVMSS]?.u32.map(Int.init)
    }

    /// `ip route append`: a second route to the same destination stands beside the first, as the reference makes it.
    /// `words` is the route as `ip route` writes it.
    public func addRequest(
        _ words: @escaping @autoclosure @Sendable () -> String
    ) throws(KernelError) -> NetlinkRequest {
        try request("add route \(words())", type: RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_APPEND)
    }

    /// `ip route add`: refused where a route to the same destination stands.
    public func addAloneRequest(
        _ words: @escaping @autoclosure @Sendable () -> String
    ) throws(KernelError) -> NetlinkRequest {
        try request("add route \(words())", type: RTM_NEWROUTE, flags: NLM_F_CREATE | NLM_F_EXCL)
    }

    public func deleteRequest(
        _ words: @escaping @autoclosure @Sendable () -> String
    ) throws(KernelError) -> NetlinkRequest {
        try request("delete route \(words())", type: RTM_DELROUTE, flags: 0)
    }

    private func request(
        _ operation: @escaping @autoclosure @Sendable () -> String, type: Int, flags: Int32
    ) throws(KernelError) -> NetlinkRequest {
        var header = rtmsg()
        header.rtm_family = destination.family.constant
        header.rtm_dst_len = UInt8(destination.length)
        header.rtm_protocol = UInt8(RTPROT_BOOT)
        header.rtm_type = UInt8(RTN_UNICAST)
        let chosen = table ?? Int(RT_TABLE_MAIN.rawValue)
        header.rtm_table = chosen < 256 ? UInt8(chosen) : UInt8(RT_TABLE_UNSPEC.rawValue)
        header.rtm_scope = UInt8(truncatingIfNeeded: scope ?? (gateway == nil ? Int(RT_SCOPE_LINK.rawValue) : 0))
        return try NetlinkRequest(operation(), type: type, flags: flags, header: header) {
            if destination.length > 0 { $0.put(Int(RTA_DST.rawValue), bytes: destination.first.bytes) }
            if let gateway { $0.put(Int(RTA_GATEWAY.rawValue), bytes: gateway.bytes) }
            if let link { $0.put(Int(RTA_OIF.rawValue), UInt32(bitPattern: link)) }
            if let priority { $0.put(Int(RTA_PRIORITY.rawValue), UInt32(truncatingIfNeeded: priority)) }
            if chosen > 255 { $0.put(Int(RTA_TABLE.rawValue), UInt32(truncatingIfNeeded: chosen)) }
            guard mtu != nil || advmss != nil else { return }
            $0.nest(Int(RTA_METRICS.rawValue)) {
                if let mtu { $0.put(RTAX_MTU, UInt32(truncatingIfNeeded: mtu)) }
                if let advmss { $0.put(RTAX_ADVMSS, UInt32(truncatingIfNeeded: advmss)) }
            }
        }
    }
}

extension NetlinkSocket {
    /// Unicast routes of a family, of one table (up to 255) or of all (`ip -4 route show table all`).
    public mutating func routes(_ family: AddressFamily, table: UInt8 = 0) throws(KernelError) -> [Route] {
        var header = rtmsg()
        header.rtm_family = family.constant
        header.rtm_table = table
        let request = try NetlinkRequest("list routes", type: RTM_GETROUTE, flags: NLM_F_DUMP, header: header)
        // The kernel makes a table with its first route.
        return try ignoring(.noSuchFile) { () throws(KernelError) in try ask(request) }?.compactMap(Route.init) ?? []
    }
}

extension NetlinkSocket {
    /// The route that a packet to `address` takes (`ip route get`). Throws ENETUNREACH without one.
    public mutating func route(to address: IPAddress) throws(KernelError) -> Route? {
        var header = rtmsg()
        header.rtm_family = address.family.constant
        header.rtm_dst_len = UInt8(address.family.bits)
        let request = try NetlinkRequest(
            "look up the route to \(address)", type: RTM_GETROUTE, flags: 0, header: header
        ) {
            $0.put(Int(RTA_DST.rawValue), bytes: address.bytes)
        }
        return try ask(request).lazy.compactMap(Route.init).first
    }
}

public enum NeighbourRequest {
    /// `ip neigh del ADDRESS dev …`: what the host remembered of an address's last holder is forgotten.
    public static func forget(_ address: IPAddress, on link: Int32, named name: String) throws(KernelError)
        -> NetlinkRequest
    {
        var header = ndmsg()
        header.ndm_family = address.family.constant
        header.ndm_ifindex = link
        return try NetlinkRequest(
            "forget neighbour \(address) on \(name)", type: RTM_DELNEIGH, flags: 0, header: header
        ) { $0.put(NDA_DST, bytes: address.bytes) }
    }
}
