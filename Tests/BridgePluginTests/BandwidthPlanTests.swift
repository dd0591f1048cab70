import CNI
import JSON
import NetCore
import NetPlan
import PluginKit
import TestSupport
import Testing

@testable import BridgePlugin

/// cni.md 2.8: what the bandwidth plugin does for a configuration and a previous result.
@Suite("Plans of the bandwidth plugin")
struct BandwidthPlanTests {
    struct Example: Sendable, CustomStringConvertible {
        let description: String
        let keys: JSONObject

        func told() throws -> Told { try Told(BandwidthPlugin(), keys, previous: Told.bridged(["10.88.0.2/16"])) }
    }

    static let examples: [Example] = [
        Example(description: "none", keys: [:]),
        Example(description: "zero", keys: ["ingressRate": 0, "ingressBurst": 0]),
        Example(description: "ingress", keys: ["ingressRate": 1_000_000, "ingressBurst": 80_000]),
        Example(description: "egress", keys: ["egressRate": 1_000_000, "egressBurst": 80_000]),
        Example(
            description: "both, of the runtime",
            keys: [
                "runtimeConfig": [
                    "bandwidth": [
                        "ingressRate": 1_000_000, "ingressBurst": 80_000, "egressRate": 50_000_000_000,
                        "egressBurst": 30_000_000_000,
                    ]
                ]
            ]),
        Example(
            description: "the configuration before the runtime",
            keys: [
                "ingressRate": 8, "ingressBurst": 8,
                "runtimeConfig": ["bandwidth": ["egressRate": 1_000_000, "egressBurst": 80_000]],
            ]),
    ]

    @Test("a configuration's plan, in words and as commands, is as the golden text has it")
    func golden() throws {
        let text = try BandwidthPlanTests.examples.map { "## \($0)\n\(try $0.told().text)" }.joined(separator: "\n")
        try Golden.expect("bandwidth.txt", text)
    }

    @Test("a golden plan holds on the running kernel, and its script does the same", arguments: examples)
    func applied(_ example: Example) throws {
        let bridge = try Told(BridgePlugin(), ["mtu": 1500], addresses: [])
        #expect(try RealHost.difference(example.told(), after: [bridge.plan]) == "")
    }

    @Test("C-1 the ifb bears its owner's tag, and a name of 15 characters that the interface decides")
    func tags() throws {
        let told = try BandwidthPlanTests.examples[3].told()
        var names: [String] = []
        for case .functionalBlock(let block) in told.plan.owned {
            #expect(block.alias == told.plan.owner.alias)
            names.append(block.name.description)
        }
        let other = Attachment(network: "net1", containerID: "c1", interface: LinkName("eth1")!)
        #expect(names.count == 1 && names[0].utf8.count == 15 && names[0] != other.functionalBlock.description)
    }

    @Test(
        "a burst is raised to a frame of the MTU with its header, and to what passes in 4 ms",
        arguments: [
            (1_000_000, 1500, 1000, 1514), (1_000_000, 9000, 1000, 9014), (1_000_000, 1500, 1514, 1514),
            (1_000_000, 1500, 1515, 1515), (1_000_000_000, 1500, 1514, 500_000),
            (1_000_000_000, 1500, 600_000, 600_000),
            (Int.max, 1500, 1, Int(UInt32.max)),
        ])
    func least(_ rate: Int, _ mtu: Int, _ burst: Int, _ expected: Int) throws {
        let keys: JSONObject = ["ingressRate": .integer(Int64(rate)), "ingressBurst": .integer(Int64(burst * 8))]
        var previous = Told.bridged(["10.88.0.2/16"])
        previous.interfaces[1].mtu = mtu
        let told = try Told(BandwidthPlugin(), keys, previous: previous)
        guard case .tokenBucket(let bucket)? = told.plan.owned.first else {
            Issue.record("no token bucket")
            return
        }
        #expect(bucket.filter.burst == UInt32(expected) && bucket.filter.rate == UInt64(rate / 8))
    }

    static let bad: [KeyTests.Bad] = [
        KeyTests.Bad(["ingressRate": 1000], 7, "\"ingressRate\": 1000", "ingressBurst"),
        KeyTests.Bad(["ingressBurst": 1000], 7, "\"ingressBurst\": 1000", "ingressRate"),
        KeyTests.Bad(["egressRate": 1000, "egressBurst": 0], 7, "\"egressRate\": 1000", "egressBurst"),
        KeyTests.Bad(["egressBurst": 1000], 7, "\"egressBurst\": 1000", "egressRate"),
        KeyTests.Bad(["ingressRate": -8, "ingressBurst": 8], 7, "\"ingressRate\": -8"),
        KeyTests.Bad(["ingressRate": 8, "ingressBurst": -8], 7, "\"ingressBurst\": -8"),
        KeyTests.Bad(["ingressRate": 7, "ingressBurst": 8000], 7, "\"ingressRate\": 7", "byte"),
        KeyTests.Bad(["ingressRate": "1M", "ingressBurst": 8], 7, "\"ingressRate\": \"1M\""),
        KeyTests.Bad(["ingressRate": 1.5, "ingressBurst": 8], 7, "\"ingressRate\": 1.5"),
        KeyTests.Bad(
            ["ingressRate": 8, "ingressBurst": 34_359_738_368], 7, "\"ingressBurst\": 34359738368", "4 GiB"),
        KeyTests.Bad(
            ["runtimeConfig": ["bandwidth": ["egressRate": 8]]], 7, "\"runtimeConfig.bandwidth.egressRate\": 8"),
        // Though the configuration's own keys hold.
        KeyTests.Bad(
            ["egressRate": 8, "egressBurst": 8, "runtimeConfig": ["bandwidth": ["egressRate": 8]]], 7,
            "\"runtimeConfig.bandwidth.egressRate\": 8"),
        KeyTests.Bad(["runtimeConfig": ["bandwidth": 5]], 7, "\"runtimeConfig.bandwidth\": 5"),
        KeyTests.Bad(["unshapedSubnets": ["10.0.0.0/8"]], 2, "\"unshapedSubnets\"", "10.0.0.0/8"),
        KeyTests.Bad(["shapedSubnets": ["10.0.0.0/8"]], 2, "\"shapedSubnets\""),
        KeyTests.Bad([:], 4, "UNKNOWN", arguments: "UNKNOWN=1"),
    ]

    @Test("a wrong key is refused with key and value", arguments: bad)
    func keys(_ bad: KeyTests.Bad) throws {
        KeyTests.check(try KeyTests.error(BandwidthPlugin(), bad, previous: Told.bridged(["10.88.0.2/16"])), bad)
    }

    @Test("burst and rate at their ends are taken")
    func ends() throws {
        let keys: JSONObject = ["ingressRate": 8, "ingressBurst": 34_359_738_367]
        #expect(try KeyTests.error(BandwidthPlugin(), KeyTests.Bad(keys, 0), previous: Told.bridged([])) == nil)
    }
}
