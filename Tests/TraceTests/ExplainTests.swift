import Glibc
import NetCore
import TestSupport
import Testing

@testable import Explain
@testable import Trace

/// What berth explain says of a planted fault before a packet is sent, and what one then meets.
@Suite struct ExplainTests {
    struct Fault: Sendable, CustomTestStringConvertible {
        var name: String
        var from = "client"
        var to = "198.51.100.2:8080"
        var rules = TraceWorld.rules
        var verdict: ReachAnswer.Verdict
        var node: String
        /// Part of the reason.
        var reason: String
        /// Part of a fix; empty: none is named.
        var fix = ""
        /// A trace of one TCP packet meets the same.
        var isTraced = true
        var change: @Sendable (PrivateHost) throws -> Void = { _ in }

        var testDescription: String { name }
    }

    private static func write(_ node: String, _ path: String, _ value: String) -> @Sendable (PrivateHost) throws -> Void
    {
        { host in try host.inside(node) { try Sysctl.write(path, value) } }
    }

    private static func run(_ lines: String...) -> @Sendable (PrivateHost) throws -> Void {
        { (host: PrivateHost) throws in for line in lines { try host.must(line) } }
    }

    private static func inside(_ node: String, _ command: String, _ input: String)
        -> @Sendable (PrivateHost) throws -> Void
    {
        { host in _ = try host.inside(node) { try host.must(command, input: input) } }
    }

