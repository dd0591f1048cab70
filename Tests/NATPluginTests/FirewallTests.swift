import CNI
import JSON
import NetCore
import NetPlan
import PluginKit
import TestSupport
import Testing

@testable import NATPlugin

/// cni.md 2.6, N-8: what firewall does for its keys.
@Suite("Plans of firewall")
struct FirewallTests {
    static let examples: [JSONObject] = [
        [:], ["ingressPolicy": "same-bridge"], ["ingressPolicy": "isolated"], ["ingressPolicy": "strict"],
        ["publishedAcrossNetworks": false], ["iptablesAdminChainName": "MINE_1"],
    ]

    static func told(_ keys: JSONObject) throws -> Told {
        try Told(FirewallPlugin(), keys, previous: Told.bridged(["10.88.0.2/16", "fd88::2/64"]))
    }

    @Test("a configuration's plan, in words and as commands, is as the golden text has it")
    func golden() throws {
        let told = FirewallTests.examples + [["backend": "firewalld", "firewalldZone": "internal"]]
        let text = try told.map { "## \(JSON.object($0))\n\(try FirewallTests.told($0).text)" }
        try Golden.expect("firewall.txt", text.joined(separator: "\n"))
    }

    @Test("a golden plan holds on the running kernel, and its script does the same", arguments: examples)
    func applied(_ keys: JSONObject) throws {
        #expect(try RealHost.difference(FirewallTests.told(keys), after: [PortmapTests.bridge]) == "")
    }

    @Test(
        "2.6 a bad value of firewall is refused with key and value",
        arguments: [
            PortmapTests.Bad(["ingressPolicy": "closed"], 7, "\"ingressPolicy\": \"closed\"", "same-bridge"),
            PortmapTests.Bad(["ingressPolicy": "Open"], 7, "\"ingressPolicy\": \"Open\""),
            PortmapTests.Bad(["ingressPolicy": 1], 7, "\"ingressPolicy\": 1"),
            PortmapTests.Bad(["firewalldZone": "dmz"], 7, "\"firewalldZone\": \"dmz\"", "\"backend\": \"firewalld\""),
            PortmapTests.Bad(
                ["backend": "firewalld", "firewalldZone": "a b"], 7, "\"firewalldZone\": \"a b\""),
            PortmapTests.Bad(["backend": "x"], 7, "\"backend\": \"x\""),
            PortmapTests.Bad(["publishedAcrossNetworks": "no"], 7, "\"publishedAcrossNetworks\": \"no\""),
            PortmapTests.Bad(["iptablesAdminChainName": "a b"], 7, "\"iptablesAdminChainName\": \"a b\""),
            PortmapTests.Bad(["iptablesAdminChainName": "x; drop"], 7, "\"iptablesAdminChainName\": \"x; drop\""),
            PortmapTests.Bad(["iptablesAdminChainName": "-x"], 7, "\"iptablesAdminChainName\": \"-x\""),
            PortmapTests.Bad(["iptablesAdminChainName": "1x"], 7, "\"iptablesAdminChainName\": \"1x\""),
            PortmapTests.Bad(["iptablesAdminChainName": "é"], 7, "\"iptablesAdminChainName\": \"é\""),
            PortmapTests.Bad(
                ["iptablesAdminChainName": .string(String(repeating: "x", count: 29))], 7, "iptablesAdminChainName"),
            PortmapTests.Bad(["iptablesAdminChainName": "forward"], 7, "\"iptablesAdminChainName\": \"forward\""),
            PortmapTests.Bad(["iptablesAdminChainName": "admin"], 7, "\"iptablesAdminChainName\": \"admin\""),
        ])
    func badKeys(_ bad: PortmapTests.Bad) throws { try PortmapTests.check(FirewallPlugin(), bad) }

    @Test(
        "2.6 an administrator's chain is called on the real kernel as in its script",
        arguments: ["CNI-ADMIN", "_x", "x-y_Z9"])
    func adminChain(_ name: String) throws {
        let told = try FirewallTests.told(["iptablesAdminChainName": .string(name)])
        #expect(try RealHost.difference(told, after: [PortmapTests.bridge]) == "")
    }

    @Test(
        "2.6 a chain's name that is a word of nft's own is refused, for nft could not read it back",
        arguments: [
            "drop", "accept", "ip", "jump", "table", "counter", "chain", "meta", "ct", "return", "inet", "hook",
        ])
    func wordsOfNft(_ name: String) throws {
        try PortmapTests.check(
            FirewallPlugin(), PortmapTests.Bad(["iptablesAdminChainName": .string(name)], 7, "\"\(name)\""))
    }

    @Test("2.6 a policy without a bridge is code 7 and says so; open needs none")
    func noBridge() throws {
        var previous = Told.bridged(["10.88.0.2/16"])
        previous.interfaces.removeFirst(2)
        previous.ips = previous.ips.map { CNIResult.IPConfiguration(address: $0.address, interface: 0) }
        #expect(throws: Never.self) { try Told(FirewallPlugin(), [:], previous: previous) }
        #expect { try Told(FirewallPlugin(), ["ingressPolicy": "isolated"], previous: previous) } throws: { error in
            (error as? CNIError).map { $0.code == 7 && $0.message.contains("\"ingressPolicy\": \"isolated\"") } == true
        }
    }

    @Test(
        "a bridge whose name nft could not read as a chain's still has a policy that loads",
        arguments: ["br+1", "br@x", "br.10", "0br", "br'q"])
    func bridgeNames(_ name: String) throws {
        let bridge = try #require(LinkName(name))
        let attachment = Attachment(network: "net1", containerID: "c1", interface: LinkName("eth0")!)
        let plan = Plan(
            owner: Owner(plugin: "firewall", attachment: attachment), namespace: nil,
            shared: [.isolation(Isolation(bridge: bridge, policy: .strict))])
        let listed = try PrivateHost.run { host in
            try RealHost.apply(Plan(owner: plan.owner, namespace: nil, shared: plan.shared), namespace: nil)
            let text = try host.must("nft list ruleset")
            try host.must("nft flush ruleset")
            // What nft lists it must be able to load.
            return try host.run(["nft", "-f", "-"], input: Array(text.utf8))
        }
        #expect(listed.exitCode == 0, "\(listed.errorOutput)")
    }
}
