import CNI
import JSON
import NetCore
import NetPlan
import PluginKit
import Testing

@testable import BridgePlugin

/// Every key of cni.md 2.1, 2.7 and 2.9 with values that are wrong: the error's code, and key and value in its message.
@Suite("Keys of bridge, tuning and loopback")
struct KeyTests {
    struct Bad: Sendable, CustomStringConvertible {
        let keys: JSONObject
        let code: Int
        let words: [String]
        var arguments = ""
        var description: String { "\(JSON.object(keys))\(arguments.isEmpty ? "" : " with \(arguments)")" }

        init(_ keys: JSONObject, _ code: Int, _ words: String..., arguments: String = "") {
            self.keys = keys
            self.code = code
            self.words = words
            self.arguments = arguments
        }
    }

    static func error(_ plugin: some PlannedPlugin, _ bad: Bad, previous: CNIResult? = nil) throws -> CNIError? {
        do {
            _ = try Told(plugin, bad.keys, previous: previous, arguments: bad.arguments)
            return nil
        } catch let error as CNIError {
            return error
        }
    }

    static func check(_ error: CNIError?, _ bad: Bad) {
        #expect(error?.code == bad.code, "\(error?.description ?? "accepted")")
        for word in bad.words {
            #expect(error?.message.contains(word) == true, "\(word) is not in: \(error?.message ?? "")")
        }
    }

    static let bridge: [Bad] = [
        Bad(["bridge": "a/b"], 7, "\"bridge\": \"a/b\""),
        Bad(["bridge": "sixteen-bytes-16"], 7, "\"bridge\": \"sixteen-bytes-16\"", "15 bytes"),
        Bad(["bridge": "br%d"], 7, "\"bridge\": \"br%d\""), Bad(["bridge": ".."], 7, "\"bridge\": \"..\""),
        Bad(["bridge": 5], 7, "\"bridge\": 5"),
        Bad(["isGateway": "yes"], 7, "\"isGateway\": \"yes\""),
        Bad(["isDefaultGateway": 1], 7, "\"isDefaultGateway\": 1"),
        Bad(["forceAddress": "true"], 7, "\"forceAddress\": \"true\""), Bad(["ipMasq": []], 7, "\"ipMasq\": []"),
        Bad(["mtu": -1], 7, "\"mtu\": -1"), Bad(["mtu": 67], 7, "\"mtu\": 67"),
        Bad(["mtu": 65536], 7, "\"mtu\": 65536"),
        Bad(["mtu": "1500"], 7, "\"mtu\": \"1500\""), Bad(["mtu": 1500.5], 7, "\"mtu\": 1500.5"),
        Bad(["hairpinMode": 0], 7, "\"hairpinMode\": 0"), Bad(["promiscMode": "on"], 7, "\"promiscMode\": \"on\""),
        Bad(["hairpinMode": true, "promiscMode": true], 2, "\"promiscMode\": true", "hairpinMode"),
        Bad(["enabledad": 1], 7, "\"enabledad\": 1"), Bad(["vlan": 5], 2, "\"vlan\": 5"),
        Bad(["vlan": 4095], 7, "\"vlan\": 4095"),
        Bad(["vlan": -1], 7, "\"vlan\": -1"), Bad(["vlanTrunk": [["id": 7]]], 2, "\"vlanTrunk\"", "7"),
        Bad(["preserveDefaultVlan": true], 2, "\"preserveDefaultVlan\": true"),
        Bad(["macspoofchk": "x"], 7, "\"macspoofchk\": \"x\""),
        Bad(["portIsolation": 1], 7, "\"portIsolation\": 1"),
        Bad(["disableContainerInterface": "yes"], 7, "\"disableContainerInterface\": \"yes\""),
        Bad(
            ["disableContainerInterface": true, "ipam": ["type": "host-local"]], 7,
            "\"disableContainerInterface\": true", "\"ipam.type\": \"host-local\""),
        Bad(["ipMasqBackend": "ipchains"], 7, "\"ipMasqBackend\": \"ipchains\""),
        Bad(["ipMasqBackend": "pf"], 7, "\"ipMasqBackend\": \"pf\""),
        Bad(["snatTo": ["10.0.0"]], 7, "snatTo", "10.0.0"), Bad(["snatTo": "10.0.0.1"], 7, "\"snatTo\": \"10.0.0.1\""),
        Bad(["noMasqTo": ["10.0.0.1"]], 7, "noMasqTo", "10.0.0.1"), Bad(["fullyRandom": 1], 7, "\"fullyRandom\": 1"),
        Bad(["dns": []], 7, "\"dns\": []"),
        Bad(["dns": ["nameservers": "1.1.1.1"]], 7, "\"dns.nameservers\": \"1.1.1.1\""),
        Bad(["ipam": "host-local"], 7, "\"ipam\": \"host-local\""),
        Bad(["ipam": ["subnet": "10.0.0.0/8"]], 7, "ipam.type"),
        Bad(["ipam": ["type": 7]], 7, "\"ipam.type\": 7"),
        Bad(["runtimeConfig": ["mac": "c2:11"]], 7, "\"runtimeConfig.mac\": \"c2:11\""),
        Bad(
            ["runtimeConfig": ["mac": "01:00:5e:00:00:01"]], 7, "\"runtimeConfig.mac\": \"01:00:5e:00:00:01\"",
            "unicast"),
        Bad(["args": ["cni": ["mac": "00:00:00:00:00:00"]]], 7, "\"args.cni.mac\": \"00:00:00:00:00:00\""),
        Bad([:], 7, "CNI_ARGS", "nonsense", arguments: "MAC=nonsense"), Bad([:], 4, "X=1", arguments: "X=1"),
    ]

