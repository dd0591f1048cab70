import CKernel
import NetCore

/// What takes packets past the hooks that a trace hears of: flow tables, and programs of eBPF on devices.
struct BlindSpots: Hashable, Sendable {
    /// "inet filter fast", and whether its flows go into the device itself.
    struct FlowTable: Hashable, Sendable {
        var name: String
        var isOffloaded: Bool

        /// Nil when the message is none (NFT_MSG_NEWFLOWTABLE).
        init?(_ message: NetlinkReply) {
            guard message.type == Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(NFT_MSG_NEWFLOWTABLE.rawValue),
                let family = message.header(4)?.first
            else { return nil }
            let attributes = message.attributes(after: 4)
            guard let table = attributes[type: Int(NFTA_FLOWTABLE_TABLE.rawValue)]?.text,
                let own = attributes[type: Int(NFTA_FLOWTABLE_NAME.rawValue)]?.text
            else { return nil }
            name = "\(HookEvent.familyNames[family] ?? "\(family)") \(table) \(own)"
            // NFT_FLOWTABLE_HW_OFFLOAD.
            isOffloaded = (attributes[type: Int(NFTA_FLOWTABLE_FLAGS.rawValue)]?.bigEndian32 ?? 0) & 1 != 0
        }
    }

    var flowTables: [FlowTable] = []
    /// Names of devices.
    var xdp: [String] = []
    var tc: [String] = []

    /// A sentence each.
    func notes(_ node: String) -> [String] {
        var lines = flowTables.map { table in
            "\(node) has the flow table \(table.name): what it carries passes by the hooks"
                + (table.isOffloaded ? ", in the device itself" : "") + ", and no rule is told of it"
        }
        if !xdp.isEmpty {
            lines.append(
                "\(node) has an XDP program on \(xdp.joined(by: ", ")): what it drops or redirects is seen nowhere here"
            )
        }
        if !tc.isEmpty {
            lines.append(
                "\(node) has a tc-BPF program on \(tc.joined(by: ", ")): what it drops, changes or redirects comes without a word"
            )
        }
        return lines
    }

    /// Of a message on a link: its name, when a program of XDP is attached (IFLA_XDP_ATTACHED is not 0).
    static func xdp(_ message: NetlinkReply) -> String? {
        guard message.type == RTM_NEWLINK else { return nil }
        let attributes = message.attributes(after: 16)
        let attached = attributes[type: Int(IFLA_XDP)]?.nested[type: Int(IFLA_XDP_ATTACHED)]?.u8 ?? 0
        return attached == 0 ? nil : attributes[type: Int(IFLA_IFNAME)]?.text
    }

    /// Of a message on a filter of traffic control: is it a program?
    static func isProgram(_ message: NetlinkReply) -> Bool {
        message.type == RTM_NEWTFILTER && message.attributes(after: 20)[type: Int(TCA_KIND)]?.text == "bpf"
    }
}

extension NetlinkSocket {
    /// The flow tables of the rules. The socket is netfilter's.
    mutating func flowTables() throws(KernelError) -> [BlindSpots.FlowTable] {
        let request = try NetlinkRequest(
            "list flow tables", type: Int(NFNL_SUBSYS_NFTABLES) << 8 | Int(NFT_MSG_GETFLOWTABLE.rawValue),
            flags: NLM_F_DUMP, header: nfgenmsg())
        return try ask(request).compactMap(BlindSpots.FlowTable.init)
    }

    /// Devices with programs. The socket is the routing one.
    mutating func programs() throws(KernelError) -> (xdp: [String], tc: [String]) {
        var (xdp, tc): ([String], [String]) = ([], [])
        let list = try NetlinkRequest("list links", type: RTM_GETLINK, flags: NLM_F_DUMP, header: ifinfomsg())
        for reply in try ask(list) {
            if let name = BlindSpots.xdp(reply) { xdp.append(name) }
            guard let link = Link(reply), link.transmitQueueLength >= 0 else { continue }
            // TC_H_CLSACT with TC_H_MIN_INGRESS and _EGRESS; the root, and the older qdisc ingress.
            for parent: UInt32 in [0xffff_fff2, 0xffff_fff3, 0xffff_0000] {
                var header = tcmsg()
                header.tcm_ifindex = link.index
                header.tcm_parent = parent
                let request = try NetlinkRequest(
                    "list filters of \(link.name)", type: RTM_GETTFILTER, flags: NLM_F_DUMP, header: header)
                // Where there is no such qdisc the kernel has no list, and says so in several ways.
                let found = try ignoring(.invalidArgument, .noSuchFile, .notSupported) { () throws(KernelError) in
                    try ask(request)
                }
                if found?.contains(where: BlindSpots.isProgram) == true, tc.last != link.name { tc.append(link.name) }
            }
        }
        return (xdp, tc)
    }
}

extension NodeSources {
    /// What the kernel lets nobody see of it is not there.
    func blindSpots() -> BlindSpots {
        var spots = BlindSpots()
        if var socket = try? NetlinkSocket(NETLINK_NETFILTER, in: namespace, home: home) {
            spots.flowTables = (try? socket.flowTables()) ?? []
        }
        if var socket = try? NetlinkSocket(NETLINK_ROUTE, in: namespace, home: home),
            let programs = try? socket.programs()
        {
            (spots.xdp, spots.tc) = programs
        }
        return spots
    }
}

extension Journey {
    /// What the nodes on the way have that a trace does not see; of all nodes where it did not end well, as the packet may be there.
    mutating func addBlindSpots(of sources: [NodeSources]) {
        let visited = Set((legs + (transfer?.legs ?? [])).flatMap { $0.steps.map(\.node) + [$0.end.node] })
        for node in sources where exitCode != 0 || visited.contains(node.node.name) {
            notes += node.blindSpots().notes(node.node.name)
        }
    }
}
