import Lab
import TestSupport
import Testing

@Suite("Lesson 13, two roads")
struct TwoRoadsTests {
    private func begin(_ host: PrivateHost, _ uid: Int, _ backend: Backend) throws -> LabHost {
        let lab = try LabHost.learner(host, uid: uid)
        try lab.must("start", "13", "--backend", backend.rawValue)
        try lab.must("answer", "an answer")
        try lab.red("✗ 1 ", "you said an answer, the packet says otherwise")
        try lab.must("answer", "nothing")
        try lab.green(upTo: 1, of: 4)
        try lab.must("answer", "eth1")
        try lab.red("✗ 2 ", "you said eth1, host's kernel says otherwise")
        try lab.must("answer", "eth0")
        try lab.green(upTo: 2, of: 4)
        try lab.must("answer", "198.51.100.2")
        try lab.red("✗ 3 ", "you said 198.51.100.2, the packet says otherwise")
        try lab.must("answer", "10.88.0.2")
        try lab.green(upTo: 3, of: 4)
        return lab
    }

    private let vain = "the rule from 192.0.2.2 does not match, for at that moment the address is 10.88.0.2"

    @Test("a rule of routing by the address that was asked stays red, and it is said why", arguments: [0, 65534])
    func fromRule(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try begin(host, uid, .nft)
            try lab.type("host", "ip route add default via 192.0.2.1 table 101; ip rule add from 192.0.2.2 lookup 101")
            try lab.red(
                "✗ 4 ", "client → 192.0.2.2:8080", "the way back to 203.0.113.10 is by eth0, not eth1", vain)
            // Let in, it is answered by the wrong road.
            try lab.type("host", "sysctl -qw net.ipv4.conf.eth1.rp_filter=2")
            try lab.red(
                "✗ 4 ", "expected: leaves host by eth1 as 192.0.2.2",
                "seen:     by eth0 as 192.0.2.2: its route was chosen when its sender was 10.88.0.2", vain)
            // By web's address every answer takes the new road, also that of who came by eth0.
            try lab.type("host", "ip rule del from 192.0.2.2; ip rule add from 10.88.0.2 lookup 101")
            try lab.red(
                "✗ 4 ", "the answer to client → 198.51.100.2:8080", "expected: leaves host by eth0 as 198.51.100.2")
        }
    }

    @Test(
        "loose on eth1, and the connection's mark: the simple right answer", arguments: Backend.allCases, [0, 65534])
    func loose(backend: Backend, uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try begin(host, uid, backend)
            try lab.type(
                "host",
                backend == .nft
                    ? "nft 'add chain ip lab m { type filter hook prerouting priority -150; }';"
                        + "nft add rule ip lab m iif eth1 ct state new ct mark set 7;"
                        + "nft add rule ip lab m iif br0 meta mark set ct mark"
                    : "iptables -t mangle -A PREROUTING -i eth1 -m conntrack --ctstate NEW -j CONNMARK --set-mark 7;"
                        + "iptables -t mangle -A PREROUTING -i br0 -j CONNMARK --restore-mark")
            try lab.type("host", "ip route add default via 192.0.2.1 dev eth1 table 9; ip rule add fwmark 7 table 9")
            try lab.red("✗ 4 ", "rp_filter is strict")
            // For all links: then eth0 is loose too.
            try lab.type("host", "sysctl -qw net.ipv4.conf.all.rp_filter=2")
            try lab.red(
                "✗ 4 ", "rp_filter of host's eth0, as the kernel takes it", "expected: 1",
                "seen:     2, the larger of eth0's 1 and all's 2")
            // Off is not on.
            try lab.type("host", "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth1.rp_filter=0")
            try lab.red("✗ 4 ", "rp_filter of host's eth1", "expected: 1 or 2", "seen:     0")
            try lab.type("host", "sysctl -qw net.ipv4.conf.eth1.rp_filter=2")
            try lab.green(upTo: 4, of: 4)
        }
    }

    @Test(
        "strict: each of its parts is needed, and a mark on first packets alone is not enough", arguments: [0, 65534])
    func strict(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try begin(host, uid, .nft)
            try lab.type("host", "nft 'add chain ip lab m { type filter hook prerouting priority -150; }'")
            try lab.type("host", "nft add rule ip lab m iif eth1 ct state new meta mark set 0x65 ct mark set 0x65")
            try lab.type("host", "nft add rule ip lab m iif br0 ct mark 0x65 meta mark set ct mark")
            try lab.type("host", "ip rule add fwmark 0x65 lookup 101; ip route add default via 192.0.2.1 table 101")
            try lab.red("✗ 4 ", "rp_filter is strict")
            // The request bears the mark too, and table 101 does not know web.
            try lab.type("host", "sysctl -qw net.ipv4.conf.eth1.src_valid_mark=1")
            try lab.red("✗ 4 ", "client → 192.0.2.2:8080", "expected: comes to web")
            try lab.type("host", "ip route add 10.88.0.0/24 dev br0 table 101")
            // The second packet of the client's is not new.
            try lab.red("✗ 4 ", "a request, client → 192.0.2.2:8080", "no answer; the first packet: answered by web")
            try lab.type("host", "nft insert rule ip lab m iif eth1 meta mark set 0x65")
            try lab.green(upTo: 4, of: 4)
        }
    }
}
