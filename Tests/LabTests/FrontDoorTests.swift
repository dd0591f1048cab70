import Lab
import TestSupport
import Testing

/// Lessons 08 and 09 as learners take them.
@Suite("Lessons 08 and 09, localhost and hairpin")
struct FrontDoorTests {
    @Test("08: rules of nft of one's own, and what is wrong before they are whole", arguments: [0, 65534])
    func localhost(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "08", "--backend", "nft")
            try lab.must("answer", "an answer")
            try lab.red("✗ 1 ", "you said an answer, the packet says otherwise")
            try lab.must("answer", "b")
            try lab.green(upTo: 1, of: 4)
            // What goes to anybody's port 8080 is rewritten, but that of 8081 too.
            try lab.type("host", "nft 'add chain ip lab mine { type nat hook output priority -100; }'")
            try lab.type("host", "nft add rule ip lab mine tcp dport 8080-8081 dnat to 10.88.0.2:80")
            try lab.red("✓ 1 ", "✗ 2 ", "host → 198.51.100.2:8081")
            try lab.type(
                "host", "nft flush chain ip lab mine; nft add rule ip lab mine tcp dport 8080 dnat to 10.88.0.2:80")
            try lab.green(upTo: 2, of: 4)
            try lab.must("answer", "c")
            try lab.green(upTo: 3, of: 4)
            try lab.type("host", "sysctl -qw net.ipv4.conf.br0.route_localnet=1")
            try lab.red("✗ 4 ", "host → 127.0.0.1:8080", "no answer; the first packet: ")
            try lab.type("host", "nft 'add chain ip lab post { type nat hook postrouting priority 100; }'")
            // For everybody: then web sees no client any more.
            try lab.type("host", "nft add rule ip lab post oif br0 masquerade")
            try lab.red("✗ 4 ", "the source was rewritten too")
            try lab.type(
                "host", "nft flush chain ip lab post; nft add rule ip lab post ip saddr 127.0.0.1 snat to 10.88.0.1")
            try lab.type("host", "sysctl -qw net.ipv4.conf.all.route_localnet=1")
            try lab.red("net/ipv4/conf/all/route_localnet of host", "expected: 0", "seen:     1")
            try lab.type("host", "sysctl -qw net.ipv4.conf.all.route_localnet=0")
            try lab.green(upTo: 4, of: 4)
        }
    }

    @Test("08: a program on the loopback is another right answer", arguments: [0, 65534])
    func proxy(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "08", "--backend", "iptables")
            try lab.must("answer", "b")
            try lab.green(upTo: 1, of: 4)
            try lab.type(
                "host", "iptables -t nat -A OUTPUT -d 198.51.100.2 -p tcp --dport 8080 -j DNAT --to 10.88.0.2:80")
            try lab.green(upTo: 2, of: 4)
            // This rule leaves the loopback alone.
            try lab.must("answer", "c")
            try lab.red("✗ 3 ", "you said nothing, the packet says otherwise")
            try lab.must("answer", "b")
            try lab.green(upTo: 3, of: 4)
            let relay = try lab.begin(
                "exec", "host", "socat", "TCP-LISTEN:8080,bind=127.0.0.1,fork,reuseaddr", "TCP:10.88.0.2:80")
            defer { relay.kill() }
            for _ in 0..<100 {
                if try lab.lab("exec", "host", "sh", "-c", "ss -Hltn | grep -q :8080").exitCode == 0 { break }
            }
            let text = try lab.green(upTo: 4, of: 4)
            host.expect(text.holds("3 here neither is mended: a program of host takes the packet"), text)
        }
    }

    @Test(
        "09: rules of nft and of iptables, and what is wrong before they are whole", arguments: Backend.allCases,
        [0, 65534])
    func hairpin(backend: Backend, uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "09", "--backend", backend.rawValue)
            try lab.must("answer", "a refusal")
            try lab.red("✗ 1 ", "you said a refusal")
            try lab.must("answer", "nothing")
            try lab.red("✓ 1 ", "✗ 2 ", "seen:     hairpin off")
            try lab.type("host", "for p in vweb vapp; do ip link set $p type bridge_slave hairpin on; done")
            try lab.red("port vapp of host", "expected: hairpin off", "seen:     hairpin on")
            try lab.type("host", "ip link set vapp type bridge_slave hairpin off")
            try lab.must("check", exits: 1)
            // A switch that asks nobody turns no answer back, and the short cut is seen as it is.
            try lab.type("host", "sysctl -qw net.bridge.bridge-nf-call-iptables=0 || true")
            try lab.must("answer", "10.88.0.2")
            try lab.red(
                "✓ 3 ", "a short cut", "app has an answer from 10.88.0.2:80, and does not take it", "✗ 4 ",
                "a request, web → 198.51.100.2:8080", "no answer; the first packet: ")
            try lab.type("host", "sysctl -qw net.bridge.bridge-nf-call-iptables=1 || true")
            func masquerade(_ nft: String, _ iptables: String) throws {
                if backend == .nft {
                    try lab.type(
                        "host",
                        "nft 'add chain ip lab post { type nat hook postrouting priority 100; }';"
                            + "nft flush chain ip lab post; nft 'add rule ip lab post \(nft)'")
                } else {
                    try lab.type("host", "iptables -t nat -F POSTROUTING; iptables -t nat -A POSTROUTING \(iptables)")
                }
            }
            try masquerade("ip saddr 10.88.0.3 masquerade", "-s 10.88.0.3 -j MASQUERADE")
            try lab.red("a request, web → 198.51.100.2:8080")
            // For everybody who comes by the front door.
            try masquerade("ct status dnat masquerade", "-m conntrack --ctstate DNAT -j MASQUERADE")
            try lab.red(
                "client → 198.51.100.2:8080", "which sees 10.88.0.1 as the sender; the source was rewritten too")
            // Also for who takes no front door.
            try masquerade("ip saddr 10.88.0.0/24 masquerade", "-s 10.88.0.0/24 -j MASQUERADE")
            try lab.red("app → 10.88.0.2:80", "the source was rewritten too")
            try masquerade(
                "ip saddr 10.88.0.0/24 ct original ip daddr 198.51.100.2 snat to 10.88.0.1",
                "-s 10.88.0.0/24 -m conntrack --ctorigdst 198.51.100.2 -j SNAT --to-source 10.88.0.1")
            try lab.green(upTo: 4, of: 4)
        }
    }
}
