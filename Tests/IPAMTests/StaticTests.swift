import CNI
import JSON
import NetCore
import Testing

@testable import IPAM

/// cni.md 2.4.
@Suite("static")
struct StaticTests {
    static let two: JSONObject = [
        "addresses": [
            ["address": "10.10.0.1/24", "gateway": "10.10.0.254"], ["address": "3ffe:ffff:0:1ff::1/64"],
        ]
    ]

    static func request(
        _ ipam: JSONObject?, _ command: Command = .add, extra: JSONObject = [:], arguments: String = "",
        version: SpecVersion = .latest, previous: CNIResult? = nil
    ) throws -> Request {
        var json: JSONObject = ["cniVersion": .string(version.rawValue), "name": "net", "type": "bridge"]
        if let ipam {
            var whole: JSONObject = ["type": "static"]
            whole.merge(ipam)
            json["ipam"] = .object(whole)
        }
        json.merge(extra)
        if let previous { json["prevResult"] = try previous.json(version: .latest) }
        return Request(
            command: command, containerID: "c1", netns: "/proc/1/ns/net", interface: LinkName("eth0"),
            arguments: try CNIArguments(arguments), configuration: try NetworkConfiguration(json),
            environment: Environment([:]))
    }

    /// "address gateway" of each that is given.
    static func given(_ ipam: JSONObject, extra: JSONObject = [:], arguments: String = "") throws -> [String] {
        try StaticAddresses().add(try request(ipam, extra: extra, arguments: arguments)).ips.map {
            "\($0.address) \($0.gateway.map { "\($0)" } ?? "-")"
        }
    }

