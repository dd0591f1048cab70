import Glibc
import NetCore
import TestSupport
import Testing

@testable import Lab
@testable import Trace

/// `berth net` itself.
@Suite("berth net")
struct NetVerbTests {
    /// What it was said to be the same as: the first way, and the second.
    static func commands(_ text: String) -> [[String]] {
        var ways: [[String]] = []
        for line in text.split(separator: "\n").map(String.init) {
            if line.hasPrefix("same as: ") || line.hasPrefix("or:      ") {
                if line.hasPrefix("same") { ways.append([]) }
                if ways.isEmpty || line.hasPrefix("or:") { ways.append([]) }
                ways[ways.count - 1].append(String(line.dropFirst(9)))
            } else if line.hasPrefix("         "), !ways.isEmpty {
                ways[ways.count - 1].append(String(line.dropFirst(9)))
            }
        }
        return ways
    }

    @Test("a rule is known by its words, and by no others")
    func words() throws {
        let link = try #require(LinkName("br0"))
        let rules: [NetRule] = [
            .masquerade(IPPrefix("10.88.0.0/24")!, out: nil),
            .masquerade(IPPrefix("10.88.0.0/24")!, out: .init(link: link, isNot: true)),
            .masquerade(IPPrefix("fd00::/8")!, out: .init(link: link, isNot: false)),
            .publish(.tcp, 8080, to: IPAddress("10.88.0.2")!, 80, fromHere: false),
            .publish(.udp, 53, to: IPAddress("fd00:88::2")!, 5353, fromHere: true), .accept(.published),
            .accept(.established),
        ]
        for rule in rules { #expect(NetRule(comment: rule.words) == rule) }
        for words in [
            "", "accept", "accept all", "publish / to 10.88.0.2:80", "publish 80 to nobody:80",
            "publish 80 10.88.0.2:80",
            "masquerade 10.88.0.1/24", "masquerade 10.88.0.0/24 by br0", "publish 80/tcp to 10.88.0.2:80",
            "publish 80 to 10.88.0.2:80 input", "publish 80/a/b to 10.88.0.2:80", "masquerade 10.88.0.0/24 out",
        ] { #expect(NetRule(comment: words) == nil, "\(words)") }
    }

    /// A host with the program, and networks of these names.
    private static func prepare(_ host: PrivateHost, _ networks: String...) throws {
        _ = try LabHost(host, uid: 0)
        for name in networks { try host.must("ip netns add \(name)") }
    }

    private static func net(
        _ host: PrivateHost, _ network: String, _ line: String, exits code: Int32 = 0, file: String = #fileID,
        at: Int = #line
    ) throws -> ChildOutcome {
        let words = ["ip", "netns", "exec", network, LabHost.program, "net"]
        let outcome = try host.run(words + line.split(separator: " ").map(String.init), seconds: 20)
        host.expect(outcome.exitCode, is: code, "\(outcome)", file: file, line: at)
        return outcome
    }

    /// What `berth net` does in one network, and its first way in another.
    private static func both(_ host: PrivateHost, _ lines: [String]) throws {
        for line in lines {
            let text = try net(host, "ours", line).text
            let way = try NetVerbTests.commands(text).first.unwrapped("nothing is said of \(line): \(text)")
            for command in way { try host.must("ip netns exec theirs sh -e", input: "\(command)\n") }
        }
    }

    private static func look(_ host: PrivateHost, _ command: String) throws -> (String, String) {
        (try host.must("ip netns exec ours \(command)"), try host.must("ip netns exec theirs \(command)"))
    }

    @Test("links, addresses, routes and neighbours: what it prints does the same")
    func links() async throws {
        try await PrivateHost.inTurn { host in
            try NetVerbTests.prepare(host, "ours", "theirs", "far", "near")
            try NetVerbTests.both(
                host,
                [
                    "link set lo up", "link add br0 address 02:00:00:00:00:01 type bridge",
                    "link add v0 type veth peer name v1", "link set v0 address 02:00:00:00:00:02",
                    "link set dev v1 address 02:00:00:00:00:03 mtu 1400", "link set v0 master br0 up",
                    "link set v1 name v9", "link set br0 up", "link set v9 up", "address add 10.88.0.1/24 dev br0",
                    "a add 10.88.1.1 dev br0", "addr add 2001:db8::1/64 dev br0", "address add 192.0.2.1/31 dev br0",
                    "route add default via 10.88.0.9", "route add 198.51.100.0/24 dev br0",
                    "-6 route add default via 2001:db8::9", "route add 203.0.113.0/24 via 10.88.0.8",
                    "route del 203.0.113.0/24", "address del 192.0.2.1/31 dev br0", "neigh flush dev br0",
                    "sysctl net.ipv4.ip_forward=1", "sysctl -w net.ipv4.conf.br0.rp_filter=2",
                ])
            for command in ["ip -4 -o address", "ip route", "ip -6 route show default", "ip -br link", "bridge link"] {
                let (ours, theirs) = try NetVerbTests.look(host, command)
                host.expect(ours, is: theirs, command)
                host.expect(ours.utf8.count > 20, "\(command) lists nothing")
            }
            let (ours, theirs) = try NetVerbTests.look(
                host, "sysctl -n net.ipv4.ip_forward net.ipv4.conf.br0.rp_filter")
            host.expect([ours, theirs], is: ["1\n2\n", "1\n2\n"], "parameters")
            // Into another network, at once and afterwards.
            _ = try NetVerbTests.net(host, "ours", "link add w0 type veth peer name w1 netns far")
            _ = try NetVerbTests.net(host, "ours", "link set w0 netns near")
            host.expect(try host.must("ip -n far -br link show w1").hasPrefix("w1@"), "the other end")
            host.expect(try host.must("ip -n near -br link show w0").hasPrefix("w0@"), "the moved end")
            try NetVerbTests.both(host, ["link set v0 nomaster", "link del v0", "address flush dev br0"])
            for command in ["ip -4 -o address", "ip -br link", "ip route"] {
                let (ours, theirs) = try NetVerbTests.look(host, command)
                host.expect(ours, is: theirs, command)
            }
        }
    }

    @Test("rules: what it prints lists as nft's own, and loads into iptables; and goes as it came")
    func rules() async throws {
        try await PrivateHost.inTurn { host in
            try NetVerbTests.prepare(host, "ours", "theirs", "tables")
            let lines = [
                "masquerade 10.88.0.0/24 not out br0", "masquerade fd00:88::/64", "masquerade 172.16.0.0/12 out eth0",
                "publish 8080 to 10.88.0.2:80", "publish 5353/udp → 10.88.0.3:53", "publish 8080 [fd00:88::2]:80",
                "publish 8080 to 10.88.0.2:80 output", "accept established", "accept published", "policy forward drop",
                "policy input accept", "policy output accept",
            ]
            func listing() throws -> (String, String) { try NetVerbTests.look(host, "nft -a list ruleset") }
            for line in lines {
                let text = try NetVerbTests.net(host, "ours", line).text
                let ways = NetVerbTests.commands(text)
                guard ways.count == 2 else { throw Missing(description: "two ways of \(line), and not: \(text)") }
                for command in ways[0] { try host.must("ip netns exec theirs sh -e", input: "\(command)\n") }
                for command in ways[1] { try host.must("ip netns exec tables sh -e", input: "\(command)\n") }
                let (ours, theirs) = try listing()
                host.expect(ours, is: theirs, line)
            }
            let rules = try NetVerbTests.net(host, "theirs", "rules").text
            for line in lines where !line.hasPrefix("policy") {
                let words = line.replacing(" →", with: " to").replacing("8080 [", with: "8080 to [")
                host.expect(rules.holds("  \(words)  0 packets"), "no \(words) in \(rules)")
            }
            host.expect(!rules.holds("somebody else's"), rules)
            for line in ["remove publish 5353/udp", "remove accept established", "remove masquerade fd00:88::/64"] {
                let ways = NetVerbTests.commands(try NetVerbTests.net(host, "ours", line).text)
                for (network, way) in zip(["theirs", "tables"], ways) {
                    for command in way { try host.must("ip netns exec \(network) sh -e", input: "\(command)\n") }
                }
                let (ours, theirs) = try listing()
                host.expect(ours, is: theirs, line)
                host.expect(ways.count, is: 2, line)
            }
            let left = try host.must("ip netns exec tables iptables -t nat -S")
            host.expect(left.holds("--dport 8080") && !left.holds("--dport 5353"), left)
            // By its number, and all.
            let number = try NetVerbTests.net(host, "ours", "rules").text.split(separator: "#")[1].prefix {
                $0.isNumber
            }
            _ = try NetVerbTests.net(host, "ours", "remove \(number)")
            _ = try NetVerbTests.net(host, "ours", "remove \(number)", exits: 1)
            // Another's rule in our table is not taken for ours.
            try host.must("ip netns exec ours nft add rule inet berth-net forward accept comment \"accept published\"")
            host.expect(try NetVerbTests.net(host, "ours", "rules").text.holds("somebody else's"), "another's rule")
            _ = try NetVerbTests.net(host, "ours", "remove all")
            host.expect(try host.must("ip netns exec ours nft list ruleset"), is: "", "what is left")
            _ = try NetVerbTests.net(host, "ours", "remove all", exits: 1)
        }
    }

    @Test(
        "a wrong use is a sentence that says what is right",
        arguments: [
            ("link set eth0 up", 1, "there is no link called eth0 here"),
            ("link add x type dummy", 1, "veth and bridge"),
            ("link add a/b type bridge", 1, "is no name of a link"), ("link add v type veth", 1, "peer name NAME"),
            ("link add v type veth peer name w netns nowhere", 1, "there is no node called nowhere"),
            ("link frobnicate", 1, "berth net link set NAME"), ("link set lo", 1, "what is to be set of lo is missing"),
            ("address add 10.88.0.300/24 dev lo", 1, "is no address with its length"),
            ("address add 10.88.0.1/24", 1, "the link is missing"),
            ("route add 10.88.0.1/24 dev lo", 1, "10.88.0.0/24"),
            ("route add default", 1, "by which way?"), ("route get 203.0.113.1", 1, "berth net route"),
            ("neigh del 10.88.0.2 dev lo", 1, "this node knows nobody as 10.88.0.2"), ("bridge", 1, "link or fdb"),
            ("sysctl kernel.hostname", 1, "none of a network's parameters"),
            ("sysctl net.ipv4.nothing", 1, "/proc/sys/net"),
            ("masquerade 10.88.0.1/24", 1, "its network is 10.88.0.0/24"), ("masquerade nothing", 1, "is no network"),
            ("masquerade 10.88.0.0/24 by br0", 1, "not out LINK"), ("publish 80800 to 10.88.0.2:80", 1, "is no port"),
            ("publish 8080 to 10.88.0.2", 1, "is no address with a port"),
            ("publish 8080 - 10.88.0.2:80", 1, "write to"),
            ("publish 8080 to nobody:80", 1, "nobody is called nobody"),
            ("accept everything", 1, "published or established"),
            ("policy nowhere drop", 1, "forward, input or output"), ("policy forward maybe", 1, "drop or accept"),
            ("remove publish 8080", 1, "there is no published port 8080"), ("conntrack -D", 1, "which flows are meant"),
            ("conntrack -L -p nothing", 1, "no protocol is called nothing"), ("ping", 1, "whom it is for is missing"),
            ("ping 203.0.113.1", 1, "no route of this node's"), ("ping -c 0 127.0.0.1", 1, "from 1 to 100"),
            ("get", 1, "whom it is to ask"), ("get 127.0.0.1:9", 7, "refused the connection"), ("serve", 1, "the port"),
            ("get nobody", 1, "is no address"), ("serve 80/sctp", 1, "tcp and udp"), ("ss -x", 1, "cannot make sense"),
            ("publsh 8080 to 10.88.0.2:80", 2, "did you mean publish?"), ("", 2, "usage: berth net"),
            ("--nothing link", 2, "is no option"),
        ] as [(String, Int32, String)])
    func wrong(_ line: String, _ code: Int32, _ sentence: String) async throws {
        try await PrivateHost.inTurn { host in
            try NetVerbTests.prepare(host, "ours")
            try host.must("ip -n ours link set lo up")
            let outcome = try NetVerbTests.net(host, "ours", line, exits: code)
            host.expect(outcome.errorOutput.holds(sentence), "\"\(sentence)\" is not in: \(outcome)")
            host.expect(try host.must("ip netns exec ours nft list ruleset"), is: "", "rules after \(line)")
        }
    }

    @Test("twice the same, and two for one port, are refused: the second would never be asked")
    func twice() async throws {
        try await PrivateHost.inTurn { host in
            try NetVerbTests.prepare(host, "ours")
            _ = try NetVerbTests.net(host, "ours", "--quiet publish 8080 to 10.88.0.2:80")
            let same = try NetVerbTests.net(host, "ours", "publish 8080 to 10.88.0.2:80", exits: 1)
            host.expect(same.errorOutput.holds("that rule stands already"), "\(same)")
            let other = try NetVerbTests.net(host, "ours", "publish 8080 to 10.88.0.3:80", exits: 1)
            host.expect(other.errorOutput.holds("berth net remove "), "\(other)")
            host.expect(
                try NetVerbTests.net(host, "ours", "publish 8080/udp to 10.88.0.3:80 --quiet").text, is: "", "quiet")
        }
    }

    @Test("in the machine's own network nothing is changed, with exit code 3; looking is allowed")
    func own() async throws {
        try await PrivateHost.inTurn { host in
            try NetVerbTests.prepare(host)
            // Here process 1 is in this network: what a machine's own is like.
            func machine(_ line: String) throws -> ChildOutcome {
                try host.run(
                    [
                        "unshare", "--pid", "--fork", "--mount-proc", "sh", "-c",
                        "\(LabHost.program) net \(line); exit $?",
                    ],
                    seconds: 20)
            }
            let before = try host.state()
            for line in [
                "link set lo down", "link add br0 type bridge", "link del lo", "address add 10.88.0.1/24 dev lo",
                "route add default dev lo", "neigh flush dev lo", "sysctl net.ipv4.ip_forward=1",
                "masquerade 10.88.0.0/24", "publish 80 to 10.88.0.2:80", "accept published", "policy forward drop",
                "conntrack -D -p tcp", "serve 8080", "address flush dev lo",
            ] {
                let outcome = try machine(line)
                host.expect(outcome.exitCode, is: 3, "\(outcome)")
                host.expect(outcome.errorOutput.holds("nothing was changed"), "\(outcome)")
            }
            host.expect(try host.state().difference(from: before), is: "", "the host")
            for line in ["link", "address", "route", "neigh", "rules", "ss", "sysctl net.ipv4.ip_forward"] {
                host.expect(try machine(line).exitCode, is: 0, line)
            }
        }
    }

    @Test("in the lab nodes have names, and echo, request and server work", arguments: [0, 65534])
    func nodes(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "standard")
            host.expect(try lab.type("web", "berth net serve 80").holds("same as: python3 -m http.server 80"), "serve")
            host.expect(try lab.type("web", "berth net ss").holds("*:80"), "ss")
            try lab.must("exec", "web", "berth", "net", "serve", "80", exits: 1)
            host.expect(
                try lab.type("host", "berth net publish 8080 to web:80; berth net publish 8080 to web:80 output").holds(
                    "dnat ip to 10.88.0.2:80"), "the node's address")
            host.expect(
                try lab.type("client", "berth net get 198.51.100.2:8080/"), is: "web sees 203.0.113.10\n", "published")
            host.expect(
                try lab.type("host", "berth net get --local-port 4000 198.51.100.2:8080").hasPrefix("web sees "),
                "output")
            host.expect(
                try lab.type("host", "berth net conntrack -L -p tcp --orig-port-src 4000").holds("src=10.88.0.2 dst="),
                "conntrack")
            host.expect(
                try lab.type("host", "berth net conntrack -D -p tcp --orig-port-src 4000").holds(
                    "same as: conntrack -D -p tcp --orig-port-src 4000"), "conntrack -D")
            try lab.must("exec", "host", "berth", "net", "conntrack", "-D", "--orig-port-src", "4000", exits: 1)
            host.expect(try lab.type("app", "berth net ping web").holds("ttl=64"), "ping")
            host.expect(try lab.type("app", "berth net ping fd00:88::2").holds("answer from"), "ping by IPv6")
            try lab.must("exec", "client", "berth", "net", "get", "--max-time", "1", "198.51.100.2:8081", exits: 7)
            try lab.type("host", "berth net policy forward drop")
            try lab.must("exec", "client", "berth", "net", "get", "--max-time", "1", "198.51.100.2:8080", exits: 28)
            try lab.must("exec", "client", "berth", "net", "ping", "10.88.0.2", exits: 1)
            // From node to node, by `on`, and undone.
            try lab.type("host", "on app berth net link set eth0 down")
            host.expect(try lab.type("app", "berth net link show eth0").holds("state DOWN"), "down")
            host.expect(try lab.must("undo").holds("eth0"), "undo")
            host.expect(!(try lab.type("app", "berth net link show eth0").holds("state DOWN")), "up again")
        }
    }
}
