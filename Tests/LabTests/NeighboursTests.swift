import Lab
import TestSupport
import Testing

@Suite("Lesson 04, ARP and the FDB")
struct NeighboursTests {
    private func begin(_ host: PrivateHost, _ uid: Int, _ backend: Backend) throws -> LabHost {
        let lab = try LabHost.learner(host, uid: uid)
        try lab.must("start", "04", "--backend", backend.rawValue)
        return lab
    }

    @Test("stale, invented and unanswered entries are told from a fresh one", arguments: [0, 65534])
    func entry(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try begin(host, uid, .nft)
            try lab.red("✗ 1 ", "there is none: nothing was sent to 10.88.0.2 yet")
            try lab.type("web", "ip link set eth0 down")
            try lab.type("host", "ping -c1 -W1 10.88.0.2 || true")
            try lab.red("✗ 1 ", "nobody has answered")
            try lab.type("web", "ip link set eth0 up; ip route add default via 10.88.0.1")
            try lab.type("host", "ip neigh replace 10.88.0.2 lladdr 02:00:00:00:05:01 dev br0 nud reachable")
            try lab.red("seen:     02:00:00:00:05:01, REACHABLE, which is not web's")
            try lab.type("host", "ip neigh replace 10.88.0.2 lladdr 02:00:00:00:04:01 dev br0 nud stale")
            try lab.red("seen:     02:00:00:00:04:01, STALE: nothing has confirmed it for half a minute")
            try lab.type("host", "ip neigh del 10.88.0.2 dev br0; curl -s --max-time 2 10.88.0.2")
            try lab.green(upTo: 1, of: 7)
            try lab.must("answer", "all hear both")
            try lab.red("✗ 2 ", "you said all hear both, the wire says otherwise")
            try lab.must("answer", "b")
            try lab.green(upTo: 2, of: 7)
            try lab.must("answer", "b")
            try lab.red("✗ 3 ", "you said in by vapp, out by vweb and vdb, the packet says otherwise")
            // A bridge that is told to send web's frames to db.
            try lab.type("host", "bridge fdb replace 02:00:00:00:04:01 dev vdb master static sticky")
            try lab.red("✗ 3 ", "expected: web's MAC at port vweb", "seen:     02:00:00:00:04:01 at vdb")
            try lab.type("host", "bridge fdb del 02:00:00:00:04:01 dev vdb master; ping -c1 -W1 10.88.0.2 || true")
            try lab.must("answer", "in by vapp, out by vweb")
            try lab.green(upTo: 3, of: 7)
        }
    }

    @Test("the culprit may be app; its MAC is written as one likes, and a wrong one stays red", arguments: [0, 65534])
    func culprit(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try begin(host, uid, .nft)
            try lab.must("solve", "--step", "3")
            try lab.red("✗ 4 ", "always 02:00:00:00:04:01: web alone has the address")
            try lab.type("app", "ip address add 10.88.0.2/32 dev eth0")
            try lab.red(
                "✗ 4 ", "no answer yet: berth lab answer MAC", "expected: what host shows: whose MAC besides web's")
            try lab.must("answer", "a", exits: 1)
            try lab.must("answer", "02:00:00:00:04", exits: 1)
            host.expect(
                try lab.must("answer", "vapp", exits: 1).holds("vapp is no answer to this"), "what was expected")
            try lab.must("answer", "02:00:00:00:04:01")
            try lab.red("you said 02:00:00:00:04:01, host says otherwise")
            try lab.type("db", "ip address add 10.88.0.2/24 dev eth0")
            try lab.must("answer", "02:00:00:00:05:01")
            try lab.red("host does not show it now: 2 others have it")
            try lab.type("db", "ip address del 10.88.0.2/24 dev eth0")
            host.expect(try lab.must("answer", "02-00-00-00-05-01").holds("02:00:00:00:05:01"), "as it is kept")
            try lab.green(upTo: 4, of: 7)
            try lab.red("✗ 5 ", "expected: one node", "seen:     web and app")
            try lab.type("app", "ip address del 10.88.0.2/32 dev eth0")
            try lab.must("answer", "b")
            try lab.red("✗ 5 ", "vweb after web spoke: nobody else bears it")
            try lab.type("app", "ip link set eth0 address 02:00:00:00:04:01")
            try lab.must("answer", "at both")
            try lab.red("✗ 5 ", "you said at both, the bridge says otherwise")
            try lab.must("answer", "b")
            try lab.green(upTo: 5, of: 7)
        }
    }

    @Test(
        "a gate in the switch: of the bridge's own family does not count; an exception for the bridge is right",
        arguments: Backend.allCases, [0, 65534])
    func firewall(backend: Backend, uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try begin(host, uid, backend)
            try lab.must("solve", "--step", "5")
            // Two still bear one MAC; whoever spoke last has it.
            try lab.type("db", "ping -c1 -W1 10.88.0.1 || true")
            try lab.must("answer", "nothing")
            try lab.type("db", "ip link set eth0 address 02:00:00:00:06:01; ping -c1 -W1 10.88.0.1")
            try lab.type("web", "ping -c1 -W1 10.88.0.1")
            try lab.type("host", "nft add table bridge b")
            try lab.type("host", "nft 'add chain bridge b f { type filter hook forward priority 0; policy drop; }'")
            try lab.red("✗ 6 ", "net/bridge/bridge-nf-call-iptables of host", "expected: 1", "seen:     0")
            try lab.type("host", "nft delete table bridge b; sysctl -qw net.bridge.bridge-nf-call-iptables=1")
            try lab.red("✗ 6 ", "dies in host at the gate forward", "answered by web")
            // By a rule, not by the chain's policy.
            if backend == .nft {
                try lab.type("host", "nft add table inet my")
                try lab.type("host", "nft 'add chain inet my f { type filter hook forward priority 5; }'")
                try lab.type("host", "nft add rule inet my f oifname br0 drop")
            } else {
                try lab.type("host", "iptables -A FORWARD -o br0 -j DROP")
            }
            try lab.must("answer", "a refusal")
            try lab.red("✗ 6 ", "you said a refusal, the packet says otherwise")
            try lab.must("answer", "nothing")
            try lab.green(upTo: 6, of: 7)
            // Open to all.
            let (open, shut) =
                backend == .nft
                ? ("nft flush chain inet my f", "nft add rule inet my f iifname != br0 oifname br0 drop")
                : ("iptables -F FORWARD", "iptables -A FORWARD ! -i br0 -o br0 -j DROP")
            try lab.type("host", open)
            try lab.red("✗ 7 ", "client → 10.88.0.2:80", "answered by web")
            try lab.type("host", shut)
            try lab.green(upTo: 7, of: 7)
        }
    }
}
