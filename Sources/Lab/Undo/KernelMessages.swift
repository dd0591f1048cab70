import CKernel
import Glibc
import NetCore

/// What stands in a node of one kind of thing that the kernel gives and takes in the same words (`ip route save` and `restore` live
/// by that): addresses, routes with their next hops, rules of routing, fixed and proxied neighbours, fixed entries of bridges.
enum KernelMessages: Int, CaseIterable {
    case address, nexthop, route, rule, neighbour, proxy, forwarding

    private var getType: Int {
        switch self {
        case .address: Int(RTM_GETADDR)
        case .route: Int(RTM_GETROUTE)
        case .rule: Int(RTM_GETRULE)
        case .nexthop: Int(RTM_GETNEXTHOP)
        case .neighbour, .proxy, .forwarding: Int(RTM_GETNEIGH)
        }
    }
    // RTM_NEW…, RTM_DEL… and RTM_GET… of a kind follow each other (linux/rtnetlink.h).
    private var newType: Int { getType - 2 }
    private var deleteType: Int { getType - 1 }
    private var headerLength: Int { self == .address || self == .nexthop ? 8 : 12 }
    // NTF_PROXY of struct ndmsg.
    private static let proxied: UInt8 = 8

    /// Each in the words in which it can be given back, without what changes by itself; only what a learner may have made. `links`
    /// are the node's: bridges have an entry for the MAC of each of theirs.
    func read(_ socket: inout NetlinkSocket, _ links: [LinkState]) throws(KernelError) -> [[UInt8]] {
        var header = [UInt8](repeating: 0, count: headerLength)
        if self == .forwarding { header[0] = UInt8(PF_BRIDGE) }
        if self == .proxy { header[10] = KernelMessages.proxied }
        let own = self == .forwarding ? Set(links.map(\.mac)) : []
        let kind = self
        let request = NetlinkRequest("list each \(kind)", type: getType, flags: NLM_F_DUMP, payload: header)
        return try socket.ask(request).compactMap { $0.type == newType ? lasting(Array($0.payload), own) : nil }
    }

    func add(_ message: [UInt8], _ words: String) -> NetlinkRequest {
        NetlinkRequest("bring back \(words)", type: newType, flags: NLM_F_CREATE | NLM_F_EXCL, payload: message)
    }

    func remove(_ message: [UInt8], _ words: String) -> NetlinkRequest {
        var message = message
        // A next hop is called by its number (NHA_ID), and by nothing else.
        if self == .nexthop {
            message = [UInt8](repeating: 0, count: 8) + (Attribute.list(message[8...])[type: 1]?.raw ?? [])
        }
        return NetlinkRequest("take away \(words)", type: deleteType, flags: 0, payload: message)
    }

