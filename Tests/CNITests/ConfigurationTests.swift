import CNI
import JSON
import NetCore
import Testing

@Suite struct ConfigurationTests {
    @Test(
        "P-10 what is not a JSON object is code 6",
        arguments: ["", " ", "{", "[]", "1", "\"x\"", "null", "{\"name\":'x'}", "{} {}", "{\"name\":\"a\"}\0", "\u{1}"])
    func notAnObject(_ text: String) throws {
        let plugin = ScriptedPlugin()
        for command in ["ADD", "DEL", "CHECK", "GC", "STATUS"] {
            let outcome = try run(plugin, environment(command), text)
            #expect(outcome.exitCode == 1)
            #expect(outcome.code == 6, "\(command) \(outcome)")
            #expect(outcome.message?.hasPrefix("the network configuration is ") == true)
            #expect(outcome.json?["cniVersion"] == "1.1.0")
        }
        #expect(plugin.commands.isEmpty)
    }

    @Test(
        "P-10 a missing name is code 7", arguments: ["{}", #"{"name":""}"#, #"{"name":null}"#, #"{"type":"bridge"}"#])
    func noName(_ text: String) throws {
        let outcome = try run(ScriptedPlugin(), environment("ADD"), text)
        #expect(outcome.code == 7)
        #expect(outcome.message == "missing network name")
        #expect(outcome.json?["cniVersion"] == "0.1.0")
    }

    @Test(
        "P-10 a bad name is code 7 with key and value",
        arguments: [#""a/b""#, #"".""#, #""-a""#, #""a b""#, #""é""#, "1", "[]", "true"])
    func badName(_ value: String) throws {
        let outcome = try run(ScriptedPlugin(), environment("ADD"), #"{"cniVersion":"1.0.0","name":\#(value)}"#)
        #expect(outcome.code == 7)
        #expect(outcome.message?.hasPrefix("\"name\": \(value) ") == true)
        #expect(outcome.json?["cniVersion"] == "1.0.0")
    }

    @Test("P-11 without a version 0.1.0 is meant", arguments: [nil, ""])
    func noVersion(_ version: String?) throws {
        #expect(try decode(configuration(version)).version == .v0_1_0)
    }

    @Test("P-11 every version is known by its number", arguments: SpecVersion.allCases)
    func versions(_ version: SpecVersion) throws {
        #expect(try decode(configuration(version.rawValue)).version == version)
    }

    @Test(
        "P-11 another version is code 1 with what is and what would be",
        arguments: ["1.2.0", "0.5.0", "2", "1.1", "99.0.0"])
    func unsupportedVersion(_ version: String) throws {
        let plugin = ScriptedPlugin()
        let outcome = try run(plugin, environment("ADD"), configuration(version))
        #expect(outcome.code == 1)
        #expect(outcome.message == "incompatible CNI versions")
        #expect(
            outcome.details == """
                config is "\(version)", plugin supports ["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]
                """)
        #expect(outcome.json?["cniVersion"] == "1.1.0")
        #expect(plugin.commands.isEmpty)
    }

    @Test("P-11 a version that this plugin does not speak is code 1")
    func pluginsVersions() throws {
        let plugin = ScriptedPlugin(supportedVersions: [.v0_4_0, .v1_0_0])
        let outcome = try run(plugin, environment("DEL"), configuration("1.1.0"))
        #expect(outcome.code == 1)
        #expect(outcome.details == #"config is "1.1.0", plugin supports ["0.4.0","1.0.0"]"#)
        #expect(outcome.json?["cniVersion"] == "1.1.0")
        #expect(plugin.commands.isEmpty)
    }

    @Test(
        "P-11 an unreadable version is code 6",
        arguments: [
            "\"banana\"", "\"1.0.x\"", "\"1.0.0.0\"", "\"v1.0.0\"", "\"1..0\"", "1.0", "true", "\"9999999999.0.0\"",
        ])
    func unreadableVersion(_ value: String) throws {
        let outcome = try run(ScriptedPlugin(), environment("ADD"), #"{"cniVersion":\#(value),"name":"n"}"#)
        #expect(outcome.code == 6)
        #expect(outcome.message?.hasPrefix("\"cniVersion\": \(value) ") == true)
    }

    @Test(
        "P-12 CHECK, GC and STATUS want a version that knows them",
        arguments: [("CHECK", SpecVersion.v0_4_0), ("GC", .v1_1_0), ("STATUS", .v1_1_0)])
    func gates(_ command: String, _ since: SpecVersion) throws {
        for version in SpecVersion.allCases {
            let plugin = ScriptedPlugin()
            let text = configuration(version.rawValue, ["cni.dev/valid-attachments": []])
            let outcome = try run(plugin, environment(command), text)
            if version < since {
                #expect(outcome.code == 1)
                #expect(outcome.message == "config version does not allow \(command)")
                #expect(outcome.json?["cniVersion"] == .string(version.rawValue))
                #expect(plugin.commands.isEmpty)
            } else {
                #expect(outcome.exitCode == 0)
                #expect(plugin.commands.count == 1)
            }
        }
    }

    @Test("P-18 unknown keys are ignored and kept in their order")
    func unknownKeys() throws {
        let text = configuration(
            "1.0.0", ["x": ["y": [1, 2.50]], "cni.dev/later": true, "capabilities": ["mac": true]])
        let configuration = try decode(text)
        #expect(configuration.json.description == text)
        #expect(try run(ScriptedPlugin(), environment("ADD"), text).exitCode == 0)
    }

    @Test("the keys that all configurations share are decoded")
    func commonKeys() throws {
        let configuration = try decode(
            configuration(
                "1.1.0",
                [
                    "runtimeConfig": ["mac": "c2:11:22:33:44:55"], "args": ["cni": ["ips": ["10.0.0.1"]]],
                    "prevResult": ["cniVersion": "1.1.0", "ips": [["address": "10.0.0.2/24"]], "later": 1],
                ]))
        #expect(configuration.name == "dbnet" && configuration.type == "scripted")
        #expect(configuration.runtimeConfig == ["mac": "c2:11:22:33:44:55"])
        #expect(configuration.cniArgs == ["ips": ["10.0.0.1"]])
        #expect(configuration.previousResult?.ips.first?.address == IPPrefix("10.0.0.2/24"))
        #expect(configuration.previousResult?.extra == ["later": 1])
        #expect(configuration.validAttachments == nil)
    }

    @Test(
        "capability arguments are read by the names that containerd and nerdctl give them", arguments: ["ADD", "DEL"])
    func capitalKeys(command: String) throws {
        let written: JSONObject = [
            "portMappings": [
                ["HostPort": 8080, "ContainerPort": 80, "Protocol": "tcp", "HostIP": "", "hostPort": 8081]
            ],
            "ipRanges": [[["Subnet": "10.1.0.0/24", "RangeStart": "10.1.0.9"]]],
            "bandwidth": ["IngressRate": 1, "egressRate": 2], "mac": "C2:11:22:33:44:55", "Ours": ["A"],
        ]
        let configuration = try NetworkConfiguration(
            decoding: Array(configuration("1.1.0", ["runtimeConfig": .object(written)]).utf8),
            for: Command(rawValue: command))
        #expect(
            configuration.runtimeConfig == [
                "portMappings": [["containerPort": 80, "protocol": "tcp", "hostIP": "", "hostPort": 8081]],
                "ipRanges": [[["subnet": "10.1.0.0/24", "rangeStart": "10.1.0.9"]]],
                "bandwidth": ["ingressRate": 1, "egressRate": 2], "mac": "C2:11:22:33:44:55", "Ours": ["A"],
            ])
        #expect(configuration.json["runtimeConfig"] == .object(written))
    }

    @Test("null counts as absent for every optional key")
    func nulls() throws {
        let configuration = try decode(
            configuration(
                "1.1.0",
                ["runtimeConfig": nil, "args": nil, "prevResult": nil, "type": nil, "cni.dev/valid-attachments": nil]))
        #expect(configuration.runtimeConfig.isEmpty && configuration.cniArgs.isEmpty && configuration.type == "")
        #expect(configuration.previousResult == nil && configuration.validAttachments == nil)
    }

    @Test(
        "a value of the wrong kind is code 7 with key and value",
        arguments: [
            ("runtimeConfig", "[]", "\"runtimeConfig\": [] is not an object"),
            ("args", "7", "\"args\": 7 is not an object"),
            ("args", #"{"cni":"x"}"#, "\"args.cni\": \"x\" is not an object"),
            ("type", "1", "\"type\": 1 is not a string"),
            ("type", #""../bridge""#, "\"type\": \"../bridge\" is a path; it must be a plugin's name"),
            ("cni.dev/valid-attachments", "{}", "\"cni.dev/valid-attachments\": {} is not an array of objects"),
            ("cni.dev/valid-attachments", "[1]", "\"cni.dev/valid-attachments[0]\": 1 is not an object"),
            ("cni.dev/valid-attachments", "[{}]", "\"cni.dev/valid-attachments[0].containerID\" is missing"),
            (
                "cni.dev/valid-attachments", #"[{"containerID":"a","ifname":""}]"#,
                "\"cni.dev/valid-attachments[0].ifname\": \"\" is missing"
            ),
        ])
    func wrongKind(_ key: String, _ value: String, _ message: String) throws {
        let text = #"{"cniVersion":"1.1.0","name":"n","type":"t","\#(key)":\#(value)}"#
        let outcome = try run(ScriptedPlugin(), environment("ADD"), text)
        #expect(outcome.code == 7)
        #expect(outcome.message == message)
    }

    @Test("a previous result that cannot be read is code 6, but does not keep a DEL from its work")
    func brokenPreviousResult() throws {
        for broken in [["ips": [["address": "nonsense"]]], [1], ["cniVersion": "7.0.0"], "x"] as [JSON] {
            let text = configuration("1.0.0", ["prevResult": broken])
            for command in ["ADD", "CHECK"] {
                let plugin = ScriptedPlugin()
                let outcome = try run(plugin, environment(command), text)
                #expect(outcome.exitCode == 1 && plugin.commands.isEmpty)
                #expect(outcome.message?.contains("prevResult") == true, "\(outcome)")
            }
            let plugin = ScriptedPlugin()
            #expect(try run(plugin, environment("DEL"), text).exitCode == 0)
            #expect(plugin.requests.first?.configuration.previousResult == nil)
        }
    }

    @Test("P-57 valid attachments come under both keys, the new one first")
    func validAttachments() throws {
        let one: JSON = [["containerID": "a", "ifname": "eth0"], ["containerID": "b", "ifname": "net1", "x": 1]]
        let expected = [
            ValidAttachment(containerID: "a", interface: "eth0"), ValidAttachment(containerID: "b", interface: "net1"),
        ]
        #expect(try decode(configuration("1.1.0", ["cni.dev/valid-attachments": one])).validAttachments == expected)
        #expect(try decode(configuration("1.1.0", ["cni.dev/attachments": one])).validAttachments == expected)
        let both = configuration("1.1.0", ["cni.dev/attachments": [], "cni.dev/valid-attachments": one])
        #expect(try decode(both).validAttachments == expected)
        #expect(try decode(configuration("1.1.0", ["cni.dev/valid-attachments": []])).validAttachments == [])
    }

    @Test("P-58 a GC without a list is code 7 and removes nothing", arguments: [nil, JSON.null])
    func noList(_ value: JSON?) throws {
        let plugin = ScriptedPlugin()
        var more = JSONObject()
        more["cni.dev/valid-attachments"] = value
        let outcome = try run(plugin, environment("GC"), configuration("1.1.0", more))
        #expect(outcome.code == 7)
        #expect(outcome.message?.contains("cni.dev/valid-attachments") == true)
        #expect(plugin.commands.isEmpty)
    }
}