    static let faults: [Fault] = [
        Fault(name: "none", verdict: .reached, node: "", reason: ""),
        Fault(
            name: "a rewrite of the other family in a table of both, which is passed",
            rules: TraceWorld.rules.replacing("tcp dport 8080 counter", with: "tcp dport 8089 counter"),
            verdict: .reached,
            node: "", reason: "",
            change: inside(
                "host", "nft -f -",
                "table inet early { chain pre { type nat hook prerouting priority -110; tcp dport 8080 dnat ip6 to [fd88::2]:80\ntcp dport 8080 dnat ip to 10.88.0.2:80\n}\n}\n"
            )),
        Fault(
            name: "no router", verdict: .dropped, node: "host", reason: "host is not a router: net.ipv4.ip_forward=0",
            fix: "sysctl -w net.ipv4.ip_forward=1", change: write("host", "net/ipv4/ip_forward", "0")),
        Fault(
            name: "a rule drops",
            rules: TraceWorld.rules.replacing(TraceWorld.accept, with: "    oifname \"br0\" drop\n"),
            verdict: .dropped, node: "host", reason: "drops it", fix: "nft insert rule ip lab forward"),
        Fault(
            name: "nothing accepts", rules: TraceWorld.without(TraceWorld.accept), verdict: .dropped, node: "host",
            reason: "ip lab forward's policy drops it", fix: "nft insert rule ip lab forward ct status dnat accept"),
        Fault(
            name: "the answer is not let through",
            rules: TraceWorld.rules.replacing("    iifname \"br0\" accept\n", with: "").replacing(
                "    ct state established,related accept\n", with: ""),
            verdict: .unanswered, node: "host", reason: "ip lab forward's policy drops it"),
        Fault(
            name: "reverse path", verdict: .dropped, node: "host",
            reason: "the way back to 203.0.113.10 is by br0, not eth0, and rp_filter is strict",
            fix: "net.ipv4.conf.eth0.rp_filter=2",
            change: { host in
                try host.inside("host") { try Sysctl.write("net/ipv4/conf/all/rp_filter", "1") }
                try host.must("ip -n host route add 203.0.113.0/24 dev br0")
            }),
        Fault(
            name: "localhost without route_localnet", from: "host", to: "127.0.0.1:8080", rules: local,
            verdict: .dropped, node: "host", reason: "route_localnet=0", fix: "route_localnet=1"),
        Fault(
            name: "localhost's source", from: "host", to: "127.0.0.1:8080", rules: local, verdict: .dropped,
            node: "host",
            reason: "10.88.0.2 does not answer ARP that asks from 127.0.0.1",
            fix: "host: nft add rule ip lab post ip saddr 127.0.0.0/8 oifname \"br0\" masquerade",
            change: write("host", "net/ipv4/conf/br0/route_localnet", "1")),
        Fault(
            name: "hairpin is off", from: "web", verdict: .dropped, node: "host", reason: "hairpin is off on vweb",
            fix: "bridge link set dev vweb hairpin on"),
        Fault(
            name: "its own address", from: "web", verdict: .dropped, node: "web",
            reason: "web got a packet from its own address 10.88.0.2",
            fix: "host: nft add rule ip lab post ip saddr 10.88.0.2 ip daddr 10.88.0.2 masquerade",
            change: run("bridge -n host link set dev vweb hairpin on")),
        // ip_rt_send_redirect and icmp_send take from one bucket.
        Fault(
            name: "a rejected hairpin, of which nobody is told", from: "web",
            rules: TraceWorld.rules.replacing("    iifname \"br0\" accept\n", with: "    iifname \"br0\" reject\n"),
            verdict: .dropped, node: "host", reason: "it has just told it of a shorter way (ICMP redirect)",
            fix: "net.ipv4.conf.br0.send_redirects=0",
            change: { host in
                try host.must("bridge -n host link set dev vweb hairpin on")
                // As a frame it is not routed, and nobody is told of a way.
                try host.inside("host") { try Sysctl.write("net/bridge/bridge-nf-call-iptables", "0") }
            }),
        Fault(
            name: "no way back", verdict: .unanswered, node: "web", reason: "web has no route to 203.0.113.10",
            fix: "ip route add", change: run("ip -n web route del default")),
        Fault(
            name: "nobody listens", rules: TraceWorld.rules.replacing("10.88.0.2:80", with: "10.88.0.2:81"),
            verdict: .refused, node: "web", reason: "nobody listens at 10.88.0.2:81 in web (listeners: :80)"),
        Fault(
            name: "nobody has the address", rules: TraceWorld.rules.replacing("10.88.0.2:80", with: "10.88.0.99:80"),
            verdict: .dropped, node: "host", reason: "nobody answers for 10.88.0.99"),
        Fault(
            name: "a cable's end is down", verdict: .dropped, node: "host", reason: "web has it, and its eth0 is down",
            fix: "web: ip link set eth0 up",
            change: run("ip -n web link set eth0 down")),
        Fault(
            name: "a stale neighbour", verdict: .dropped, node: "host", reason: "neighbour entry is stale",
            fix: "ip neigh flush dev br0",
            change: run("ip -n host neigh add 10.88.0.2 lladdr 02:00:00:00:00:99 dev br0 nud permanent")),
        Fault(
            name: "a port that does not forward", verdict: .dropped, node: "host",
            reason: "br0's port vweb is disabled",
            fix: "bridge link set dev vweb state 3",
            change: run("bridge -n host link set dev vweb state 0")),
        Fault(
            name: "the receiver's own gate", verdict: .dropped, node: "web", reason: "inet own in's policy drops it",
            change: inside(
                "web", "nft -f -", "table inet own { chain in { type filter hook input priority 0; policy drop; }\n}\n")
        ),
        Fault(
            name: "the receiver lets no answer out", verdict: .unanswered, node: "web",
            reason: "inet own out #2 drops it",
            change: inside(
                "web", "nft -f -",
                "table inet own { chain out { type filter hook output priority 0; tcp sport 80 drop\n}\n}\n")),
        Fault(
            name: "a blackhole", verdict: .dropped, node: "inet", reason: "a route of inet refuses packets",
            change: run("ip -n inet route add blackhole 198.51.100.2/32")),
        Fault(
            name: "not tracked, so not rewritten", verdict: .refused, node: "host",
            reason: "nobody listens at 198.51.100.2:8080 in host",
            change: inside(
                "host", "nft -f -",
                "table ip early { chain pre { type filter hook prerouting priority -300; tcp dport 8080 notrack\n}\n}\n"
            )
        ),
        Fault(
            name: "Docker's FORWARD", verdict: .dropped, node: "host",
            reason: "ip filter FORWARD's policy drops it: no rule of it let it through (Docker's)",
            fix: "iptables -I DOCKER-USER -o br0 -m conntrack --ctstate DNAT -j ACCEPT",
            change: inside(
                "host", "iptables-nft-restore",
                "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n:DOCKER-USER - [0:0]\n:DOCKER - [0:0]\n"
                    + "-A FORWARD -j DOCKER-USER\n-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
                    + "-A FORWARD -o docker0 -j DOCKER\n-A DOCKER-USER -j RETURN\nCOMMIT\n")),
        Fault(
            name: "iptables-legacy", verdict: .dropped, node: "host", reason: "ip filter FORWARD rule 2 drops it",
            fix: "iptables-legacy -I FORWARD",
            change: inside(
                "host", "iptables-legacy-restore",
                "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A FORWARD -p udp -j DROP\n"
                    + "-A FORWARD -p tcp -m multiport --dports 80,443 -m conntrack --ctstate NEW --ctdir ORIGINAL -j DROP\nCOMMIT\n"
            )),
        Fault(
            name: "a rejected one", verdict: .refused, node: "host", reason: "ip more forward #2 rejects it",
            change: inside(
                "host", "nft -f -",
                "table ip more { chain forward { type filter hook forward priority 10; ct original proto-dst 8080 reject with tcp reset\n}\n}\n"
                    .replacing("ct original", with: "meta l4proto tcp ct original"))),
        Fault(
            name: "no answer from a silent port", to: "198.51.100.2:8080/udp", verdict: .dropped, node: "host",
            reason: "ip more in #2 drops it", isTraced: false,
            change: inside(
                "host", "nft -f -",
                "table ip more { chain in { type filter hook input priority 0; udp dport 8000-8100 drop\n}\n}\n")),
    ]

