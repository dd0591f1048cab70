import NetCore
import Testing

@testable import IPAM

@Suite struct AllocatorTests {
    typealias R = AddressRangeTests

    static func addresses(_ texts: [String]) -> Set<IPAddress> { Set(texts.compactMap { IPAddress($0) }) }

    @Test(
        "The next address is the first free one after the cursor",
        arguments: [
            // subnet, cursor, taken, next
            ("10.0.0.0/29", nil, [], "10.0.0.2/29"),
            ("10.0.0.0/29", nil, ["10.0.0.2"], "10.0.0.3/29"),
            ("10.0.0.0/29", "10.0.0.2", [], "10.0.0.3/29"),
            ("10.0.0.0/29", "10.0.0.5", [], "10.0.0.6/29"),
            ("10.0.0.0/29", "10.0.0.6", [], "10.0.0.2/29"),
            ("10.0.0.0/29", "10.0.0.4", ["10.0.0.5", "10.0.0.6", "10.0.0.2"], "10.0.0.3/29"),
            // The last one given is tried last.
            ("10.0.0.0/29", "10.0.0.4", ["10.0.0.2", "10.0.0.3", "10.0.0.5", "10.0.0.6"], "10.0.0.4/29"),
            // A cursor that is not in the set counts as none.
            ("10.0.0.0/29", "192.0.2.7", [], "10.0.0.2/29"),
            ("10.0.0.0/29", "fd00::3", [], "10.0.0.2/29"),
            // A cursor on the gateway, as another configuration may have left it.
            ("10.0.0.0/29", "10.0.0.1", [], "10.0.0.2/29"),
            ("fd00::/64", nil, [], "fd00::2/64"),
            ("fd00::/64", "fd00::ffff", ["fd00::1:0"], "fd00::1:1/64"),
            ("fd00::/64", "fd00::ffff:ffff:ffff:ffff", [], "fd00::2/64"),
            ("::/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", [], "::2/0"),
            ("255.255.255.248/29", "255.255.255.254", [], "255.255.255.250/29"),
        ] as [(String, String?, [String], String)])
    func next(_ subnet: String, _ cursor: String?, _ taken: [String], _ expected: String) throws {
        let allocator = Allocator(try RangeSet([try R.range(subnet)]))
        let allocation = try allocator.next(
            after: cursor.flatMap { IPAddress($0) }, occupied: AllocatorTests.addresses(taken))
        #expect("\(allocation.address)" == expected)
    }

    @Test("Ranges of a set follow one another in their order and then begin anew")
    func ranges() throws {
        let allocator = Allocator(
            try RangeSet([
                try R.range("10.0.0.0/24", "10.0.0.10", "10.0.0.11"),
                try R.range("10.0.1.0/24", "10.0.1.5", "10.0.1.5"),
                try R.range("10.0.2.0/24", "10.0.2.1", "10.0.2.2"),
            ]))
        var cursor: IPAddress?
        var given: [String] = []
        for _ in 0..<6 {
            let allocation = try allocator.next(after: cursor, occupied: [])
            cursor = allocation.address.address
            given.append("\(allocation.address) by \(allocation.gateway)")
        }
        #expect(
            given == [
                "10.0.0.10/24 by 10.0.0.1", "10.0.0.11/24 by 10.0.0.1", "10.0.1.5/24 by 10.0.1.1",
                "10.0.2.2/24 by 10.0.2.1", "10.0.0.10/24 by 10.0.0.1", "10.0.0.11/24 by 10.0.0.1",
            ])
    }

    @Test("Every address of a set is given once before any comes again")
    func wholeRound() throws {
        let set = try RangeSet([
            try R.range("10.0.0.0/28"), try R.range("10.0.1.0/28", "10.0.1.3", "10.0.1.9", "10.0.1.5"),
        ])
        let allocator = Allocator(set)
        var taken: Set<IPAddress> = []
        var cursor = IPAddress("10.0.1.7")
        for _ in 0..<Int(set.capacity) {
            let address = try allocator.next(after: cursor, occupied: taken).address.address
            #expect(taken.insert(address).inserted)
            cursor = address
        }
        #expect(taken.count == 13 + 6)
        #expect(!taken.contains(try #require(IPAddress("10.0.0.1"))))
        #expect(!taken.contains(try #require(IPAddress("10.0.1.5"))))
        #expect(throws: Allocator.Refusal.exhausted(set)) { try allocator.next(after: cursor, occupied: taken) }
    }

    @Test("A set whose only address is its gateway has none to give")
    func gatewayOnly() throws {
        let set = try RangeSet([try R.range("10.0.0.0/24", "10.0.0.1", "10.0.0.1")])
        #expect(set.capacity == 0)
        #expect(throws: Allocator.Refusal.exhausted(set)) { try Allocator(set).next(after: nil, occupied: []) }
    }

    @Test("An address that was asked for is given with its subnet's length and gateway")
    func requested() throws {
        let set = try RangeSet([try R.range("10.0.0.0/24", "10.0.0.10", "10.0.0.19"), try R.range("10.0.1.0/25")])
        let wish = try #require(IPAddress("10.0.1.77"))
        let allocation = try Allocator(set).allocation(of: wish, occupied: [])
        #expect("\(allocation.address) by \(allocation.gateway)" == "10.0.1.77/25 by 10.0.1.1")
    }

    @Test(
        "An address that cannot be had is refused with the reference's sentence",
        arguments: [
            ("10.0.0.1", "requested ip 10.0.0.1 is subnet's gateway"),
            ("10.0.0.5", "requested IP address 10.0.0.5 is not available in range set 10.0.0.1-10.0.0.254"),
            ("10.0.0.255", "10.0.0.255 not in range set 10.0.0.1-10.0.0.254"),
            ("fd00::1", "fd00::1 not in range set 10.0.0.1-10.0.0.254"),
        ])
    func refused(_ wish: String, _ sentence: String) throws {
        let allocator = Allocator(try RangeSet([try R.range("10.0.0.0/24")]))
        let wish = try #require(IPAddress(wish))
        let refusal = try #require(throws: Allocator.Refusal.self) {
            try allocator.allocation(of: wish, occupied: AllocatorTests.addresses(["10.0.0.5"]))
        }
        #expect(refusal.description == sentence)
    }

    @Test("A full range of 2^64 addresses behind a few leases is not walked through")
    func hugeRange() throws {
        let set = try RangeSet([try R.range("fd00::/64", nil, nil, "fd00::4")])
        let taken = AllocatorTests.addresses((1...3).map { "fd00::\($0)" })
        let allocation = try Allocator(set).next(after: IPAddress("fd00::ffff:ffff:ffff:ffff"), occupied: taken)
        #expect("\(allocation.address)" == "fd00::5/64")
    }
}
