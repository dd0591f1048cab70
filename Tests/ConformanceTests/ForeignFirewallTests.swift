import JSON
import NetCore
import TestSupport
import Testing

@Suite("Other people's firewalls are named with what they need, and never edited (N-6, N-8)")
struct ForeignFirewallTests {
    @Test(
        "N-8 a foreign chain that drops forwarded packets is said on standard error, and left alone",
        arguments: [
            (
                "inet ufw-like forward",
                "nft add table inet ufw-like;nft add chain inet ufw-like forward { type filter hook forward priority 0 ; policy drop ; }"
            ),
            (
                "ip filter FORWARD",
                "nft add table ip filter;nft add chain ip filter FORWARD { type filter hook forward priority 0 ; policy drop ; }"
            ),
        ])
    func foreignDrop(_ place: String, _ commands: String) throws {
        // There our own accepts stand (ForwardDropTests).
        if place == "ip filter FORWARD", TestBackend.current == .iptablesNft { return }
        try PrivateHost.run { host in
            for command in commands.split(separator: ";nft") {
                try host.must(command.hasPrefix("nft") ? String(command) : "nft\(command)")
            }
            let before = try host.must("nft list ruleset")
            let attached = try host.attach(.bridged(), "c1")
            let firewall = Attached(network: TestNetwork([TestNetwork.firewall]), id: "c1", namespace: "c1")
            let answer = try host.call(firewall.call(0, "ADD", previous: attached.result))
            host.expect(answer.succeeded, "\(answer)")
            let words = place.split(separator: " ")
            for word in words.dropFirst() {
                host.expect(
                    answer.outcome.errorOutput.contains(word), "\(word) is not named: \(answer.outcome.errorOutput)")
            }
            host.expect(answer.outcome.errorOutput.contains("drop"), "no word of drop: \(answer.outcome.errorOutput)")
            let after = try host.must("nft list table \(words.dropLast().joined(separator: " "))")
            host.expect(before.contains(after.split(separator: "\n")[1]), "the foreign table changed: \(after)")
        }
    }

    /// Somebody's firewall that gets in the way, and what the warning must say of it.
    struct Foreign: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let input: String
        let command: String
        let words: [String]

        static let all = [
            Foreign(
                testDescription: "firewalld",
                // As firewalld 1.x and 2.x make it: no policy drop, rules of its own that reject.
                input: """
                    table inet firewalld {
                        chain filter_FORWARD {
                            type filter hook forward priority filter + 10; policy accept;
                            ct state { established, related } accept
                            reject with icmpx admin-prohibited
                        }
                    }

                    """, command: "nft -f -", words: ["firewalld", "--add-interface=BRIDGE"]),
            Foreign(
                testDescription: "iptables (legacy) with policy DROP", input: "",
                command: "iptables-legacy -P FORWARD DROP",
                words: ["iptables (legacy)", "DROP", "iptables-legacy -P FORWARD ACCEPT"]),
        ]
    }

    @Test(
        "N-6 N-8 firewalld, and legacy iptables that drops, are named with what they need, and left alone",
        .onNftables, arguments: Foreign.all, [PluginType.firewall, .portmap])
    func otherFirewalls(_ foreign: Foreign, _ plugin: PluginType) throws {
        try PrivateHost.run { host in
            let attached = try host.attach(.bridged(), "c1")
            let chained = Attached(
                network: TestNetwork([plugin.configuration]), id: "c1", namespace: "c1",
                runtimeConfig: ["portMappings": Ports.tcp8080], result: attached.result)
            // Without it nothing is said.
            try host.must("iptables-legacy -P FORWARD ACCEPT")
            let quiet = try host.call(chained.call(0, "ADD", previous: attached.result))
            host.expect(quiet.succeeded && quiet.outcome.errorOutput.isEmpty, "without it: \(quiet)")
            try host.detach(chained)
            try host.must(foreign.command, input: foreign.input)
            func others() throws -> String {
                let tables = try host.must("nft list tables").split(separator: "\n").filter { !$0.hasSuffix("berth") }
                return try tables.map { try host.must("nft list \($0)") }.joined()
                    + host.must("iptables-legacy -S")
            }
            let before = try others()
            let answer = try host.call(chained.call(0, "ADD", previous: attached.result))
            host.expect(answer.succeeded, "\(answer)")
            for word in foreign.words {
                host.expect(answer.outcome.errorOutput.contains(word), "\(word) is not said: \(answer)")
            }
            host.expect(try others(), is: before, "the other's rules")
        }
    }

    @Test("N-6 portmap says that nothing accepts its packets when a foreign chain drops them")
    func portmapWarns() throws {
        try PrivateHost.run { host in
            try host.must("nft add table ip filter")
            try host.must("nft add chain ip filter FORWARD { type filter hook forward priority 0 ; policy drop ; }")
            let attached = try host.attach(.bridged(), "c1")
            let portmap = Attached(
                network: TestNetwork([TestNetwork.portmap]), id: "c1", namespace: "c1",
                runtimeConfig: ["portMappings": Ports.tcp8080])
            let answer = try host.call(portmap.call(0, "ADD", previous: attached.result))
            host.expect(answer.succeeded, "\(answer)")
            host.expect(
                answer.outcome.errorOutput.contains("FORWARD"), "the chain is not named: \(answer.outcome.errorOutput)")
        }
    }
}