    private static let local = TraceWorld.rules.replacing(
        "  chain forward",
        with: """
              chain out { type nat hook output priority -100
                ip daddr 127.0.0.1 tcp dport 8080 dnat to 10.88.0.2:80
              }
              chain forward
            """)

    @Test("what is wrong is said before a packet is sent, and one meets it", arguments: faults)
    func plants(_ fault: Fault) throws {
        try TraceWorld.run(rules: fault.rules) { host in
            try fault.change(host)
            let probe = try Probe(source: fault.from, to: fault.to)
            let before = try host.inside("host") { try host.must("nft list ruleset") }
            let answer = try Explainer.explain(
                ReachQuestion(source: fault.from, address: probe.address, port: probe.port, isUDP: probe.kind == .udp),
                nodes: TraceWorld.nodes)
            let text = ReachView(answer).text
            host.expect(answer.verdict, is: fault.verdict, text)
            host.expect(answer.end?.node ?? "", is: fault.node, text)
            host.expect((answer.end?.reason ?? "").holds(fault.reason), text)
            host.expect(fault.fix.isEmpty || (answer.end?.fixes ?? []).contains { $0.holds(fault.fix) }, text)
            host.expect(try host.inside("host") { try host.must("nft list ruleset") }, is: before, "nothing is changed")
            guard fault.isTraced else { return }
            let journey = try TraceWorld.trace(host, from: fault.from, to: fault.to)
            // What is lost at a place that no capture tells is dropped.
            host.expect(
                journey.exitCode == 13 ? 10 : journey.exitCode, is: answer.exitCode, text + PathView(journey).text)
        }
    }

    @Test("a flow that stands goes its old way, whatever the rules say now")
    func stale() throws {
        try TraceWorld.run { host in
            let nat =
                "table ip mynat { chain pre { type nat hook prerouting priority -100; udp dport 5353 dnat to 10.88.0.7:53\n}\n}\n"
            try host.inside("host") {
                try host.must(
                    "conntrack -I -p udp -s 203.0.113.10 -d 198.51.100.2 --sport 40000 --dport 5353 --reply-src 10.88.0.2 "
                        + "--reply-dst 203.0.113.10 --reply-port-src 53 --reply-port-dst 40000 --timeout 100")
                try host.must("nft -f -", input: nat)
            }
            func asked(_ port: UInt16?) throws -> ReachAnswer {
                try Explainer.explain(
                    ReachQuestion(
                        source: "client", address: #require(IPAddress("198.51.100.2")), port: 5353, isUDP: true,
                        sourcePort: port),
                    nodes: TraceWorld.nodes)
            }
            let old = ReachView(try asked(40000)).text
            host.expect(old.holds("conntrack knows this flow, and asks no rule: to 10.88.0.2:53"), old)
            // Nobody listens at 53 there: what the rules of now would do, and what lets the flow go.
            host.expect(old.holds("(now: ip mynat pre #2: dnat to 10.88.0.7:53)"), old)
            host.expect(
                old.holds("Fix: host: berth conntrack flush --udp --port 5353\nLearn: berth lab start 12\n"), old)
            let new = ReachView(try asked(40001)).text
            host.expect(new.holds("dnat to 10.88.0.7:53") && new.holds("nobody answers for 10.88.0.7"), new)
        }
    }

