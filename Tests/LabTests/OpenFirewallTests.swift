import Lab
import TestSupport
import Testing

@Suite("Lesson 11, the open firewall")
struct OpenFirewallTests {
    @Test(
        "rules in the wrong place and of the wrong port do nothing; a chain of one's own does", arguments: [0, 65534])
    func nft(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "11", "--backend", "nft")
            try lab.must("answer", "nothing")
            try lab.red("✗ 1 ", "you said nothing, the packet says otherwise")
            try lab.must("answer", "a")
            try lab.green(upTo: 1, of: 3)
            try lab.must("answer", "input")
            try lab.red("✗ 2 ", "you said input")
            try lab.must("answer", "forward")
            try lab.green(upTo: 2, of: 3)
            // Input never sees it; and in forward its port is 80 already.
            try lab.type("host", "nft insert rule ip lab input tcp dport 8080 drop")
            try lab.type("host", "nft insert rule ip lab forward tcp dport 8080 drop")
            try lab.red(
                "client → 198.51.100.2:8080", "expected: stays outside web", "answered by web, which sees 203.0.113.10")
            // For everybody: the administrator too.
            try lab.type("host", "nft insert rule ip lab forward tcp dport 80 drop")
            try lab.red("admin → 198.51.100.2:8080", "died there in forward")
            try lab.type(
                "host",
                "nft delete rule ip lab forward handle $(nft -a list chain ip lab forward | sed -n 's/.*dport 80 drop # handle //p')"
            )
            // Nothing comes out any more.
            try lab.type("host", "nft insert rule ip lab forward ip saddr != 203.0.113.99 ct state new drop")
            try lab.red("web → 203.0.113.10:80", "died there in forward")
            try lab.type(
                "host",
                "nft delete rule ip lab forward handle $(nft -a list chain ip lab forward | sed -n 's/.*new drop # handle //p')"
            )
            // The firewall's own hole.
            try lab.type("host", "nft 'add chain ip lab mine { type filter hook forward priority -1; }'")
            try lab.type(
                "host",
                "nft add rule ip lab mine iif eth0 ip daddr 10.88.0.2 ct state new ip saddr != 203.0.113.99 drop")
            try lab.type("host", "nft insert rule ip lab input tcp dport 9000 accept")
            try lab.red("client → 198.51.100.2:9000", "expected: shut by host's firewall", "answered by host")
            try lab.type("host", "nft insert rule ip lab input tcp dport 9000 drop")
            try lab.green(upTo: 3, of: 3)
        }
    }

    @Test("rules of iptables: a drop before routing by the original port", arguments: [0, 65534])
    func iptables(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "11", "--backend", "iptables")
            try lab.must("answer", "a")
            try lab.must("check", exits: 1)
            try lab.must("answer", "forward")
            try lab.green(upTo: 2, of: 3)
            try lab.type("host", "iptables -I INPUT -p tcp --dport 8080 -j DROP")
            try lab.red("client → 198.51.100.2:8080", "answered by web")
            try lab.type("host", "iptables -t raw -A PREROUTING -i eth0 -p tcp --dport 8080 ! -s 203.0.113.99 -j DROP")
            let text = try lab.green(upTo: 3, of: 3)
            host.expect(text.holds("client → 198.51.100.2:8080 came into neither: reached host, died there"), text)
        }
    }
}
