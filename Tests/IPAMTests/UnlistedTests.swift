import CNI
import Glibc
import JSON
import NetCore
import Testing

@testable import IPAM

@Suite("Leases that nobody touched since are not listed, and whoever touches them is noticed")
struct UnlistedTests {
    static let lease = "other\r\neth0"

    /// Whether an ADD would go by what the last operation recorded.
    static func isKnown(_ bench: Bench) throws -> Bool {
        let store = try LeaseStore(dataDirectory: bench.data.path, network: bench.network)
        return store.unchanged() != nil
    }

    /// Whether this kernel and file system tell one state of a directory from the next.
    static func tells(_ bench: Bench) -> Bool { DirectoryState(of: bench.directory) != nil }

    @Test("a change by somebody else is noticed, however soon it comes after an ADD or a DEL")
    func noticed() throws {
        let bench = try Bench(["subnet": "10.1.0.0/16"])
        try bench.add("first")
        for round in 0..<100 {
            let result = try bench.add("c\(round)")
            let (file, other) = ("\(bench.directory)/10.1.9.9", "\(bench.directory)/10.1.9.10")
            let (isDeleting, kind) = (round % 2 == 1, round % 4 / 2)
            if isDeleting { try bench.del("c\(round)", previous: result) }
            // At once: within one tick of the clock.
            if kind == 0 {
                try #require(close(open(file, O_WRONLY | O_CREAT | O_EXCL, 0o600)) == 0)
                try #require(try UnlistedTests.isKnown(bench) == false, "added, round \(round)")
                // Taken away again, so that the names are as before: the next operation reads, and knows again.
                unlink(file)
            } else {
                try #require(link("\(bench.directory)/last_reserved_ip.0", other) == 0 && unlink(other) == 0)
            }
            try #require(try UnlistedTests.isKnown(bench) == false, "changed and back, round \(round)")
            if isDeleting { try bench.add("c\(round)") }
        }
        try bench.add("last")
        #expect(try UnlistedTests.isKnown(bench) == UnlistedTests.tells(bench))
    }

    @Test("what berth did itself is known", arguments: ["/tmp", "/dev/shm"])
    func known(_ place: String) throws {
        let bench = try Bench(["subnet": "10.1.2.0/24"], in: place)
        for round in 0..<20 {
            let result = try bench.add("c\(round)")
            let tells = UnlistedTests.tells(bench)
            // The first makes the cursor's file after it looked.
            #expect(try UnlistedTests.isKnown(bench) == (tells && round > 0), "ADD \(round)")
            if round % 3 == 1 {
                try bench.del("c\(round)", previous: round % 2 == 0 ? result : nil)
                #expect(try UnlistedTests.isKnown(bench) == tells, "DEL \(round)")
            }
        }
        #expect(try bench.addresses("next") == ["10.1.2.22/24"])
    }

    @Test("a lease of another program's is the attachment's, and its address is not given")
    func foreign() throws {
        let bench = try Bench(["subnet": "10.1.2.0/24"])
        #expect(try bench.addresses("c1") == ["10.1.2.2/24"])
        try bench.write("10.1.2.3", UnlistedTests.lease)
        #expect(try bench.addresses("c2") == ["10.1.2.4/24"])
        try bench.write("10.1.2.9", "c3\r\neth0")
        #expect(try bench.refusal("c3").code == CNIErrorCode.addressInUse.rawValue)
        #expect(try bench.addresses("c4") == ["10.1.2.5/24"])
        #expect(try bench.refusal("c3").code == CNIErrorCode.addressInUse.rawValue)
        #expect(try bench.refusal("c4").code == CNIErrorCode.addressInUse.rawValue)
    }

    @Test("a DEL after somebody else's change does not hide it", arguments: [true, false])
    func deleted(_ tells: Bool) throws {
        let bench = try Bench(["subnet": "10.1.2.0/24"])
        let result = try bench.add("c1")
        try bench.add("c2")
        try bench.write("10.1.2.9", "c3\r\neth0")
        try bench.del("c1", previous: tells ? result : nil)
        #expect(try bench.refusal("c3").code == CNIErrorCode.addressInUse.rawValue)
        try bench.add("c4")
        #expect(try bench.refusal("c3").code == CNIErrorCode.addressInUse.rawValue)
        try bench.del("c3")
        #expect(try !bench.leases.contains("10.1.2.9"))
    }

    @Test("a change without the lock, after an operation looked, is not taken for its own")
    func withoutLock() throws {
        let bench = try Bench(["subnet": "10.1.2.0/24"])
        for container in ["c1", "c2"] { try bench.add(container) }
        let attachment = Attachment(network: "net", containerID: "c4", interface: try #require(LinkName("eth0")))
        do {
            let store = try LeaseStore(dataDirectory: bench.data.path, network: "net")
            let seen = store.unchanged()
            try #require((seen != nil) == UnlistedTests.tells(bench))
            try bench.write("10.1.2.9", "c3\r\neth0")
            let address = try #require(IPAddress("10.1.2.4"))
            try store.reserve([address], for: attachment, before: seen?.fingerprint, plainState: seen?.state)
            #expect(store.unchanged() == nil)
        }
        #expect(try bench.refusal("c3").code == CNIErrorCode.addressInUse.rawValue)
        #expect(try bench.refusal("c4").code == CNIErrorCode.addressInUse.rawValue)
    }

    @Test("an address that is written another way is not given, and such a directory is listed")
    func spelling() throws {
        let bench = try Bench(["subnet": "fd00:1::/64"])
        #expect(try bench.addresses("c1") == ["fd00:1::2/64"])
        try bench.write("FD00:1:0::3", UnlistedTests.lease)
        #expect(try bench.addresses("c2") == ["fd00:1::4/64"])
        #expect(try UnlistedTests.isKnown(bench) == false)
        try Files.replace("\(bench.directory)/last_reserved_ip.0", with: Array("fd00:1::2".utf8))
        #expect(try bench.addresses("c3") == ["fd00:1::5/64"])
    }

    @Test("the search goes on past the addresses that it looks up one by one")
    func search() throws {
        let bench = try Bench(["subnet": "10.1.2.0/24"])
        for number in 0..<12 { try bench.add("c\(number)") }
        for _ in 0..<2 {
            // In place, as an ADD writes it: the directory is as before.
            let file = try OwnedDescriptor(open: "\(bench.directory)/last_reserved_ip.0", O_WRONLY | O_TRUNC)
            try Files.write(Array("10.1.2.2".utf8), to: file.number, operation: "write the cursor")
            #expect(try UnlistedTests.isKnown(bench) == UnlistedTests.tells(bench))
            #expect(try bench.addresses("more") == ["10.1.2.14/24"])
            try bench.del("more")
        }
    }

    @Test("from which release on a kernel has such times")
    func releases() {
        for (release, isRecent) in [
            ("6.13.0", true), ("6.13", true), ("6.13-rc1", true), ("6.18.44-x", true), ("7.0.1", true), ("10.1", true),
            ("6.12.90", false), ("6.9.1", false), ("5.15.0-91-generic", false), ("6", false), ("", false),
            ("x.y", false),
            ("6.99999999999999999999", true),
        ] {
            #expect(DirectoryState.isRecent(release) == isRecent, "\(release)")
        }
    }
}
