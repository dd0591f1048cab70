import CKernel
import NetCore
import NetPlan

/// What a drawing of this host shows: the records say who is attached, the kernel says what stands.
public struct HostScene: Hashable, Sendable {
    public enum LinkState: Hashable, Sendable {
        case up
        case down
        case missing
    }

    /// A link that leads out of the host.
    public struct Uplink: Hashable, Sendable {
        public let name: String
        public let addresses: [String]
        /// Gateways of the default routes by this link.
        public let gateways: [String]
    }

    public struct Bridge: Hashable, Sendable {
        public let name: String
        public let state: LinkState
        public let addresses: [String]
        /// Ports that are no attachment's.
        public let otherPorts: Int
        public let cables: [Cable]
    }

    /// An attachment with its end on the host.
    public struct Cable: Hashable, Sendable {
        public let entry: AttachmentList.Entry
        public let state: LinkState
    }

    public let uplinks: [Uplink]
    public let bridges: [Bridge]
    /// Attachments without a bridge: the host routes to their cables, or knows of none.
    public let loose: [Cable]

    public init(uplinks: [Uplink], bridges: [Bridge], loose: [Cable]) {
        self.uplinks = uplinks
        self.bridges = bridges
        self.loose = loose
    }

    /// Looks at the calling thread's namespace; needs no privilege. Throws what the kernel refused.
    public init(of attachments: AttachmentList) throws(InspectError) {
        do throws(KernelError) {
            var socket = try NetlinkSocket(NETLINK_ROUTE)
            try self.init(of: attachments, &socket)
        } catch {
            throw InspectError(error)
        }
    }

    private init(of attachments: AttachmentList, _ socket: inout NetlinkSocket) throws(KernelError) {
        let links = try socket.links().sorted { $0.name < $1.name }
        let addresses = try socket.addresses().filter { !$0.isLinkLocal }.sorted { $0.prefix < $1.prefix }
        var defaults: [Route] = []
        for family in AddressFamily.allCases { defaults += try socket.routes(family, table: 254).filter(\.isDefault) }
        let texts = { (link: Link) in addresses.filter { $0.link == link.index }.map { "\($0.prefix)" } }
        let ends = Set(attachments.entries.compactMap(\.hostInterface))

        uplinks = links.compactMap { link in
            guard !link.isLoopback, link.kind != "bridge", link.master == nil, !ends.contains(link.name) else {
                return nil
            }
            let gateways = defaults.filter { $0.link == link.index }.compactMap { $0.gateway?.description }
            guard !texts(link).isEmpty || !gateways.isEmpty else { return nil }
            return Uplink(name: link.name, addresses: texts(link), gateways: gateways)
        }
        let named = Set(attachments.entries.compactMap(\.bridge)).union(
            links.filter { $0.kind == "bridge" }.map(\.name))
        bridges = named.sorted().map { name in
            let link = links.first { $0.name == name }
            let cables = attachments.entries.filter { $0.bridge == name }.map { entry in
                let end = links.first { $0.name == entry.hostInterface && $0.master != nil && $0.master == link?.index }
                return Cable(entry: entry, state: HostScene.state(end))
            }
            return Bridge(
                name: name, state: HostScene.state(link), addresses: link.map(texts) ?? [],
                otherPorts: links.count { $0.master != nil && $0.master == link?.index && !ends.contains($0.name) },
                cables: cables)
        }
        loose = attachments.entries.filter { $0.bridge == nil }.map { entry in
            Cable(entry: entry, state: HostScene.state(links.first { $0.name == entry.hostInterface }))
        }
    }

    private static func state(_ link: Link?) -> LinkState {
        guard let link else { return .missing }
        return link.isUp ? .up : .down
    }
}
