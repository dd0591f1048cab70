import CNI
import Glibc
import JSON
import NetCore
import Testing

@testable import IPAM

@Suite struct HousekeepingTests {
    static func details(_ error: CNIError?) throws -> JSON {
        try JSON(parsing: Array(try #require(error?.details).utf8))
    }

    // MARK: - CHECK

    @Test("P-54 CHECK passes after ADD, and needs a prevResult")
    func check() throws {
        let bench = try Bench(HostLocalTests.dualStack)
        let result = try bench.add("c1")
        try bench.check("c1", previous: result)
        let error = #expect(throws: CNIError.self) { try bench.check("c1", previous: nil) }
        #expect(error?.code == 7)
        #expect(error?.message.contains("prevResult") == true)
    }

    @Test("P-54 an address that a later plugin added is no difference")
    func additions() throws {
        let bench = try Bench()
        var result = try bench.add("c1")
        result.ips.append(.init(address: try #require(IPPrefix("192.0.2.9/24"))))
        try bench.check("c1", previous: result)
    }

    @Test("CHECK of an attachment without a lease says so in the reference's words", arguments: [false, true])
    func nothingHeld(_ hasDirectory: Bool) throws {
        let bench = try Bench()
        var result = CNIResult()
        result.ips = [.init(address: try #require(IPPrefix("10.1.2.2/24")))]
        if hasDirectory { try bench.add("c2") }
        let error = #expect(throws: CNIError.self) { try bench.check("c1", previous: result) }
        #expect(error?.message == "host-local: Failed to find address added by container c1")
        #expect(error?.code == CNIErrorCode.driftFound.rawValue)
        #expect(
            try HousekeepingTests.details(error) == [
                [
                    "object": "lease 10.1.2.2", "expected": "c1/eth0",
                    "found": .string(hasDirectory ? "c2/eth0" : "nothing"),
                ]
            ])
    }

    @Test("I-5 P-55 CHECK names each lease that is not prevResult's")
    func drift() throws {
        let bench = try Bench(HostLocalTests.dualStack)
        let result = try bench.add("c1")
        try Files.remove("\(bench.directory)/10.1.2.2")
        try bench.write("10.1.2.2", "c9\r\neth0")
        try bench.write("10.1.2.40", "c1\r\neth0")
        let error = #expect(throws: CNIError.self) { try bench.check("c1", previous: result) }
        #expect(error?.code == CNIErrorCode.driftFound.rawValue)
        #expect(
            try HousekeepingTests.details(error) == [
                ["object": "lease 10.1.2.2", "expected": "c1/eth0", "found": "c9/eth0"],
                ["object": "lease 10.1.2.40", "expected": "nothing", "found": "c1/eth0"],
            ])
    }

    @Test("CHECK changes nothing, not even an index that wants clearing")
    func checkChangesNothing() throws {
        let bench = try Bench()
        let result = try bench.add("c1")
        try bench.add("c2")
        try Files.remove("\(bench.directory)/10.1.2.3")
        try bench.write("10.1.2.4", "c3\r\neth0")
        let before = try bench.links
        try bench.check("c1", previous: result)
        #expect(try bench.links == before)
    }

    // MARK: - STATUS

    @Test("P-56 STATUS passes while an address is left, and makes nothing")
    func status() throws {
        let bench = try Bench(["subnet": "10.1.2.0/29"])
        try bench.status()
        #expect(try bench.names(bench.data.path).isEmpty)
        for number in 1...4 { try bench.add("c\(number)") }
        let before = try bench.names(bench.directory)
        try bench.status()
        #expect(try bench.names(bench.directory) == before)
    }

    @Test("P-56 I-6 a full set is code 50 with set, range, used and total")
    func statusFull() throws {
        let bench = try Bench(["ranges": [[["subnet": "fd00::/64"]], [["subnet": "10.1.2.0/29"]]]])
        for number in 1...5 { try bench.add("c\(number)") }
        let error = #expect(throws: CNIError.self) { try bench.status() }
        #expect(error?.code == CNIErrorCode.notAvailable.rawValue)
        #expect(error?.message == "no IP addresses available in range set: 10.1.2.1-10.1.2.6")
        #expect(error?.details == #"[{"set":1,"range":"10.1.2.1-10.1.2.6","used":5,"total":5}]"#)
        try bench.del("c3")
        try bench.status()
    }

    @Test("P-56 STATUS of leases that have no lock file makes none")
    func statusWithoutLock() throws {
        let bench = try Bench()
        try bench.write("10.1.2.2", "c1\r\neth0")
        try bench.status()
        #expect(try bench.names(bench.directory) == ["10.1.2.2"])
    }

    @Test("P-56 a data directory that takes no files is code 50")
    func statusUnwritable() throws {
        var bench = try Bench()
        bench.ipam["dataDir"] = "/proc/version"
        let error = #expect(throws: CNIError.self) { try bench.status() }
        #expect(error?.code == CNIErrorCode.notAvailable.rawValue)
    }

    @Test("STATUS of a bad configuration is code 7; of one that leaves its ranges to the runtime, success")
    func statusConfiguration() throws {
        let error = #expect(throws: CNIError.self) { try Bench(["subnet": "10.1.2.3/24"]).status() }
        #expect(error?.code == 7)
        try Bench([:]).status()
        #expect(throws: CNIError.self) { try Bench(["ranges": []]).status() }
    }

    // MARK: - GC

    @Test("P-57 I-7 GC leaves what is valid and takes the rest of this network")
    func gc() throws {
        var bench = try Bench(HostLocalTests.dualStack)
        try bench.add("c1", "eth0")
        try bench.add("c1", "eth1")
        try bench.add("c2", "eth0")
        try bench.write("10.1.2.100", "c1")
        try bench.write("10.1.2.101", "c3")
        try bench.write("10.1.2.102", "c4\r\neth0")
        bench.network = "other"
        try bench.add("c9")
        bench.network = "net"
        try bench.gc([["containerID": "c1", "ifname": "eth0"], ["containerID": "c2", "ifname": "eth1"]])
        #expect(try bench.leases == ["10.1.2.100", "10.1.2.2", "fd00:1::2"])
        #expect(try bench.links.count == 1)
        bench.network = "other"
        #expect(try bench.leases.count == 2)
    }

    @Test("P-58 GC with an empty list takes everything of the network, without a list nothing")
    func gcLists() throws {
        let bench = try Bench()
        try bench.add("c1")
        let error = #expect(throws: CNIError.self) { try HostLocal().gc(try bench.request(.gc)) }
        #expect(error?.code == 7)
        #expect(try bench.leases == ["10.1.2.2"])
        try bench.gc([])
        #expect(try bench.leases.isEmpty)
        #expect(try bench.names(bench.directory) == ["last_reserved_ip.0", "lock"])
    }

    @Test("P-57 GC of a network that never was makes nothing")
    func gcNothing() throws {
        let bench = try Bench()
        try bench.gc([])
        #expect(try bench.names(bench.data.path).isEmpty)
    }

    @Test("I-4 GC takes empty and garbled leases when they are older than a minute")
    func gcUnreadable() throws {
        let bench = try Bench()
        for (name, content) in [("10.1.2.10", ""), ("10.1.2.11", "{"), ("10.1.2.12", ""), ("10.1.2.13", "{")] {
            try bench.write(name, content)
        }
        try bench.age("10.1.2.12", by: 61)
        try bench.age("10.1.2.13", by: 3600)
        try bench.gc([])
        #expect(try bench.leases == ["10.1.2.10", "10.1.2.11"])
    }

    @Test("GC goes on past a lease that cannot be removed, and reports it")
    func gcErrors() throws {
        let bench = try Bench()
        try bench.write("10.1.2.5", "c5\r\neth0")
        try bench.write("10.1.2.7", "c7\r\neth0")
        try #require(mkdir("\(bench.directory)/10.1.2.6", 0o755) == 0)
        try bench.age("10.1.2.6", by: 61)
        let error = #expect(throws: CNIError.self) { try bench.gc([]) }
        #expect(error?.message.contains("10.1.2.6") == true)
        #expect(try bench.leases == ["10.1.2.6"])
    }
}
