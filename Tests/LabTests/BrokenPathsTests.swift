import TestSupport
import Testing

/// Broken worlds whose causes are remembered flows, sizes, neighbours and roads, each with a repair that breaks something else.
@Suite("Broken worlds b05 to b07, b09 and b10")
struct BrokenPathsTests {
    @Test(
        "b05",
        arguments: BrokenCase.all("b05", [PathsRepairs.forgetAll, PathsRepairs.reopened, PathsRepairs.forgetAll]))
    func staleSyslog(_ each: BrokenCase) async throws { try await each.run() }

    @Test("b06", arguments: BrokenCase.all("b06", [PathsRepairs.clamp, PathsRepairs.smaller, PathsRepairs.clamp]))
    func bigPackets(_ each: BrokenCase) async throws { try await each.run() }

    @Test("b07", arguments: BrokenCase.all("b07", [PathsRepairs.wide, PathsRepairs.unplug, PathsRepairs.unplug]))
    func halfFail(_ each: BrokenCase) async throws { try await each.run() }

    @Test(
        "b09",
        arguments: BrokenCase.all(
            "b09", [PathsRepairs.noFilter, PathsRepairs.lawless, PathsRepairs.noFilter, PathsRepairs.otherRoad]))
    func secondUplink(_ each: BrokenCase) async throws { try await each.run() }

    @Test("b10", arguments: BrokenCase.all("b10", PathsRepairs.firewallReload))
    func firewallReload(_ each: BrokenCase) async throws { try await each.run() }
}

/// Repairs that are none.
enum PathsRepairs {
    /// The call goes with the rest.
    static let forgetAll = WrongRepair("conntrack -F >/dev/null 2>&1", alone: true, "✗ the call that goes on")
    static let reopened = WrongRepair(
        nft: "nft add rule ip lab calls udp dport 5000 dnat to 10.88.0.3:5000",
        iptables: "iptables -t nat -A CALLS -p udp --dport 5000 -j DNAT --to-destination 10.88.0.3:5000",
        "✗ a new call")

    /// TCP is helped, and nothing else.
    static let clamp = WrongRepair(
        nft: "nft 'add table ip clamp; add chain ip clamp forward { type filter hook forward priority -150; }; "
            + "add rule ip clamp forward tcp flags syn tcp option maxseg size set 1200'",
        iptables: "iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1200", alone: true,
        "✗ what routers say of web's packets to 203.0.113.10")
    static let smaller = WrongRepair(
        nft: smallLinks, iptables: smallLinks, alone: true, "web's own link does not take 1500 bytes any more")
    static let smallLinks = "on web ip link set dev eth0 mtu 1300; on app ip link set dev eth0 mtu 1300"

    static let unplug = WrongRepair(
        "ip link set vdb down; ip neigh flush dev br0", alone: true, "✗ a request, app → 10.88.0.4:80")
    static let wide = WrongRepair(
        nft:
            "nft flush chain ip lab prerouting; nft add rule ip lab prerouting tcp dport 8000-8999 dnat to 10.88.0.2:80",
        iptables: "iptables -t nat -F PREROUTING; "
            + "iptables -t nat -A PREROUTING -p tcp --dport 8000:8999 -j DNAT --to-destination 10.88.0.2:80",
        alone: true,
        "✗ a request, client → 198.51.100.2:8081")

    static let noFilter = WrongRepair("sysctl -qw net.ipv4.conf.eth1.rp_filter=0", "✗ rp_filter of host's eth1")
    static let otherRoad = WrongRepair(
        "ip route replace default via 192.0.2.1", alone: true, "✗ a request, client → 198.51.100.2:8080")
    static let lawless = WrongRepair(
        nft: "sysctl -qw net.ipv4.conf.eth1.rp_filter=2; on inet sysctl -qw net.ipv4.conf.eth1.rp_filter=0",
        iptables: "sysctl -qw net.ipv4.conf.eth1.rp_filter=2; on inet sysctl -qw net.ipv4.conf.eth1.rp_filter=0",
        alone: true, "✗ net/ipv4/conf/eth1/rp_filter of inet")

    static let firewallReload = [
        WrongRepair(
            nft: "nft delete table ip firewall", iptables: "iptables -F INPUT",
            "✗ a request, client → 198.51.100.2:9000"),
        WrongRepair(on: "db", "ip address add 10.88.0.3/24 dev eth0", "✗ addresses on the bridge"),
        WrongRepair("ip link set vdb down; ip neigh flush dev br0", alone: true, "web and db have 10.88.0.2"),
    ]
}
