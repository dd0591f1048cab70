import CKernel
import Glibc
import NetCore

/// Links and what belongs to them in the words of `ip` and `bridge`.
enum NetListing {
    struct Line {
        let link: Link
        let text: [String]
    }

    /// Two lines a link, as `ip link` writes them.
    static func links(_ call: NetCall) throws(LabError) -> [Line] {
        let links = try call.route("list links", show: "berth net link") { (socket) throws(KernelError) in
            try socket.links()
        }
        return links.map { link in
            let kind = link.isLoopback ? "loopback" : "ether"
            return Line(
                link: link,
                text: [head(link, among: links), "    link/\(kind) \(link.mac ?? .zero)"])
        }
    }

    /// "3: vweb@if2: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 master br0 state UP".
    static func head(_ link: Link, among links: [Link]) -> String {
        let master = link.master.map { index in " master \(name(index, links))" } ?? ""
        return "\(link.index): \(fullName(link, links)): <\(flags(link))> mtu \(link.mtu)\(master) state \(state(link))"
    }

    /// "vweb@if2": the other end by its name where that is here.
    static func fullName(_ link: Link, _ links: [Link]) -> String {
        guard let peer = link.peer, peer != 0 else { return link.name }
        return "\(link.name)@" + (link.peerNamespace == nil ? name(peer, links) : "if\(peer)")
    }

    static func name(_ index: Int32, _ links: [Link]) -> String {
        links.first { $0.index == index }?.name ?? "if\(index)"
    }

    private static func flags(_ link: Link) -> String {
        // In the order in which ip writes them (linux/if.h).
        let names: [(Int, String)] = [
            (IFF_LOOPBACK, "LOOPBACK"), (IFF_BROADCAST, "BROADCAST"), (IFF_POINTOPOINT, "POINTOPOINT"),
            (IFF_MULTICAST, "MULTICAST"), (IFF_NOARP, "NOARP"), (IFF_ALLMULTI, "ALLMULTI"), (IFF_PROMISC, "PROMISC"),
            (IFF_UP, "UP"), (1 << 16, "LOWER_UP"),
        ]
        let isWithout = link.isUp && link.flags & UInt32(IFF_RUNNING) == 0
        return ((isWithout ? ["NO-CARRIER"] : []) + names.filter { link.flags & UInt32($0.0) != 0 }.map(\.1))
            .joined(by: ",")
    }

    /// IF_OPER_* (linux/if.h).
    private static func state(_ link: Link) -> String {
        let names = ["UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP"]
        let number = Int(link.operationalState ?? 0)
        return names.indices.contains(number) ? names[number] : "\(number)"
    }

    /// BR_STATE_* (linux/if_bridge.h).
    static func portState(_ number: UInt8?) -> String {
        let names = ["disabled", "listening", "learning", "forwarding", "blocking"]
        return number.map { names.indices.contains(Int($0)) ? names[Int($0)] : "\($0)" } ?? "unknown"
    }
}
