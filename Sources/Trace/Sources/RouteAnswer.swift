import CKernel
import Glibc
import NetCore

/// What `ip route get` says of one packet in one namespace.
struct RouteAnswer: Hashable, Sendable {
    enum Kind: Hashable, Sendable { case unicast, local, none, refused }
    var kind: Kind
    /// Index of the device that it leaves by.
    var device: Int32?
    var gateway: IPAddress?
    var mtu: Int?
    /// The address that a packet of this node would have.
    var source: IPAddress?
}

extension NetlinkSocket {
    /// The route of a packet from here, or of one that came in by `input` from `source`.
    mutating func routeAnswer(to target: IPAddress, from source: IPAddress? = nil, input: Int32? = nil)
        throws(KernelError)
        -> RouteAnswer
    {
        var header = rtmsg()
        header.rtm_family = target.family.constant
        header.rtm_dst_len = UInt8(target.family.bits)
        if source != nil { header.rtm_src_len = UInt8(target.family.bits) }
        let request = try NetlinkRequest(
            "look up the route to \(target)", type: RTM_GETROUTE, flags: 0, header: header
        ) {
            $0.put(Int(RTA_DST.rawValue), bytes: target.bytes)
            if let source { $0.put(Int(RTA_SRC.rawValue), bytes: source.bytes) }
            if let input { $0.put(Int(RTA_IIF.rawValue), UInt32(bitPattern: input)) }
        }
        do throws(KernelError) {
            guard let reply = try ask(request).first(where: { $0.type == RTM_NEWROUTE }),
                let bytes = reply.header(12).map(Array.init)
            else { return RouteAnswer(kind: .none) }
            let attributes = reply.attributes(after: 12)
            let type = Int(bytes[7])
            let kind: RouteAnswer.Kind =
                type == Int(RTN_LOCAL) ? .local : type == Int(RTN_UNICAST) ? .unicast : .refused
            return RouteAnswer(
                kind: kind,
                device: attributes[type: Int(RTA_OIF.rawValue)]?.u32.map { Int32(bitPattern: $0) },
                gateway: attributes[type: Int(RTA_GATEWAY.rawValue)].flatMap { IPAddress(bytes: $0.payload) },
                mtu: attributes[type: Int(RTA_METRICS.rawValue)]?.nested[type: 2]?.u32.map(Int.init),
                source: attributes[type: Int(RTA_PREFSRC.rawValue)].flatMap { IPAddress(bytes: $0.payload) })
        } catch  where [Errno(ENETUNREACH), Errno(EHOSTUNREACH)].contains(error.errno) {
            return RouteAnswer(kind: .none)
        } catch  where [Errno(EINVAL), Errno(EACCES)].contains(error.errno) {
            // What a packet of a blackhole or prohibit route gets.
            return RouteAnswer(kind: .refused)
        }
    }

    /// Addresses of neighbours that were asked for and have not answered: by device (NUD_INCOMPLETE, NUD_FAILED), or those alone that
    /// the kernel still asks for.
    mutating func silentNeighbours(onlyAsked: Bool = false) throws(KernelError) -> [Int32: Set<IPAddress>] {
        let states = UInt16(onlyAsked ? NUD_INCOMPLETE : NUD_INCOMPLETE | NUD_FAILED)
        var found: [Int32: Set<IPAddress>] = [:]
        let request = try NetlinkRequest("list neighbours", type: RTM_GETNEIGH, flags: NLM_F_DUMP, header: ndmsg())
        for reply in try ask(request) where reply.type == RTM_NEWNEIGH {
            guard let bytes = reply.header(12).map(Array.init) else { continue }
            let state = UInt16(bytes[8]) | UInt16(bytes[9]) << 8
            guard state & states != 0,
                let address = reply.attributes(after: 12)[type: Int(NDA_DST)].flatMap({
                    IPAddress(bytes: $0.payload)
                })
            else { continue }
            let index = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[4 + $1]) << (8 * UInt32($1)) }
            found[Int32(bitPattern: index), default: []].insert(address)
        }
        return found
    }
}
