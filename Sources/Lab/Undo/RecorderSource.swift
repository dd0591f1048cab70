import CKernel
import Glibc
import NetCore

/// One kind of the kernel's notifications in one node, and which of them mean something.
final class RecorderSource {
    struct News {
        /// Something that is recorded may stand otherwise.
        var isState = false
        /// A process asked for it.
        var isAsked = false
        /// A new flow, neighbour or bridge entry, or one that was deleted by hand.
        var isTraffic = false
    }

    private enum Kind { case routes, rules, flows }

    let place: Int
    private let kind: Kind
    private let socket: NetlinkSocket
    private var losses = 0
    /// Neighbours and bridge entries that were told of; what the kernel does with them by its clocks is no news.
    private var known: Set<[UInt8]> = []
    var descriptor: Int32 { socket.descriptor }

    static func all(_ node: RecordedNode, _ place: Int) throws(KernelError) -> [RecorderSource] {
        let routes = [
            RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
            RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE, RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF,
            RTNLGRP_NEXTHOP,
        ].map { Int32($0.rawValue) }
        return [
            try RecorderSource(node, place, .routes, NETLINK_ROUTE, routes),
            try RecorderSource(node, place, .rules, NETLINK_NETFILTER, [Int32(NFNLGRP_NFTABLES.rawValue)]),
            // NFNLGRP_CONNTRACK_NEW 1, _DESTROY 3.
            try RecorderSource(node, place, .flows, NETLINK_NETFILTER, [1, 3]),
        ]
    }

    private init(
        _ node: RecordedNode, _ place: Int, _ kind: Kind, _ family: Int32, _ groups: [Int32]
    ) throws(KernelError) {
        (self.place, self.kind) = (place, kind)
        var socket = try NetlinkSocket(family, in: node.namespace, home: node.home)
        socket.makeRoom(bytes: 2 << 20)
        for group in groups { try socket.join(group: group) }
        self.socket = socket
    }

    func drain() -> News {
        var news = News()
        for reply in (try? socket.events("read notifications")) ?? [] {
            switch kind {
            case .routes: take(route: reply, &news)
            case .rules:
                // NFTA_…_TABLE is the first of each message; a new generation says nothing that the others have not said.
                guard UInt32(reply.type & 0xff) != UInt32(NFT_MSG_NEWGEN.rawValue) else { continue }
                let table = reply.attributes(after: 4)[type: 1]?.text ?? ""
                if !table.hasPrefix(NftState.tracerPrefix) { news.isState = true }
            case .flows:
                // IPCTNL_MSG_CT_DELETE 2: by hand, and not by the clock.
                if reply.type & 0xff != 2 || reply.port != 0 { news.isTraffic = true }
            }
        }
        let lost = SocketLosses.count(descriptor)
        if lost != losses {
            losses = lost
            news = News(isState: true, isAsked: true, isTraffic: true)
        }
        return news
    }

    private func take(route reply: NetlinkReply, _ news: inout News) {
        switch Int32(reply.type) {
        case Int32(RTM_NEWNEIGH), Int32(RTM_DELNEIGH):
            guard let header = reply.header(12) else { return }
            // Who and where: family, link, address.
            let attributes = reply.attributes(after: 12)
            let own = attributes.filter {
                [1, 2].contains($0.type) && !($0.type == 2 && header.first != UInt8(PF_BRIDGE))
            }
            let key = [header.first!] + Array(header.dropFirst(4).prefix(4)) + own.flatMap(\.raw)
            let state = header[header.startIndex + 8]
            // NUD_PERMANENT, NUD_NOARP of bridges; or by a process.
            if state & 0xc0 != 0 || reply.port != 0 { news.isState = true }
            if Int32(reply.type) == Int32(RTM_DELNEIGH) {
                if known.remove(key) != nil, reply.port != 0 { news.isTraffic = true }
            } else if known.count < 4096, known.insert(key).inserted {
                news.isTraffic = true
            }
        case Int32(RTM_NEWROUTE), Int32(RTM_DELROUTE):
            news.isState = true
            if reply.port != 0 { news.isAsked = true }
        default: news.isState = true
        }
    }
}

/// What no notification tells, by files in the world's /run: who changes tables of iptables-legacy lets go of their lock, and a
/// shell that shows its prompt writes to a file of ours.
final class FileSignals {
    private let queue: Int32
    var descriptor: Int32 { queue }

    init() throws(KernelError) {
        let number = try check("watch files") { inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC)) }
        queue = number
        let closes = UInt32(IN_CLOSE_WRITE | IN_CLOSE_NOWRITE)
        try check("watch /run") { inotify_add_watch(number, "/run", closes | UInt32(IN_ONLYDIR)) }
        try check("watch \(RecorderLine.typed)") {
            inotify_add_watch(number, RecorderLine.typed, UInt32(IN_CLOSE_WRITE))
        }
    }

    func drain() -> (rules: Bool, typed: Bool) {
        var found = (rules: false, typed: false)
        var bytes = [UInt8](repeating: 0, count: 16 << 10)
        for _ in 0..<1000 {
            let count = read(queue, &bytes, bytes.count)
            guard count > 0 else { break }
            var rest = bytes[..<count]
            // struct inotify_event: watch, mask, cookie, length of the name, the name with zeros behind it.
            while rest.count >= 16 {
                let mask = RawAttribute.number(rest.dropFirst(4))
                let length = Int(RawAttribute.number(rest.dropFirst(12)))
                guard rest.count >= 16 + length else { break }
                let name = String(decoding: rest.dropFirst(16).prefix(length).prefix { $0 != 0 }, as: UTF8.self)
                if mask & UInt32(IN_Q_OVERFLOW) != 0 { found = (true, true) }
                if name == "xtables.lock" { found.rules = true }
                // A file that is watched by itself has no name here.
                if name.isEmpty, mask & UInt32(IN_CLOSE_WRITE) != 0 { found.typed = true }
                rest = rest.dropFirst(16 + length)
            }
        }
        return found
    }
}
