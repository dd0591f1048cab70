import JSON
import TestSupport
import Testing

@Suite("Standard input, whatever it is (P-10 to P-12, P-18, P-21)")
struct InputTests {
    static let wrongKinds: [(String, String, JSON)] = [
        ("bridge", "mtu", JSON.string("many")), ("bridge", "mtu", -5), ("bridge", "mtu", 99_999_999),
        ("bridge", "isGateway", "yes"), ("bridge", "ipMasq", 1), ("bridge", "bridge", "a/b"),
        ("bridge", "bridge", "longer-than-fifteen"), ("bridge", "ipMasqBackend", "ebpf"),
        ("bridge", "ipam", "host-local"), ("bridge", "removeEmptyBridge", "yes"),
        ("bridge", "macspoofchk", "yes"), ("bridge", "portIsolation", 1),
        ("bridge", "disableContainerInterface", "yes"),
        ("portmap", "snat", "yes"), ("portmap", "backend", "ebpf"), ("portmap", "markMasqBit", 32),
        ("firewall", "backend", "ebpf"), ("firewall", "ingressPolicy", "closed"),
        ("firewall", "firewalldZone", "dmz"), ("firewall", "firewalldZone", 1), ("tuning", "mtu", "many"),
        ("tuning", "mac", "not-a-mac"), ("tuning", "sysctl", ["net.ipv4.ip_forward"]), ("tuning", "promisc", "on"),
    ]

    static let laterKeys: [(String, String, JSON)] = [
        ("bridge", "vlan", JSON.integer(100)), ("bridge", "vlanTrunk", [["id": 101]]),
        ("bridge", "preserveDefaultVlan", true),
        ("portmap", "conditionsV4", ["ip", "saddr", "192.0.2.0/24"]),
        ("portmap", "conditionsV6", ["-m", "recent", "--set"]),
        ("portmap", "hostIP", "::1"), ("portmap", "localhostRelay", true),
    ]

    static let commands = ["ADD", "DEL", "CHECK", "GC", "STATUS"]

