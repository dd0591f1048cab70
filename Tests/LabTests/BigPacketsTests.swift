import Lab
import TestSupport
import Testing

@Suite("Lesson 14, big packets and IPv6")
struct BigPacketsTests {
    private let stalls = "connected, then stalled: 0 of 20000 bytes in a second"

    private func begin(_ host: PrivateHost, _ uid: Int, _ backend: Backend) throws -> LabHost {
        let lab = try LabHost.learner(host, uid: uid)
        try lab.must("start", "14", "--backend", backend.rawValue)
        try lab.must("answer", "a")
        try lab.red("✗ 1 ", "you said all of it comes, the transfer says otherwise")
        try lab.must("answer", "c")
        try lab.green(upTo: 1, of: 8)
        try lab.must("answer", "inet")
        try lab.red("✗ 2 ", "you said inet, the packet says otherwise")
        try lab.must("answer", "host")
        try lab.green(upTo: 2, of: 8)
        try lab.red("✗ 3 ", "20 kB, client from 198.51.100.2:8080", "expected: all of it within a second", stalls)
        return lab
    }

    @Test(
        "a fixed size is another clamp; ICMP that speaks is not one, nor what was learned while it did",
        arguments: [0, 65534])
    func nftSize(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try begin(host, uid, .nft)
            // The right thing at the wrong time.
            try lab.type("host", "nft flush chain ip lab output")
            try lab.red(
                "✗ 3 ", "expected: web is still not told that it is too large",
                "seen:     web is told: at most 1300 bytes")
            try lab.type("client", "curl -sS --max-time 2 -o /dev/null 198.51.100.2:8080/20000")
            try lab.type("host", "nft add rule ip lab output icmp type destination-unreachable drop")
            try lab.red("✗ 3 ", stalls)
            // Too large a size, and one direction that does not matter here.
            try lab.type("host", "nft 'add chain ip lab mine { type filter hook forward priority 1; }'")
            try lab.type("host", "nft add rule ip lab mine tcp flags syn tcp option maxseg size set 1400")
            try lab.red("✗ 3 ", stalls)
            try lab.type("host", "nft flush chain ip lab mine")
            try lab.type("host", "nft add rule ip lab mine iif br0 tcp flags syn tcp option maxseg size set 1200")
            try lab.red("✗ 3 ", stalls)
            try lab.type("host", "nft flush chain ip lab mine")
            try lab.type("host", "nft add rule ip lab mine tcp flags syn tcp option maxseg size set 1200")
            try lab.green(upTo: 3, of: 8)
            // ICMP speaks, but the clamp stands, so that nobody needs to be told.
            try lab.type("host", "nft insert rule ip lab output icmp code 4 accept")
            try lab.red("✗ 4 ", "web's way to 203.0.113.10", "something still makes its segments small")
            try lab.type("host", "nft delete chain ip lab mine")
            try lab.green(upTo: 4, of: 8)
        }
    }

    @Test("a narrower link of web's own is another right answer to the first half", arguments: [0, 65534])
    func narrowLink(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try begin(host, uid, .iptables)
            try lab.type("web", "ip link set eth0 mtu 1300")
            try lab.green(upTo: 3, of: 8)
            try lab.type("host", "iptables -F OUTPUT; iptables -F FORWARD")
            try lab.red("✗ 4 ", "web's way to 203.0.113.10")
            try lab.type("web", "ip link set eth0 mtu 1500")
            try lab.green(upTo: 4, of: 8)
        }
    }

    @Test("IPv6: rules of one's own by either way, and what is wrong before", arguments: Backend.allCases, [0, 65534])
    func sixes(backend: Backend, uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "14", "--backend", backend.rawValue)
            try lab.must("solve", "--step", "4")
            func type(_ nft: String, _ iptables: String) throws {
                try lab.type("host", backend == .nft ? nft : iptables)
            }
            try lab.red("✗ 5 ", "client → [2001:db8:198::2]:8080", "refused by host")
            try type(
                "nft 'add chain ip6 lab pre { type nat hook prerouting priority dstnat; }';"
                    + "nft add rule ip6 lab pre iif eth0 tcp dport 8080-8081 dnat to '[fd00:88::2]:80'",
                "ip6tables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080:8081 -j DNAT --to-destination '[fd00:88::2]:80'"
            )
            try lab.red("✗ 5 ", "died there in forward")
            try type(
                "nft insert rule ip6 lab forward ip6 daddr fd00:88::2 tcp dport 80 accept",
                "ip6tables -I FORWARD -d fd00:88::2 -p tcp --dport 80 -j ACCEPT")
            try lab.red("✗ 5 ", "client → [2001:db8:198::2]:8081", "expected: stays outside web")
            try type(
                "nft flush chain ip6 lab pre; nft add rule ip6 lab pre iif eth0 tcp dport 8080 dnat to '[fd00:88::2]:80'",
                "ip6tables -t nat -F; ip6tables -t nat -A PREROUTING -i eth0 -p tcp --dport 8080 "
                    + "-j DNAT --to-destination '[fd00:88::2]:80'")
            // Somebody hides the sender, or thinks that ICMPv6 is dangerous.
            try type(
                "nft 'add chain ip6 lab post { type nat hook postrouting priority srcnat; }';"
                    + "nft add rule ip6 lab post oif br0 masquerade",
                "ip6tables -t nat -A POSTROUTING -o br0 -j MASQUERADE")
            try lab.red("✗ 5 ", "which sees fd00:88::1 as the sender; the source was rewritten too")
            try type("nft delete chain ip6 lab post", "ip6tables -t nat -F POSTROUTING")
            try type(
                "nft 'add chain ip6 lab out { type filter hook output priority 0; }';"
                    + "nft add rule ip6 lab out icmpv6 type packet-too-big drop",
                "ip6tables -A OUTPUT -p icmpv6 --icmpv6-type packet-too-big -j DROP")
            try lab.red("✗ 5 ", "a packet of 1400 bytes, web → 2001:db8:203::/64", "seen:     web is told nothing")
            try type(
                "nft flush chain ip6 lab out; nft add rule ip6 lab out icmpv6 type nd-neighbor-solicit drop",
                "ip6tables -F OUTPUT; ip6tables -A OUTPUT -p icmpv6 --icmpv6-type neighbour-solicitation -j DROP")
            try lab.red("✗ 5 ", "neighbours of host", "is neighbour discovery (ICMPv6 135, 136) let through?")
            try type("nft delete chain ip6 lab out", "ip6tables -F OUTPUT")
            try lab.green(upTo: 5, of: 8)
            try lab.must("answer", "b")
            try lab.red("✗ 6 ", "you said net.ipv6.conf.all.forwarding, host's kernel says otherwise")
            try lab.must("answer", "c")
            try lab.green(upTo: 6, of: 8)
            try lab.type("host", "ip addr add 2001:db8:88::1/64 dev br0 nodad")
            try lab.type("web", "ip addr add 2001:db8:88::2/64 dev eth0 nodad")
            try lab.red("✗ 7 ", "client → [2001:db8:88::2]:80", "died there in forward")
            // All of web.
            try type(
                "nft insert rule ip6 lab forward oif br0 ip6 daddr 2001:db8:88::2 accept",
                "ip6tables -I FORWARD -o br0 -d 2001:db8:88::2 -j ACCEPT")
            try lab.red("✗ 7 ", "client → [2001:db8:88::2]:22", "expected: stays outside web")
            try type(
                "nft insert rule ip6 lab forward ip6 daddr 2001:db8:88::2 tcp dport != 80 drop",
                "ip6tables -I FORWARD -d 2001:db8:88::2 -p tcp ! --dport 80 -j DROP")
            try lab.green(upTo: 7, of: 8)
            try lab.must("answer", "a")
            try lab.red("✗ 8 ", "you said by host's address and NAT: [2001:db8:198::2]:8080, the packet says otherwise")
            try lab.must("answer", "b")
            try lab.green(upTo: 8, of: 8)
        }
    }
}