    /// Nil for what the kernel makes and removes itself.
    private func lasting(_ bytes: [UInt8], _ own: Set<[UInt8]>) -> [UInt8]? {
        guard bytes.count >= headerLength else { return nil }
        var header = Array(bytes[..<headerLength])
        let attributes = Attribute.list(bytes[headerLength...])
        func kept(_ isKept: (Attribute) -> Bool) -> [UInt8] {
            header + attributes.filter(isKept).flatMap(\.raw)
        }
        switch self {
        case .address:
            // The flags stand in an attribute, too; IFA_F_NODAD 2, IFA_F_NOPREFIXROUTE 0x200 are the user's.
            let flags = RawAttribute.number(attributes[type: Int(IFA_FLAGS)]?.payload ?? []) & 0x202
            header[2] = 0
            let address = attributes[type: Int(IFA_ADDRESS)]?.payload ?? []
            if header[0] == UInt8(AF_INET6), KernelMessages.isLinkLocal(address) { return nil }
            let wanted = [IFA_ADDRESS, IFA_LOCAL, IFA_LABEL, IFA_BROADCAST, IFA_RT_PRIORITY].map { Int($0) }
            return kept { wanted.contains($0.type) } + (flags == 0 ? [] : RawAttribute.number(Int(IFA_FLAGS), flags))
        case .nexthop:
            // The scope is the kernel's; of the flags RTNH_F_ONLINK is set.
            (header[1], header[4]) = (0, header[4] & 4)
            // NHA_ID to NHA_ENCAP, NHA_FDB (linux/nexthop.h).
            return kept { (1...8).contains($0.type) || $0.type == 11 }
        case .route:
            let table = attributes[type: Int(RTA_TABLE.rawValue)]?.u32 ?? UInt32(header[4])
            // RTN_UNICAST 1, RTN_LOCAL 2; blackhole 6 to throw 9. In the table "local" those of RTPROT_KERNEL are the kernel's.
            guard table != 255 || header[5] != 2, [1, 2].contains(header[7]) || (6...9).contains(header[7]) else {
                return nil
            }
            let target = attributes[type: Int(RTA_DST.rawValue)]?.payload ?? []
            if header[0] == UInt8(AF_INET6) {
                if KernelMessages.isLinkLocal(target) || target.first == 0xff { return nil }
                // RTF_CACHE's, and "unreachable default dev lo" that stands for no route.
                if header[7] == 7, attributes[type: Int(RTA_PRIORITY.rawValue)]?.u32 == .max { return nil }
            }
            guard header[0] == UInt8(AF_INET) || header[0] == UInt8(AF_INET6) else { return nil }
            // RTNH_F_DEAD 1, RTNH_F_LINKDOWN 16 come and go with the cable.
            header[8] &= ~0x11
            guard attributes[type: Int(RTA_NH_ID.rawValue)] == nil else {
                // The next hop tells the rest.
                header[8] = 0
                let wanted = [RTA_NH_ID, RTA_TABLE, RTA_DST, RTA_PRIORITY, RTA_PREFSRC, RTA_METRICS, RTA_PREF]
                return kept { wanted.map { Int($0.rawValue) }.contains($0.type) }
            }
            return kept { $0.type != Int(RTA_CACHEINFO.rawValue) }
        case .rule:
            guard header[0] == UInt8(AF_INET) || header[0] == UInt8(AF_INET6) else { return nil }
            // FIB_RULE_UNRESOLVED, FIB_RULE_IIF_DETACHED, FIB_RULE_OIF_DETACHED.
            header[8] &= ~0x1c
            // FRA_PRIORITY is not told where it is 0, and drawn where it is not told.
            return kept { _ in true } + (attributes[type: 6] == nil ? RawAttribute.number(6, 0) : [])
        case .neighbour:
            // NUD_PERMANENT.
            guard header[8] & 0x80 != 0, header[0] != UInt8(PF_BRIDGE) else { return nil }
            return kept { [1, 2].contains($0.type) }
        case .proxy:
            guard header[10] & KernelMessages.proxied != 0 else { return nil }
            header[10] = KernelMessages.proxied
            return kept { $0.type == 1 }
        case .forwarding:
            // NUD_NOARP or NUD_PERMANENT, of a bridge (NDA_MASTER 9): `bridge fdb add … master [static]`.
            guard header[8] & 0xc0 != 0, let bridge = attributes[type: 9]?.u32,
                !own.contains(Array(attributes[type: 2]?.payload ?? []))
            else { return nil }
            // NTF_SELF where it is the bridge's own, NTF_MASTER where it is a port's.
            header[10] = bridge == RawAttribute.number(header[4...]) ? 0x02 : 0x04
            return kept { [2, 5].contains($0.type) }
        }
    }

    // /etc/iproute2/rt_tables.
    private static let tables: [UInt32: String] = [253: "default", 254: "main", 255: "local"]

    private static func isLinkLocal(_ address: some Collection<UInt8>) -> Bool {
        guard address.count == 16, let first = address.first else { return false }
        return first == 0xfe && address.dropFirst().first! & 0xc0 == 0x80
    }

    /// Behind others when it needs them: a route through a neighbour is added after the one that leads to it, a group of next hops
    /// (NHA_GROUP) after those.
    func isLate(_ message: [UInt8]) -> Bool {
        let attributes = Attribute.list(message[headerLength...])
        switch self {
        case .route: return attributes[type: Int(RTA_GATEWAY.rawValue)] != nil
        case .nexthop: return attributes[type: 2] != nil
        default: return false
        }
    }

