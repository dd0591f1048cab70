import CNI
import JSON
import NetCore
import NetPlan
import PluginKit
import TestSupport
import Testing

@testable import NATPlugin

/// cni.md 2.5: what portmap does for its keys and a runtime's portMappings.
@Suite("Plans of portmap")
struct PortmapTests {
    struct Example: Sendable, CustomStringConvertible {
        let description: String
        var mappings: [JSON]
        var keys: JSONObject = [:]
        var addresses = ["10.88.0.2/16", "fd88::2/64"]

        func told() throws -> Told {
            var json = keys
            json["runtimeConfig"] = ["portMappings": .array(mappings)]
            return try Told(PortmapPlugin(), json, previous: Told.bridged(addresses))
        }
    }

    static let web: JSON = ["hostPort": 8080, "containerPort": 80, "protocol": "tcp"]
    static let examples: [Example] = [
        Example(description: "nothing", mappings: []), Example(description: "one port", mappings: [web]),
        Example(
            description: "every protocol",
            mappings: ["tcp", "UDP", "sctp"].map { ["hostPort": 53, "containerPort": 5353, "protocol": .string($0)] }),
        Example(
            description: "at 127.0.0.1", mappings: [["hostPort": 8080, "containerPort": 80, "hostIP": "127.0.0.1"]]),
        Example(
            description: "at an IPv6 address", mappings: [["hostPort": 8080, "containerPort": 80, "hostIP": "fd99::1"]]),
        Example(
            description: "at every IPv4 address",
            mappings: [["hostPort": 8080, "containerPort": 80, "hostIP": "0.0.0.0"]]),
        Example(
            description: "at every IPv6 address", mappings: [["hostPort": 8080, "containerPort": 80, "hostIP": "::"]]),
        Example(description: "a range", mappings: [["hostPort": 8000, "containerPort": 8000, "range": 11]]),
        Example(
            description: "a range at an address, counted",
            mappings: [["hostPort": 8000, "containerPort": 8000, "count": 3, "hostIP": "192.0.2.1", "protocol": "udp"]]),
        Example(description: "a shifted range", mappings: [["hostPort": 8000, "containerPort": 9000, "range": 3]]),
        Example(description: "every source", mappings: [web], keys: ["masqAll": true]),
        Example(description: "sources kept", mappings: [web], keys: ["snat": false]),
        Example(description: "IPv4 alone", mappings: [web], addresses: ["10.88.0.2/16"]),
        Example(description: "IPv6 alone", mappings: [web], addresses: ["fd88::2/64"]),
        Example(
            description: "the first address of a family", mappings: [web], addresses: ["10.88.0.2/16", "10.88.0.3/16"]),
    ]

    /// The bridge that the previous result speaks of.
    static let bridge: Plan = {
        let attachment = Attachment(network: "net1", containerID: "c1", interface: LinkName("eth0")!)
        let owner = Owner(plugin: "bridge", attachment: attachment)
        let cni0 = LinkName("cni0")!
        return Plan(
            owner: owner, namespace: Told.netns, shared: [.bridge(Bridge(name: cni0))],
            owned: [
                .vethPair(
                    VethPair(
                        host: attachment.hostInterface, container: attachment.interface, containerMAC: nil, mtu: nil,
                        master: cni0,
                        alias: owner.alias))
            ])
    }()

    @Test("a configuration's plan, in words and as commands, is as the golden text has it")
    func golden() throws {
        let text = try PortmapTests.examples.map { "## \($0)\n\(try $0.told().text)" }.joined(separator: "\n")
        try Golden.expect("portmap.txt", text)
    }

    @Test("berth's own table, as commands, is as the golden text has it")
    func table() throws { try Golden.expect("table.txt", BerthTable.shellCommands().joined(separator: "\n") + "\n") }

    @Test("a golden plan holds on the running kernel, and its script does the same", arguments: examples)
    func applied(_ example: Example) throws {
        #expect(try RealHost.difference(example.told(), after: [PortmapTests.bridge]) == "")
    }

    @Test("N-2 a range that keeps its ports is one element a family, a shifted one an element a port")
    func elements() throws {
        func count(_ keys: JSONObject) throws -> Int {
            let plan = try Example(description: "", mappings: [.object(keys)], keys: ["snat": false]).told().plan
            return plan.netfilter.owned.count
        }
        #expect(try count(["hostPort": 1, "containerPort": 1, "range": 65535]) == 2)
        #expect(try count(["hostPort": 1000, "containerPort": 2000, "range": 100]) == 200)
        #expect(try count(["hostPort": 1000, "containerPort": 2000]) == 2)
    }