    @Test("2.1 a bad value of bridge is refused with key and value", arguments: bridge)
    func badBridge(_ bad: Bad) throws { KeyTests.check(try KeyTests.error(BridgePlugin(), bad), bad) }

    @Test(
        "2.1 values that mean nothing special are taken",
        arguments: [
            ["vlan": 0], ["vlanTrunk": []], ["preserveDefaultVlan": false], ["macspoofchk": false],
            ["portIsolation": false],
            ["disableContainerInterface": false], ["macspoofchk": true], ["portIsolation": true],
            ["disableContainerInterface": true], ["disableContainerInterface": true, "ipam": [:]],
            ["ipMasqBackend": "nftables"], ["ipMasqBackend": "auto"],
            ["ipMasqBackend": ""],
            ["ipam": [:]], ["ipam": nil], ["ipam": ["type": ""]], ["ipam": ["type": "", "subnet": "10.0.0.0/8"]],
            ["mtu": 0], ["mtu": 68], ["mtu": 65535], ["bridge": ""],
            ["unknown": ["x": 1]], ["cni.dev/x": 1],
            ["dns": ["nameservers": ["1.1.1.1"], "search": []]], ["capabilities": ["mac": true]],
        ] as [JSONObject])
    func goodBridge(_ keys: JSONObject) throws { _ = try Told(BridgePlugin(), keys) }

