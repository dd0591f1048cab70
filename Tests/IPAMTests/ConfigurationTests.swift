import CNI
import JSON
import NetCore
import Testing

@testable import IPAM

/// Messages as the reference host-local writes them; each was seen in its answers.
@Suite struct ConfigurationTests {
    @Test(
        "A range that cannot be used is code 7, names its set, and its details hold key and value",
        arguments: [
            (
                ["ranges": [[["subnet": "10.0.0.0/31"]]]],
                "invalid range set 0: Network 10.0.0.0/31 too small to allocate from",
                "\"ipam.ranges[0][0].subnet\": \"10.0.0.0/31\" is refused"
            ),
            (
                ["ranges": [[["subnet": "10.0.0.0/24"]], [["subnet": "fd00::7/64"]]]],
                "invalid range set 1: Network has host bits set. "
                    + "For a subnet mask of length 64 the network address is fd00::",
                "\"ipam.ranges[1][0].subnet\": \"fd00::7/64\" is refused"
            ),
            (
                ["subnet": "10.0.0.0/24", "rangeStart": "10.1.0.1"],
                "invalid range set 0: RangeStart 10.1.0.1 not in network 10.0.0.0/24",
                "\"ipam.rangeStart\": \"10.1.0.1\" is refused"
            ),
            (
                ["subnet": "10.0.0.0/24", "rangeEnd": "10.0.0.255"],
                "invalid range set 0: RangeEnd 10.0.0.255 is the broadcast address of 10.0.0.0/24; "
                    + "the last to give is 10.0.0.254",
                "\"ipam.rangeEnd\": \"10.0.0.255\" is refused"
            ),
            (
                ["ranges": [[["subnet": "10.0.0.0/24", "gateway": "10.1.0.1"]]]],
                "invalid range set 0: gateway 10.1.0.1 not in network 10.0.0.0/24",
                "\"ipam.ranges[0][0].gateway\": \"10.1.0.1\" is refused"
            ),
            (["ranges": [[]]], "invalid range set 0: empty range set", nil),
            (
                ["ranges": [[["subnet": "10.0.0.0/24"], ["subnet": "fd00::/64"]]]],
                "invalid range set 0: mixed address families", nil
            ),
            (["ranges": []], "no IP ranges specified", nil),
            (["routes": []], "no IP ranges specified", nil),
        ] as [(JSONObject, String, String?)])
    func ranges(_ ipam: JSONObject, _ message: String, _ details: String?) throws {
        let bench = try Bench(ipam)
        let error = try bench.refusal()
        #expect(error.message == message)
        #expect(error.details == details)
        #expect(error.code == CNIErrorCode.invalidConfiguration.rawValue)
        #expect(try bench.names(bench.data.path).isEmpty, "a refused configuration makes nothing")
    }

    @Test("Sets that overlap are refused by their numbers")
    func overlap() throws {
        let error = try Bench([
            "subnet": "10.0.0.0/16", "ranges": [[["subnet": "fd00::/64"]], [["subnet": "10.0.3.0/24"]]],
        ])
        .refusal()
        #expect(error.message == "range set 0 overlaps with 2")
        #expect(error.code == 7)
    }

    @Test(
        "A value of the wrong kind is named with its key",
        arguments: [
            (["ranges": [["10.0.0.0/24"]]], "ipam.ranges[0][0]"),
            (["ranges": [["subnet": "10.0.0.0/24"]]], "ipam.ranges[0]"),
            (["ranges": [[[:]]]], "ipam.ranges[0][0].subnet"),
            (["ranges": [[["subnet": "10.0.0.0"]]]], "ipam.ranges[0][0].subnet"),
            (["ranges": [[["subnet": "10.0.0.0/24", "rangeStart": "ten"]]]], "ipam.ranges[0][0].rangeStart"),
            (["subnet": "10.0.0.0/24", "gateway": 1], "ipam.gateway"),
            (["subnet": "10.0.0.0/24", "dataDir": []], "ipam.dataDir"),
            (["subnet": "10.0.0.0/24", "resolvConf": true], "ipam.resolvConf"),
            (["subnet": "10.0.0.0/24", "routes": [["dst": "everywhere"]]], "ipam.routes[0].dst"),
            (["subnet": "10.0.0.0/24", "routes": ["0.0.0.0/0"]], "ipam.routes[0]"),
        ] as [(JSONObject, String)])
    func kinds(_ ipam: JSONObject, _ place: String) throws {
        let error = try Bench(ipam).refusal()
        #expect(error.code == 7)
        #expect(error.message.contains("\"\(place)\""))
    }

