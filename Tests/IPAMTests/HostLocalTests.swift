import CNI
import Glibc
import JSON
import NetCore
import Testing

@testable import IPAM

@Suite struct HostLocalTests {
    static let dualStack: JSONObject = [
        "ranges": [[["subnet": "10.1.2.0/24"]], [["subnet": "fd00:1::/64"]]],
        "routes": [["dst": "0.0.0.0/0"], ["dst": "::/0", "gw": "fd00:1::1", "mtu": 1400, "x": true]],
    ]

    @Test("R-6 a forced DEL keeps the lease while rules may still lead to its address")
    func quarantine() throws {
        let bench = try Bench(HostLocalTests.dualStack)
        let held = try bench.add()
        try HostLocal().del(try bench.request(.del, environment: ["BERTH_KEEP_LEASE": "1"]))
        try bench.check(previous: held)
        try bench.del()
        #expect(throws: CNIError.self) { try bench.check(previous: held) }
    }

    @Test("the lease that is told beforehand is the one that ADD gives, and telling takes nothing")
    func told() throws {
        let bench = try Bench(HostLocalTests.dualStack)
        for name in ["one", "two", "three"] {
            let before = try? Files.names(in: bench.directory).sorted()
            let told = try HostLocal.assumedLease(try bench.request(.add, name), onHost: true)
            #expect((try? Files.names(in: bench.directory).sorted()) == before)
            let given = try bench.add(name)
            #expect(told.ips == given.ips && told.routes == given.routes)
            // The search goes on behind it, though it is free again.
            if name == "two" { try bench.del(name) }
        }
        let taken = try #require(IPAddress("10.1.2.2"))
        #expect(try HostLocal.assumedLease(try bench.request(.add), wanted: [taken], onHost: true).ips.count == 2)
    }

