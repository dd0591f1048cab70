import CNI
import JSON
import NetCore
import Testing

@Suite struct ConfigurationObjectTests {
    let object = ConfigurationObject(
        [
            "yes": true, "no": false, "text": "t", "empty": "", "null": nil, "number": 7, "fraction": 1.5,
            "address": "10.0.0.1", "prefix": "10.0.0.0/8", "mac": "c2:11:22:33:44:55", "strings": ["a", ""],
            "object": ["inner": ["deep": 1]], "objects": [["a": 1], ["b": "x"]], "lists": [[["subnet": "x"]], []],
            "huge": .integer(.max), "long": .string(String(repeating: "é", count: 1000)),
        ], path: "ipam")

    @Test("values are read as what they are")
    func values() throws {
        #expect(try object.bool("yes") && !object.bool("no") && !object.bool("absent"))
        #expect(try object.bool("absent", default: true) && object.bool("null", default: true))
        #expect(try object.string("text") == "t")
        #expect(try object.string("empty") == nil && object.string("null") == nil && object.string("absent") == nil)
        #expect(try object.integer("number", in: 0...7) == 7 && object.integer("absent", in: 0...7) == nil)
        #expect(try object.integer("huge", in: 0...Int.max) == Int.max)
        #expect(try object.address("address") == IPAddress("10.0.0.1"))
        #expect(try object.prefix("prefix") == IPPrefix("10.0.0.0/8"))
        #expect(try object.mac("mac") == MACAddress("c2:11:22:33:44:55"))
        #expect(try object.strings("strings") == ["a", ""] && object.strings("absent") == nil)
        #expect(try object.object("object")?.object("inner")?.path == "ipam.object.inner")
        #expect(try object.objects("objects")?.map(\.path) == ["ipam.objects[0]", "ipam.objects[1]"])
        #expect(try object.objectLists("lists")?.map { $0.map(\.path) } == [["ipam.lists[0][0]"], []])
        #expect(object.has("no") && object.has("empty") && !object.has("null") && !object.has("absent"))
        #expect(object.value("null") == nil && object.value("number") == 7)
    }

    @Test("what does not fit is code 7 with path and value")
    func mismatches() {
        func message(_ body: () throws(CNIError) -> some Any) -> String {
            do throws(CNIError) {
                return "no error but \(try body())"
            } catch {
                return error.code == 7 ? error.message : "code \(error.code)"
            }
        }
        #expect(
            message { () throws(CNIError) in try object.bool("number") } == "\"ipam.number\": 7 is not true or false")
        #expect(
            message { () throws(CNIError) in try object.bool("text") } == "\"ipam.text\": \"t\" is not true or false")
        #expect(message { () throws(CNIError) in try object.string("yes") } == "\"ipam.yes\": true is not a string")
        for key in ["number", "fraction", "text", "huge", "yes"] {
            let text = object.json[key]!.text
            #expect(
                message { () throws(CNIError) in try object.integer(key, in: 68...1500) }
                    == "\"ipam.\(key)\": \(text) is not an integer from 68 to 1500")
        }
        #expect(message { () throws(CNIError) in try object.object("text") } == "\"ipam.text\": \"t\" is not an object")
        #expect(
            message { () throws(CNIError) in try object.objects("strings") }
                == "\"ipam.strings[0]\": \"a\" is not an object")
        #expect(
            message { () throws(CNIError) in try object.objects("text") }
                == "\"ipam.text\": \"t\" is not an array of objects")
        #expect(
            message { () throws(CNIError) in try object.objectLists("objects") }
                == "\"ipam.objects[0]\": {\"a\":1} is not an array of objects")
        #expect(
            message { () throws(CNIError) in try object.strings("objects") }
                == "\"ipam.objects[0]\": {\"a\":1} is not a string")
        #expect(
            message { () throws(CNIError) in try object.address("text") } == "\"ipam.text\": \"t\" is not an IP address"
        )
        #expect(
            message { () throws(CNIError) in try object.prefix("address") }
                == "\"ipam.address\": \"10.0.0.1\" is not an IP address with a prefix length")
        #expect(
            message { () throws(CNIError) in try object.mac("text") }.hasPrefix("\"ipam.text\": \"t\" is not a MAC"))
        #expect(
            message { () throws(CNIError) in try object.objects("objects")![1].integer("b", in: 0...1) }
                == "\"ipam.objects[1].b\": \"x\" is not an integer from 0 to 1")
        #expect(message { () throws(CNIError) in try object.address("long") }.utf8.count < 500)
    }

    @Test("a configuration's routes are read as a result's are, and refused with code 7")
    func routes() throws {
        let good = ConfigurationObject(["dst": "10.0.0.0/8", "gw": "10.0.0.1", "mtu": 1400, "table": 0, "x": 1])
        let route = try CNIResult.RouteConfiguration(good)
        #expect(route.destination == IPPrefix("10.0.0.0/8") && route.gateway == IPAddress("10.0.0.1"))
        #expect(route.mtu == 1400 && route.table == 0 && route.scope == nil && route.extra == ["x": 1])
        let bad = ConfigurationObject(["dst": "10.0.0.0"], path: "ipam.routes[1]")
        let error = #expect(throws: CNIError.self) { try CNIResult.RouteConfiguration(bad) }
        #expect(error?.code == 7)
        #expect(
            error?.message == "\"ipam.routes[1].dst\": \"10.0.0.0\" is not an IP address with a prefix length")
    }

    @Test("sentences of a plugin's own carry key and value, P-16 code 2 for what cannot be")
    func sentences() {
        #expect(object.error("number", "is odd").message == "\"ipam.number\": 7 is odd")
        #expect(object.error("absent", "is missing").message == "\"ipam.absent\" is missing")
        #expect(object.error("number", "is odd").code == 7)
        let unsupported = ConfigurationObject(["vlan": 5]).unsupported("vlan", "is not supported")
        #expect(unsupported.code == 2)
        #expect(unsupported.message == "\"vlan\": 5 is not supported")
    }
}