    @Test("A configuration without ipam is told so")
    func noIPAM() throws {
        var bench = try Bench()
        bench.extra["ipam"] = .null
        #expect(try bench.refusal().message == "IPAM config missing 'ipam' key")
    }

    @Test("Before 0.3.0 there is room for one address of a family", arguments: ["0.1.0", "0.2.0"])
    func oldVersions(_ version: String) throws {
        var bench = try Bench(["ranges": [[["subnet": "10.0.0.0/24"]], [["subnet": "10.0.1.0/24"]]]])
        bench.version = version
        #expect(try bench.refusal().message == "CNI version \(version) does not support more than 1 address per family")
        bench.ipam = ["ranges": [[["subnet": "10.0.0.0/24"]], [["subnet": "fd00::/64"]]]]
        #expect(try bench.addresses() == ["10.0.0.2/24", "fd00::2/64"])
    }

    @Test("Ranges of the runtime come first, then the single range, then the list's")
    func order() throws {
        var bench = try Bench(["subnet": "10.0.1.0/24", "ranges": [[["subnet": "10.0.2.0/24"]]]])
        bench.extra = ["runtimeConfig": ["ipRanges": [[["subnet": "10.0.0.0/24", "rangeStart": "10.0.0.9"]]]]]
        #expect(try bench.addresses() == ["10.0.0.9/24", "10.0.1.2/24", "10.0.2.2/24"])
        #expect(try bench.read("last_reserved_ip.2") == "10.0.2.2")
    }

    @Test("Requested addresses of all three sources are merged")
    func requested() throws {
        var bench = try Bench(
            ["ranges": [[["subnet": "10.0.0.0/24"]], [["subnet": "10.0.1.0/24"]], [["subnet": "fd00::/64"]]]])
        bench.extra = [
            "args": ["cni": ["ips": ["10.0.1.51/24", "10.0.0.50"]]], "runtimeConfig": ["ips": ["fd00::52/64"]],
        ]
        #expect(
            try bench.addresses(arguments: "IP=10.0.0.50;IgnoreUnknown=1;K8S_POD_NAME=p")
                == ["10.0.0.50/24", "10.0.1.51/24", "fd00::52/64"])
    }

    @Test("A requested address in no set is refused by the reference's sentence, and nothing is taken")
    func leftover() throws {
        var bench = try Bench()
        bench.extra = ["runtimeConfig": ["ips": ["10.9.0.1", "10.1.2.50"]]]
        let error = try bench.refusal()
        #expect(error.message == "failed to allocate all requested IPs: 10.9.0.1")
        #expect(error.code == 7)
        #expect(try bench.leases.isEmpty)
        bench.extra = ["runtimeConfig": ["ips": ["10.1.2.50", "10.1.2.51"]]]
        #expect(try bench.refusal().message == "failed to allocate all requested IPs: 10.1.2.51")
        #expect(try bench.leases.isEmpty)
    }

    @Test(
        "What was asked for and is no address is named",
        arguments: [
            (["args": ["cni": ["ips": ["ten"]]]], "", "args.cni.ips", 7),
            (["runtimeConfig": ["ips": ["10.0.0.1/33"]]], "", "runtimeConfig.ips", 7),
            (["runtimeConfig": ["ips": "10.0.0.1"]], "", "runtimeConfig.ips", 7),
            ([:], "IP=ten", "IP=ten", 4),
        ] as [(JSONObject, String, String, Int)])
    func badRequests(_ extra: JSONObject, _ arguments: String, _ words: String, _ code: Int) throws {
        var bench = try Bench()
        bench.extra = extra
        let error = try bench.refusal(arguments: arguments)
        #expect(error.message.contains(words))
        #expect(error.code == code)
    }

    @Test("P-8 arguments for other plugins of the chain pass, unknown ones need IgnoreUnknown")
    func arguments() throws {
        let bench = try Bench()
        try bench.add("c1", arguments: "GATEWAY=10.1.2.1;MAC=c2:11:22:33:44:55")
        #expect(
            try bench.refusal("c2", arguments: "K8S_POD_NAME=p").message == "ARGS: unknown args [\"K8S_POD_NAME=p\"]")
        try bench.add("c2", arguments: "K8S_POD_NAME=p;IgnoreUnknown=true")
    }
}
