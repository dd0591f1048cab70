import Lab
import TestSupport
import Testing

@Suite("Lesson 12, stale UDP")
struct StaleUDPTests {
    @Test(
        "the rule counts nothing, whoever made it; other ways to forget; what is wrong stays red",
        arguments: ["nft", "iptables-nft", "iptables-legacy"], [0, 65534])
    func lesson(program: String, uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "12", "--backend", program == "nft" ? "nft" : "iptables")
            try lab.must("answer", "10.88.0.2")
            try lab.red("✗ 1 ", "you said 10.88.0.2, host says otherwise")
            // The entry as the lesson's text has it.
            let entry = try lab.type("host", "conntrack -L -p udp --orig-port-dst 5353 2>/dev/null")
            host.expect(
                entry.holds("src=203.0.113.10 dst=198.51.100.2 sport=40000 dport=5353 [UNREPLIED] src=198.51.100.2"),
                entry)
            try lab.must("answer", "a")
            try lab.green(upTo: 1, of: 5)
            func publish(_ address: String, port: Int = 5353) throws {
                if program == "nft" {
                    try lab.type("host", "nft flush table ip mine 2>/dev/null; nft add table ip mine")
                    try lab.type("host", "nft 'add chain ip mine p { type nat hook prerouting priority dstnat; }'")
                    try lab.type("host", "nft add rule ip mine p udp dport \(port) counter dnat to \(address):53")
                } else {
                    try lab.type("host", "\(program) -t nat -F PREROUTING")
                    try lab.type(
                        "host",
                        "\(program) -t nat -A PREROUTING -i eth0 -p udp --dport \(port) -j DNAT --to-destination \(address):53"
                    )
                }
            }
            /// The rule's own counter, as its tool tells it.
            func counted() throws -> String {
                program == "nft"
                    ? try lab.type("host", "nft list table ip mine | grep -o 'counter packets [0-9]*' | cut -d' ' -f3")
                    : try lab.type("host", "\(program) -t nat -vxnL PREROUTING | awk '/DNAT/ { print $1 }'")
            }
            try publish("10.88.0.2", port: 5354)
            try lab.must("answer", "yes")
            try lab.red("✗ 2 ", "you said yes, host says otherwise")
            try lab.must("answer", "no")
            try lab.red("✗ 2 ", "client → 198.51.100.2:5353/udp", "expected: an answer from web")
            try publish("10.88.0.2")
            try lab.type("client", "sleep 1.2")
            host.expect(try counted(), is: "0\n", "the rule's counter before the check's own packet")
            let shown = try lab.must("check", exits: 1)
            for line in [
                "the client's next datagram:  it came to host, and no node behind it got it",
                "host's entry:  udp 203.0.113.10:40000 > 198.51.100.2:5353 unreplied",
                // iptables-legacy lists no counters.
                program == "iptables-legacy" ? "" : "counter packets 0 bytes 0",
            ] {
                host.expect(
                    line.isEmpty || ShownFacts.words(shown).holds(ShownFacts.words(line)), "\"\(line)\" in\n\(shown)")
            }
            try lab.green(upTo: 2, of: 5)
            host.expect(try counted(), is: "1\n", "and after it")
            try lab.red(
                "✗ 3 ", "it came to host, and no node behind it got it; host remembers 198.51.100.2 as who answers")
            // Another flow's entry is not this one's.
            try lab.type("host", "conntrack -D -p udp --orig-port-dst 5454 || true")
            try lab.red("✗ 3 ")
            try lab.type("host", "conntrack -D -p udp --orig-port-src 40000; sleep 1.2")
            try lab.green(upTo: 3, of: 5)
            // A rule for an address that nobody has yet.
            try publish("10.88.0.7")
            try lab.must("answer", "a")
            try lab.red("✗ 4 ", "client → 198.51.100.2:5353/udp", "an answer from web")
            try lab.type(
                "web", "ip address add 10.88.0.7/24 dev eth0; ip address del 10.88.0.2/24 dev eth0")
            try lab.type(
                "web", "ip address add 10.88.0.7/24 dev eth0 2>/dev/null; ip route replace default via 10.88.0.1")
            try lab.red("✗ 4 ", "you said 10.88.0.7, host says otherwise")
            try lab.must("answer", "b")
            try lab.green(upTo: 4, of: 5)
            try lab.red(
                "✗ 5 ", "the client's next datagram, from port 40000", "; host remembers 10.88.0.2 as who answers")
            try lab.type("host", "conntrack -F; sleep 1.2")
            try lab.green(upTo: 5, of: 5)
        }
    }

    @Test("forgotten too early, the riddle is gone, and a reset brings it back")
    func early() async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: 65534)
            try lab.must("start", "12", "--backend", "nft")
            try lab.must("solve")
            try lab.type("host", "nft 'add chain ip lab prerouting { type nat hook prerouting priority -100; }'")
            try lab.type("host", "nft add rule ip lab prerouting udp dport 5353 dnat to 10.88.0.2:53")
            try lab.type("host", "conntrack -F; sleep 1.2")
            try lab.must("answer", "no")
            try lab.red("✗ 2 ", "the flow was forgotten after the rule came", "berth lab reset --task 2")
            try lab.must("reset", "--task", "2")
            try lab.must("solve", "--step", "2")
            try lab.must("reset", "--task", "4")
            try lab.red("✗ 4 ")
        }
    }
}
