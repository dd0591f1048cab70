import NetCore
import Testing

@testable import IPAM

@Suite struct AddressRangeTests {
    static func range(
        _ subnet: String, _ start: String? = nil, _ end: String? = nil, _ gateway: String? = nil
    ) throws -> AddressRange {
        try AddressRange(
            subnet: try #require(IPPrefix(subnet)), start: start.flatMap { IPAddress($0) },
            end: end.flatMap { IPAddress($0) }, gateway: gateway.flatMap { IPAddress($0) })
    }

    @Test(
        "A subnet's defaults are gateway .1, start .1, and the end before the broadcast address",
        arguments: [
            ("192.0.2.0/24", "192.0.2.1-192.0.2.254", "192.0.2.1", 253),
            ("10.1.0.0/16", "10.1.0.1-10.1.255.254", "10.1.0.1", 65533),
            ("192.0.2.4/30", "192.0.2.5-192.0.2.6", "192.0.2.5", 1),
            ("2001:db8::/120", "2001:db8::1-2001:db8::ff", "2001:db8::1", 254),
            ("2001:db8:1::/126", "2001:db8:1::1-2001:db8:1::3", "2001:db8:1::1", 2),
        ])
    func defaults(_ subnet: String, _ expected: String, _ gateway: String, _ capacity: Int) throws {
        let range = try AddressRangeTests.range(subnet)
        #expect("\(range)" == expected)
        #expect("\(range.gateway)" == gateway)
        #expect(range.capacity == UInt128(capacity))
    }

    @Test("A gateway outside the range costs no address")
    func outsideGateway() throws {
        #expect(try AddressRangeTests.range("10.0.0.0/24", "10.0.0.10", "10.0.0.19").capacity == 10)
        #expect(try AddressRangeTests.range("10.0.0.0/24", "10.0.0.10", "10.0.0.19", "10.0.0.15").capacity == 9)
    }

    @Test("The whole of IPv6 is counted without overflow")
    func everything() throws {
        let range = try AddressRangeTests.range("::/0")
        #expect(range.capacity == UInt128.max - 1)
        #expect("\(range)" == "::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
    }

    @Test(
        "What cannot be a range is refused with the reference's sentence",
        arguments: [
            (["10.0.0.0/31"], "Network 10.0.0.0/31 too small to allocate from"),
            (["10.0.0.0/32"], "Network 10.0.0.0/32 too small to allocate from"),
            (["fd00::/127"], "Network fd00::/127 too small to allocate from"),
            (
                ["10.0.0.5/24"],
                "Network has host bits set. For a subnet mask of length 24 the network address is 10.0.0.0"
            ),
            (
                ["fd00::1/64"],
                "Network has host bits set. For a subnet mask of length 64 the network address is fd00::"
            ),
            (["10.0.0.0/24", "10.1.0.1"], "RangeStart 10.1.0.1 not in network 10.0.0.0/24"),
            (["10.0.0.0/24", "fd00::1"], "RangeStart fd00::1 not in network 10.0.0.0/24"),
            (["10.0.0.0/24", "", "10.1.0.1"], "RangeEnd 10.1.0.1 not in network 10.0.0.0/24"),
            (["10.0.0.0/24", "", "", "10.1.0.1"], "gateway 10.1.0.1 not in network 10.0.0.0/24"),
            (["10.0.0.0/24", "10.0.0.9", "10.0.0.3"], "RangeStart 10.0.0.9 comes after RangeEnd 10.0.0.3"),
        ])
    func refusals(_ texts: [String], _ sentence: String) throws {
        let part = { (index: Int) in texts.indices.contains(index) ? texts[index] : nil }
        let error = try #require(throws: RangeError.self) {
            try AddressRangeTests.range(texts[0], part(1), part(2), part(3))
        }
        #expect(error.sentence == sentence)
    }

    @Test(
        "I-10 a range that starts or ends at the network's or the broadcast address is refused",
        arguments: [
            ("10.0.0.0/24", "10.0.0.0", nil, "rangeStart", "is the network address"),
            ("10.0.0.0/24", nil, "10.0.0.0", "rangeEnd", "is the network address"),
            ("10.0.0.0/24", "10.0.0.255", nil, "rangeStart", "is the broadcast address"),
            ("10.0.0.0/24", nil, "10.0.0.255", "rangeEnd", "is the broadcast address"),
            ("fd00::/64", "fd00::", nil, "rangeStart", "is the network address"),
        ] as [(String, String?, String?, String, String)])
    func ends(_ subnet: String, _ start: String?, _ end: String?, _ key: String, _ words: String) throws {
        let error = try #require(throws: RangeError.self) { try AddressRangeTests.range(subnet, start, end) }
        #expect(error.key == key)
        #expect(error.sentence.contains(words))
    }

    @Test("IPv6 has no broadcast address: the last one may end a range")
    func lastOfIPv6() throws {
        #expect("\(try AddressRangeTests.range("fd00::/120", nil, "fd00::ff"))" == "fd00::1-fd00::ff")
    }

    @Test("A set is refused when it is empty, mixes families or overlaps itself")
    func sets() throws {
        let empty = try #require(throws: RangeError.self) { try RangeSet([]) }
        #expect(empty.sentence == "empty range set")
        let mixed = try #require(throws: RangeError.self) {
            try RangeSet([try AddressRangeTests.range("10.0.0.0/24"), try AddressRangeTests.range("fd00::/64")])
        }
        #expect(mixed.sentence == "mixed address families")
        let overlapping = try #require(throws: RangeError.self) {
            try RangeSet([try AddressRangeTests.range("10.0.0.0/24"), try AddressRangeTests.range("10.0.0.0/25")])
        }
        #expect(overlapping.sentence == "subnets 10.0.0.1-10.0.0.254 and 10.0.0.1-10.0.0.126 overlap")
    }

    @Test("Ranges of one subnet that only touch do not overlap")
    func touching() throws {
        let low = try AddressRangeTests.range("10.0.0.0/24", "10.0.0.2", "10.0.0.9")
        let high = try AddressRangeTests.range("10.0.0.0/24", "10.0.0.10", "10.0.0.19")
        #expect(!low.overlaps(high))
        #expect("\(try RangeSet([low, high]))" == "10.0.0.2-10.0.0.9,10.0.0.10-10.0.0.19")
        #expect(low.overlaps(try AddressRangeTests.range("10.0.0.0/24", "10.0.0.9", "10.0.0.9")))
    }

    @Test("Use is counted inside the set and without the gateway")
    func use() throws {
        let set = try RangeSet([try AddressRangeTests.range("10.0.0.0/29")])
        let leased = ["10.0.0.1", "10.0.0.2", "10.0.0.6", "10.0.0.9", "fd00::2"].compactMap { IPAddress($0) }
        #expect(set.used(leased) == 2)
        #expect(set.capacity == 5)
    }
}
