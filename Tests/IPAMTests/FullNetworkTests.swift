import CNI
import Glibc
import JSON
import NetCore
import Testing

@testable import IPAM

/// A /20 with 4,000 leases (I-9).
@Suite struct FullNetworkTests {
    static func address(_ number: Int) -> String { "10.4.\(number / 256).\(number % 256)" }

    /// 10.4.0.2 and on hold `content`; with `isIndexed` as berth would have made them for containers f0, f1, ….
    static func fill(_ bench: Bench, isIndexed: Bool, content: (Int) -> String) throws {
        let index = "\(bench.data.path)/.berth/net"
        try Files.makeDirectories(bench.directory)
        try Files.makeDirectories(index)
        for number in 0..<4000 {
            let path = "\(bench.directory)/\(address(number + 2))"
            let file = try OwnedDescriptor(open: path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
            try Files.write(Array(content(number).utf8), to: file.number, operation: "fill")
            guard isIndexed else { continue }
            let name = LeaseIndex.name(of: .attachment(containerID: "f\(number)", interface: "eth0"))
            try #require(link(path, "\(index)/\(name)") == 0)
        }
    }

    static func bench() throws -> Bench { try Bench(["subnet": "10.4.0.0/20"]) }

    /// Every lease says that it is c1's: an ADD that read one would refuse c1.
    @Test("I-9 an ADD opens no lease that it knows by its link")
    func opensNothing() throws {
        let bench = try FullNetworkTests.bench()
        try FullNetworkTests.fill(bench, isIndexed: true) { _ in "c1\r\neth0" }
        #expect(try bench.addresses("c1") == ["10.4.15.162/20"])
        #expect(try bench.leases.count == 4001)
    }

    @Test("4,000 leases of another program are read, and linked a few hundred at a time")
    func foreign() throws {
        let bench = try FullNetworkTests.bench()
        try FullNetworkTests.fill(bench, isIndexed: false) { "f\($0)\r\neth0" }
        let error = try bench.refusal("f3999")
        #expect(error.message.contains("10.4.15.161 has been allocated to f3999"))
        #expect(try bench.links.count == LeaseIndex.upkeep)
        #expect(try bench.addresses("c1") == ["10.4.15.162/20"])
        #expect(try bench.links.count == 2 * LeaseIndex.upkeep + 1)
    }

    @Test("The last free addresses of a /20 are found, and then there is none")
    func lastOnes() throws {
        let bench = try FullNetworkTests.bench()
        try FullNetworkTests.fill(bench, isIndexed: true) { "f\($0)\r\neth0" }
        try bench.write("last_reserved_ip.0", "10.4.15.161")
        for number in 4002..<4095 { try bench.write(FullNetworkTests.address(number), "x\(number)\r\neth0") }
        let error = try bench.refusal("c1")
        #expect(error.details == #"{"set":0,"range":"10.4.0.1-10.4.15.254","used":4093,"total":4093}"#)
        try bench.del("f77")
        #expect(try bench.addresses("c1") == ["10.4.0.79/20"])
    }

    @Test("Links whose leases another program removed are cleared away a few hundred at a time")
    func stale() throws {
        let bench = try FullNetworkTests.bench()
        try FullNetworkTests.fill(bench, isIndexed: true) { "f\($0)\r\neth0" }
        for number in 0..<4000 { try Files.remove("\(bench.directory)/\(FullNetworkTests.address(number + 2))") }
        try bench.add("c1")
        #expect(try bench.links.count == 4000 - LeaseIndex.upkeep + 1)
        try bench.gc([["containerID": "c1", "ifname": "eth0"]])
        #expect(try bench.links.count == 1)
    }
}
