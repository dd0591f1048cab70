import Lab
import TestSupport
import Testing

/// Lessons 05 and 06 as learners take them.
@Suite("Lessons 05 and 06, routers and masquerade")
struct RoutingLessonsTests {
    @Test("05: routes that are wider or narrower do, a wrong gateway does not", arguments: [0, 65534])
    func routers(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "05")
            try lab.red("✗ 1 ", "web's route to 203.0.113.10", "expected: via 10.88.0.1", "seen:     none")
            try lab.type("web", "ip route add default via 10.88.0.3")
            try lab.red("seen:     via 10.88.0.3")
            try lab.type("web", "ip route del default; ip route add 203.0.113.0/24 via 10.88.0.1")
            try lab.green(upTo: 1, of: 5)
            try lab.must("answer", "inet")
            try lab.red("✗ 2 ", "you said inet, the packet says otherwise")
            try lab.must("answer", "host")
            try lab.red("✓ 2 ", "✗ 3 ", "host is not a router: net.ipv4.ip_forward=0")
            try lab.type("host", "echo 1 > /proc/sys/net/ipv4/conf/all/forwarding")
            try lab.green(upTo: 3, of: 5)
            try lab.must("answer", "64")
            try lab.red("✗ 4 ", "you said 64")
            try lab.must("answer", "62")
            try lab.must("check", exits: 1)
            try lab.must("answer", "inet")
            try lab.green(upTo: 5, of: 5)
        }
    }

    @Test("05: an address that is rewritten is not the router's work")
    func rewritten() async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: 0)
            try lab.must("start", "05")
            try lab.must("solve", "--step", "2")
            try lab.type("host", "sysctl -qw net.ipv4.ip_forward=1; iptables -t nat -A POSTROUTING -j MASQUERADE")
            try lab.red("✗ 3 ", "arrives at client from 10.88.0.2", "its sender there is 198.51.100.2")
        }
    }

    @Test("06: rules of nft, by a fixed address; then too wide a rule", arguments: [0, 65534])
    func masquerade(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "06", "--backend", "nft")
            try lab.must("answer", "host")
            try lab.red("✗ 1 ", "you said host, the packet says otherwise")
            try lab.must("answer", "inet")
            try lab.green(upTo: 1, of: 4)
            try lab.type(
                "host", "nft add table ip my; nft 'add chain ip my p { type nat hook postrouting priority srcnat; }'")
            // Nothing but web.
            try lab.type("host", "nft add rule ip my p ip saddr 10.88.0.2 oif eth0 masquerade")
            try lab.red("app → 203.0.113.10:80", "delivered to client, and its answer did not come back")
            // All that leaves by anything, also between ports of the bridge.
            try lab.type("host", "nft flush chain ip my p; nft add rule ip my p masquerade")
            try lab.red("web → 10.88.0.3:80", "which sees 10.88.0.1 as the sender; the source was rewritten too")
            try lab.type("host", "nft flush chain ip my p; nft add rule ip my p oif eth0 snat to 198.51.100.2")
            try lab.green(upTo: 2, of: 4)
            try lab.must("answer", "yes")
            try lab.red("✗ 3 ", "you said yes")
            try lab.must("answer", "no")
            try lab.red("✓ 3 ", "✗ 4 ", "has no counter; traced, it meets 1 packet on the way there and 0 on the way")
            try lab.must("answer", "c")
            try lab.red("host does not show it now: it remembers 0 of the two")
            for node in ["web", "app"] { try lab.type(node, "curl -s --max-time 2 --local-port 55555 203.0.113.10") }
            try lab.red("you said it shares the first one's entry, host says otherwise")
            try lab.must("answer", "b")
            try lab.green(upTo: 4, of: 4)
        }
    }

    @Test("06: rules of iptables", arguments: ["iptables-nft", "iptables-legacy"], [0, 65534])
    func iptables(program: String, uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "06", "--backend", "iptables")
            try lab.must("answer", "inet")
            try lab.type("host", "\(program) -t nat -A POSTROUTING -o eth0 -j SNAT --to-source 198.51.100.2")
            try lab.red("✗ 1 ", "the packet does not show it now", "berth lab reset --task 1")
            try lab.type("host", "\(program) -t nat -F")
            try lab.green(upTo: 1, of: 4)
            try lab.type("host", "\(program) -t nat -A POSTROUTING -o eth0 -j SNAT --to-source 198.51.100.2")
            try lab.green(upTo: 2, of: 4)
            try lab.must("answer", "no")
            try lab.red("✓ 3 ", "✗ 4 ", "◀──  203.0.113.10:80", "whose packet counter went up by 1")
        }
    }
}
