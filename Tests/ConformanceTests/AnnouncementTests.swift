import JSON
import NetCore
import TestSupport
import Testing

/// docs/adr/0008-among-many.md: an address is announced only when it had a holder before.
@Suite("bridge: who is told of an address (moby#36069)")
struct AnnouncementTests {
    /// Addresses .8 and .9, in turn.
    private static let network: TestNetwork = {
        let pool: JSON = [
            "type": "host-local",
            "ranges": [
                [["subnet": "10.22.0.0/24", "rangeStart": "10.22.0.8", "rangeEnd": "10.22.0.9"]],
                [["subnet": "fd22::/64", "rangeStart": "fd22::8", "rangeEnd": "fd22::9"]],
            ],
        ]
        return .bridged(keys: ["ipam": pool])
    }()

    @Test("a neighbour reaches the new holder of an address at the first packet", arguments: AddressFamily.allCases)
    func newHolder(_ family: AddressFamily) throws {
        try PrivateHost.run { host in
            _ = try host.attach(AnnouncementTests.network, "neighbour")
            // On a busy machine one of forty came before the kernel delivered to an IPv6 address.
            for id in (1...8).map({ "c\($0)" }) {
                let attached = try host.attach(AnnouncementTests.network, id)
                let listener = Endpoint(attached.address(family)!, 7000)
                host.expect(
                    try host.converse(
                        .udp, from: "neighbour", to: listener, at: id, listening: listener, resend: 0) != nil,
                    "\(id) is not reached by its neighbour")
                try host.detach(attached)
            }
        }
    }

    @Test("ARP: nothing is announced of a new address, and every time of one that had a holder")
    func announcements() throws {
        try PrivateHost.run { host in
            _ = try host.attach(AnnouncementTests.network, "neighbour")
            try host.inside("neighbour") {
                for line in ["add table arp t", "add chain arp t in { type filter hook input priority 0 ; }"] {
                    try host.must("nft \(line)")
                }
                try host.must("nft add rule arp t in counter")
            }
            let packets = {
                try host.inside("neighbour") {
                    let words = try host.must("nft list chain arp t in").split(separator: " ")
                    let index = words.firstIndex(of: "packets")!
                    return Int(words[index + 1])!
                }
            }
            var seen: [Int] = []
            for id in ["c1", "c2"] {
                let before = try packets()
                let attached = try host.attach(AnnouncementTests.network, id)
                seen.append(try packets() - before)
                try host.detach(attached)
            }
            host.expect(seen[0], is: 0, "ARP packets that announce a new address")
            host.expect(seen[1] > 0, "the new holder of an address was not announced")
        }
    }
}