    /// A route to a route's gateway alone, on the link; nil where there is no gateway, or no link is named.
    func wayToGateway(of message: [UInt8]) -> [UInt8]? {
        guard self == .route else { return nil }
        let attributes = Attribute.list(message[headerLength...])
        guard let gateway = attributes[type: Int(RTA_GATEWAY.rawValue)],
            let link = attributes[type: Int(RTA_OIF.rawValue)]
        else { return nil }
        // In the main table, RTPROT_STATIC, of the link's scope, to one address.
        let header = [message[0], UInt8(gateway.payload.count * 8), 0, 0, 254, 4, 253, 1, 0, 0, 0, 0]
        return header + RawAttribute.bytes(Int(RTA_DST.rawValue), gateway.payload) + link.raw
    }

    /// "address 10.88.0.9/24 on eth0". `name` gives a link's.
    func words(_ message: [UInt8], _ name: (Int32) -> String) -> String {
        guard message.count >= headerLength else { return "\(self)" }
        let attributes = Attribute.list(message[headerLength...])
        func address(_ type: Int) -> String? {
            attributes[type: type].flatMap { IPAddress(bytes: $0.payload) }?.description
        }
        func link(_ number: UInt32?) -> String? { number.map { name(Int32(bitPattern: $0)) } }
        switch self {
        case .address:
            let local = address(Int(IFA_LOCAL)) ?? address(Int(IFA_ADDRESS)) ?? "?"
            return "address \(local)/\(message[1]) on \(name(Int32(bitPattern: RawAttribute.number(message[4...]))))"
        case .nexthop:
            let gateway = address(6).map { " via \($0)" } ?? ""
            return "nexthop \(attributes[type: 1]?.u32 ?? 0)\(gateway)"
                + (link(attributes[type: 5]?.u32).map { " dev \($0)" } ?? "")
        case .route:
            let any = message[0] == UInt8(AF_INET6) ? "default (IPv6)" : "default"
            let target = address(Int(RTA_DST.rawValue)).map { "\($0)/\(message[1])" } ?? any
            let kinds: [UInt8: String] = [
                2: "local ", 6: "blackhole ", 7: "unreachable ", 8: "prohibit ", 9: "throw ",
            ]
            let table = attributes[type: Int(RTA_TABLE.rawValue)]?.u32 ?? UInt32(message[4])
            let gateway = address(Int(RTA_GATEWAY.rawValue)).map { " via \($0)" } ?? ""
            let device = link(attributes[type: Int(RTA_OIF.rawValue)]?.u32).map { " dev \($0)" } ?? ""
            let hop = attributes[type: Int(RTA_NH_ID.rawValue)]?.u32.map { " nhid \($0)" } ?? ""
            return "route \(kinds[message[7]] ?? "")\(target)\(hop)\(gateway)\(device)"
                + (table == 254 ? "" : " table \(KernelMessages.tables[table] ?? String(table))")
        case .rule:
            var text = "ip rule"
            // FRA_PRIORITY 6, FRA_SRC 2, FRA_DST 1, FRA_FWMARK 10, FRA_TABLE 15.
            if let number = attributes[type: 6]?.u32 { text += " \(number):" }
            if let source = address(2) { text += " from \(source)/\(message[2])" }
            if let target = address(1) { text += " to \(target)/\(message[1])" }
            if let mark = attributes[type: 10]?.u32, mark != 0 { text += " fwmark 0x\(String(mark, radix: 16))" }
            if let table = attributes[type: 15]?.u32, table != 0 {
                text += " lookup \(KernelMessages.tables[table] ?? String(table))"
            }
            return text
        case .proxy:
            return "proxy for \(address(1) ?? "?") on \(name(Int32(bitPattern: RawAttribute.number(message[4...]))))"
        case .neighbour:
            return "neighbour \(address(1) ?? "?") on \(name(Int32(bitPattern: RawAttribute.number(message[4...]))))"
        case .forwarding:
            let mac = attributes[type: 2].flatMap { MACAddress(bytes: $0.payload) }?.description ?? "?"
            return "bridge entry \(mac) on \(name(Int32(bitPattern: RawAttribute.number(message[4...]))))"
        }
    }
}