    @Test("2.1 the MAC address is runtimeConfig's, else args.cni's, else CNI_ARGS'")
    func macOrder() throws {
        func mac(_ keys: JSONObject, _ arguments: String) throws -> String? {
            let told = try Told(BridgePlugin(), keys, arguments: arguments)
            for case .vethPair(let pair) in told.plan.owned { return pair.containerMAC?.description }
            return nil
        }
        let runtime: JSONObject = ["mac": "c2:00:00:00:00:01"]
        let args: JSONObject = ["cni": ["mac": "c2:00:00:00:00:02"]]
        #expect(
            try mac(["runtimeConfig": .object(runtime), "args": .object(args)], "MAC=c2:00:00:00:00:03")
                == "c2:00:00:00:00:01")
        #expect(try mac(["args": .object(args)], "MAC=c2:00:00:00:00:03") == "c2:00:00:00:00:02")
        #expect(try mac([:], "MAC=c2:00:00:00:00:03") == "c2:00:00:00:00:03")
        #expect(try mac([:], "") == nil)
    }

    @Test("2.1 with macspoofchk and no MAC address given, it derives from the attachment: the same at CHECK as at ADD")
    func derivedMAC() throws {
        func pair(_ keys: JSONObject, _ interface: String = "eth0", _ arguments: String = "") throws -> (
            MACAddress?, MACAddress?
        ) {
            let plan = try Told(BridgePlugin(), keys, arguments: arguments, interface: interface).plan
            var (container, checked): (MACAddress?, MACAddress?)
            for resource in plan.owned {
                if case .vethPair(let it) = resource { container = it.containerMAC }
                if case .senderCheck(let it) = resource { checked = it.mac }
            }
            return (container, checked)
        }
        let derived = try pair(["macspoofchk": true])
        #expect(derived.0 != nil && derived.0 == derived.1)
        #expect(derived.0?.isMulticast == false)
        #expect(try pair(["macspoofchk": true]) == derived)
        #expect(try pair(["macspoofchk": true], "eth1") != derived)
        let given = try pair(["macspoofchk": true], "eth0", "MAC=c2:00:00:00:00:03")
        #expect(given.0?.description == "c2:00:00:00:00:03" && given.0 == given.1)
        #expect(try pair([:]) == (nil, nil))
    }

    // MARK: tuning

    static let previous = Told.bridged(["10.88.0.2/16"])

    static let tuning: [Bad] = [
        Bad(["mtu": 67], 7, "mtu", "67"), Bad(["mtu": 65536], 7, "\"mtu\": 65536"), Bad(["mtu": -1], 7, "\"mtu\": -1"),
        Bad(["mtu": "x"], 7, "\"mtu\": \"x\""), Bad(["mac": "x"], 7, "\"mac\": \"x\""),
        Bad(["mac": "01:00:5e:00:00:01"], 7, "\"mac\": \"01:00:5e:00:00:01\"", "unicast"),
        Bad(["promisc": 1], 7, "\"promisc\": 1"),
        Bad(["allmulti": "on"], 7, "\"allmulti\": \"on\""), Bad(["txQLen": -1], 7, "\"txQLen\": -1"),
        Bad(["txQLen": 2_147_483_648], 7, "\"txQLen\": 2147483648"), Bad(["sysctl": []], 7, "\"sysctl\": []"),
        Bad(["sysctl": ["net.core.somaxconn": 500]], 7, "sysctl.net.core.somaxconn", "500"),
        Bad(["sysctl": ["kernel.panic": "1"]], 7, "sysctl.kernel.panic", "1"),
        Bad(["sysctl": ["net/../kernel/panic": "1"]], 7, "net/../kernel/panic"),
        Bad(["sysctl": ["net.//.kernel.panic": "1"]], 7, "net.//.kernel.panic"),
        Bad(["sysctl": ["net": "1"]], 7, "sysctl.net"),
        Bad(["sysctl": ["net.core.somaxconn": "1\n2"]], 7, "sysctl.net.core.somaxconn", "line break"),
        Bad(["sysctl": ["net.core.somaxconn": "1", "net/core/somaxconn": "2"]], 7, "net/core/somaxconn", "twice"),
        Bad(["args": ["cni": ["mtu": 20]]], 7, "args.cni.mtu", "20"),
        Bad(
            ["args": ["cni": ["mac": "01:00:5e:00:00:01"]], "mac": "c2:11:22:33:44:55"], 7,
            "\"args.cni.mac\": \"01:00:5e:00:00:01\"", "unicast"),
        Bad(["args": ["cni": ["promisc": "x"]]], 7, "\"args.cni.promisc\": \"x\""),
        Bad(["args": ["cni": ["sysctl": ["fs.file-max": "1"]]]], 7, "fs.file-max"),
        Bad([:], 4, "X=1", arguments: "X=1"),
    ]

    @Test("2.7 a bad value of tuning is refused with key and value", arguments: tuning)
    func badTuning(_ bad: Bad) throws {
        KeyTests.check(try KeyTests.error(TuningPlugin(), bad, previous: KeyTests.previous), bad)
    }

    @Test(
        "2.7 args.cni is asked before runtimeConfig, CNI_ARGS and the configuration; false and 0 leave things as they are"
    )
    func tuningOrder() throws {
        func settings(_ keys: JSONObject, _ arguments: String = "") throws -> LinkSettings? {
            let told = try Told(TuningPlugin(), keys, previous: KeyTests.previous, arguments: arguments)
            for case .linkSettings(let settings) in told.plan.owned { return settings }
            return nil
        }
        let all: JSONObject = [
            "mac": "c2:00:00:00:00:04", "runtimeConfig": ["mac": "c2:00:00:00:00:02"], "mtu": 1400, "txQLen": 100,
            "promisc": true,
            "args": ["cni": ["mac": "c2:00:00:00:00:01", "mtu": 1300, "txQLen": 200, "allmulti": true]],
        ]
        let seen = try #require(try settings(all, "MAC=c2:00:00:00:00:03"))
        #expect(seen.mac?.description == "c2:00:00:00:00:01" && seen.mtu == 1300 && seen.transmitQueueLength == 200)
        #expect(seen.promiscuous == true && seen.allMulticast == true)
        #expect(
            try settings(["mac": "c2:00:00:00:00:04"], "MAC=c2:00:00:00:00:03")?.mac?.description == "c2:00:00:00:00:03"
        )
        #expect(try settings(["mtu": 0, "txQLen": 0, "promisc": false, "allmulti": false, "mac": ""]) == nil)
    }

    @Test(
        "2.7 IFNAME stands for the interface, its dots and slashes kept",
        arguments: [
            ("net.ipv4.conf.IFNAME.rp_filter", "eth0", "net/ipv4/conf/eth0/rp_filter"),
            ("net/ipv4/conf/IFNAME/rp_filter", "eth0.100", "net/ipv4/conf/eth0.100/rp_filter"),
            ("net.ipv4.conf.IFNAME.rp_filter", "eth0.100", "net/ipv4/conf/eth0.100/rp_filter"),
            ("net.ipv4.conf.eth0/100.rp_filter", "eth0", "net/ipv4/conf/eth0.100/rp_filter"),
            ("net.ipv4.conf.IFNAMES.rp_filter", "eth0", "net/ipv4/conf/IFNAMES/rp_filter"),
        ])
    func interfaceName(_ key: String, _ interface: String, _ path: String) throws {
        let told = try Told(
            TuningPlugin(), ["sysctl": .object([(key, "1")].reduce(into: [:]) { $0[$1.0] = $1.1 })],
            previous: KeyTests.previous, interface: interface)
        #expect(told.plan.owned == [.sysctl(SysctlSetting(.container, path, "1"))])
    }

    @Test("2.7 args.cni.sysctl without a sysctl in the configuration is taken, and wins over one")
    func argumentSysctls() throws {
        let args: JSON = ["cni": ["sysctl": ["net/core/somaxconn": "9"]]]
        for keys in [["args": args], ["args": args, "sysctl": ["net.core.somaxconn": "1"]]] as [JSONObject] {
            let told = try Told(TuningPlugin(), keys, previous: KeyTests.previous)
            #expect(told.plan.owned == [.sysctl(SysctlSetting(.container, "net/core/somaxconn", "9"))])
        }
    }

    @Test("P-32 tuning without a previous result is code 7")
    func notChained() throws {
        KeyTests.check(try KeyTests.error(TuningPlugin(), Bad([:], 7)), Bad([:], 7, "must be called as chained plugin"))
    }

    @Test(
        "2.7 a plan of tuning, in words and as commands, is as the golden text has it, and holds on the running kernel")
    func tuningPlan() throws {
        let bridge = try Told(
            BridgePlugin(), ["bridge": "cni0", "mtu": 1500, "ipam": ["type": "host-local"]], addresses: ["10.88.0.2/16"]
        )
        let told = try Told(
            TuningPlugin(),
            [
                "mac": "c2:11:22:33:44:66", "mtu": 1400, "promisc": true, "allmulti": true, "txQLen": 500,
                "sysctl": [
                    "net.ipv4.conf.IFNAME.arp_filter": "1", "net/core/somaxconn": "500",
                    "net.ipv4.ip_local_port_range": "20000 30000",
                ],
            ], previous: bridge.result)
        try Golden.expect("tuning.txt", told.text)
        #expect(try RealHost.difference(told, after: [bridge.plan]) == "")
    }

    // MARK: loopback

    @Test("2.9 loopback brings lo up, whatever CNI_IFNAME says")
    func loopback() throws {
        let told = try Told(LoopbackPlugin(), [:], interface: "eth7")
        #expect(told.plan.owned == [.linkUp(LinkUp(.container, LinkName("lo")!))])
        try Golden.expect("loopback.txt", told.text)
        #expect(try RealHost.difference(told) == "")
        KeyTests.check(try KeyTests.error(LoopbackPlugin(), Bad([:], 4, arguments: "X=1")), Bad([:], 4, "X=1"))
    }
}