    @Test("P-62 ADD answers addresses, gateways, routes and dns, and no interfaces", arguments: SpecVersion.allCases)
    func result(_ version: SpecVersion) throws {
        var ipam = StaticTests.two
        ipam["routes"] = [["dst": "0.0.0.0/0"], ["dst": "192.168.0.0/16", "gw": "10.10.5.1", "mtu": 1400]]
        ipam["dns"] = ["nameservers": ["8.8.8.8"], "domain": "example.com", "search": ["example.com"]]
        let result = try StaticAddresses().add(try StaticTests.request(ipam, version: version))
        #expect(result.interfaces.isEmpty)
        #expect(result.ips.map(\.address.description) == ["10.10.0.1/24", "3ffe:ffff:0:1ff::1/64"])
        #expect(result.ips.map(\.gateway) == [IPAddress("10.10.0.254"), nil])
        #expect(result.ips.allSatisfy { $0.interface == nil })
        #expect(
            result.routes.map { "\($0.destination) \($0.gateway as IPAddress?) \($0.mtu as Int?)" } == [
                "0.0.0.0/0 nil nil", "192.168.0.0/16 Optional(10.10.5.1) Optional(1400)",
            ])
        #expect(result.dns.nameservers == ["8.8.8.8"] && result.dns.domain == "example.com")
        let json = try result.json(version: version)
        if version < .v0_3_0 {
            #expect(json["ip4"]?["ip"] == "10.10.0.1/24" && json["ip4"]?["gateway"] == "10.10.0.254")
            #expect(json["ip6"]?["ip"] == "3ffe:ffff:0:1ff::1/64")
        } else {
            #expect(json["ips"]?.array?.count == 2)
        }
    }

    @Test("CNI_ARGS adds addresses and gives gateways; args.cni.ips and then runtimeConfig.ips take the place of all")
    func sources() throws {
        #expect(
            try StaticTests.given(StaticTests.two, arguments: "IP=10.11.0.1/24, fd00::5/64;GATEWAY=10.11.0.254,fd00::1")
                == [
                    "10.10.0.1/24 10.10.0.254", "3ffe:ffff:0:1ff::1/64 -", "10.11.0.1/24 10.11.0.254",
                    "fd00::5/64 fd00::1",
                ])
        // A gateway goes to the list's addresses too, and takes the place of theirs.
        #expect(
            try StaticTests.given(StaticTests.two, arguments: "GATEWAY=10.10.0.7")
                == ["10.10.0.1/24 10.10.0.7", "3ffe:ffff:0:1ff::1/64 -"])
        #expect(try StaticTests.given([:], arguments: "IP=10.11.0.1/24") == ["10.11.0.1/24 -"])
        let args: JSON = ["cni": ["ips": ["10.12.0.1/24", "fd00::6/64"]]]
        #expect(
            try StaticTests.given(StaticTests.two, extra: ["args": args], arguments: "IP=10.11.0.1/24")
                == ["10.12.0.1/24 -", "fd00::6/64 -"])
        let runtime: JSON = ["ips": ["10.13.0.1/24"]]
        #expect(
            try StaticTests.given(StaticTests.two, extra: ["args": args, "runtimeConfig": runtime])
                == ["10.13.0.1/24 -"])
        // P-8: what must be ignored is not judged either.
        #expect(
            try StaticTests.given([:], extra: ["runtimeConfig": runtime], arguments: "IP=x;GATEWAY=192.0.2.1")
                == ["10.13.0.1/24 -"])
        // Empty lists say nothing.
        #expect(
            try StaticTests.given(
                StaticTests.two, extra: ["args": ["cni": ["ips": []]], "runtimeConfig": ["ips": []]]
            ).count == 2)
    }

    struct Bad: Sendable, CustomStringConvertible {
        let ipam: JSONObject?
        var extra: JSONObject = [:]
        var arguments = ""
        var version = SpecVersion.latest
        let code: Int
        let words: [String]
        var description: String { words.joined(separator: " ") }
    }

    static func address(_ text: JSON) -> JSONObject { ["addresses": [["address": text]]] }

    static let all: [Bad] = [
        Bad(ipam: nil, code: 7, words: ["IPAM config missing 'ipam' key"]),
        Bad(ipam: [:], code: 7, words: ["no addresses", "ipam.addresses"]),
        Bad(ipam: address("10.10.0.1"), code: 7, words: ["\"ipam.addresses[0].address\": \"10.10.0.1\""]),
        Bad(ipam: address("10.10.0.1/33"), code: 7, words: ["\"ipam.addresses[0].address\": \"10.10.0.1/33\""]),
        Bad(ipam: address(""), code: 7, words: ["\"ipam.addresses[0].address\": \"\""]),
        Bad(ipam: address(7), code: 7, words: ["\"ipam.addresses[0].address\": 7"]),
        Bad(ipam: ["addresses": [["gateway": "10.0.0.1"]]], code: 7, words: ["ipam.addresses[0].address", "missing"]),
        Bad(ipam: ["addresses": "10.0.0.1/8"], code: 7, words: ["\"ipam.addresses\": \"10.0.0.1/8\""]),
        Bad(ipam: ["addresses": ["10.0.0.1/8"]], code: 7, words: ["\"ipam.addresses[0]\": \"10.0.0.1/8\""]),
        Bad(
            ipam: ["addresses": [["address": "10.0.0.1/8", "gateway": "x"]]], code: 7,
            words: ["\"ipam.addresses[0].gateway\": \"x\""]),
        Bad(
            ipam: ["addresses": [["address": "10.0.0.1/8", "gateway": "fd00::1"]]], code: 7,
            words: ["\"ipam.addresses[0].gateway\": \"fd00::1\"", "10.0.0.1/8"]),
        Bad(
            ipam: ["addresses": [["address": "10.0.0.1/8"], ["address": "10.0.0.1/24"]]], code: 7,
            words: ["\"ipam.addresses[1].address\": \"10.0.0.1/24\"", "twice"]),
        Bad(ipam: two.merging(["routes": [["gw": "10.0.0.1"]]]), code: 7, words: ["ipam.routes[0].dst"]),
        Bad(ipam: two.merging(["dns": ["8.8.8.8"]]), code: 7, words: ["\"ipam.dns\": [\"8.8.8.8\"]"]),
        Bad(ipam: two, arguments: "IP=10.0.0.1", code: 4, words: ["IP=10.0.0.1", "prefix length"]),
        Bad(ipam: two, arguments: "IP=10.10.0.1/24", code: 4, words: ["IP=10.10.0.1/24", "ipam.addresses"]),
        Bad(ipam: two, arguments: "GATEWAY=x", code: 4, words: ["GATEWAY=x"]),
        Bad(ipam: two, arguments: "GATEWAY=192.0.2.1", code: 4, words: ["GATEWAY=192.0.2.1", "10.10.0.1/24"]),
        Bad(ipam: two, arguments: "X=1", code: 4, words: ["X=1"]),
        Bad(
            ipam: two, extra: ["runtimeConfig": ["ips": ["10.0.0.1"]]], code: 7,
            words: ["runtimeConfig.ips", "\"10.0.0.1\"", "prefix length"]),
        Bad(
            ipam: two, extra: ["args": ["cni": ["ips": ["10.0.0.1/8", "10.0.0.1/8"]]]], code: 7,
            words: ["args.cni.ips", "10.0.0.1", "twice"]),
        Bad(
            ipam: ["addresses": [["address": "10.0.0.1/8"], ["address": "10.0.0.2/8"]]], version: .v0_2_0, code: 7,
            words: ["CNI version 0.2.0 does not support more than 1 address per family"]),
    ]

    @Test("2.4 a mistake is refused with key and value", arguments: all)
    func refused(_ bad: Bad) throws {
        let error = try #require(throws: CNIError.self) {
            try StaticAddresses().add(
                try StaticTests.request(
                    bad.ipam, extra: bad.extra, arguments: bad.arguments, version: bad.version))
        }
        #expect(error.code == bad.code, "\(error)")
        for word in bad.words { #expect(error.message.contains(word), "\(word) is not in: \(error.message)") }
    }

    @Test("P-54 CHECK finds each address with its length and gateway in prevResult, and tolerates others")
    func check() throws {
        func check(_ change: (inout CNIResult) -> Void) throws -> CNIError? {
            var result = try StaticAddresses().add(try StaticTests.request(StaticTests.two))
            change(&result)
            let request = try StaticTests.request(StaticTests.two, .check, previous: result)
            do throws(CNIError) {
                try StaticAddresses().check(request)
                return nil
            } catch {
                return error
            }
        }
        #expect(try check { _ in } == nil)
        #expect(try check { $0.ips.append(.init(address: IPPrefix("192.0.2.1/24")!)) } == nil)
        // An interface plugin tells a gateway where none was named.
        #expect(try check { $0.ips[1].gateway = IPAddress("3ffe:ffff:0:1ff::2") } == nil)
        let changes: [(String, (inout CNIResult) -> Void)] = [
            ("3ffe:ffff:0:1ff::1/64", { $0.ips.removeLast() }),
            ("10.10.0.1/16", { $0.ips[0].address = IPPrefix("10.10.0.1/16")! }),
            ("gateway 10.10.0.7", { $0.ips[0].gateway = IPAddress("10.10.0.7")! }),
            ("no gateway", { $0.ips[0].gateway = nil }),
        ]
        for (word, change) in changes {
            let error = try #require(try check(change))
            #expect(error.code == CNIErrorCode.driftFound.rawValue)
            let findings = try JSON(parsing: Array((error.details ?? "").utf8)).array ?? []
            #expect(findings.count == 1 && findings[0].text.contains(word), "\(error)")
            #expect(Set(findings.first?.object?.keys ?? []) == ["object", "expected", "found"])
        }
        let error = try #require(throws: CNIError.self) {
            try StaticAddresses().check(try StaticTests.request(StaticTests.two, .check))
        }
        #expect(error.code == 7 && error.message.contains("prevResult"))
    }

    @Test("P-50 P-56 DEL asks for nothing, STATUS for a configuration that ADD could take, GC for its list")
    func others() throws {
        let plugin = StaticAddresses()
        try plugin.del(try StaticTests.request(nil, .del))
        try plugin.status(try StaticTests.request([:], .status))
        #expect(throws: CNIError.self) { try plugin.status(try StaticTests.request(StaticTests.address("x"), .status)) }
        try plugin.gc(try StaticTests.request(nil, .gc, extra: ["cni.dev/valid-attachments": []]))
        let error = try #require(throws: CNIError.self) { try plugin.gc(try StaticTests.request([:], .gc)) }
        #expect(error.code == 7)
    }
}

extension JSONObject {
    fileprivate func merging(_ other: JSONObject) -> JSONObject {
        var merged = self
        merged.merge(other)
        return merged
    }
}
