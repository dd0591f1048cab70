import Glibc
import Lab
import NetCore
import TestSupport
import Testing

@Suite("Undo")
struct UndoTests {
    /// A command in a node, and what is said when it is undone.
    private struct Step {
        let node: String
        let line: String
        let words: String
        init(_ node: String, _ line: String, _ words: String) {
            (self.node, self.line, self.words) = (node, line, words)
        }
    }

    private static let steps = [
        // nft: anonymous sets with intervals, maps, named sets, chains that others jump to.
        Step("host", "nft add table ip lab", "nft table ip lab"),
        Step("host", "nft 'add chain ip lab pre { type nat hook prerouting priority -100; }'", "nft chain ip lab pre"),
        Step(
            "host", "nft 'add rule ip lab pre tcp dport { 80, 443, 8000-8100 } dnat to 10.88.0.2:80'",
            "nft rule ip lab pre 1"),
        Step("host", "nft 'insert rule ip lab pre udp dport 53 counter accept'", "nft rule ip lab pre 1"),
        Step(
            "host", "nft 'add rule ip lab pre dnat to tcp dport map { 9001 : 10.88.0.2, 9002 : 10.88.0.3 }'",
            "nft rule ip lab pre 3"),
        Step(
            "host", "nft delete rule ip lab pre handle $(nft -a list chain ip lab pre | sed -n 's/.*8100.*handle //p')",
            "removal of nft rule ip lab pre 2"),
        Step(
            "host", "nft flush chain ip lab pre", "removal of nft rule ip lab pre 1, removal of nft rule ip lab pre 2"),
        Step(
            "host",
            "nft 'add set ip lab who { type ipv4_addr; }; add element ip lab who { 203.0.113.10, 203.0.113.11 };"
                + "add chain ip lab mine; add rule ip lab pre ip saddr @who jump mine'",
            "nft rule ip lab pre 1, nft chain ip lab mine, nft set ip lab who"),
        Step("host", "nft 'delete element ip lab who { 203.0.113.11 }'", "nft set ip lab who"),
        Step("host", "nft 'add chain ip lab pre { policy drop; }'", "policy of ip lab pre"),
        Step(
            "host",
            "nft 'add counter ip lab web; add chain ip lab count { comment \"of each port\"; };"
                + "add rule ip lab count counter name tcp dport map { 80 : \"web\" }'",
            "nft chain ip lab count"),
        Step("host", "nft flush chain ip lab count", "removal of nft rule ip lab count 1"),
        Step("host", "nft delete chain ip lab count", "removal of nft chain ip lab count"),
        Step("host", "nft flush ruleset", "removal of nft table ip lab"),
        // iptables on nf_tables: extensions that nft cannot print.
        Step(
            "host",
            "iptables-nft -t nat -A PREROUTING -m addrtype --dst-type LOCAL -p tcp --dport 8080 -j DNAT --to 10.88.0.2:80",
            "iptables rule nat PREROUTING 1"),
        Step(
            "host", "iptables-nft -A FORWARD -p tcp -m multiport --dports 80,443 -m comment --comment two -j ACCEPT",
            "iptables rule filter FORWARD 1"),
        Step("host", "iptables-nft -P FORWARD DROP", "policy of iptables filter FORWARD"),
        Step("host", "iptables-nft -t nat -F", "removal of iptables rule nat PREROUTING 1"),
        Step("host", "nft flush ruleset", "removal of iptables rule filter FORWARD 1"),
        // iptables-legacy, whose changes no notification tells.
        Step(
            "host", "iptables-legacy -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to 10.88.0.2:8080",
            "iptables rule nat PREROUTING 1"),
        Step("host", "iptables-legacy -N mine", "iptables chain filter mine"),
        Step(
            "host", "iptables-legacy -A FORWARD -p tcp -m multiport --dports 80,443 -j mine",
            "iptables rule filter FORWARD 1"),
        Step("host", "iptables-legacy -P FORWARD DROP", "policy of iptables filter FORWARD"),
        Step("host", "ip6tables-legacy -A INPUT -p tcp --dport 22 -j DROP", "ip6tables rule filter INPUT 1"),
        Step("host", "iptables-legacy -F", "removal of iptables rule filter FORWARD 1"),
        // Links and what hangs on them.
        Step("web", "ip address add 10.88.0.9/24 dev eth0", "address 10.88.0.9/24 on eth0 in web"),
        Step("web", "ip route replace default via 10.88.0.3", "route default via 10.88.0.3 dev eth0 in web"),
        Step(
            "host", "ip route add default via 198.51.100.1 table 101",
            "route default via 198.51.100.1 dev eth0 table 101"),
        Step(
            "host", "bridge fdb add 02:00:00:00:00:99 dev vapp master static", "bridge entry 02:00:00:00:00:99 on vapp"),
        Step("web", "ip address flush dev eth0", "removal of address 10.88.0.2/24 on eth0 in web"),
        Step("host", "ip link set br0 type bridge ageing_time 1000 mcast_snooping 0", "br0 settings"),
        Step(
            "host", "ip link set eth0 alias uplink txqueuelen 500 arp off",
            "eth0 queue length 500, alias uplink, arp off"),
        Step("host", "ip link add vx0 type vxlan id 7 remote 198.51.100.1 dstport 4789 dev eth0", "link vx0"),
        Step("host", "ip link delete vx0", "removal of link vx0"),
        Step("host", "ip link add mv0 link eth0 type macvlan mode bridge", "link mv0"),
        Step("host", "ip link set mv0 type macvlan mode private", "mv0 settings"),
        Step("host", "ip link delete mv0", "removal of link mv0"),
        // The first address of a network is first again.
        Step(
            "host", "sysctl -qw net.ipv4.conf.br0.promote_secondaries=1; ip address add 10.88.0.9/24 dev br0",
            "address 10.88.0.9/24 on br0, net.ipv4.conf.br0.promote_secondaries=1"),
        Step("host", "ip address delete 10.88.0.1/24 dev br0", "removal of address 10.88.0.1/24 on br0"),
        Step("host", "ip address add 10.88.0.1/24 dev br0", "address 10.88.0.1/24 on br0"),
        Step(
            "host", "ip nexthop add id 5 via 10.88.0.2 dev br0; ip route add 192.0.2.128/25 nhid 5",
            "nexthop 5 via 10.88.0.2 dev br0, route 192.0.2.128/25 nhid 5"),
        Step("host", "ip nexthop delete id 5", "removal of nexthop 5 via 10.88.0.2 dev br0"),
        Step("host", "ip route add local 192.0.2.9 dev lo", "route local 192.0.2.9/32 dev lo table local"),
        Step("host", "ip route add throw 192.0.2.10", "route throw 192.0.2.10/32"),
        Step("host", "ip neighbour add proxy 10.88.0.78 dev br0", "proxy for 10.88.0.78 on br0"),
        Step(
            "host", "bridge fdb add 02:00:00:00:00:98 dev vapp master", "bridge entry 02:00:00:00:00:98 on vapp"),
        Step("host", "ip link set vweb type bridge_slave hairpin on", "vweb hairpin on"),
        Step("host", "ip link set vapp type bridge_slave isolated on", "vapp isolated on"),
        Step("host", "ip link set eth0 down", "eth0 down"),
        Step("host", "ip link set vapp nomaster", "vapp off its bridge"),
        Step("host", "ip link delete vweb", "removal of link vweb, removal of link eth0 in web"),
        Step(
            "client", "ip link set eth0 down; ip link set eth0 name wan; ip link set wan up", "eth0 name wan in client"),
        Step("app", "ip link set eth0 mtu 1300", "eth0 MTU 1300 in app"),
        Step("app", "ip link add br9 type bridge && ip link set br9 up", "link br9 in app"),
        Step("host", "ip rule add fwmark 0x65 lookup 101", "ip rule 32765: fwmark 0x65 lookup 101"),
        Step("host", "ip rule add goto 32766 pref 901", "ip rule 901:"),
        Step("host", "ip rule delete pref 32766", "removal of ip rule 32766: lookup main"),
        Step("host", "ip rule delete pref 0", "removal of ip rule 0: lookup local"),
        Step(
            "host", "ip neighbour add 10.88.0.77 lladdr 02:00:00:00:00:77 dev br0 nud permanent",
            "neighbour 10.88.0.77 on br0"),
        // Parameters, of which only some are told.
        Step("host", "sysctl -qw net.ipv4.ip_forward=0", "net.ipv4.ip_forward=0"),
        Step("host", "sysctl -qw net.ipv6.conf.all.forwarding=0", "net.ipv6.conf.all.forwarding=0"),
        Step("host", "sysctl -qw net.ipv4.conf.eth0.route_localnet=1", "net.ipv4.conf.eth0.route_localnet=1"),
        Step("host", "sysctl -qw net.ipv4.conf.all.rp_filter=1", "net.ipv4.conf.all.rp_filter=1"),
        Step("host", "sysctl -qw net.ipv4.ip_local_reserved_ports=8080", "net.ipv4.ip_local_reserved_ports=8080"),
        // By other ways than a command of the node's own.
        Step("host", "on web ip link set lo down", "lo down in web"),
        Step(
            "host", "ip netns exec app sysctl -qw net.ipv4.conf.all.arp_ignore=1",
            "net.ipv4.conf.all.arp_ignore=1 in app"),
    ]