    @Test("P-62 ADD answers addresses, gateways, routes and dns, and no interfaces", arguments: SpecVersion.allCases)
    func result(_ version: SpecVersion) throws {
        var bench = try Bench(HostLocalTests.dualStack)
        bench.version = version.rawValue
        try Files.replace(
            "\(bench.data.path)/resolv",
            with: Array(
                "# x\n; y\nnameserver 192.0.2.1\n nameserver\t192.0.2.2 rest\ndomain a.test\nsearch b.test c.test\n"
                    .utf8)
                + Array("options ndots:2 edns0\nsearch d.test\nnameserver\nsortlist 1.2.3.4\nsearch e.test".utf8))
        bench.ipam["resolvConf"] = .string("\(bench.data.path)/resolv")
        let result = try bench.add()
        #expect(result.interfaces.isEmpty)
        #expect(
            result.ips.map { "\($0.address) \($0.gateway!) \($0.interface as Int?)" } == [
                "10.1.2.2/24 10.1.2.1 nil", "fd00:1::2/64 fd00:1::1 nil",
            ])
        #expect(
            result.routes.map { "\($0.destination) \($0.gateway as IPAddress?) \($0.mtu as Int?) \($0.extra)" } == [
                "0.0.0.0/0 nil nil {}", "::/0 Optional(fd00:1::1) Optional(1400) {\"x\":true}",
            ])
        #expect(result.dns.nameservers == ["192.0.2.1", "192.0.2.2"])
        #expect(result.dns.domain == "a.test")
        #expect(result.dns.search == ["b.test", "c.test", "d.test", "e.test"])
        #expect(result.dns.options == ["ndots:2", "edns0"])
        let json = try result.json(version: version)
        #expect(json["interfaces"] == nil)
        #expect(json["cniVersion"] == .string(version.rawValue))
        #expect(json[version < .v0_3_0 ? "ip4" : "ips"] != nil)
    }

    @Test("A resolvConf that is not there is named, and nothing is taken")
    func missingResolvConf() throws {
        let bench = try Bench(["subnet": "10.1.2.0/24", "resolvConf": "/nonexistent/resolv"])
        let error = try bench.refusal()
        #expect(error.code == 5)
        #expect(error.message.contains("/nonexistent/resolv") && error.message.contains("ENOENT"))
        #expect(try bench.leases.isEmpty)
    }

    @Test("Addresses go round: a released one comes last")
    func roundRobin() throws {
        let bench = try Bench(["subnet": "10.1.2.0/29"])
        #expect(try bench.addresses("c1") == ["10.1.2.2/29"])
        try bench.del("c1")
        #expect(try bench.addresses("c2") == ["10.1.2.3/29"])
        #expect(try bench.addresses("c3") == ["10.1.2.4/29"])
        try bench.del("c2")
        #expect(try bench.addresses("c4") == ["10.1.2.5/29"])
        #expect(try bench.addresses("c5") == ["10.1.2.6/29"])
        #expect(try bench.addresses("c6") == ["10.1.2.2/29"])
        #expect(try bench.addresses("c7") == ["10.1.2.3/29"])
    }

    @Test("A full set is code 102 with the reference's sentence, and its use in the details")
    func exhausted() throws {
        let bench = try Bench(["ranges": [[["subnet": "10.9.0.0/24"]], [["subnet": "10.1.2.0/30"]]]])
        #expect(try bench.addresses("c1") == ["10.9.0.2/24", "10.1.2.2/30"])
        let error = try bench.refusal("c2")
        #expect(
            error.message == "failed to allocate for range 1: no IP addresses available in range set: 10.1.2.1-10.1.2.2"
        )
        #expect(error.code == CNIErrorCode.poolExhausted.rawValue)
        #expect(error.details == #"{"set":1,"range":"10.1.2.1-10.1.2.2","used":1,"total":1}"#)
        #expect(try bench.leases == ["10.1.2.2", "10.9.0.2"], "I-2 nothing of the first set stays taken")
    }

    @Test("A requested address that is taken is code 101, the gateway code 7")
    func refusedRequests() throws {
        let bench = try Bench()
        try bench.add("c1", arguments: "IP=10.1.2.50")
        let taken = try bench.refusal("c2", arguments: "IP=10.1.2.50")
        #expect(
            taken.message
                == "failed to allocate for range 0: requested IP address 10.1.2.50 is not available in range set "
                + "10.1.2.1-10.1.2.254")
        #expect(taken.code == CNIErrorCode.addressInUse.rawValue)
        let gateway = try bench.refusal("c2", arguments: "IP=10.1.2.1")
        #expect(gateway.message == "failed to allocate for range 0: requested ip 10.1.2.1 is subnet's gateway")
        #expect(gateway.code == 7)
        #expect(try bench.addresses("c3") == ["10.1.2.51/24"], "the requested address moved the cursor")
    }

    @Test(
        "P-40 a second ADD of an attachment is refused and the first keeps its addresses",
        arguments: ["", "IP=10.1.2.77"])
    func duplicate(_ arguments: String) throws {
        let bench = try Bench(HostLocalTests.dualStack)
        let first = try bench.add("c1")
        let before = try bench.leases
        let error = try bench.refusal("c1", arguments: arguments)
        #expect(
            error.message
                == "failed to allocate for range 0: 10.1.2.2 has been allocated to c1, duplicate allocation is not allowed"
        )
        #expect(error.code == CNIErrorCode.addressInUse.rawValue)
        #expect(try bench.leases == before)
        try bench.check("c1", previous: first)
    }

    @Test("One container has an address for each of its interfaces, and DEL of one leaves the other")
    func interfaces() throws {
        let bench = try Bench()
        #expect(try bench.addresses("c1", "eth0") == ["10.1.2.2/24"])
        #expect(try bench.addresses("c1", "eth1") == ["10.1.2.3/24"])
        try bench.del("c1", "eth0")
        #expect(try bench.leases == ["10.1.2.3"])
    }

    @Test("A lease outside today's ranges does not stand in the way, and DEL releases both")
    func editedRanges() throws {
        var bench = try Bench()
        try bench.add("c1")
        bench.ipam = ["subnet": "10.7.0.0/24"]
        #expect(try bench.addresses("c1") == ["10.7.0.2/24"])
        #expect(try bench.leases == ["10.1.2.2", "10.7.0.2"])
        try bench.del("c1")
        #expect(try bench.leases.isEmpty)
        #expect(try bench.links.isEmpty)
    }

    @Test("P-50 DEL of what is not there succeeds, again and again, and makes nothing")
    func absent() throws {
        let bench = try Bench()
        try bench.del("c1")
        #expect(try bench.names(bench.data.path).isEmpty)
        try bench.add("c1")
        try bench.del("c1")
        try bench.del("c1")
        #expect(try bench.leases.isEmpty)
        #expect(try bench.links.isEmpty)
    }

    @Test("P-51 DEL needs no prevResult, and takes a right, a wrong or a partial one", arguments: 0...3)
    func previousResults(_ kind: Int) throws {
        let bench = try Bench(HostLocalTests.dualStack)
        let other = try bench.add("other")
        var previous = try bench.add("c1")
        switch kind {
        case 0: try bench.del("c1")
        case 1: previous.ips.removeLast()
        case 2: previous = other
        default: break
        }
        try bench.del("c1", previous: previous)
        #expect(try bench.leases == ["10.1.2.2", "fd00:1::2"], "the other container's stay")
        #expect(try bench.links.count == 1)
    }

    @Test("P-51 DEL works with ranges that are no longer valid")
    func brokenRanges() throws {
        var bench = try Bench()
        try bench.add("c1")
        bench.ipam = ["ranges": [[["subnet": "10.1.2.3/24", "rangeStart": "x"]]]]
        try bench.del("c1")
        #expect(try bench.leases.isEmpty)
    }

    @Test("Networks of one data directory do not see each other's leases")
    func networks() throws {
        var bench = try Bench()
        try bench.add("c1")
        bench.network = "other"
        #expect(try bench.addresses("c1") == ["10.1.2.2/24"])
        try bench.del("c1")
        bench.network = "net"
        #expect(try bench.leases == ["10.1.2.2"])
    }
}
