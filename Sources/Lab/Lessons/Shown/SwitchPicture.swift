import CKernel
import Glibc
import NetCore

/// A bridge as the two things that it is.
extension Look {
    /// The ports of the bridge that `port` is on, with whose frames it sends there by its table; and the node's own port on it.
    func switchPicture(_ node: String, bridgeOf port: String, owners: [String]) throws(LabError) -> [String] {
        let links = try links(node)
        guard let master = links.first(where: { $0.name == port })?.master,
            let bridge = links.first(where: { $0.index == master })
        else { return ["\(port) is on no bridge"] }
        var rows: [[String]] = []
        for port in links where port.master == master {
            var heard: [(owner: String, mac: String)] = []
            for owner in owners {
                guard let mac = try mac(owner, "eth0"), try bridgePort(node, mac) == port.name else { continue }
                heard.append((owner, "\(mac)"))
            }
            rows.append([
                heard.isEmpty ? "?" : heard.map(\.owner).joined(by: ", "),
                heard.isEmpty ? "nobody was heard" : heard.map(\.mac).joined(by: ", "), "── \(port.name)",
            ])
        }
        let addresses = try socket(node, NETLINK_ROUTE) { (socket) throws(KernelError) in
            try socket.addresses(of: bridge.index)
        }.map(\.prefix).filter { $0.address.family == .v4 }.map { "\($0)" }
        let middle = (rows.count - 1) / 2
        let drawn = aligned(rows)
        let width = drawn.map(\.count).max() ?? 0
        var lines = ["\(bridge.name) is two things, the switch and \(node)'s own port on it:"]
        for (row, line) in drawn.enumerated() {
            let isFirst = row == 0
            let isLast = row == drawn.count - 1
            let corner = isFirst && isLast ? "─" : isFirst ? "┐" : isLast ? "┘" : "┤"
            let joint = row != middle ? corner : isFirst && isLast ? "─" : isFirst ? "┬" : isLast ? "┴" : "┼"
            lines.append(
                "  " + line + " " + String(repeating: "─", count: width - line.count + 1) + joint
                    + (row == middle ? "─ the switch \(bridge.name) ── \(node)'s port \(bridge.name)" : ""))
        }
        let mac = bridge.mac.map { "has the MAC \($0)" } ?? "has no MAC"
        let address =
            addresses.isEmpty
            ? "no address, so that \(node) can speak to nobody there"
            : "the address \(addresses.joined(by: " and ")): what is sent to it goes up into \(node)"
        return lines + wrapped("\(node)'s own port \(mac) and \(address).", Shown.width)
    }
}