    @Test(
        "a flow that stands as the rules of now say is no cause: what drops it keeps its own fix, and no flush is named"
    )
    func standing() throws {
        try TraceWorld.run { host in
            try host.inside("host") {
                try host.must(
                    "conntrack -I -p udp -s 203.0.113.10 -d 198.51.100.2 --sport 40000 --dport 5353 --reply-src 10.88.0.2 "
                        + "--reply-dst 203.0.113.10 --reply-port-src 53 --reply-port-dst 40000 --timeout 100")
                // Docker's way of 10.88.0.2:53, and somebody's drop behind it.
                try host.must(
                    "nft -f -",
                    input:
                        "table ip mynat { chain pre { type nat hook prerouting priority -100; udp dport 5353 dnat to 10.88.0.2:53\n}\n"
                        + "chain gate { type filter hook forward priority 5; udp dport 53 drop\n}\n}\n")
            }
            let answer = try Explainer.explain(
                ReachQuestion(
                    source: "client", address: #require(IPAddress("198.51.100.2")), port: 5353, isUDP: true,
                    sourcePort: 40000), nodes: TraceWorld.nodes)
            let text = ReachView(answer).text
            host.expect(text.holds("conntrack knows this flow, and asks no rule: to 10.88.0.2:53"), text)
            host.expect(answer.verdict, is: .dropped, text)
            host.expect((answer.end?.reason ?? "").holds("ip mynat gate #"), text)
            host.expect(answer.end?.fixes.first?.holds("nft insert rule ip mynat gate") == true, text)
            host.expect(!text.holds("conntrack flush") && !text.holds("(now: ") && !text.holds("lab start 12"), text)
        }
    }

