import Inspect
import JSON
import NetCore
import NetPlan
import TestSupport
import Testing

@Suite("iptables: a FORWARD chain with policy DROP is no matter for its own backend")
struct ForwardDropTests {
    @Test("the outside is reached, ports answer, and nothing is warned of", arguments: IptablesVariant.allCases)
    func dropped(_ variant: IptablesVariant) throws {
        try IptablesTests.run(variant) { host in
            for program in ["iptables", "ip6tables"] { try host.must("\(program)-\(variant) -P FORWARD DROP") }
            let network = IptablesTests.network()
            let attached = try host.attach(network, "c1", ports: Ports.tcp8080)
            host.expect(try IptablesTests.published(host, "outside", attached), is: Uplink.outside(.v4), "the port")
            for family in AddressFamily.allCases {
                let target = Endpoint(Uplink.outside(family), 7000)
                let seen = try host.converse(.tcp, from: "c1", to: target, at: "outside", listening: target)
                host.expect(seen != nil, "the outside by IPv\(family.rawValue)")
            }
            // portmap does not see a legacy chain of the firewall plugin's, and warns.
            for index in variant == .nft ? [1, 2] : [2] {
                try host.expectSuccess(attached.call(index, "DEL", previous: attached.result))
                let answer = try host.call(attached.call(index, "ADD", previous: attached.result))
                host.expect(answer.succeeded && !answer.description.contains("FORWARD"), "\(answer)")
            }
            try host.detach(attached)
        }
    }

    @Test("ports that keep to the policies answer the outside there, too", arguments: IptablesVariant.allCases)
    func withinPolicies(_ variant: IptablesVariant) throws {
        try IptablesTests.run(variant) { host in
            for program in ["iptables", "ip6tables"] { try host.must("\(program)-\(variant) -P FORWARD DROP") }
            var network = IptablesTests.network()
            network.plugins[2]["publishedAcrossNetworks"] = false
            let attached = try host.attach(network, "c1", ports: Ports.tcp8080)
            host.expect(try IptablesTests.published(host, "outside", attached), is: Uplink.outside(.v4), "the port")
        }
    }
}

@Suite("berth rules tells what iptables holds")
struct IptablesRuleListTests {
    @Test("every rule stands, and nat is what iptables-save prints", arguments: IptablesVariant.allCases)
    func told(_ variant: IptablesVariant) throws {
        try IptablesTests.run(variant) { host in
            let attached = try host.attach(IptablesTests.network(), "c1", ports: Ports.tcp8080)
            let list = try RuleList(of: StateDirectory())
            host.expect(list.rules.count > 6 && list.unread.isEmpty, "rules: \(list.table)")
            host.expect(list.rules.filter { !$0.isStanding }.map(\.resource.words), is: [], "rules that are missing")
            for family in AddressFamily.allCases {
                let told = list.iptablesCommands(family).split(separator: "\n").filter { $0.hasPrefix("-A ") }.map(
                    String.init)
                host.expect(
                    told.sorted(), is: try IptablesTests.rules(host, variant, v6: family == .v6).sorted(),
                    "nat of IPv\(family.rawValue)")
            }
            try host.must("iptables-\(variant) -t nat -F CNI-HOSTPORT-DNAT")
            let harmed = try RuleList(of: StateDirectory())
            host.expect(
                Set(harmed.rules.filter { !$0.isStanding }.map(\.owner.plugin)), is: ["portmap"],
                "whose rules are missing")
            try host.detach(attached)
        }
    }
}