    @Test("each change goes back, one after the other, and nothing else with it", arguments: [0, 65534])
    func everything(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            let (before, mounts) = (try lab.state(), lab.mounts())
            try lab.must("undo", exits: 2)
            try lab.must("start", "standard")
            let print = lab.footprint()
            host.expect(try lab.must("undo", exits: 1).holds("there is nothing to undo"), "at the beginning")
            // Counted at the first look of each family.
            var states = [try lab.stateOfNodes()]
            for step in UndoTests.steps {
                try lab.type(step.node, step.line)
                states.append(try lab.stateOfNodes())
                host.expect(states[states.count - 1] != states[states.count - 2], "no change by \(step.line)")
            }
            for (place, step) in UndoTests.steps.enumerated().reversed() {
                let said = try lab.must("undo")
                host.expect(said.hasPrefix("undone: \(step.words)"), "\(step.line): \(said)")
                let difference = try lab.stateOfNodes().difference(from: states[place])
                host.expect(difference, is: "", "after \(step.line) is undone")
            }
            host.expect(try lab.must("undo", exits: 1).holds("there is nothing to undo"), "at the end")
            try lab.must("stop")
            try lab.expectNothing(of: print, mounts: mounts, "after stop")
            host.expect(try lab.state().difference(from: before), is: "", "the host after stop")
        }
    }

    @Test("what packets count is no change: undo goes to what was typed before them")
    func counted() async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: 0)
            try lab.must("start", "standard")
            try lab.type(
                "host",
                "nft 'add table ip lab; add chain ip lab o { type filter hook output priority 0; };"
                    + "add set ip lab who { type ipv4_addr; counter; }; add element ip lab who { 10.88.0.2 };"
                    + "add quota ip lab much { over 10 mbytes; }'")
            // Each would be passed over if one before it accepted.
            for rule in ["ip daddr @who", "ip daddr 10.88.0.2 quota over 10 mbytes drop", "quota name much drop"] {
                try lab.type("host", "nft add rule ip lab o \(rule)")
            }
            try lab.type("host", "nft add rule ip lab o udp dport 98 drop")
            try lab.type("host", "ping -c 1 -W 2 10.88.0.2")
            let counted = try lab.type("host", "nft list ruleset")
            host.expect(counted.holds("10.88.0.2 counter packets 1 "), "the set counts: \(counted)")
            host.expect(try lab.must("undo"), is: "undone: nft rule ip lab o 4\n", "after the ping")
            host.expect(
                try lab.type("host", "nft list ruleset").holds("10.88.0.2 counter packets 1 "), "what stays counts on")
            for place in [3, 2, 1] {
                host.expect(try lab.must("undo"), is: "undone: nft rule ip lab o \(place)\n", "before it")
            }
            // The other way: what had counted comes back, and counts from 0.
            try lab.type("host", "nft delete table ip lab")
            host.expect(try lab.must("undo"), is: "undone: removal of nft table ip lab\n", "the table")
            let back = try lab.type("host", "nft list ruleset")
            host.expect(back.holds("10.88.0.2 counter packets 0 ") && back.holds("quota much"), back)
            try lab.must("stop")
        }
    }

    @Test("a bridge that was deleted comes back, with its ports and what it was for", arguments: [0, 65534])
    func bridge(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "standard")
            let before = try lab.stateOfNodes()
            try lab.type("host", "ip link delete br0")
            let words = "vweb off its bridge, vapp off its bridge, removal of link br0"
            host.expect(try lab.must("undo").hasPrefix("undone: \(words)"), "words")
            host.expect(try lab.stateOfNodes().difference(from: before), is: "", "all of it")
            try lab.type("web", "ping -c 1 -W 2 10.88.0.3")
            try lab.must("stop")
        }
    }

    @Test("what cannot come back is said once, and the next undo goes on before it")
    func refused() async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: 0)
            try lab.must("start", "standard")
            try lab.type("host", "sysctl -qw net.ipv4.conf.eth0.log_martians=1")
            try lab.type("host", "ip tuntap add tap8 mode tap")
            try lab.type("host", "ip link delete tap8")
            let said = try lab.must("undo", exits: 1)
            host.expect(said.hasPrefix("not undone: removal of link tap8 (make link tap8 again: "), said)
            host.expect(said.split(separator: "\n").count, is: 1, said)
            host.expect(try lab.must("undo"), is: "undone: net.ipv4.conf.eth0.log_martians=1\n", "before it")
            host.expect(try lab.must("undo", exits: 1).holds("there is nothing to undo"), "at the end")
            try lab.must("stop")
        }
    }

    @Test("rules that stay keep their handles, and connections go on", arguments: [0, 65534])
    func gentle(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "standard")
            try lab.type("host", "nft 'add table ip lab; add chain ip lab f { type filter hook forward priority 0; }'")
            for port in 1...6 { try lab.type("host", "nft add rule ip lab f tcp dport \(port) counter accept") }
            let whole = try lab.type("host", "nft -a list ruleset")
            let server = try lab.begin("exec", "web", "socat", "TCP-LISTEN:9000,reuseaddr", "EXEC:cat")
            defer { server.kill() }
            for _ in 0..<200 {
                if try lab.lab("exec", "web", "sh", "-c", "ss -Hltn | grep -q :9000").exitCode == 0 { break }
            }
            let client = try lab.begin(
                "exec", "host", "sh", "-c", "(echo one; sleep 3; echo two) | socat -t 5 - TCP:10.88.0.2:9000")
            usleep(500_000)
            // The second and the fifth.
            let handles = whole.split(separator: "\n").compactMap { line in
                line.firstRange(of: "# handle ").map { String(line[$0.upperBound...]) }
            }
            try lab.type(
                "host", "nft delete rule ip lab f handle \(handles[3]); nft delete rule ip lab f handle \(handles[6])")
            try lab.type("host", "ip link set br0 mtu 1400")
            try lab.must("undo")
            host.expect(
                try lab.must("undo"), is: "undone: removal of nft rule ip lab f 2, removal of nft rule ip lab f 5\n",
                "words")
            let now = try lab.type("host", "nft -a list ruleset")
            let (old, new) = (whole.split(separator: "\n"), now.split(separator: "\n"))
            host.expect(old.count, is: new.count, now)
            for (place, (one, other)) in zip(old, new).enumerated() where place != 4 && place != 7 {
                host.expect(one == other, "\(one) is \(other)")
            }
            host.expect(client.wait(seconds: 20).text, is: "one\ntwo\n", "the connection")
            try lab.must("stop")
        }
    }

    @Test("a lesson's own beginning stays; a whole task can be undone; shells have it too", arguments: [0, 65534])
    func lesson(uid: Int) async throws {
        try await PrivateHost.inTurn { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "07", "--backend", "iptables")
            try lab.must("undo", exits: 1)
            try lab.must("answer", "b")
            try lab.must("check", exits: 1)
            try lab.type("host", "iptables -t nat -A PREROUTING -p tcp --dport 80 -j DNAT --to 10.88.0.2:8080")
            try lab.must("check", exits: 1)
            // As in the shells of the world.
            host.expect(
                try lab.must("exec", "host", "/run/berth/bin/berth", "lab-plain", "undo"),
                is: "undone: iptables rule nat PREROUTING 1\n", "undo in the world")
            let fresh = try lab.stateOfNodes()
            try lab.type("host", "ip link set vweb type bridge_slave hairpin on")
            try lab.must("solve")
            try lab.type("host", "sysctl -qw net.ipv4.ip_forward=0")
            host.expect(try lab.must("undo", "--task"), is: "undone: net.ipv4.ip_forward=0\n", "since the task began")
            try lab.must("undo", "--task", exits: 1)
            try lab.must("undo")
            try lab.must("undo")
            host.expect(try lab.stateOfNodes().difference(from: fresh), is: "", "all of it")
            let shell = try host.run(
                ["script", "-qec", lab.words(["shell", "host"]).joined(separator: " "), "/dev/null"],
                input: Array(
                    "sysctl -w net.ipv4.conf.all.log_martians=1\nsleep 0.3\nip link set lo down\nsleep 0.3\nexit\n".utf8
                ),
                seconds: 20)
            host.expect(shell.exitCode, is: 0, "\(shell)")
            host.expect(try lab.must("undo"), is: "undone: lo down\n", "typed in a shell, then")
            host.expect(
                try lab.must("undo"), is: "undone: net.ipv4.conf.all.log_martians=1\n", "typed in a shell, first")
            try lab.must("stop")
        }
    }
}

