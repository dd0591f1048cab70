import CNI
import JSON
import NetCore
import NetPlan
import PluginKit
import TestSupport
import Testing

@testable import BridgePlugin

/// cni.md 2.1: what the bridge plugin does for a configuration and a lease.
@Suite("Plans of the bridge plugin")
struct BridgePlanTests {
    struct Example: Sendable, CustomStringConvertible {
        let description: String
        var keys: JSONObject = [:]
        var addresses = ["10.88.0.2/16"]
        var routes: [JSON] = []
        var arguments = ""

        func told() throws -> Told {
            var json: JSONObject = ["bridge": "cni0", "mtu": 1500]
            for (key, value) in keys { json[key] = value }
            if !addresses.isEmpty { json["ipam"] = ["type": "host-local"] }
            return try Told(BridgePlugin(), json, addresses: addresses, routes: routes, arguments: arguments)
        }
    }

    static let v6 = ["fd88::2/64"]
    static let dual = ["10.88.0.2/16", "fd88::2/64"]
    static let examples: [Example] = [
        Example(description: "no addresses", addresses: []), Example(description: "no gateway"),
        Example(description: "gateway", keys: ["isGateway": true]),
        Example(description: "default gateway", keys: ["isDefaultGateway": true]),
        Example(description: "masquerade", keys: ["isGateway": true, "ipMasq": true]),
        Example(description: "hairpin", keys: ["isGateway": true, "hairpinMode": true]),
        Example(description: "isolated port", keys: ["isGateway": true, "portIsolation": true]),
        Example(
            description: "checked sender", keys: ["isGateway": true, "ipMasq": true, "macspoofchk": true],
            arguments: "MAC=c2:11:22:33:44:55"),
        Example(
            description: "left down, every flag",
            keys: [
                "disableContainerInterface": true, "macspoofchk": true, "portIsolation": true, "hairpinMode": true,
            ], addresses: []),
        Example(description: "promiscuous", keys: ["promiscMode": true]),
        Example(description: "IPv6", keys: ["isDefaultGateway": true, "ipMasq": true], addresses: v6),
        Example(
            description: "dual stack", keys: ["isDefaultGateway": true, "ipMasq": true, "hairpinMode": true],
            addresses: dual),
        Example(description: "duplicates are looked for", keys: ["enabledad": true], addresses: v6),
        Example(
            description: "another bridge, MTU and MAC", keys: ["bridge": "br-1.5", "mtu": 1400],
            arguments: "MAC=c2:11:22:33:44:55"),
        Example(
            description: "fixed source addresses and exceptions",
            keys: [
                "isGateway": true, "ipMasq": true, "snatTo": ["192.0.2.1", "2001:db8::1"],
                "noMasqTo": ["172.16.0.0/12", "fd00:1::/64"],
            ],
            addresses: dual), Example(description: "fully random", keys: ["ipMasq": true, "fullyRandom": true]),
        Example(description: "forced address", keys: ["isGateway": true, "forceAddress": true]),
        Example(
            description: "two addresses of a family", keys: ["isGateway": true, "ipMasq": true],
            addresses: ["10.88.0.2/16", "10.88.0.3/16"]),
        Example(
            description: "routes", keys: ["isGateway": true], addresses: dual,
            routes: [
                ["dst": "0.0.0.0/0"],
                ["dst": "192.0.2.0/24", "gw": "10.88.0.9", "mtu": 1400, "advmss": 1360, "priority": 50],
                ["dst": "198.51.100.0/24", "table": 1000], ["dst": "203.0.113.0/24", "scope": 253],
                ["dst": "2001:db8::/32", "gw": "fd88::1"],
            ]),
    ]

    @Test("a configuration's plan, in words and as commands, is as the golden text has it")
    func golden() throws {
        let text = try BridgePlanTests.examples.map { "## \($0)\n\(try $0.told().text)" }.joined(separator: "\n")
        try Golden.expect("bridge.txt", text)
    }

    @Test("a golden plan holds on the running kernel, and its script does the same", arguments: examples)
    func applied(_ example: Example) throws {
        #expect(try RealHost.difference(example.told()) == "")
    }

    @Test("P-39 a route without a gateway takes the first address's of its family; without that it is of link scope")
    func routes() throws {
        let told = try Told(
            BridgePlugin(), ["ipam": ["type": "host-local"]], addresses: ["10.88.0.2/16"],
            routes: [["dst": "0.0.0.0/0"], ["dst": "2001:db8::/32"]])
        let routes = told.plan.owned.compactMap { if case .route(let it) = $0 { it.route } else { nil } }
        #expect(routes.map(\.gateway) == [IPAddress("10.88.0.1"), nil])
    }

    @Test("isDefaultGateway adds no second default route to one that IPAM gave")
    func oneDefault() throws {
        let told = try Told(
            BridgePlugin(), ["isDefaultGateway": true, "ipam": ["type": "host-local"]], addresses: BridgePlanTests.dual,
            routes: [["dst": "0.0.0.0/0", "gw": "10.88.0.9"]])
        let routes = told.plan.owned.compactMap { if case .route(let it) = $0 { it.route } else { nil } }
        #expect(routes.map { "\($0.destination) \($0.gateway!)" } == ["0.0.0.0/0 10.88.0.9", "::/0 fd88::1"])
    }

    @Test("CVE-2020-10749 a bridge and its ports are deaf to router advertisements in every plan", arguments: examples)
    func advertisements(_ example: Example) throws {
        let told = try example.told()
        let bridge = told.plan.shared.compactMap { if case .bridge(let it) = $0 { it.name } else { nil } }[0]
        let commands = told.text
        let quiet = try #require(commands.firstRange(of: "conf/\(bridge)/accept_ra"))
        let up = try #require(commands.firstRange(of: "$ ip link set \(bridge)"))
        #expect(quiet.lowerBound < up.lowerBound)
        #expect(commands.contains("conf/\(told.request.attachment.hostInterface)/accept_ra"))
    }

    @Test("C-1 what a plan owns bears its owner's tag", arguments: examples)
    func tags(_ example: Example) throws {
        let plan = try example.told().plan
        for case .vethPair(let pair) in plan.owned {
            #expect(pair.alias == plan.owner.alias && pair.host == plan.owner.attachment.hostInterface)
        }
        for element in plan.netfilter.owned { #expect(element.comment == plan.owner.comment) }
    }
}
