import CKernel
import Glibc
import NetCore

/// What addresses the host and its networks use: a new network must not overlap any of it.
struct HostPrefixes: Sendable {
    struct Taken: Sendable, Hashable {
        let prefix: IPPrefix
        /// "the route to 10.0.0.0/8 by eth0".
        let words: String
        /// The link that it leaves by or stands on.
        var link: String?
    }

    var taken: [Taken] = []

    /// The calling thread's namespace, by netlink: routes of all tables, and addresses.
    static func read() throws(KernelError) -> HostPrefixes {
        var socket = try NetlinkSocket(NETLINK_ROUTE)
        var names: [Int32: String] = [:]
        for link in try socket.links() { names[link.index] = link.name }
        var found = HostPrefixes()
        for address in try socket.addresses() where !address.prefix.address.isLinkLocal {
            let name = names[address.link]
            found.taken.append(
                Taken(
                    prefix: address.prefix.network, words: "address \(address.prefix) of \(name ?? "the host")",
                    link: name))
        }
        for family in AddressFamily.allCases {
            for route in try socket.routes(family) where !route.isDefault && !route.destination.first.isLinkLocal {
                guard !route.destination.first.isMulticast else { continue }
                let name = route.link.flatMap { names[$0] }
                let words = "the host's route to \(route.destination)" + (name.map { " by \($0)" } ?? "")
                found.taken.append(Taken(prefix: route.destination.network, words: words, link: name))
            }
        }
        return found
    }

    func overlap(_ subnet: IPPrefix, beside bridge: String? = nil) -> Taken? {
        taken.first { $0.prefix.overlaps(subnet) && !($0.link != nil && $0.link == bridge) }
    }

    private static let pools = [IPPrefix("172.16.0.0/12"), IPPrefix("10.0.0.0/8")]

    /// The first free /24 of 172.16.0.0/12, then of 10.0.0.0/8; nil when there is none.
    func freeSubnet() -> IPPrefix? {
        for pool in HostPrefixes.pools {
            guard let pool else { continue }
            let relevant = taken.filter { $0.prefix.overlaps(pool) }
            var next: IPAddress? = pool.first
            while let first = next, pool.contains(first) {
                let subnet = IPPrefix(first, length: 24)
                guard let other = relevant.first(where: { $0.prefix.overlaps(subnet) }) else { return subnet }
                // Behind what is in the way, not through all of it.
                next = max(other.prefix.last, subnet.last).advanced(by: 1)
            }
        }
        return nil
    }

    /// A /64 of a unique local prefix made by chance (RFC 4193 section 3.2).
    func freeLocalSubnet() -> IPPrefix? {
        for _ in 0..<100 {
            let bytes = [0xfd] + Chance.bytes(5) + [UInt8](repeating: 0, count: 10)
            guard let address = IPAddress(bytes: bytes) else { continue }
            let subnet = IPPrefix(address, length: 64)
            if overlap(subnet) == nil { return subnet }
        }
        return nil
    }
}

extension NetworkStore {
    /// What host and networks use. Throws 500.
    func occupied() throws(NetworkError) -> HostPrefixes {
        var prefixes = try answering("read the host's routes") { () throws(KernelError) in try HostPrefixes.read() }
        for network in try all() {
            for (subnet, _) in network.subnets {
                prefixes.taken.append(
                    HostPrefixes.Taken(prefix: subnet, words: "network \"\(network.name)\" (\(subnet))"))
            }
        }
        return prefixes
    }
}