extension LabHost {
    /// Everything in the nodes that undo is about, as their own programs tell it.
    func stateOfNodes() throws -> HostState {
        let line =
            "ip -o link | sed 's/ qdisc [a-z]*//; s/ state [A-Z]*//; s/NO-CARRIER,//; s/,LOWER_UP//; s/,M-DOWN//';"
            + "ip -o address | grep -v 'inet6 fe80';"
            + "ip -4 route show table all | grep -v 'table local' | sed 's/ linkdown//';"
            + "ip -6 route show table all | grep -v 'table local\\|fe80\\|^multicast\\|^ff00' | sed 's/ linkdown//';"
            + "ip route show table local | grep -v 'proto kernel'; ip -d link show type bridge | grep -o 'ageing_time [0-9]*\\|mcast_snooping [0-9]';"
            + "ip -d link show type macvlan | grep -o 'macvlan mode [a-z]*'; ip nexthop; ip neigh show proxy;"
            + "ip rule; ip neigh show nud permanent; bridge -d link | sed 's/state [a-z]*//; s/,LOWER_UP//; s/NO-CARRIER,//';"
            + "bridge fdb show | grep 'static\\|master.*permanent'; nft list ruleset 2>/dev/null;"
            + "(iptables-nft-save; iptables-legacy-save; ip6tables-legacy-save) 2>/dev/null | sed 's/ \\[.*//' | grep -- '^-A\\|^-P\\|DROP\\|^:[a-z]';"
            + "cd /proc/sys/net; grep -s . ipv4/ip_forward ipv4/ip_local_reserved_ports ipv4/conf/*/* ipv6/conf/*/forwarding bridge/*; true"
        var lines: [String] = []
        for node in StandardWorlds.standard.nodes.map(\.name) {
            lines += try type(node, line).split(separator: "\n").map { "\(node): \($0)" }
        }
        return HostState(lines: lines)
    }
}
