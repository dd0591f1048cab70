import Lab
import TestSupport
import Testing

/// Lessons 01 to 03 as learners take them.
@Suite("Lessons 01 to 03, stack, cable and bridge")
struct LinkLessonsTests {
    @Test("01: a port of one stack is not that of the other; a wrong answer is told", arguments: [0, 65534])
    func stack(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "01")
            try lab.must("answer", "none")
            try lab.red("✗ 1 ", "you said none, box says otherwise")
            try lab.must("answer", "lo")
            try lab.red("✓ 1 ", "✗ 2 ", "seen:     down")
            try lab.type("box", "ip link set dev lo up")
            try lab.red("✓ 2 ", "✗ 3 ", "nobody listens in box")
            let listen = "import socket,time; s=socket.create_server(('', PORT)); time.sleep(60)"
            for (node, port) in [("box", 80), ("twin", 81)] {
                let words = listen.replacing("PORT", with: "\(port)")
                try lab.type(node, "(exec python3 -c \"\(words)\" >/dev/null 2>&1 </dev/null &); sleep 1")
            }
            try lab.red("✗ 3 ", "port 80 of twin", "ports that are listened on: 81")
            let words = listen.replacing("PORT", with: "80")
            try lab.type("twin", "(exec python3 -c \"\(words)\" >/dev/null 2>&1 </dev/null &); sleep 1")
            try lab.green(upTo: 3, of: 3)
            host.expect(!(try lab.must("check").holds("   on\n")), "nothing is tracked without a rule")
            try lab.type("box", "iptables -A OUTPUT -m conntrack --ctstate NEW -j ACCEPT")
            host.expect(
                try lab.must("check").holds("lo up    80         1      on"), "tracking that a rule needs is shown")
        }
    }

    @Test(
        "02: a cable by other names and made from the other side; one that ends nowhere is none", arguments: [0, 65534])
    func cable(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "02")
            try lab.red("✗ 1 ", "there is no veth in left")
            try lab.type("left", "ip link add c1 type veth peer name c2")
            try lab.red("✗ 1 ", "is a veth, and its other end is not in right")
        }
    }

    @Test("02: the whole, with other words than the lesson's", arguments: [0, 65534])
    func other(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "02")
            try lab.type("right", "ip link add c2 type veth peer name c1; ip link set dev c1 netns left")
            try lab.red("✓ 1 ", "✗ 2 ", "left → 192.0.2.2/icmp")
            try lab.type("left", "ip address add 192.0.2.1/24 dev c1; ip link set c1 up")
            try lab.type("right", "ip address add 192.0.2.9/24 dev c2; ip link set c2 up")
            try lab.red("✗ 2 ", "left → 192.0.2.2/icmp")
            try lab.type("right", "ip address flush dev c2; ip address add 192.0.2.2/30 dev c2")
            try lab.green(upTo: 2, of: 4)
            try lab.must("answer", "63")
            try lab.red("✗ 3 ", "you said 63, the packet says otherwise")
            try lab.must("answer", "64")
            try lab.green(upTo: 3, of: 4)
            try lab.must("answer", "down")
            try lab.red("✗ 4 ", "right's end is still up")
            try lab.type("right", "ip link set c2 down")
            try lab.red("✗ 4 ", "you said down, left's link says otherwise")
            try lab.must("answer", "b")
            try lab.green(upTo: 4, of: 4)
        }
    }

    @Test("03: a bridge of another name; ports left out, two bridges, an address on a port", arguments: [0, 65534])
    func bridge(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "03")
            try lab.red("✗ 1 ", "there is no bridge")
            try lab.type("host", "ip link add sw type bridge; ip link set vweb master sw; ip link set vapp master sw")
            try lab.red("sw is down")
            try lab.type("host", "ip link set sw up")
            try lab.red("vdb is on no bridge")
            try lab.type("host", "ip link add sw2 type bridge; ip link set sw2 up; ip link set vdb master sw2")
            try lab.red("on 2 bridges")
            try lab.type("host", "ip link set vdb master sw")
            try lab.green(upTo: 1, of: 3)
            try lab.must("answer", "yes")
            try lab.red("✗ 2 ", "you said yes, the packet says otherwise")
            try lab.must("answer", "no")
            try lab.green(upTo: 2, of: 3)
            try lab.type("host", "ip address add 10.88.0.1/24 dev vweb")
            try lab.red("✗ 3 ", "host → 10.88.0.2/icmp")
            try lab.type("host", "ip address flush dev vweb; ip address add 10.88.0.1/24 dev sw")
            try lab.green(upTo: 3, of: 3)
        }
    }
}