    @Test(
        "what masquerades a hairpin is told in the words of the rules that redirect, and works",
        arguments: [
            ("lab", "nft add rule ip lab post ip saddr 10.88.0.2 ip daddr 10.88.0.2 masquerade"),
            ("nft", "nft 'add table ip hairpin; "),
            ("iptables-nft", "iptables -t nat -A POSTROUTING -s 10.88.0.2 -d 10.88.0.2 -j MASQUERADE"),
            ("iptables-legacy", "iptables-legacy -t nat -A POSTROUTING -s 10.88.0.2 -d 10.88.0.2 -j MASQUERADE"),
        ])
    func hairpinFix(_ kind: String, _ command: String) throws {
        try TraceWorld.run(rules: kind == "lab" ? TraceWorld.rules : "") { host in
            try host.must("bridge -n host link set dev vweb hairpin on")
            try host.inside("host") {
                if kind == "nft" {
                    try host.must(
                        "nft -f -",
                        input:
                            "table ip mine { chain pre { type nat hook prerouting priority -100; tcp dport 8080 dnat to 10.88.0.2:80\n}\n}\n"
                    )
                } else if kind != "lab" {
                    try host.must(
                        "\(kind) -t nat -A PREROUTING -p tcp --dport 8080 -j DNAT --to-destination 10.88.0.2:80")
                }
            }
            func asked() throws -> ReachAnswer {
                try Explainer.explain(
                    ReachQuestion(source: "web", address: #require(IPAddress("198.51.100.2")), port: 8080),
                    nodes: TraceWorld.nodes)
            }
            let answer = try asked()
            let text = ReachView(answer).text
            let fix = answer.end?.fixes.first ?? ""
            host.expect(fix.hasPrefix("host: \(command)"), text)
            try host.inside("host") { try host.must("sh", input: String(fix.dropFirst(6)) + "\n") }
            let after = try asked()
            host.expect(after.verdict, is: .reached, ReachView(after).text)
            let journey = try TraceWorld.trace(host, from: "web", to: "198.51.100.2:8080")
            host.expect(journey.exitCode, is: 0, PathView(journey).text)
        }
    }

    @Test("a deny in input that a published port never meets is named")
    func passedGate() throws {
        try TraceWorld.run { host in
            let ufw =
                "*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:ufw-user-input - [0:0]\n-A INPUT -j ufw-user-input\nCOMMIT\n"
            _ = try host.inside("host") { try host.must("iptables-nft-restore", input: ufw) }
            func asked(_ port: UInt16) throws -> ReachAnswer {
                try Explainer.explain(
                    ReachQuestion(source: "client", address: #require(IPAddress("198.51.100.2")), port: port),
                    nodes: TraceWorld.nodes)
            }
            let open = try asked(8080)
            host.expect(open.verdict, is: .reached, ReachView(open).text)
            host.expect(
                open.passedGate ?? "",
                is:
                    "ufw's ip filter INPUT, which drops what comes to 198.51.100.2:8080, is never asked: the packet is redirected in prerouting, and takes forward instead of input",
                ReachView(open).text
            )
            // One that is not redirected meets it.
            let closed = try asked(8081)
            host.expect(closed.verdict, is: .dropped, ReachView(closed).text)
            host.expect(closed.passedGate == nil, ReachView(closed).text)
        }
    }

    @Test("a proxy's second connection is told, and the rule that gave another sender")
    func seen() throws {
        try TraceWorld.run { host in
            let address = try #require(IPAddress("198.51.100.2"))
            // As dockerd starts it; what it does with a connection is not asked.
            let listener = "import socket,time;s=socket.create_server(('198.51.100.2',9090));time.sleep(30)"
            let words =
                "exec -a docker-proxy python3 -c \"\(listener)\" -proto tcp -container-ip 10.88.0.2 -container-port 80"
            _ = try host.inside("host") { try host.start(["bash", "-c", words]) }
            func asked(_ from: String, _ address: IPAddress, _ port: UInt16) throws -> ReachAnswer {
                try Explainer.explain(
                    ReachQuestion(source: from, address: address, port: port), nodes: TraceWorld.nodes)
            }
            var answer = try asked("client", address, 9090)
            for _ in 0..<50 where answer.proxy == nil {
                usleep(100_000)
                answer = try asked("client", address, 9090)
            }
            host.expect(answer.proxy?.program ?? "", is: "docker-proxy", ReachView(answer).text)
            host.expect(answer.proxy?.source.map { "\($0)" } ?? "", is: "10.88.0.1", ReachView(answer).text)
            let direct = try asked("client", address, 8080)
            host.expect(direct.proxy == nil && direct.rewriter == nil, ReachView(direct).text)
            let out = try asked("web", #require(IPAddress("203.0.113.10")), 80)
            host.expect(out.rewriter ?? "", is: "host's ip lab post #8: masquerade", ReachView(out).text)
        }
    }

    @Test("what nobody can judge is said, with what would change")
    func unknown() throws {
        let rules = TraceWorld.rules.replacing(
            TraceWorld.accept, with: "    oifname \"br0\" tcp sport 1024-32767 drop\n" + TraceWorld.accept)
        try TraceWorld.run(rules: rules) { host in
            let address = try #require(IPAddress("198.51.100.2"))
            let answer = try Explainer.explain(
                ReachQuestion(source: "client", address: address, port: 8080), nodes: TraceWorld.nodes)
            let text = ReachView(answer).text
            host.expect(answer.verdict, is: .reached, text)
            host.expect(answer.depends.map(\.otherwise), is: [.dropped], text)
            let known = try Explainer.explain(
                ReachQuestion(source: "client", address: address, port: 8080, sourcePort: 2000), nodes: TraceWorld.nodes
            )
            host.expect(known.verdict, is: .dropped, ReachView(known).text)
            host.expect(known.depends.isEmpty, ReachView(known).text)
        }
    }

    @Test("a stranger comes in where an answer to it leaves, and is seen as what it is")
    func stranger() throws {
        try TraceWorld.run { host in
            let answer = try Explainer.explain(
                ReachQuestion(
                    source: "host", address: #require(IPAddress("198.51.100.2")), port: 8080,
                    stranger: IPAddress("192.0.2.77")),
                nodes: TraceWorld.nodes)
            host.expect(answer.verdict, is: .reached, ReachView(answer).text)
            host.expect(answer.seenSource.map { "\($0)" } ?? "", is: "192.0.2.77", "the source that web sees")
        }
    }
}
