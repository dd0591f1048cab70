import NetCore
import Testing

@testable import Trace

@Suite("Rules of a node")
struct NodeRulesTests {
    private static let nft = """
        table ip lab { # handle 1
        \tset ports { # handle 7
        \t\ttype inet_service
        \t\telements = { 80,
        \t\t\t     81 } # handle 99
        \t}

        \tchain post { # handle 2
        \t\ttype nat hook postrouting priority srcnat + 5; policy accept;
        \t\tip saddr 10.88.0.0/24 counter packets 3 bytes 180 masquerade # handle 6
        \t}

        \tchain pre { # handle 1
        \t\ttype filter hook prerouting priority raw; policy drop;
        \t\tjump own # handle 4
        \t}

        \tchain own { # handle 3
        \t\tcomment "of its own"
        \t\ttcp dport { 80, 81 } accept comment "a # handle 5" # handle 8
        \t}
        }
        table inet berth { # handle 2
        }
        """

    @Test("nft's list by chains: hook, priority, policy, rules; sets are none")
    func nftables() {
        var rules = NodeRules()
        rules.read(nft: Self.nft)
        #expect(rules.ordered.map(\.name) == ["pre", "post", "own"])
        #expect(rules.chains[0].priority == "srcnat + 5" && rules.chains[0].type == "nat")
        #expect(
            rules.text == """
                ip lab pre  (prerouting raw filter, policy drop; owner: somebody)
                    #4  jump own
                ip lab post  (postrouting srcnat + 5 nat, policy accept; owner: somebody)
                    #6  ip saddr 10.88.0.0/24 counter packets 3 bytes 180 masquerade
                ip lab own  (jumped to; owner: somebody)
                    #8  tcp dport { 80, 81 } accept comment "a # handle 5"

                """)
        #expect(NodeRules().text == "no rules\n")
    }

    @Test("iptables-legacy's list, and whose a chain is")
    func legacy() {
        var rules = NodeRules()
        rules.read(
            legacy: "-P PREROUTING ACCEPT\n-N DOCKER\n-A PREROUTING -j DOCKER\n-A DOCKER -i br0 -j RETURN\n",
            table: "ip nat")
        #expect(rules.chains.map(\.owner) == ["iptables-legacy", "Docker"])
        #expect(
            rules.chains[0].hook == "prerouting" && rules.chains[0].policy == "accept" && rules.chains[1].hook == nil)
        #expect(rules.chains[1].rules == [.init(number: 1, text: "-i br0 -j RETURN")])
        for (table, name, owner) in [
            ("inet berth", "forward", "berth"), ("inet berth_trace_7", "x", "berth trace"),
            ("ip nat", "POSTROUTING", "iptables"),
            ("ip filter", "ufw-before-input", "ufw"), ("inet firewalld", "filter_INPUT", "firewalld"),
            ("ip mine", "FORWARD", "somebody"),
        ] { #expect(NodeRules.Chain(table: table, name: name, isLegacy: false).owner == owner, "\(table) \(name)") }
    }
}
