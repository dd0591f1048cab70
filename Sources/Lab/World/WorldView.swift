import CKernel
import Glibc
public import NetCore

/// What is to be seen in a node's network just now.
public struct NodeView: Sendable {
    public let node: World.RunningNode
    /// Nil when its process is gone.
    public let links: [Link]?
    public let addresses: [LinkAddress]
}

extension World {
    /// Every node as the kernel shows it. The calling process must have entered.
    public func look() throws(LabError) -> [NodeView] {
        var views: [NodeView] = []
        for (node, reference) in zip(nodes, references) {
            guard node.process.isAlive else {
                views.append(NodeView(node: node, links: nil, addresses: []))
                continue
            }
            let view = try during("look into node \(node.name)") { () throws(KernelError) in
                let home = try NetworkNamespace.current()
                let namespace = try NetworkNamespace(open: reference.namespace)
                var socket = try NetlinkSocket(NETLINK_ROUTE, in: namespace, home: home.number)
                return NodeView(node: node, links: try socket.links(), addresses: try socket.addresses())
            }
            views.append(view)
        }
        return views
    }

    /// One line a link: node, process, link, state, MAC, addresses.
    public static func table(_ views: [NodeView]) -> String {
        var rows = [["NODE", "PID", "LINK", "STATE", "MAC", "ADDRESSES"]]
        for view in views {
            guard let links = view.links else {
                rows.append([view.node.name, "\(view.node.process.pid)", "-", "gone", "-", "-"])
                continue
            }
            for (index, link) in links.enumerated() {
                let addresses = view.addresses.filter { $0.link == link.index && !$0.isLinkLocal }.map(
                    \.prefix.description)
                rows.append([
                    index == 0 ? view.node.name : "", index == 0 ? "\(view.node.process.pid)" : "", link.name,
                    link.isUp ? "up" : "down", link.isLoopback ? "-" : link.mac?.description ?? "-",
                    addresses.isEmpty ? "-" : addresses.joined(by: " "),
                ])
            }
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].utf8.count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                line +=
                    column == row.count - 1
                    ? cell : cell + String(repeating: " ", count: widths[column] - cell.utf8.count + 2)
            }
            return line
        }.joined(by: "\n")
    }
}
