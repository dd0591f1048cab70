import Lab
import NetCore
import TestSupport
import Testing

/// Lesson 07 as learners take it: other rules than the lesson's own, and wrong ones.
@Suite("Lesson 07, Publish a port")
struct PublishAPortTests {
    @Test("rules of nft in a table of one's own", arguments: [0, 65534])
    func nft(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "07", "--backend", "nft")
            try lab.must("answer", "inet")
            try lab.red("✗ 1 ", "you said inet, the packet says otherwise")
            try lab.must("answer", "host")
            try lab.green(upTo: 1, of: 6)
            try lab.type(
                "host",
                "nft -f - <<'X'\ntable inet mine {\nchain a {\ntype nat hook prerouting priority dstnat;\n"
                    + "iif eth0 ip daddr 198.51.100.2 tcp dport 8080 dnat ip to 10.88.0.2:80\n}\n}\nX")
            try lab.green(upTo: 2, of: 6)
            try lab.type("host", "nft add rule ip lab forward ip daddr 10.88.0.2 tcp dport 80 ct state new accept")
            let told = try lab.must("check", exits: 1)
            for line in [
                "What has changed for client → 198.51.100.2:8080:\n",
                "  - host: forward ip lab forward policy drop (no rule decided)\n", "  - ✗ dropped in host: ",
                "  + host: forward ip lab forward #", "  + ✓ delivered to web",
            ] { host.expect(told.holds(line), "\"\(line)\" is not in:\n\(told)") }
            host.expect(!told.holds("- client: ") && !told.holds("+ host: prerouting"), "what is the same: \(told)")
            try lab.green(upTo: 3, of: 6)
            try lab.must("answer", "10.88.0.1")
            try lab.red("✗ 4 ", "you said 10.88.0.1, the packet says otherwise")
            try lab.must("answer", "a")
            try lab.green(upTo: 4, of: 6)
            try lab.must("answer", "198.51.100.2")
            try lab.red("✗ 5 ")
            try lab.must("answer", "10.88.0.2")
            try lab.red("✓ 5 ", "✗ 6 ", "still remembered")
            try lab.type("host", "conntrack -F")
            try lab.red("✗ 6 ", "still refused by host", "answered by web")
            try lab.type("host", "nft delete table inet mine; conntrack -F")
            try lab.green(upTo: 6, of: 6)
        }
    }

    @Test(
        "rules of iptables, its nft form and the legacy one", arguments: ["iptables-nft", "iptables-legacy"],
        [0, 65534])
    func iptables(program: String, uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            // PATH leads to the one that is asked for. The world has a /run of its own.
            try Files.makeDirectories("/var/lib/programs")
            let found = try host.run(["which", program]).text.split(separator: "\n").first.map(String.init)
            let path = try found.unwrapped("no \(program) on this machine")
            host.expect(try host.run(["ln", "-s", path, "/var/lib/programs/iptables"]).exitCode, is: 0, "a link")
            host.environment["PATH"] = "/var/lib/programs:" + (host.environment["PATH"] ?? "")
            try lab.must("start", "07", "--backend", "iptables")
            try lab.must("answer", "host")
            try lab.green(upTo: 1, of: 6)
            let rule = "PREROUTING -d 198.51.100.2 -p tcp --dport 8080 -j DNAT --to 10.88.0.2:80"
            try lab.type("host", "\(program) -t nat -A \(rule)")
            try lab.green(upTo: 2, of: 6)
            try lab.type("host", "\(program) -A FORWARD -o br0 -p tcp -d 10.88.0.2 --dport 80 -j ACCEPT")
            try lab.green(upTo: 3, of: 6)
            try lab.must("answer", "203.0.113.10")
            try lab.green(upTo: 4, of: 6)
            try lab.must("answer", "d")
            try lab.red("✓ 5 ", "✗ 6 ")
            try lab.type("host", "\(program) -t nat -D \(rule); conntrack -F")
            try lab.green(upTo: 6, of: 6)
        }
    }

    @Test("wrong answers are told what is wrong with them", arguments: [0, 65534])
    func wrong(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "07", "--backend", "nft")
            try lab.must("answer", "host")
            try lab.green(upTo: 1, of: 6)
            // A program in the middle answers, and web does not see who asks.
            let relay = try lab.begin("exec", "host", "socat", "TCP-LISTEN:8080,fork,reuseaddr", "TCP:10.88.0.2:80")
            for _ in 0..<100 {
                if try lab.lab("exec", "host", "sh", "-c", "ss -Hltn | grep -q :8080").exitCode == 0 { break }
            }
            try lab.red("not rewritten; host itself took it: a program listens there")
            relay.kill()
            try lab.type("host", "nft 'add chain ip lab pre { type nat hook prerouting priority -100; }'")
            func rule(_ text: String) throws {
                try lab.type("host", "nft flush chain ip lab pre; nft add rule ip lab pre \(text)")
            }
            try rule("tcp dport 8080 dnat to 10.88.0.3:80")
            try lab.red("seen:     rewritten to 10.88.0.3:80")
            try rule("ip daddr 198.51.100.2 meta l4proto tcp dnat to 10.88.0.2:80")
            try lab.red("client → 198.51.100.2:8081", "expected: still refused by host", "rewritten to 10.88.0.2:80")
            try rule("tcp dport 8080 dnat to 10.88.0.2:80")
            try lab.red("✓ 2 ", "died there in forward")
            // The port before the rewrite: it is 80 already.
            try lab.type("host", "nft add rule ip lab forward tcp dport 8080 accept")
            try lab.red("died there in forward")
            // Too much.
            try lab.type("host", "nft add rule ip lab forward oif br0 accept")
            try lab.red("client → 10.88.0.3:80", "expected: stays outside app", "answered by app")
            // And a source that is rewritten for no reason.
            try lab.type(
                "host",
                "nft flush chain ip lab forward; nft add rule ip lab forward ct state established,related accept;"
                    + "nft add rule ip lab forward ct status dnat accept;"
                    + "nft 'add chain ip lab post { type nat hook postrouting priority 100; }'; nft add rule ip lab post masquerade"
            )
            try lab.red("which sees 10.88.0.1 as the sender; the source was rewritten too")
            try lab.type("host", "nft flush chain ip lab post")
            try lab.green(upTo: 3, of: 6)
            let json = try lab.must("check", "--json", exits: 1)
            host.expect(json.holds(#""state": "failed""#), json)
            host.expect(try lab.must("check", "--explain", exits: 1).holds("no answer yet"), "what is missing")
        }
    }

    @Test(
        "of a rule that does not meet the packet it is told what the packet is, and what the rule waits for",
        arguments: [0, 65534])
    func unmet(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "07", "--backend", "nft")
            try lab.must("answer", "host")
            try lab.green(upTo: 1, of: 6)
            let asked = "the client asked port 8080, your rule waits for"
            let question = "A published port is two numbers, outside : inside."
            func check(_ rules: String, _ words: [String], lacks: [String] = []) throws {
                try lab.type("host", "nft -f - <<'X'\ntable inet mine {\n\(rules)\n}\nX")
                let told = try lab.must("check", exits: 1)
                for word in words { host.expect(told.holds(word), "\"\(word)\" is not in:\n\(told)") }
                for word in lacks { host.expect(!told.holds(word), "\"\(word)\" is in:\n\(told)") }
                try lab.type("host", "nft delete table inet mine")
            }
            let gate = "chain a {\ntype nat hook prerouting priority dstnat;\n"
            try check(
                gate + "tcp dport 80 counter dnat ip to 10.88.0.2:80\n}",
                ["rule exists, 0 packets matched; \(asked) 80 (tcp dport 80 dnat ip to 10.88.0.2:80)", question])
            // Neither number of the two: nothing to be asked.
            try check(
                gate + "tcp dport 8081 dnat ip to 10.88.0.2:80\n}",
                ["rule exists, 0 packets of this check matched; \(asked) 8081 ("], lacks: [question])
            try check(
                gate + "udp dport 8080 dnat ip to 10.88.0.2:80\n}",
                ["your rule wants udp dport 8080, this packet is tcp ("],
                lacks: [asked])
            try check(
                gate + "iifname \"br0\" ip daddr 198.51.100.2 tcp dport 8080 dnat ip to 10.88.0.2:80\n}",
                ["your rule wants iifname \"br0\", this packet is eth0 ("], lacks: [asked])
            // Of two the one that comes nearer.
            try check(
                gate + "iifname \"br0\" tcp dport 80 dnat ip to 10.88.0.2:80\ntcp dport 81 dnat ip to 10.88.0.2:80\n}",
                ["\(asked) 81 ("], lacks: ["br0"])
            try check(
                "chain b {\ntype nat hook output priority -100;\ntcp dport 8080 dnat ip to 10.88.0.2:80\n}",
                ["its chain inet mine b is hooked to output, where only packets of host's own come"])
            try check(
                "chain c {\ntcp dport 8080 dnat ip to 10.88.0.2:80\n}",
                ["its chain inet mine c is hooked nowhere, and no rule leads to it"])
            // What rewrites nothing is no such rule.
            try check(
                gate + "tcp dport 80 counter accept\n}", ["seen:     not rewritten; refused by host"],
                lacks: ["rule exists"])
            try lab.type("host", "iptables-legacy -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to 10.88.0.2:8080")
            try lab.red(
                "rule exists, 0 packets matched; \(asked) 80 (-p tcp -m tcp --dport 80 -j DNAT --to-destination 10.88.0.2:8080)"
            )
            try lab.red(question)
            // It counts what it meets: the packets of others. A SYN that nobody answers is sent again after a second.
            try lab.must("exec", "client", "sh", "-c", "curl -s --max-time 0.5 198.51.100.2:80; true")
            try lab.red("rule exists, 1 packet matched, this one did not; \(asked) 80 (")
        }
    }
}
