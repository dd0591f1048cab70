import CNI
import JSON
import NetCore
import NetPlan
import PluginKit
import TestSupport
import Testing

@testable import BridgePlugin

/// cni.md 2.2: what the ptp plugin does for a configuration and a lease.
@Suite("Plans of the ptp plugin")
struct PtpPlanTests {
    struct Example: Sendable, CustomStringConvertible {
        let description: String
        var keys: JSONObject = [:]
        var addresses = ["10.88.0.2/16"]
        var routes: [JSON] = [["dst": "0.0.0.0/0"]]
        var arguments = ""

        func told() throws -> Told {
            var json: JSONObject = ["mtu": 1500, "ipam": ["type": "host-local"]]
            for (key, value) in keys { json[key] = value }
            return try Told(PtpPlugin(), json, addresses: addresses, routes: routes, arguments: arguments)
        }
    }

    static let dual = ["10.88.0.2/16", "fd88::2/64"]
    static let examples: [Example] = [
        Example(description: "IPv4"), Example(description: "masquerade", keys: ["ipMasq": true]),
        Example(description: "IPv6", addresses: ["fd88::2/64"], routes: [["dst": "::/0"]]),
        Example(
            description: "dual stack", keys: ["ipMasq": true], addresses: dual,
            routes: [["dst": "0.0.0.0/0"], ["dst": "::/0"]]),
        Example(description: "MTU and MAC", keys: ["mtu": 1400], arguments: "MAC=c2:11:22:33:44:55"),
        Example(
            description: "two addresses of a subnet", keys: ["ipMasq": true],
            addresses: ["10.88.0.2/16", "10.88.0.3/16"]),
        Example(
            description: "two subnets", keys: ["ipMasq": true], addresses: ["10.88.0.2/16", "10.99.0.2/24"], routes: []),
    ]

    @Test("a configuration's plan, in words and as commands, is as the golden text has it")
    func golden() throws {
        let text = try PtpPlanTests.examples.map { "## \($0)\n\(try $0.told().text)" }.joined(separator: "\n")
        try Golden.expect("ptp.txt", text)
    }

    @Test("a golden plan holds on the running kernel, and its script does the same", arguments: examples)
    func applied(_ example: Example) throws {
        #expect(try RealHost.difference(example.told()) == "")
    }

    @Test("C-1 what a plan owns bears its owner's tag", arguments: examples)
    func tags(_ example: Example) throws {
        let plan = try example.told().plan
        var cables = 0
        for case .vethPair(let pair) in plan.owned {
            #expect(pair.alias == plan.owner.alias && pair.host == plan.owner.attachment.hostInterface)
            cables += 1
        }
        #expect(cables == 1)
        for element in plan.netfilter.owned { #expect(element.comment == plan.owner.comment) }
    }

    @Test("the assumed result names host end and container end, and each address at the second (P-36)")
    func result() throws {
        let told = try PtpPlanTests.examples[3].told()
        let end = told.request.attachment.hostInterface.description
        #expect(told.result.interfaces.map(\.name) == [end, "eth0"])
        #expect(told.result.ips.map(\.interface) == [1, 1])
        #expect(told.result.ips.map(\.gateway) == [IPAddress("10.88.0.1"), IPAddress("fd88::1")])
        #expect(told.result.routes.map(\.destination) == [IPPrefix("0.0.0.0/0"), IPPrefix("::/0")])
    }

    static func told(_ address: String, gateway: String?) throws -> AssumedPlan {
        let request = try Told.request("ptp", ["ipam": ["type": "static"]])
        return try PtpPlugin().assumed(request) { _ throws(CNIError) in
            var lease = CNIResult()
            lease.ips = [
                CNIResult.IPConfiguration(address: IPPrefix(address)!, gateway: gateway.flatMap { IPAddress($0) })
            ]
            return lease
        }
    }

    @Test("without IPAM's word the gateway is the subnet's first address, and one outside of it will do")
    func gateways() throws {
        func inner(_ plan: Plan) -> [String] {
            plan.owned.compactMap {
                guard case .route(let it) = $0, it.place == .container else { return nil }
                return "\(it.route.destination) \(it.route.gateway?.description ?? "link")"
            }
        }
        #expect(
            inner(try PtpPlanTests.told("10.1.0.5/24", gateway: nil).plan) == [
                "10.1.0.1/32 link", "10.1.0.0/24 10.1.0.1",
            ])
        #expect(inner(try PtpPlanTests.told("10.1.0.5/32", gateway: "169.254.1.1").plan) == ["169.254.1.1/32 link"])
        #expect(
            inner(try PtpPlanTests.told("fd01::5/64", gateway: "fe80::1").plan)
                == ["fe80::1/128 link", "fd01::/64 fe80::1"])
    }

    @Test(
        "an address that leaves no gateway is refused with code 7",
        arguments: [
            ("10.1.0.1/24", nil), ("10.1.0.5/32", nil), ("10.1.0.5/24", "10.1.0.5"), ("10.1.0.5/24", "fd01::1"),
        ])
    func refused(_ address: String, _ gateway: String?) throws {
        do {
            _ = try PtpPlanTests.told(address, gateway: gateway)
            Issue.record("accepted")
        } catch let error as CNIError {
            #expect(error.code == 7 && error.message.contains(address), "\(error)")
        }
    }

    static let bad: [KeyTests.Bad] = [
        KeyTests.Bad([:], 7, "ipam"), KeyTests.Bad(["ipam": [:]], 7, "ipam"),
        KeyTests.Bad(["ipam": ["type": "host-local"], "mtu": 67], 7, "\"mtu\": 67"),
        KeyTests.Bad(["ipam": ["type": "host-local"], "ipMasq": "yes"], 7, "\"ipMasq\": \"yes\""),
        KeyTests.Bad(
            ["ipam": ["type": "host-local"], "ipMasqBackend": "ipchains"], 7, "\"ipMasqBackend\": \"ipchains\""),
        KeyTests.Bad(["ipam": ["type": "host-local"], "snatTo": ["x"]], 7, "\"snatTo\"", "x"),
        KeyTests.Bad(["ipam": ["type": "host-local"], "runtimeConfig": ["mac": "01:00:5e:00:00:01"]], 7, "mac"),
        KeyTests.Bad(["ipam": ["type": "host-local"], "dns": 5], 7, "\"dns\": 5"),
    ]

    @Test("a wrong key is refused with key and value", arguments: bad)
    func keys(_ bad: KeyTests.Bad) throws {
        KeyTests.check(try KeyTests.error(PtpPlugin(), bad), bad)
    }
}
