import CKernel
import Glibc
import NetCore
import TestSupport
import Testing

@Suite("Rules in iptables' words")
struct IptablesRuleTests {
    /// Every condition and every target that berth knows, as iptables-save writes them.
    static let four = [
        "-j ACCEPT", "-j DROP", "-j RETURN", "-j CNI-FORWARD",
        "-s 10.1.2.3/32 -j ACCEPT", "-s 10.1.0.0/16 -j ACCEPT", "! -s 10.0.0.0/9 -j ACCEPT",
        "-d 192.0.2.128/25 -j DROP",
        "! -d 224.0.0.0/4 -j DROP", "-s 10.1.0.0/16 -d 10.2.0.0/24 -j ACCEPT",
        "-i cni0 -j ACCEPT", "! -i lo -j DROP", "-i cni0 ! -o cni0 -j DROP", "-o fifteen-letters -j ACCEPT",
        "-p tcp -m tcp --dport 80 -j ACCEPT", "-p udp -m udp --dport 53 -j ACCEPT",
        "-p sctp -m sctp --dport 7 -j ACCEPT", "-p tcp -m tcp --dport 1:65535 -j ACCEPT",
        "-p udp -m udp --dport 9000:9100 -j DROP", "-p sctp -m sctp --dport 9000:9100 -j DROP",
        "-p tcp -m multiport --dports 80,443,9000:9100 -j ACCEPT",
        "-p udp -m multiport --dports 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15 -j ACCEPT",
        "-p tcp -m comment --comment \"portmap x net/c1/eth0\" -m multiport --dports 8080 -j CNI-FORWARD",
        "-m comment --comment \"a \\\"quoted\\\" word\" -j ACCEPT",
        "-m mark --mark 0x2000/0x2000 -j ACCEPT", "-m mark ! --mark 0x1/0xff -j ACCEPT",
        "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-m conntrack --ctstate INVALID,NEW -j DROP",
        "-m conntrack --ctstate DNAT -j ACCEPT",
        "-m conntrack ! --ctstate SNAT,UNTRACKED -j ACCEPT".replacing(
            "SNAT,UNTRACKED", with: "UNTRACKED,SNAT"),
        "-m addrtype --dst-type LOCAL -j ACCEPT",
    ]
    static let nat4 = [
        "-j MASQUERADE", "-j MASQUERADE --random-fully", "-j SNAT --to-source 192.0.2.9",
        "-p tcp -m tcp --dport 80 -j DNAT --to-destination 10.1.0.5:8080",
        "-p tcp -m tcp --dport 80:90 -j DNAT --to-destination 10.1.0.5", "-j MARK --set-xmark 0x2000/0x2000",
        "-s 127.0.0.0/8 -p sctp -m sctp --dport 80 -j DNAT --to-destination 10.1.0.5:81",
    ]
    static let six = [
        "-j ACCEPT", "-s fd00::5/128 -j ACCEPT", "-s fd00::/64 -j ACCEPT", "! -d ff00::/8 -j DROP",
        "-d 2000::/3 -j DROP", "! -d ::1/128 -m addrtype --dst-type LOCAL -j ACCEPT", "-i cni0 ! -o cni0 -j DROP",
        "-p ipv6-icmp -j ACCEPT", "-p tcp -m tcp --dport 80 -j ACCEPT", "-p sctp -m sctp --dport 7:9 -j ACCEPT",
        "-p udp -m multiport --dports 80,9000:9100 -j ACCEPT", "-m mark --mark 0x2000/0x2000 -j ACCEPT",
        "-d fd00::5/128 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    ]
    static let nat6 = [
        "-j MASQUERADE", "-j MASQUERADE --random-fully", "-j SNAT --to-source 2001:db8::9",
        "-p tcp -m tcp --dport 80 -j DNAT --to-destination [fd00::5]:8080",
        "-p udp -m udp --dport 80:90 -j DNAT --to-destination fd00::5", "-j MARK --set-xmark 0x4/0x4",
    ]

    static func rules(_ family: AddressFamily, nat: Bool) -> [String] {
        switch (family, nat) {
        case (.v4, false): four
        case (.v4, true): four + nat4
        case (.v6, false): six
        case (.v6, true): six + nat6
        }
    }

    static func read(_ text: String, _ family: AddressFamily) throws -> IptablesRule {
        try IptablesRule(reading: try IptablesRule.words(of: text), family)
    }

    @Test("what is written is read back the same", arguments: AddressFamily.allCases)
    func roundTrip(_ family: AddressFamily) throws {
        for text in IptablesRuleTests.rules(family, nat: true) {
            let rule = try IptablesRuleTests.read(text, family)
            #expect(rule.words.joined(separator: " ") == text)
        }
    }

    @Test(
        "a word that is none, or that no map of ports has a place for, is named",
        arguments: [
            ["-m", "recent"], ["-s", "fd00::/64"], ["-s", "nowhere"], ["--dport", "70000"], ["--ctstate", "OLD"], ["!"],
            ["-m"], ["!", "-p", "tcp"], ["--mark", "x"], ["-i", "a-name-of-sixteen"], ["--dport", "9:8"],
            ["--tcp-flags", "SYN"],
        ])
    func mistakes(_ words: [String]) {
        #expect(throws: IptablesRule.Mistake.self) { try IptablesRule.conditions(reading: words, .v4) }
    }

    /// The oracle is iptables itself: what it has made says what we say, and what we have made it prints as its own.
    @Test("iptables-nft prints rules of ours as its own, and has made the same", arguments: AddressFamily.allCases)
    func nft(_ family: AddressFamily) throws {
        let program = family == .v4 ? "iptables-nft" : "ip6tables-nft"
        try PrivateHost.run { host in
            for (table, isNAT) in [(IptablesTable.filter, false), (.nat, true)] {
                // iptables lets no rule of nat drop.
                let texts = IptablesRuleTests.rules(family, nat: isNAT).filter { !isNAT || !$0.hasSuffix("DROP") }
                let rules = try texts.map { try IptablesRuleTests.read($0, family) }
                let lines = texts.map { "-A TEST \($0)\n" }.joined()
                let target = ":CNI-FORWARD - [0:0]\n:TEST - [0:0]\n"
                try host.must("\(program)-restore", input: "*\(table.rawValue)\n\(target)\(lines)COMMIT\n")
                var socket = try NetlinkSocket(NETLINK_NETFILTER)
                let found = try socket.iptablesRules(table, chain: "TEST", family)
                host.expect(found.count, is: rules.count, "rules")
                for (index, one) in found.enumerated() {
                    host.expect(one.says(rules[index], family), "iptables' own: \(texts[index])")
                    host.expect(one.comment, is: rules[index].comment, "the comment of \(texts[index])")
                    for (other, text) in texts.enumerated() where other != index && rules[other] != rules[index] {
                        host.expect(!one.says(rules[other], family), "\(texts[index]) is not \(text)")
                    }
                }
                var transaction = NftTransaction(table: "")
                let own = IptablesChain(table, "OURS")
                try transaction.add(own, family)
                for rule in rules { try transaction.append(rule, own, family) }
                try socket.commit(transaction)
                let saved = try host.must("\(program)-save -t \(table.rawValue)").split(separator: "\n")
                let theirs = saved.filter { $0.hasPrefix("-A TEST ") }.map { String($0.dropFirst(8)) }
                let ours = saved.filter { $0.hasPrefix("-A OURS ") }.map { String($0.dropFirst(8)) }
                host.expect(ours, is: theirs, "as \(program)-save prints them")
            }
        }
    }

    @Test("where a rule goes: at the end, at the beginning, before another; and what is deleted is gone")
    func places() throws {
        try PrivateHost.run { host in
            var socket = try NetlinkSocket(NETLINK_NETFILTER)
            let chain = IptablesChain(.filter, "TEST")
            func rule(_ name: String) -> IptablesRule { IptablesRule(.accept, .comment(name)) }
            func comments() throws -> [String?] {
                try socket.iptablesRules(.filter, chain: "TEST", .v4).map(\.comment)
            }
            func commit(_ body: (inout NftTransaction) throws(KernelError) -> Void) throws {
                var transaction = NftTransaction(table: "")
                try body(&transaction)
                try socket.commit(transaction)
            }
            try commit { (it) throws(KernelError) in
                try it.add(chain, .v4)
                try it.append(rule("b"), chain, .v4)
                try it.append(rule("d"), chain, .v4)
                try it.insert(rule("a"), before: nil, chain, .v4)
            }
            host.expect(try comments(), is: ["a", "b", "d"], "rules")
            let d = try socket.iptablesRules(.filter, chain: "TEST", .v4)[2].handle
            try commit { (it) throws(KernelError) in try it.insert(rule("c"), before: d, chain, .v4) }
            host.expect(try comments(), is: ["a", "b", "c", "d"], "rules")
            try commit { (it) throws(KernelError) in try it.delete(rule: d, chain, .v4) }
            host.expect(try comments(), is: ["a", "b", "c"], "rules")
            host.expect(try socket.iptablesChains(.filter, .v4), is: [chain], "chains")
            try commit { (it) throws(KernelError) in try it.delete(chain, .v4) }
            host.expect(try socket.iptablesChains(.filter, .v4), is: [], "chains")
        }
    }
}
