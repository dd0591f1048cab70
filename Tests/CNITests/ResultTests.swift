import CNI
import Glibc
import JSON
import NetCore
import Testing

@Suite struct ResultTests {
    @Test("P-35 an ADD's result has the configuration's version and shape", arguments: SpecVersion.allCases)
    func version(_ version: SpecVersion) throws {
        let outcome = try run(ScriptedPlugin(), environment("ADD"), configuration(version.rawValue))
        #expect(outcome.exitCode == 0)
        #expect(outcome.json?["cniVersion"] == .string(version.rawValue))
        #expect(outcome.json == (try CNIResult.sample.json(version: version)))
        let isLegacy = outcome.json?["ip4"] != nil && outcome.json?["interfaces"] == nil
        #expect(isLegacy == (version < .v0_3_0))
    }

    /// The whole table of cni.md 1.5; `UPDATE_GOLDEN=1` writes it anew.
    @Test("every kind of result in every version's shape is as the golden text has it")
    func golden() throws {
        var text = ""
        for (name, result) in Samples.all {
            for version in SpecVersion.allCases {
                do throws(CNIError) {
                    text += "\(name) \(try result.json(version: version))\n"
                } catch {
                    text += "\(name) \(error.json(version: version))\n"
                }
            }
        }
        let path = Files.directory(of: Files.directory(of: #filePath)) + "/Golden/results.txt"
        if Environment.process["UPDATE_GOLDEN"] == "1" {
            try Files.makeDirectories(Files.directory(of: path))
            try Files.replace(path, with: Array(text.utf8), mode: 0o644)
        }
        #expect(String(decoding: try Files.read(path), as: UTF8.self) == text)
    }

    @Test("a result that a version can express is read back as it was", arguments: SpecVersion.allCases)
    func roundTrip(_ version: SpecVersion) throws {
        for (name, result) in Samples.all {
            if version < .v0_3_0, result.ips.isEmpty { continue }
            let text = try result.json(version: version)
            let again = try CNIResult(decoding: text, version: .v1_1_0)
            #expect(try again.json(version: version) == text, "\(name)")
            if version == .v1_1_0 { #expect(again == result, "\(name)") }
        }
    }

    @Test("a plugin in one process sees of a result what it would read of it", arguments: SpecVersion.allCases)
    func seen(_ version: SpecVersion) throws {
        var compared = 0
        for (name, result) in Samples.all {
            do throws(CNIError) {
                let read = try CNIResult(decoding: try result.json(version: version), version: version, path: "")
                #expect(try result.seen(in: version) == read, "\(name)")
                compared += 1
            } catch {
                #expect(throws: error) { try result.seen(in: version) }
            }
        }
        #expect(compared > 3)
    }

    @Test("0.1.0 and 0.2.0 carry the first address of a family, with the routes of the family")
    func legacy() throws {
        var result = CNIResult.sample
        result.ips.append(CNIResult.IPConfiguration(address: IPPrefix("10.2.0.5/16")!))
        for version in [SpecVersion.v0_1_0, .v0_2_0] {
            let json = try result.json(version: version)
            #expect(
                json["ip4"]?.text
                    == #"{"ip":"10.1.0.5/16","gateway":"10.1.0.1","#
                    + #""routes":[{"dst":"0.0.0.0/0","gw":"10.1.0.1"},{"dst":"192.168.0.0/24"}]}"#)
            #expect(
                json["ip6"]?.text == #"{"ip":"2001:db8::5/64","gateway":"2001:db8::1","routes":[{"dst":"::/0"}]}"#)
        }
    }

    @Test("0.1.0 and 0.2.0 without an address cannot be written")
    func noAddress() {
        for version in [SpecVersion.v0_1_0, .v0_2_0] {
            let error = #expect(throws: CNIError.self) { try CNIResult().json(version: version) }
            #expect(error?.message == "cannot convert: no valid IP addresses")
        }
    }

    @Test(
        "ips[].version is written before 1.0.0, and tolerated missing or wrong",
        arguments: [SpecVersion.v0_3_0, .v0_3_1, .v0_4_0, .v1_0_0, .v1_1_0])
    func familyVersion(_ version: SpecVersion) throws {
        let written = try CNIResult.sample.json(version: version)["ips"]?.array?.map { $0["version"]?.string }
        #expect(written == (version < .v1_0_0 ? ["4", "6"] : [nil, nil]))
        for value in [nil, "6", "", 4] as [JSON?] {
            var ip: JSONObject = ["address": "10.0.0.1/8"]
            ip["version"] = value
            let result = try CNIResult(decoding: ["ips": [.object(ip)]], version: version)
            #expect(result.ips == [CNIResult.IPConfiguration(address: IPPrefix("10.0.0.1/8")!)])
        }
    }

    @Test("an index that points at no interface is tolerated", arguments: [-1, 2, .min, .max] as [Int64])
    func danglingIndex(_ index: Int64) throws {
        let json: JSON = [
            "interfaces": [["name": "a"], ["name": "b"]],
            "ips": [["address": "10.0.0.1/8", "interface": .integer(index)]],
        ]
        #expect(try CNIResult(decoding: json, version: .v0_4_0).ips.first?.interface == nil)
    }

    @Test("1.1.0 alone carries mtu, socketPath, pciID and the routes' attributes; 0 is a table and a scope")
    func newFields() throws {
        for version in SpecVersion.allCases where version >= .v0_3_0 {
            let json = try CNIResult.sample.json(version: version)
            let container = json["interfaces"]?.array?[1]
            let route = json["routes"]?.array?[2]
            for key in ["mtu", "socketPath", "pciID"] { #expect((container?[key] != nil) == (version == .v1_1_0)) }
            for key in ["mtu", "advmss", "priority", "table", "scope"] {
                #expect((route?[key] != nil) == (version == .v1_1_0))
            }
        }
        let routes = try CNIResult(
            decoding: ["routes": [["dst": "::/0", "table": 0, "scope": 0, "mtu": 0, "priority": 0], ["dst": "::/0"]]],
            version: .v1_1_0
        ).routes
        #expect(routes[0].table == 0 && routes[0].scope == 0 && routes[0].mtu == nil && routes[0].priority == nil)
        #expect(routes[1].table == nil && routes[1].scope == nil)
    }

    @Test("empty DNS is left out, a part of it is not filled up")
    func dns() throws {
        #expect(try CNIResult().json(version: .v1_1_0).text == #"{"cniVersion":"1.1.0"}"#)
        var result = CNIResult()
        result.dns.search = ["a.example"]
        #expect(try result.json(version: .v1_0_0).text == #"{"cniVersion":"1.0.0","dns":{"search":["a.example"]}}"#)
        #expect(try CNIResult(decoding: ["dns": [:]], version: .v1_0_0).dns.isEmpty)
    }

    @Test("P-31 a previous result is passed on with every key that nobody here knows")
    func passThrough() throws {
        let previous: JSON = [
            "cniVersion": "1.1.0",
            "interfaces": [["name": "eth0", "sandbox": "/run/netns/a", "later": ["x": 1.50]]],
            "ips": [["interface": 0, "address": "10.1.0.5/16", "gateway": "10.1.0.1", "valid": true]],
            "routes": [["dst": "0.0.0.0/0", "onlink": true]],
            "dns": ["nameservers": ["10.1.0.1"], "port": 53],
            "example.com/more": [nil, "é"],
        ]
        let configuration = try decode(configuration("1.1.0", ["prevResult": previous]))
        #expect(try configuration.previousResult?.json(version: .v1_1_0) == previous)
        let outcome = try run(
            ScriptedPlugin(result: configuration.previousResult!), environment("ADD"), configuration.json.description)
        #expect(outcome.output == previous.text + "\n")
    }

    @Test("P-31 a previous result of another version is read by its own and answered in the configuration's")
    func otherVersion() throws {
        let previous: JSON = ["cniVersion": "0.2.0", "ip4": ["ip": "10.0.0.2/8"], "dns": [:]]
        let configuration = try decode(configuration("1.0.0", ["prevResult": previous]))
        #expect(
            try configuration.previousResult?.json(version: configuration.version).text
                == #"{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.2/8"}]}"#)
    }

    @Test("keys of another version's shape are not passed on as unknown ones")
    func otherShape() throws {
        let old = try CNIResult(
            decoding: ["cniVersion": "0.1.0", "ip4": ["ip": "10.0.0.2/8"], "interfaces": [["name": 7]], "later": 1],
            version: .v1_1_0)
        #expect(
            try old.json(version: .v1_1_0).text
                == #"{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.2/8"}],"later":1}"#)
        let new = try CNIResult(decoding: ["ips": [["address": "10.0.0.2/8"]], "ip6": 7], version: .v1_1_0)
        #expect(try new.json(version: .v0_2_0).text == #"{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.2/8"}}"#)
    }

    @Test("P-36 the sandbox is kept to the letter for the container's side and left out for the host's")
    func sandbox() throws {
        let json = try CNIResult.sample.json(version: .v1_1_0)
        #expect(json["interfaces"]?.array?.map { $0["sandbox"]?.string } == [nil, "/var/run/netns/blue"])
        let empty = try CNIResult(
            decoding: ["interfaces": [["name": "h", "sandbox": "", "mac": ""]]], version: .v1_0_0)
        #expect(empty.interfaces == [CNIResult.Interface(name: "h")])
    }

    @Test("P-37 mtu, pciID and socketPath of a previous result are passed on")
    func deviceFields() throws {
        let text = #"{"name":"eth0","mtu":9000,"socketPath":"/run/v.sock","pciID":"0000:00:1f.6"}"#
        let result = try CNIResult(decoding: ["interfaces": [parsed(text)!]], version: .v1_1_0)
        #expect(result.interfaces.first?.mtu == 9000)
        #expect(try result.json(version: .v1_1_0)["interfaces"]?.array?.first?.text == text)
    }

    @Test("P-62 a result of address management has no interfaces and needs no version", arguments: SpecVersion.allCases)
    func addressManagement(_ version: SpecVersion) throws {
        let json: JSON =
            version < .v0_3_0
            ? ["ip4": ["ip": "10.1.0.5/16", "gateway": "10.1.0.1", "routes": [["dst": "0.0.0.0/0"]]]]
            : ["ips": [["address": "10.1.0.5/16", "gateway": "10.1.0.1"]], "routes": [["dst": "0.0.0.0/0"]]]
        let result = try CNIResult(decoding: json, version: version)
        #expect(result.interfaces.isEmpty && result.ips.count == 1 && result.ips[0].interface == nil)
        #expect(result.ips[0].gateway == IPAddress("10.1.0.1") && result.routes.count == 1)
        let written = try result.json(version: version)
        #expect(written["interfaces"] == nil && written["ips"]?.array?[0]["interface"] == nil)
    }

    @Test(
        "what does not fit is code 6 with its place and value",
        arguments: [
            (#"[]"#, "the result is an array, not an object"),
            (#"{"ips":{}}"#, #""ips": {} is not an array of objects"#),
            (#"{"ips":[{}]}"#, #""ips[0].address" is missing"#),
            (
                #"{"ips":[{"address":"10.0.0.1"}]}"#,
                #""ips[0].address": "10.0.0.1" is not an IP address with a prefix length"#
            ),
            (#"{"ips":[{"address":"10.0.0.1/8","gateway":"x"}]}"#, #""ips[0].gateway": "x" is not an IP address"#),
            (#"{"interfaces":[{"name":1}]}"#, #""interfaces[0].name": 1 is not a string"#),
            (#"{"interfaces":[{"mtu":-1}]}"#, #""interfaces[0].mtu": -1 is not an integer from 0 to 4294967295"#),
            (#"{"routes":[{"gw":"10.0.0.1"}]}"#, #""routes[0].dst" is missing"#),
            (#"{"routes":[{"dst":"::/0","scope":256}]}"#, #""routes[0].scope": 256 is not an integer from 0 to 255"#),
            (#"{"dns":{"search":"x"}}"#, #""dns.search": "x" is not an array of strings"#),
            (#"{"cniVersion":"0.2.0","ip4":{}}"#, #""ip4.ip" is missing"#),
        ])
    func refused(_ text: String, _ message: String) {
        let error = #expect(throws: CNIError.self) { try CNIResult(decoding: parsed(text)!, version: .v1_1_0) }
        #expect(error?.code == 6)
        #expect(error?.message == message)
    }

    @Test("a result of a version that nobody here speaks is code 1")
    func unknownVersion() {
        let error = #expect(throws: CNIError.self) {
            try CNIResult(decoding: ["cniVersion": "2.0.0"], version: .v1_1_0)
        }
        #expect(error?.code == 1)
        #expect(error?.message == #""cniVersion": "2.0.0" is unknown"#)
    }
}

/// One result for each thing that the versions' shapes differ in.
enum Samples {
    static var all: [(String, CNIResult)] {
        let v4 = CNIResult.IPConfiguration(address: IPPrefix("10.1.0.5/16")!, gateway: IPAddress("10.1.0.1")!)
        let v6 = CNIResult.IPConfiguration(address: IPPrefix("2001:db8::5/64")!)
        let link = CNIResult.Interface(name: "eth0", mac: "c2:11:22:33:44:55", sandbox: "/run/netns/a")
        var result = CNIResult()
        var all = [("empty", result)]
        result.interfaces = [link]
        all.append(("link", result))
        result.ips = [v4]
        all.append(("v4", result))
        result.ips = [v6]
        all.append(("v6", result))
        result.ips = [v4, v6]
        result.ips[0].interface = 0
        all.append(("dual", result))
        result.routes = CNIResult.sample.routes
        all.append(("routes", result))
        result.routes = []
        result.dns = CNIResult.sample.dns
        all.append(("dns", result))
        result.interfaces[0].mtu = 1400
        all.append(("mtu", result))
        all.append(("everything", .sample))
        return all
    }
}