    @Test("N-5 127.0.0.1 is routed to the bridge only where an IPv4 port is published and sources are rewritten")
    func localRoutes() throws {
        func routes(_ mapping: JSON, _ keys: JSONObject = [:]) throws -> Bool {
            try Example(description: "", mappings: [mapping], keys: keys).told().text.contains("route_localnet")
        }
        #expect(try routes(PortmapTests.web))
        #expect(try routes(["hostPort": 80, "containerPort": 80, "hostIP": "127.0.0.1"]))
        #expect(try !routes(["hostPort": 80, "containerPort": 80, "hostIP": "fd99::1"]))
        #expect(try !routes(["hostPort": 80, "containerPort": 80, "hostIP": "::"]))
        #expect(try !routes(PortmapTests.web, ["snat": false]))
    }

    @Test("only the addresses of the container's own interface are published to")
    func ownInterface() throws {
        var previous = Told.bridged(["10.88.0.2/16"])
        previous.ips.insert(CNIResult.IPConfiguration(address: IPPrefix("172.16.0.1/12")!, interface: 0), at: 0)
        let plan = try Told(
            PortmapPlugin(), ["runtimeConfig": ["portMappings": [PortmapTests.web]]], previous: previous
        ).plan
        let targets = plan.owned.compactMap { if case .portForward(let it) = $0 { it.target.description } else { nil } }
        #expect(targets == ["10.88.0.2"])
    }

    // MARK: keys

    struct Bad: Sendable, CustomStringConvertible {
        let keys: JSONObject
        let code: Int
        let words: [String]
        var description: String { JSON.object(keys).text }

        init(_ keys: JSONObject, _ code: Int, _ words: String...) {
            self.keys = keys
            self.code = code
            self.words = words
        }

        init(mapping: JSONObject, _ code: Int, _ words: String...) {
            var whole: JSONObject = ["hostPort": 80, "containerPort": 80]
            for (key, value) in mapping { whole[key] = value }
            keys = ["runtimeConfig": ["portMappings": [.object(whole)]]]
            self.code = code
            self.words = words
        }
    }

    static func check(_ plugin: some PlannedPlugin, _ bad: Bad) throws {
        var error: CNIError?
        do {
            _ = try Told(plugin, bad.keys, previous: Told.bridged(["10.88.0.2/16", "fd88::2/64"]))
        } catch let seen as CNIError {
            error = seen
        }
        #expect(error?.code == bad.code, "\(error?.description ?? "accepted")")
        for word in bad.words {
            #expect(error?.message.contains(word) == true, "\(word) is not in: \(error?.message ?? "")")
        }
    }