    @Test("P-10 what is not a JSON object is refused with code 6 and changes nothing", arguments: PluginType.allCases)
    func notAnObject(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            try host.expectUnchanged {
                for input in [
                    "", " ", "\n", "null", "1", "\"x\"", "[]", "{", "{\"name\": }", "{'name': 'net1'}", "{} {}",
                    "\u{0}",
                    "{\"a\":1}\u{0}", "nul", "{\"name\": NaN}", String(repeating: "[", count: 5000),
                ] {
                    for command in InputTests.commands {
                        try host.expectError(
                            6, Call(plugin, command, input: input), "of \(input.prefix(20).debugDescription)")
                    }
                }
                var invalid = Call(plugin)
                invalid.input = [0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]
                try host.expectError(6, invalid, "of bytes that are no UTF-8")
            }
        }
    }

    @Test("P-10 standard input that cannot be read is code 5", arguments: PluginType.allCases)
    func unreadable(_ plugin: PluginType) throws {
        let answer = try PrivateHost.run { host in
            try host.requirePlugins()
            return Answer(
                try host.run(["sh", "-c", "exec \"$0\" < /", plugin.path], environment: Call(plugin).variables))
        }
        #expect(answer.isError(5), "\(answer)")
    }

    @Test(
        "P-10 a network without a name, or with one that could be a path, is refused with code 7",
        arguments: PluginType.allCases)
    func badName(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            try host.expectUnchanged {
                let type = plugin.rawValue
                for command in InputTests.commands {
                    try host.expectError(
                        7, naming: ["name"],
                        Call(plugin, command, input: #"{"cniVersion": "1.1.0", "type": "\#(type)"}"#))
                }
                for name in ["", "../x", "a/b", "-a", ".a", "a b", "ä"] {
                    let call = Call(
                        plugin, "ADD", input: #"{"cniVersion": "1.1.0", "name": "\#(name)", "type": "\#(type)"}"#)
                    try host.expectError(7, naming: ["name"], call, "name \(name)")
                }
                let number = Call(plugin, "ADD", input: #"{"cniVersion": "1.1.0", "name": 17, "type": "\#(type)"}"#)
                let answer = try host.call(number)
                host.expect([6, 7].contains(answer.code), "a number as name: \(answer)")
                host.expect(answer.sentence.contains("name"), "a number as name: \(answer)")
            }
        }
    }

    @Test(
        "P-11 an unsupported version is code 1 with both sides named, an unreadable one code 6",
        arguments: PluginType.allCases)
    func versions(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            try host.expectUnchanged {
                for version in ["2.0.0", "1.2.0", "0.0.9", "0.5.0", "1.1.1"] {
                    var configuration = plugin.configuration
                    configuration["cniVersion"] = .string(version)
                    for command in ["ADD", "DEL"] {
                        try host.expectError(
                            1, naming: ["incompatible CNI versions", version, "1.1.0"],
                            Call(plugin, command, configuration))
                    }
                }
                for version in ["banana", "1.x.0", "-1.0.0", "1..0"] {
                    var configuration = plugin.configuration
                    configuration["cniVersion"] = .string(version)
                    try host.expectError(6, naming: [version], Call(plugin, "ADD", configuration), "version \(version)")
                }
            }
        }
    }

    @Test("P-11 without cniVersion the configuration is one of 0.1.0")
    func noVersion() throws {
        let result = try PrivateHost.run { host in
            try host.makeNamespace("c1")
            let input = #"{"name": "net1", "type": "bridge", "ipam": {"type": "host-local", "subnet": "10.22.0.0/24"}}"#
            return try host.call(Call(.bridge, "ADD", input: input))
        }
        #expect(result.succeeded, "\(result)")
        #expect(result.json?["cniVersion"]?.string == "0.1.0")
        #expect(result.json?["ip4"]?["ip"]?.string == "10.22.0.2/24")
    }

    @Test("P-12 CHECK before 0.4.0, GC and STATUS before 1.1.0 are refused with code 1", arguments: PluginType.allCases)
    func tooOld(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            for (command, versions) in [
                ("CHECK", ["0.1.0", "0.2.0", "0.3.0", "0.3.1"]), ("GC", ["0.4.0", "1.0.0"]),
                ("STATUS", ["0.3.1", "1.0.0"]),
            ] {
                for version in versions {
                    var configuration = plugin.configuration
                    configuration["cniVersion"] = .string(version)
                    configuration["cni.dev/valid-attachments"] = []
                    try host.expectError(
                        1, naming: ["config version does not allow \(command)"], Call(plugin, command, configuration),
                        version)
                }
            }
        }
    }

    @Test("P-18 keys that nobody knows are ignored")
    func unknownKeys() throws {
        let answer = try PrivateHost.run { host in
            try host.makeNamespace("c1")
            var configuration = PluginType.bridge.configuration
            for key in ["frob", "cni.dev/later", "x y"] { configuration[key] = ["deep": [1, 2.5, nil, "x"]] }
            return try host.call(Call(.bridge, "ADD", configuration))
        }
        #expect(answer.succeeded, "\(answer)")
    }

    @Test(
        "P-18 a key of the wrong kind is refused with code 7 or 6, key and value named",
        arguments: InputTests.wrongKinds)
    func wrongKind(_ plugin: String, _ key: String, _ value: JSON) throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            try host.inside("c1") { try host.must("ip link add eth0 type bridge") }
            let plugin = PluginType(rawValue: plugin)!
            var configuration = plugin.configuration
            configuration[key] = value
            if plugin.isChained { configuration["prevResult"] = PreviousResult.plain }
            // portmap without a port has nothing to do, but its configuration is wrong all the same.
            configuration["runtimeConfig"] = [
                "portMappings": [["hostPort": 80, "containerPort": 80, "protocol": "tcp"]]
            ]
            try host.expectUnchanged {
                let answer = try host.call(Call(plugin, "ADD", configuration))
                host.expect([6, 7].contains(answer.code ?? 0), "\(key): \(answer)")
                host.expect(answer.sentence.contains(key), "the key \(key) is not named: \(answer)")
                let word = value.string ?? value.integer.map { "\($0)" } ?? ""
                host.expect(answer.sentence.contains(word), "the value \(word) is not named: \(answer)")
            }
        }
    }

    @Test(
        "what is not built yet is answered with code 2, key and value named",
        arguments: InputTests.laterKeys)
    func notBuiltYet(_ plugin: String, _ key: String, _ value: JSON) throws {
        try PrivateHost.run { host in
            try host.makeNamespace("c1")
            let plugin = PluginType(rawValue: plugin)!
            var configuration = plugin.configuration
            var mapping: JSONObject = ["hostPort": 80, "containerPort": 80, "protocol": "tcp"]
            if key == "hostIP" { mapping[key] = value } else { configuration[key] = value }
            if plugin.isChained { configuration["prevResult"] = PreviousResult.plain }
            configuration["runtimeConfig"] = ["portMappings": [.object(mapping)]]
            try host.expectUnchanged {
                let words = [key, value.string ?? value.text]
                try host.expectError(2, naming: words, Call(plugin, "ADD", configuration))
                // P-56: what ADD would refuse, STATUS does not promise; it knows no previous result.
                configuration["prevResult"] = nil
                let status = Call(plugin, "STATUS", configuration).with {
                    ($0.containerID, $0.netns, $0.interface) = (nil, nil, nil)
                }
                try host.expectError(2, naming: words, status)
            }
        }
    }

    @Test("P-21 more than 8 MiB are not read", arguments: PluginType.allCases)
    func tooLarge(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            let call = Call(
                plugin, "ADD", input: "{\"name\": \"net1\", \"x\": \"" + String(repeating: "x", count: 9 << 20) + "\"}")
            try host.expectUnchanged { try host.expectError(5, call) }
        }
    }

    @Test("any bytes are an error of one object on standard output, never a crash", arguments: PluginType.allCases)
    func anyBytes(_ plugin: PluginType) throws {
        let valid = Call(plugin).input
        try PrivateHost.run { host in
            var random = Reproducible(seed: 7)
            try host.expectUnchanged {
                for round in 0..<80 {
                    // ADD without a namespace and CHECK without prevResult cannot succeed, whatever the bytes still mean.
                    let commands = plugin.isIPAM ? ["CHECK"] : ["ADD", "CHECK"]
                    let mayFail = round % 4 != 0
                    var call = Call(plugin, (mayFail ? commands : ["DEL", "STATUS"]).randomElement(using: &random)!)
                    call.netns = "/run/netns/none"
                    call.input = InputTests.damaged(valid, &random)
                    let answer = try host.call(call)
                    let isFine = answer.code.map(answer.isError) == true || !mayFail && answer.succeeded
                    host.expect(isFine, "round \(round): \(call.input.debugText): \(answer)")
                }
            }
        }
    }

    /// The bytes with one to four of them changed, doubled or cut off.
    static func damaged(_ bytes: [UInt8], _ random: inout Reproducible) -> [UInt8] {
        var bytes = bytes
        for _ in 0...Int.random(in: 0..<4, using: &random) {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
            default: bytes.removeLast(min(Int.random(in: 1..<20, using: &random), bytes.count - 1))
            }
        }
        return bytes
    }

    @Test("P-10 closed standard input is an error of code 5 or 6, and none for VERSION", arguments: PluginType.allCases)
    func closedInput(_ plugin: PluginType) throws {
        try PrivateHost.run { host in
            try host.requirePlugins()
            func answer(_ command: String) throws -> Answer {
                Answer(
                    try host.run(
                        ["sh", "-c", "exec \"$0\" <&-", plugin.path], environment: Call(plugin, command).variables))
            }
            for command in InputTests.commands {
                let answer = try answer(command)
                host.expect([5, 6].contains(answer.code ?? 0) && answer.outcome.exitCode == 1, "\(command): \(answer)")
            }
            host.expect(try answer("VERSION").json?["cniVersion"], is: "1.1.0", "VERSION")
        }
    }

    @Test(
        "variables that are no UTF-8 are an error with its code, never a crash",
        arguments: ["CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS"],
        [PluginType.bridge, .portmap])
    func strangeVariables(_ name: String, _ plugin: PluginType) throws {
        try PrivateHost.run { host in
            try host.requirePlugins()
            let call = Call(plugin)
            try host.expectUnchanged {
                let answer = Answer(
                    try host.run(
                        ["sh", "-c", "export \(name)=$(printf 'c\\377\\300'); exec \"$0\"", plugin.path],
                        environment: call.variables, input: call.input))
                host.expect(answer.code.map(answer.isError) == true, "\(answer)")
            }
        }
    }
}

/// The same numbers in every run, so that a failure can be looked at again.
struct Reproducible: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

extension [UInt8] {
    var debugText: String { String(decoding: self, as: UTF8.self).debugDescription }
}

/// What came before a chained plugin, made up.
enum PreviousResult {
    static let plain: JSON = [
        "cniVersion": "1.1.0",
        "interfaces": [["name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/c1"]],
        "ips": [["address": "10.22.0.2/24", "gateway": "10.22.0.1", "interface": 0]],
    ]
}
