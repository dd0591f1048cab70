import CNI
import JSON
import NetCore
import NetPlan
import PluginKit
import TestSupport
import Testing

@testable import BridgePlugin

/// cni.md 2.10: what the macvlan plugin does for a configuration and a lease.
@Suite("Plans of the macvlan plugin")
struct MacvlanPlanTests {
    struct Example: Sendable, CustomStringConvertible {
        let description: String
        var keys: JSONObject = [:]
        var addresses = ["10.88.0.2/16"]
        var routes: [JSON] = [["dst": "0.0.0.0/0"]]
        var arguments = ""

        func told() throws -> Told {
            var json: JSONObject = addresses.isEmpty ? [:] : ["ipam": ["type": "host-local"]]
            for (key, value) in keys { json[key] = value }
            if keys["master"] == nil { json["master"] = "wan0" }
            return try Told(MacvlanPlugin(), json, addresses: addresses, routes: routes, arguments: arguments)
        }
    }

    static let examples: [Example] = [
        Example(description: "IPv4"), Example(description: "without addresses", addresses: [], routes: []),
        Example(
            description: "dual stack", addresses: ["10.88.0.2/16", "fd88::2/64"],
            routes: [["dst": "0.0.0.0/0"], ["dst": "::/0"], ["dst": "192.0.2.0/24", "gw": "10.88.0.9", "mtu": 1400]]),
        Example(
            description: "every key",
            keys: ["mode": "private", "mtu": 1400, "mac": "c2:11:22:33:44:55", "bcqueuelen": 500]),
        Example(description: "the runtime's MAC", keys: ["mode": "vepa"], arguments: "MAC=c2:11:22:33:44:66"),
        Example(description: "passthru", keys: ["mode": "passthru"]),
        Example(description: "a master in the container", keys: ["master": "wan1", "linkInContainer": true]),
    ]

    @Test("a configuration's plan, in words and as commands, is as the golden text has it")
    func golden() throws {
        let text = try MacvlanPlanTests.examples.map { "## \($0)\n\(try $0.told().text)" }.joined(separator: "\n")
        try Golden.expect("macvlan.txt", text)
    }

    @Test("a golden plan holds on the running kernel, and its script does the same", arguments: examples)
    func applied(_ example: Example) throws {
        let told = try example.told()
        let difference = try RealHost.difference(told) { host in
            try host.cable("wan0", [], to: "blue", "wan1", [])
        }
        #expect(difference == "")
    }

    @Test("C-1 the link bears its owner's tag, and until then a name of 15 characters that the attachment decides")
    func tags() throws {
        let told = try MacvlanPlanTests.examples[0].told()
        let attachment = told.request.attachment
        #expect(told.text.contains("alias berth:macvlan/net1/c1/eth0"))
        #expect(attachment.temporaryInterface.description.utf8.count == 15)
        #expect(told.text.contains("name \(attachment.temporaryInterface)"))
    }

    @Test("the assumed result names the container's interface alone (P-36)")
    func result() throws {
        let told = try MacvlanPlanTests.examples[3].told()
        #expect(told.result.interfaces.map(\.name) == ["eth0"])
        #expect(told.result.interfaces.first?.mac == "c2:11:22:33:44:55" && told.result.interfaces.first?.mtu == 1400)
        #expect(told.result.interfaces.first?.sandbox == Told.netns)
        #expect(told.result.ips.map(\.interface) == [0] && told.result.ips.map(\.gateway) == [IPAddress("10.88.0.1")])
        #expect(told.result.routes.map(\.destination) == [IPPrefix("0.0.0.0/0")])
    }

    @Test("the MAC address: runtimeConfig before args.cni before CNI_ARGS before the configuration")
    func mac() throws {
        func mac(_ keys: JSONObject, _ arguments: String) throws -> String? {
            var keys = keys
            keys["mac"] = "c2:00:00:00:00:01"
            let told = try Example(description: "", keys: keys, arguments: arguments).told()
            guard case .macvlan(let link)? = told.plan.owned.first else { return nil }
            return link.mac?.description
        }
        let arguments = "MAC=c2:00:00:00:00:02"
        let args: JSON = ["cni": ["mac": "c2:00:00:00:00:03"]]
        #expect(try mac([:], "") == "c2:00:00:00:00:01")
        #expect(try mac([:], arguments) == "c2:00:00:00:00:02")
        #expect(try mac(["args": args], arguments) == "c2:00:00:00:00:03")
        #expect(
            try mac(["args": args, "runtimeConfig": ["mac": "c2:00:00:00:00:04"]], arguments) == "c2:00:00:00:00:04")
    }

    static let bad: [KeyTests.Bad] = [
        KeyTests.Bad(["master": "a/b"], 7, "\"master\": \"a/b\""),
        KeyTests.Bad(["master": "sixteen-bytes-16"], 7, "\"master\": \"sixteen-bytes-16\"", "15 bytes"),
        KeyTests.Bad(["master": 5], 7, "\"master\": 5"),
        KeyTests.Bad(["master": "wan0", "mode": "source"], 7, "\"mode\": \"source\"", "passthru"),
        KeyTests.Bad(["master": "wan0", "mode": "Bridge"], 7, "\"mode\": \"Bridge\""),
        KeyTests.Bad(["master": "wan0", "mtu": 67], 7, "\"mtu\": 67"),
        KeyTests.Bad(["master": "wan0", "mtu": -1], 7, "\"mtu\": -1"),
        KeyTests.Bad(["master": "wan0", "mac": "01:00:5e:00:00:01"], 7, "\"mac\": \"01:00:5e:00:00:01\""),
        KeyTests.Bad(["master": "wan0", "mac": "00:00:00:00:00:00"], 7, "\"mac\": \"00:00:00:00:00:00\""),
        KeyTests.Bad(["master": "wan0", "mac": "c2:11"], 7, "\"mac\": \"c2:11\""),
        KeyTests.Bad(
            ["master": "wan0", "runtimeConfig": ["mac": "ff:ff:ff:ff:ff:ff"]], 7, "runtimeConfig.mac"),
        KeyTests.Bad(
            ["master": "wan0", "mode": "passthru", "mac": "c2:11:22:33:44:55"], 2, "\"mode\": \"passthru\"",
            "c2:11:22:33:44:55"),
        KeyTests.Bad(["master": "wan0", "linkInContainer": "yes"], 7, "\"linkInContainer\": \"yes\""),
        KeyTests.Bad(["master": "wan0", "bcqueuelen": -1], 7, "\"bcqueuelen\": -1"),
        KeyTests.Bad(["master": "wan0", "bcqueuelen": 4_294_967_296], 7, "\"bcqueuelen\": 4294967296"),
        KeyTests.Bad(["master": "wan0", "ipam": ["x": 1]], 7, "ipam.type"),
        KeyTests.Bad(["master": "wan0", "dns": 5], 7, "\"dns\": 5"),
        KeyTests.Bad(["master": "wan0", "ipam": ["type": "host-local"]], 7, "host-local", "no address"),
    ]

    @Test("a wrong key is refused with key and value", arguments: bad)
    func keys(_ bad: KeyTests.Bad) throws {
        KeyTests.check(try KeyTests.error(MacvlanPlugin(), bad), bad)
    }
}