    static let bad: [Bad] = [
        Bad(["snat": "no"], 7, "\"snat\": \"no\""), Bad(["masqAll": 1], 7, "\"masqAll\": 1"),
        Bad(["markMasqBit": 32], 7, "\"markMasqBit\": 32"),
        Bad(["markMasqBit": -1], 7, "\"markMasqBit\": -1"),
        Bad(["markMasqBit": 13, "externalSetMarkChain": "MARK"], 7, "\"markMasqBit\": 13", "MARK"),
        Bad(["externalSetMarkChain": "MARK ONE"], 7, "\"externalSetMarkChain\": \"MARK ONE\""),
        Bad(["externalSetMarkChain": "MARK", "backend": "nftables"], 7, "\"externalSetMarkChain\": \"MARK\""),
        Bad(["conditionsV4": ["-s", "10.0.0.1"], "backend": "nftables"], 7, "\"conditionsV4\"", "10.0.0.1"),
        Bad(["conditionsV4": ["-s", "fd00::1"]], 2, "\"conditionsV4\"", "fd00::1"),
        Bad(["conditionsV4": ["-p", "tcp"]], 2, "\"conditionsV4\"", "protocol"),
        Bad(["conditionsV6": ["ip6 saddr ::1"]], 2, "\"conditionsV6\"", "ip6 saddr ::1"),
        Bad(["conditionsV4": "x"], 7, "\"conditionsV4\": \"x\""),
        Bad(["backend": "firewalld"], 7, "\"backend\": \"firewalld\""),
        Bad(["backend": "pf"], 7, "\"backend\": \"pf\""), Bad(["localhostRelay": true], 2, "\"localhostRelay\": true"),
        Bad(["hostSockets": "ignore"], 7, "\"hostSockets\": \"ignore\""),
        Bad(["runtimeConfig": ["portMappings": [:]]], 7, "\"runtimeConfig.portMappings\": {}"),
        Bad(["runtimeConfig": ["portMappings": [80]]], 7, "runtimeConfig.portMappings[0]", "80"),
        Bad(
            ["runtimeConfig": ["portMappings": [["containerPort": 80]]]], 7,
            "\"runtimeConfig.portMappings[0].hostPort\"", "missing"),
        Bad(
            ["runtimeConfig": ["portMappings": [["hostPort": 80]]]], 7,
            "\"runtimeConfig.portMappings[0].containerPort\"", "missing"),
        Bad(mapping: ["hostPort": 0], 7, "hostPort\": 0"), Bad(mapping: ["hostPort": 65536], 7, "hostPort\": 65536"),
        Bad(mapping: ["hostPort": -1], 7, "hostPort\": -1"), Bad(mapping: ["hostPort": "80"], 7, "hostPort\": \"80\""),
        Bad(mapping: ["containerPort": 0], 7, "containerPort\": 0"),
        Bad(mapping: ["protocol": "icmp"], 7, "protocol\": \"icmp\""),
        Bad(mapping: ["protocol": 6], 7, "protocol\": 6"),
        Bad(mapping: ["hostIP": "10.0.0"], 7, "hostIP\": \"10.0.0\""),
        Bad(mapping: ["hostIP": "::1"], 2, "hostIP\": \"::1\""), Bad(mapping: ["range": 0], 7, "range\": 0"),
        Bad(mapping: ["count": "2"], 7, "count\": \"2\""),
        Bad(mapping: ["hostPort": 65535, "range": 2], 7, "range\": 2"),
        Bad(mapping: ["containerPort": 65000, "count": 1000], 7, "count\": 1000"),
        Bad(["runtimeConfig": ["portMappings": [web, web]]], 7, "portMappings[1].hostPort\": 8080", "twice"),
        Bad(
            [
                "runtimeConfig": [
                    "portMappings": [web, ["hostPort": 8080, "containerPort": 81, "hostIP": "127.0.0.1"]]
                ]
            ], 7, "127.0.0.1:8080/tcp", "twice"),
        Bad(
            ["runtimeConfig": ["portMappings": [["hostPort": 8000, "containerPort": 8000, "range": 100], web]]], 7,
            "8000-8099/tcp", "8080/tcp"),
    ]

    @Test("2.5 a bad value of portmap is refused with key and value", arguments: bad)
    func badKeys(_ bad: Bad) throws { try PortmapTests.check(PortmapPlugin(), bad) }

    @Test(
        "2.5 values that do not collide are taken",
        arguments: [
            ["markMasqBit": 0], ["markMasqBit": 31], ["conditionsV4": []], ["backend": "auto"], ["backend": "nftables"],
            ["backend": "iptables"], ["externalSetMarkChain": "MARK"], ["conditionsV4": ["!", "-s", "10.0.0.1"]],
            ["hostSockets": "warn"],
            ["hostSockets": "refuse"], ["localhostRelay": false], ["runtimeConfig": [:]],
            ["runtimeConfig": ["portMappings": nil]],
            ["runtimeConfig": ["portMappings": [web, ["hostPort": 8080, "containerPort": 80, "protocol": "udp"]]]],
            [
                "runtimeConfig": [
                    "portMappings": [
                        ["hostPort": 80, "containerPort": 80, "hostIP": "0.0.0.0"],
                        ["hostPort": 80, "containerPort": 80, "hostIP": "::"],
                    ]
                ]
            ],
            [
                "runtimeConfig": [
                    "portMappings": [
                        ["hostPort": 80, "containerPort": 80, "hostIP": "192.0.2.1"],
                        ["hostPort": 80, "containerPort": 81, "hostIP": "192.0.2.2"],
                    ]
                ]
            ], ["runtimeConfig": ["portMappings": [["hostPort": 65535, "containerPort": 65535, "protocol": "Tcp"]]]],
        ] as [JSONObject])
    func good(_ keys: JSONObject) throws {
        _ = try Told(PortmapPlugin(), keys, previous: Told.bridged(["10.88.0.2/16"]))
    }

    @Test("P-32 portmap and firewall without a previous result are code 7")
    func notChained() throws {
        for plugin in [PortmapPlugin(), FirewallPlugin()] as [any PlannedPlugin] {
            #expect(throws: CNIError.self) { try PortmapTests.tell(plugin) }
        }
    }

    private static func tell(_ plugin: some PlannedPlugin) throws {
        do {
            _ = try Told(plugin, [:])
        } catch let error as CNIError {
            #expect(error.code == 7 && error.message.contains("must be called as chained plugin"))
            throw error
        }
    }
}
