import CNI
import JSON
import NetCore
import Testing

@testable import IPAM

/// The reference host-local and ours on one directory (I-1). Its Debian package must be installed.
@Suite struct ReferenceTests {
    @Test("I-1 both allocate from one directory in turn, in one order, and each sees the other's leases")
    func alternate() throws {
        let reference = try ReferenceHostLocal()
        let bench = try Bench(["ranges": [[["subnet": "10.1.2.0/28"]], [["subnet": "fd00:1::/64"]]]])
        for number in 1...12 {
            let expected = ["10.1.2.\(number + 1)/28", "fd00:1::\(String(number + 1, radix: 16))/64"]
            let given =
                number % 3 == 0
                ? try reference.run(.add, on: bench, "c\(number)").addresses() : try bench.addresses("c\(number)")
            #expect(given == expected)
        }
        #expect(try bench.read("last_reserved_ip.0") == "10.1.2.13")
        #expect(try bench.read("10.1.2.4") == "c3\r\neth0")
        #expect(try bench.read("10.1.2.5") == "c4\r\neth0")
    }

    @Test("I-1 each refuses a second ADD of an attachment that the other made")
    func duplicates() throws {
        let reference = try ReferenceHostLocal()
        let bench = try Bench(HostLocalTests.dualStack)
        try bench.add("ours")
        _ = try reference.run(.add, on: bench, "theirs").addresses()
        let sentence = { (address: String, container: String) in
            "failed to allocate for range 0: \(address) has been allocated to \(container), "
                + "duplicate allocation is not allowed"
        }
        #expect(try reference.run(.add, on: bench, "ours").message() == sentence("10.1.2.2", "ours"))
        #expect(try bench.refusal("theirs").message == sentence("10.1.2.3", "theirs"))
    }

    @Test("I-1 each checks and releases what the other made")
    func releases() throws {
        let reference = try ReferenceHostLocal()
        let bench = try Bench(HostLocalTests.dualStack)
        try bench.add("ours")
        let theirs = try reference.run(.add, on: bench, "theirs")
        #expect(try reference.run(.check, on: bench, "ours").code == 0)
        let result = try CNIResult(decoding: try JSON(parsing: Array(theirs.output.utf8)), version: .v1_0_0)
        try bench.check("theirs", previous: result)
        #expect(try reference.run(.del, on: bench, "ours").code == 0)
        try bench.del("theirs", previous: result)
        #expect(try bench.leases.isEmpty)
        try bench.add("again")
        #expect(try bench.links.count == 1, "links to what the reference released are cleared away")
    }

    @Test("I-1 an address that one was asked for is taken for the other")
    func requests() throws {
        let reference = try ReferenceHostLocal()
        let bench = try Bench()
        let wish = "IP=10.1.2.50;IgnoreUnknown=1"
        #expect(try bench.addresses("c1", arguments: wish) == ["10.1.2.50/24"])
        let refused = try reference.run(.add, on: bench, "c2", arguments: wish).message()
        #expect(try bench.refusal("c3", arguments: wish).message == refused)
        #expect(try reference.run(.add, on: bench, "c2").addresses() == ["10.1.2.51/24"])
    }

    @Test("I-7 GC takes the reference's leases too")
    func collects() throws {
        let reference = try ReferenceHostLocal()
        let bench = try Bench()
        for number in 1...4 { _ = try reference.run(.add, on: bench, "c\(number)").addresses() }
        try bench.gc([["containerID": "c2", "ifname": "eth0"]])
        #expect(try bench.leases == ["10.1.2.3"])
    }

    @Test(
        "A refused configuration has the reference's sentence",
        arguments: [
            ["ranges": [[["subnet": "10.0.0.0/31"]]]],
            ["ranges": [[["subnet": "10.0.0.5/24"]]]],
            ["ranges": [[["subnet": "10.0.0.0/24", "rangeStart": "10.1.0.1"]]]],
            ["ranges": [[["subnet": "10.0.0.0/24", "rangeEnd": "10.1.0.1"]]]],
            ["ranges": [[["subnet": "10.0.0.0/24"], ["subnet": "10.0.0.0/25"]]]],
            ["ranges": [[["subnet": "10.0.0.0/24"], ["subnet": "fd00::/64"]]]],
            ["ranges": [[["subnet": "10.0.0.0/24"]], [["subnet": "fd00::/64"]], [["subnet": "10.0.0.128/25"]]]],
            ["ranges": [[]]], ["ranges": []], [:],
        ] as [JSONObject])
    func sentences(_ ipam: JSONObject) throws {
        let reference = try ReferenceHostLocal()
        let bench = try Bench(ipam)
        let theirs = try reference.run(.add, on: bench, "c1")
        #expect(theirs.code != 0)
        #expect(try bench.refusal("c1").message == theirs.message())
    }

    @Test("Both full at the same address say so in the same words")
    func exhausted() throws {
        let reference = try ReferenceHostLocal()
        let bench = try Bench(["subnet": "10.1.2.0/29", "rangeStart": "10.1.2.3"])
        for number in 1...4 { try bench.add("c\(number)") }
        let theirs = try reference.run(.add, on: bench, "c9").message()
        #expect(try bench.refusal("c9").message == theirs)
    }
}
