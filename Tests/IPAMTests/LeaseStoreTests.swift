import CNI
import Glibc
import JSON
import NetCore
import Testing

@testable import IPAM

@Suite struct LeaseStoreTests {
    /// Permission bits of a path.
    static func mode(_ path: String) throws -> String {
        var found = stat()
        try #require(stat(path, &found) == 0)
        return String(found.st_mode & 0o7777, radix: 8)
    }

    @Test("I-1 the disk is the reference's: names, bytes and modes")
    func format() throws {
        let bench = try Bench(HostLocalTests.dualStack)
        try bench.add("0a1b-c.d_e", "eth7")
        #expect(
            try bench.names(bench.directory)
                == ["10.1.2.2", "fd00:1::2", "last_reserved_ip.0", "last_reserved_ip.1", "lock"])
        for name in ["10.1.2.2", "fd00:1::2"] { #expect(try bench.read(name) == "0a1b-c.d_e\r\neth7") }
        #expect(try bench.read("last_reserved_ip.0") == "10.1.2.2")
        #expect(try bench.read("last_reserved_ip.1") == "fd00:1::2")
        #expect(try bench.read("lock") == "")
        #expect(try LeaseStoreTests.mode(bench.directory) == "755")
        #expect(try LeaseStoreTests.mode("\(bench.directory)/10.1.2.2") == "600")
        #expect(try LeaseStoreTests.mode("\(bench.directory)/last_reserved_ip.0") == "600")
        #expect(try LeaseStoreTests.mode("\(bench.directory)/lock") == "750")
        #expect(
            try bench.names(bench.data.path) == [".berth", "net"],
            "I-3 nothing but leases stands in the network's directory")
    }

    @Test("A listing tells of each address whether it is taken, at the first question as at the twentieth")
    func lookup() throws {
        let bench = try Bench(["subnet": "10.1.2.0/24"])
        for name in ["10.1.2.3", "10.1.2.7", "fd00::1"] { try bench.write(name, "c\r\neth0") }
        let isTaken = try LeaseListing(bench.directory).lookup()
        for _ in 0..<4 {
            for (address, expected) in [
                ("10.1.2.3", true), ("10.1.2.4", false), ("10.1.2.7", true), ("fd00::1", true), ("fd00::2", false),
            ] {
                #expect(isTaken(try #require(IPAddress(address))) == expected, "\(address)")
            }
        }
    }

    @Test("A listing reads the names that IPAddress reads, with their own spelling, and no others")
    func names() throws {
        let bench = try Bench(["subnet": "10.1.2.0/24"])
        let names = [
            "10.1.2.3", "0.0.0.0", "255.255.255.255", "10.1.2.10", "10.1.2.100", "fd00::1", "FD00:0:0::2",
            "::ffff:10.1.2.9",
            "10.1.2", "10.1.2.3.", "10.1.2.3.4", ".10.1.2.3", "10..2.3", "10.1.2.256", "10.1.2.03", "010.1.2.3",
            "00.1.2.3",
            "99999999999999999999.1.2.3", "10.1.2.3x", "10.1.2.-3", "1", "last_reserved_ip.0", "lock", "...", ".berth",
        ]
        for name in names { try bench.write(name, "c\r\neth0") }
        let listing = try LeaseListing(bench.directory)
        let expected = names.filter { IPAddress($0) != nil }
        #expect(expected.count >= 8)
        #expect(listing.files.map(\.name).sorted() == expected.sorted())
        var fingerprint = LeaseFingerprint()
        for file in listing.files {
            #expect(file.address == IPAddress(file.name), "\(file.name)")
            var found = stat()
            try #require(stat("\(bench.directory)/\(file.name)", &found) == 0)
            #expect(file.inode == UInt64(found.st_ino), "\(file.name)")
            fingerprint.toggle(file.address, inode: UInt64(found.st_ino))
        }
        #expect(listing.fingerprint == fingerprint)
    }

    @Test("A cursor that gets shorter leaves nothing of the longer one")
    func cursor() throws {
        let bench = try Bench(["subnet": "10.1.2.0/24"])
        try bench.write("last_reserved_ip.0", "10.1.2.254")
        #expect(try bench.addresses() == ["10.1.2.2/24"])
        #expect(try bench.read("last_reserved_ip.0") == "10.1.2.2")
    }

    @Test("An unreadable cursor costs the turn, no more", arguments: ["", "garbage", "fd00::1", "10.1.2.300"])
    func brokenCursor(_ content: String) throws {
        let bench = try Bench()
        try bench.write("last_reserved_ip.0", content)
        #expect(try bench.addresses() == ["10.1.2.2/24"])
    }

    @Test("I-4 empty and garbled leases are never handed out", arguments: ["", "\n", "{}", "a b", "c1\r\nno/name"])
    func garbled(_ content: String) throws {
        let bench = try Bench(["subnet": "10.1.2.0/29"])
        try bench.write("10.1.2.2", content)
        #expect(LeaseHolder(content: Array(content.utf8)) == .unreadable)
        #expect(try bench.addresses("c1") == ["10.1.2.3/29"])
        #expect(try bench.refusal("c2", arguments: "IP=10.1.2.2").code == CNIErrorCode.addressInUse.rawValue)
        try bench.del("c1")
        #expect(try bench.leases == ["10.1.2.2"])
    }

    @Test("White space around a lease's content is ignored, and a container ID alone is legacy")
    func holders() {
        #expect(
            LeaseHolder(content: Array(" c1\r\neth0\n".utf8)) == .attachment(containerID: "c1", interface: "eth0"))
        #expect(LeaseHolder(content: Array("c1\n".utf8)) == .container("c1"))
        #expect(LeaseHolder.attachment(containerID: "c1", interface: "eth0").content == Array("c1\r\neth0".utf8))
    }

    @Test("A legacy lease stops a second ADD of its container and is released when nothing names the attachment")
    func legacy() throws {
        let bench = try Bench()
        try bench.write("10.1.2.9", "c1")
        #expect(try bench.refusal("c1").message.contains("10.1.2.9 has been allocated to c1"))
        try bench.write("10.1.2.8", "c1\r\neth0")
        try bench.del("c1")
        #expect(try bench.leases == ["10.1.2.9"])
        try bench.del("c1")
        #expect(try bench.leases.isEmpty)
    }

    @Test("A lease that the index does not know is found in ADD and DEL, and linked for the next time")
    func foreign() throws {
        let bench = try Bench()
        try bench.write("10.1.2.2", "c1\r\neth0")
        try bench.write("10.1.2.3", "c1\r\neth0")
        #expect(try bench.refusal("c1").code == CNIErrorCode.addressInUse.rawValue)
        #expect(try bench.links.count == 2)
        #expect(try bench.refusal("c1").code == CNIErrorCode.addressInUse.rawValue, "known by its link")
        try bench.del("c1")
        #expect(try bench.leases.isEmpty)
        #expect(try bench.links.isEmpty)
    }

    @Test("A lease that another program removed and gave to somebody else is read again")
    func reused() throws {
        let bench = try Bench()
        try bench.add("c1")
        try Files.remove("\(bench.directory)/10.1.2.2")
        try bench.write("10.1.2.2", "c2\r\neth0")
        #expect(try bench.refusal("c2").message.contains("10.1.2.2 has been allocated to c2"))
        #expect(try bench.addresses("c1") == ["10.1.2.3/24"])
        try bench.del("c1")
        #expect(try bench.leases == ["10.1.2.2"])
        #expect(try bench.links.count == 1)
    }

    @Test("Without its index, or with a part of it, a network works on", arguments: [false, true])
    func lostIndex(_ isWhole: Bool) throws {
        let bench = try Bench()
        try bench.add("c1")
        try bench.add("c2")
        let index = "\(bench.data.path)/.berth/net"
        for link in try isWhole ? bench.links : [LeaseStoreTests.link("c1")] { try Files.remove("\(index)/\(link)") }
        if isWhole { try #require(rmdir(index) == 0) }
        for container in ["c1", "c2"] {
            #expect(try bench.refusal(container).code == CNIErrorCode.addressInUse.rawValue)
        }
        #expect(try bench.addresses("c3") == ["10.1.2.4/24"])
        for container in ["c1", "c2", "c3"] { try bench.del(container) }
        #expect(try bench.leases.isEmpty)
        #expect(try bench.links.isEmpty)
    }

    /// The name of an attachment's link in the index.
    static func link(_ container: String) -> String {
        LeaseIndex.name(of: .attachment(containerID: container, interface: "eth0"))
    }

    /// What a kill leaves after each step of an ADD of "c1" on two sets: cursors, the index's file empty, half written and
    /// whole, one lease, both.
    @Test(
        "I-3 after a kill between any two steps of ADD, ADD and DEL go on as if nothing had been", arguments: 0...6,
        [false, true])
    func killedAdd(_ step: Int, _ repeatsADD: Bool) throws {
        let bench = try Bench(HostLocalTests.dualStack)
        try bench.add("other")
        let link = "\(bench.data.path)/.berth/net/\(LeaseStoreTests.link("c1"))"
        if step > 0 { try bench.write("last_reserved_ip.0", "10.1.2.3") }
        if step > 1 { try bench.write("last_reserved_ip.1", "fd00:1::3") }
        if step > 2 { try Files.replace(link, with: Array((step == 3 ? "" : step == 4 ? "c1\r" : "c1\r\neth0").utf8)) }
        if step > 5 { try #require(Glibc.link(link, "\(bench.directory)/10.1.2.3") == 0) }
        if repeatsADD {
            if step == 6 {
                #expect(try bench.refusal("c1").code == CNIErrorCode.addressInUse.rawValue)
                try bench.del("c1")
            }
            let result = try bench.add("c1")
            #expect(result.ips.count == 2)
            for ip in result.ips { #expect(try bench.read("\(ip.address.address)") == "c1\r\neth0") }
            try bench.check("c1", previous: result)
        }
        try bench.del("c1")
        #expect(try bench.leases == ["10.1.2.2", "fd00:1::2"])
        #expect(try bench.links.count == 1)
    }

    @Test("After a kill between any two steps of DEL, DEL goes on", arguments: 1...2)
    func killedDel(_ step: Int) throws {
        let bench = try Bench(HostLocalTests.dualStack)
        let result = try bench.add("c1")
        for ip in result.ips.prefix(step) { try Files.remove("\(bench.directory)/\(ip.address.address)") }
        try bench.del("c1", previous: result)
        #expect(try bench.leases.isEmpty)
        #expect(try bench.links.isEmpty)
    }

    @Test("I-2 when one address cannot be taken the call gives back what it took")
    func reserveAll() throws {
        let bench = try Bench()
        try bench.write("10.1.2.9", "c9\r\neth0")
        let store = try LeaseStore(dataDirectory: bench.data.path, network: "net")
        let addresses = ["10.1.2.7", "10.1.2.8", "10.1.2.9"].compactMap { IPAddress($0) }
        let attachment = Attachment(network: "net", containerID: "c1", interface: try #require(LinkName("eth0")))
        let failures = #expect(throws: Failures.self) {
            try store.reserve(addresses, for: attachment, before: nil, plainState: nil)
        }
        #expect(failures?.all.map(\.errno) == [.alreadyExists])
        #expect(try bench.leases == ["10.1.2.9"])
        #expect(try bench.links.isEmpty)
    }

    @Test("A lock that is not let go is code 11, and a reader does not wait for a reader")
    func lock() throws {
        let bench = try Bench()
        let result = try bench.add("c1")
        guard let store = try LeaseStore.reading(dataDirectory: bench.data.path, network: "net") else {
            Issue.record("there is no store")
            return
        }
        try bench.status()
        try bench.check("c1", previous: result)
        #expect(try store.leases().map { "\($0.address) \($0.holder)" } == ["10.1.2.2 c1/eth0"])
        let error = #expect(throws: CNIError.self) {
            try answering { () throws(KernelError) in throw KernelError("lock x", .timedOut) }
        }
        #expect(error?.code == CNIErrorCode.tryAgainLater.rawValue)
    }
}
