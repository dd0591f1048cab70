import JSON
import NetCore
import Testing

@testable import CNI

@Suite struct RuntimeListTests {
    private func list(_ text: String) throws -> NetworkConfigurationList {
        try NetworkConfigurationList(decoding: Array(text.utf8))
    }

    @Test(
        "R-1 the highest version that is ours is chosen, unknown higher ones are passed over",
        arguments: [
            (#""cniVersion":"0.4.0""#, SpecVersion.v0_4_0),
            (#""cniVersion":"0.4.0","cniVersions":["1.0.0","0.3.1"]"#, .v1_0_0),
            (#""cniVersions":["1.1.0","1.9.0","2.0.0"]"#, .v1_1_0),
            (#""cniVersion":"1.1.0","cniVersions":[]"#, .v1_1_0),
            (#""disableGC":false"#, .v0_1_0),
        ])
    func versions(keys: String, expected: SpecVersion) throws {
        #expect(try list(#"{\#(keys),"name":"net","plugins":[{"type":"a"}]}"#).version == expected)
    }

    @Test("R-1 a list that no version of ours can run is refused with code 1 and its versions")
    func unknownVersion() throws {
        let error = try #require(
            try thrown { try list(#"{"cniVersion":"2.0.0","name":"net","plugins":[{"type":"a"}]}"#) })
        #expect(error.code == 1 && error.details?.contains("2.0.0") == true)
    }

    @Test(
        "R-1 the three switches are true, false or those words as strings",
        arguments: ["disableCheck", "disableGC", "loadOnlyInlinedPlugins"])
    func flags(key: String) throws {
        for (value, expected) in [
            ("true", true), (#""true""#, true), (#""False""#, false), ("false", false), ("null", false),
        ] {
            let list = try list(#"{"\#(key)":\#(value),"name":"net","plugins":[{"type":"a"}]}"#)
            let read =
                ["disableCheck": list.disableCheck, "disableGC": list.disableGC][key] ?? list.loadOnlyInlinedPlugins
            #expect(read == expected)
        }
        for value in [#""yes""#, "1"] {
            let error = try thrown { try list(#"{"\#(key)":\#(value),"name":"net","plugins":[{"type":"a"}]}"#) }
            #expect(error?.code == 7 && error?.message.contains(key) == true && error?.message.contains(value) == true)
        }
    }

    @Test(
        "R-1 what a list cannot be is refused with the key",
        arguments: [
            (#"{"plugins":[{"type":"a"}]}"#, 7, "name"),
            (#"{"name":"../x","plugins":[{"type":"a"}]}"#, 7, "../x"),
            (#"{"name":"net","plugins":{}}"#, 7, "plugins"),
            (#"{"name":"net","plugins":["a"]}"#, 7, "plugins[0]"),
            (#"{"name":"net","plugins":[{"type":"a"},{}]}"#, 7, "plugins[1].type"),
            (#"{"name":"net","plugins":[{"type":"../a"}]}"#, 7, "../a"),
            (#"{"name":"net","cniVersion":"one","plugins":[{"type":"a"}]}"#, 7, "one"),
            (#"{"name":"net","loadOnlyInlinedPlugins":true,"plugins":[]}"#, 7, "plugins"),
            (#"{"name":"net","loadOnlyInlinedPlugins":true}"#, 7, "plugins"),
            (#"["name"]"#, 6, "an array"),
            (#"{"name":"#, 6, "line 1"),
        ])
    func refused(text: String, code: Int, part: String) throws {
        let error = try #require(try thrown { try list(text) })
        #expect(error.code == code && error.message.contains(part), "\(error)")
    }

    @Test("R-2 the first list of the name by file name is taken, then lone plugins")
    func directoryOrder() throws {
        let place = Workplace()
        let plugin = #"{"cniVersion":"0.4.0","name":"blue","type":"lone","mtu":1400}"#
        try place.write("10-red.conflist", #"{"name":"red","plugins":[{"type":"r"}]}"#)
        try place.write("05-blue.conf", plugin)
        let directory = ConfigurationDirectory(place.path)
        let lone = try directory.network("blue")
        #expect(lone.file == place["05-blue.conf"])
        #expect(lone.list.plugins == [try #require(JSON(parsing: Array(plugin.utf8)).object)])
        #expect(lone.list.version == .v0_4_0)
        try place.write("30-blue.conflist", #"{"name":"blue","plugins":[{"type":"b30"}]}"#)
        try place.write("20-blue.conflist", #"{"name":"blue","plugins":[{"type":"b20"}]}"#)
        #expect(try directory.network("blue").list.plugins.map(\.type) == ["b20"])
        #expect(try directory.defaultNetwork().file == place["05-blue.conf"])
    }

    @Test("R-2 a broken file is passed over with a warning that names it and the line")
    func brokenFile() throws {
        let place = Workplace()
        try place.write("01-cut.conflist", "{\n  \"name\": \"net\",\n  \"plugins\": [\n")
        try place.write(
            "02-bad.conflist", "{\n  \"name\": \"net\",\n\n  \"disableCheck\": \"maybe\",\n  \"plugins\": []\n}\n")
        try place.write("03-list.conflist", "[]")
        try place.write("04-net.conflist", #"{"name":"net","plugins":[{"type":"good"}]}"#)
        try place.write("05-later.conflist", "{")
        let found = try ConfigurationDirectory(place.path).network("net")
        #expect(found.list.plugins.map(\.type) == ["good"])
        #expect(found.warnings.count == 3)
        #expect(found.warnings[0].contains("\(place["01-cut.conflist"]), line 4"), "\(found.warnings[0])")
        #expect(found.warnings[1].contains("\(place["02-bad.conflist"]), line 4"), "\(found.warnings[1])")
        #expect(found.warnings[2].contains("\(place["03-list.conflist"]), line 1"))
    }

    @Test("R-2 a network that is not there is an error with the networks that are")
    func unknownName() throws {
        let place = Workplace()
        try place.write("10-red.conflist", #"{"name":"red","plugins":[{"type":"r"}]}"#)
        let error = try #require(try thrown { try ConfigurationDirectory(place.path).network("green") })
        #expect(error.code == 7)
        for part in ["green", place.path, "\"red\""] { #expect(error.message.contains(part)) }
        #expect(try thrown { try ConfigurationDirectory("/nonexistent").network("green") }?.code == 7)
        #expect(try thrown { try ConfigurationDirectory("/nonexistent").defaultNetwork() }?.code == 7)
    }

    @Test("R-3 the plugins of the network's directory follow in the order of their file names")
    func directoryPlugins() throws {
        let place = Workplace()
        try place.write("net.conflist", #"{"name":"net","plugins":[{"type":"a"}]}"#)
        try place.write("net/20-c.conf", #"{"type":"c"}"#)
        try place.write("net/10-b.conf", #"{"type":"b"}"#)
        try place.write("net/30-d.conflist", #"{"type":"d"}"#)
        let list = try ConfigurationDirectory(place.path).network("net").list
        #expect(list.plugins.map(\.type) == ["a", "b", "c"])
        #expect(try NetworkConfigurationList(decoding: list.bytes).plugins == list.plugins)
        #expect(try ConfigurationDirectory.network(inFile: place["net.conflist"]).list.plugins.count == 3)

        try place.write("net.conflist", #"{"name":"net","loadOnlyInlinedPlugins":true,"plugins":[{"type":"a"}]}"#)
        #expect(try ConfigurationDirectory(place.path).network("net").list.plugins.map(\.type) == ["a"])
    }

    @Test("R-3 a network with no plugin at all is refused, one that has them in its directory alone is not")
    func noPlugins() throws {
        let place = Workplace()
        try place.write("net.conflist", #"{"name":"net"}"#)
        let error = try #require(try thrown { try ConfigurationDirectory(place.path).network("net") })
        #expect(error.code == 7 && error.message.contains(place["net.conflist"]))
        try place.write("net/10-b.conf", #"{"type":"b"}"#)
        #expect(try ConfigurationDirectory(place.path).network("net").list.plugins.map(\.type) == ["b"])
    }

    @Test("R-3 a broken file in the network's directory is an error: it may be the firewall")
    func brokenPlugin() throws {
        let place = Workplace()
        try place.write("net.conflist", #"{"name":"net","plugins":[{"type":"a"}]}"#)
        try place.write("net/10-b.conf", "{\n\"type\": 7}")
        let error = try #require(try thrown { try ConfigurationDirectory(place.path).network("net") })
        #expect(
            error.code == 7 && error.message.contains("\"type\": 7") && error.message.contains("10-b.conf"), "\(error)")
        try place.write("net/10-b.conf", "{\n\"type\" 7}")
        #expect(
            try thrown { try ConfigurationDirectory(place.path).network("net") }?.message.contains("line 2") == true)
    }

    @Test("R-4 a plugin gets its own keys, the list's name and version, and the capability arguments that it declares")
    func request() throws {
        let list = try list(
            #"""
            {"cniVersion":"1.0.0","name":"net","plugins":[{"type":"a","name":"other","cniVersion":"0.1.0","mtu":1400,
            "capabilities":{"portMappings":true,"ips":false,"mac":true}}]}
            """#)
        let capabilities: JSONObject = ["portMappings": [["hostPort": 80]], "ips": ["10.0.0.9"], "bandwidth": [:]]
        let request = try ChainRequest(list: list).attachment(
            list.plugins[0], capabilities: capabilities, previousResult: nil)
        #expect(
            JSON.object(request).text
                == #"{"type":"a","name":"net","cniVersion":"1.0.0","mtu":1400,"runtimeConfig":{"portMappings":[{"hostPort":80}]}}"#
        )
        let plain = try ChainRequest(list: list).attachment(list.plugins[0], capabilities: [:], previousResult: nil)
        #expect(plain["runtimeConfig"] == nil && plain["capabilities"] == nil && plain["prevResult"] == nil)
    }

    @Test("R-4 the previous result is in the list's version, and none of an attachment goes to STATUS and GC")
    func requestResults() throws {
        let list = try list(
            #"{"cniVersion":"0.4.0","name":"net","plugins":[{"type":"a","prevResult":{},"runtimeConfig":{"x":1}}]}"#)
        var result = CNIResult()
        result.ips = [.init(address: IPPrefix("10.0.0.2/24")!)]
        let request = try ChainRequest(list: list).attachment(
            list.plugins[0], capabilities: [:], previousResult: result)
        #expect(request["prevResult"] == ["cniVersion": "0.4.0", "ips": [["version": "4", "address": "10.0.0.2/24"]]])
        #expect(
            try ChainRequest(list: list).attachment(list.plugins[0], capabilities: [:], previousResult: nil)[
                "prevResult"] == nil)

        let status = ChainRequest(list: list).status(list.plugins[0])
        #expect(status["prevResult"] == nil && status["runtimeConfig"] == nil && status["name"] == "net")
        let collection = ChainRequest(list: list).collection(
            list.plugins[0], valid: [ValidAttachment(containerID: "box", interface: "eth0")])
        #expect(collection["cni.dev/valid-attachments"] == [["containerID": "box", "ifname": "eth0"]])
        #expect(collection["cni.dev/attachments"] == collection["cni.dev/valid-attachments"])
        #expect(collection["runtimeConfig"] == nil)
    }
}
