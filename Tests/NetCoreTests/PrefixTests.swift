import NetCore
import Testing

@Suite("Prefixes")
struct PrefixTests {
    @Test(
        "a prefix knows its network, ends and mask",
        arguments: [
            ("10.88.0.2/16", "10.88.0.0/16", "10.88.0.0", "10.88.255.255", "255.255.0.0"),
            ("10.1.2.3/32", "10.1.2.3/32", "10.1.2.3", "10.1.2.3", "255.255.255.255"),
            ("10.1.2.3/0", "0.0.0.0/0", "0.0.0.0", "255.255.255.255", "0.0.0.0"),
            ("10.1.2.3/31", "10.1.2.2/31", "10.1.2.2", "10.1.2.3", "255.255.255.254"),
            ("fd00::1:2/64", "fd00::/64", "fd00::", "fd00::ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff::"),
            ("::1/128", "::1/128", "::1", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            ("fd00::1/0", "::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::"),
        ])
    func parts(_ text: String, _ network: String, _ first: String, _ last: String, _ mask: String) throws {
        let prefix = try #require(IPPrefix(text))
        #expect(prefix.description == text)
        #expect(prefix.network.description == network)
        #expect(prefix.first.description == first)
        #expect(prefix.last.description == last)
        #expect(prefix.mask.description == mask)
        #expect(prefix.isNetwork == (text == network))
        #expect(prefix.contains(prefix.first) && prefix.contains(prefix.last) && prefix.contains(prefix.address))
        #expect(prefix.last.advanced(by: 1).map(prefix.contains) != true)
        #expect(prefix.first.predecessor.map(prefix.contains) != true)
    }

    @Test(
        "what is no prefix reads as none",
        arguments: [
            "", "/", "/24", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/ 8",
            "10.0.0.0/8 ",
            "10.0.0.0//8", "10.0.0.0/8/8", "10.0.0.0/0008", "10.0.0.0/255.0.0.0", "10.0.0.0/٨", "::/129", "::/999",
            "::1%lo/64",
            "10.0.0/8", "10.0.0.0/8\n", "10.0.0.0/8\0", "10.0.0.0\0/8", "10.0.0.0/e\u{301}",
            "10.0.0.0/99999999999999999999",
        ])
    func hostileText(_ text: String) {
        #expect(IPPrefix(text) == nil)
    }

    @Test("an IPv4-mapped prefix is refused: its length counts the bits of IPv6")
    func mapped() {
        #expect(IPPrefix("::ffff:10.0.0.1/24") == nil)
        #expect(IPPrefix("::ffff:10.0.0.1/120") == nil)
    }

    @Test("containment and overlap stay within a family")
    func overlap() throws {
        let prefix = { (text: String) throws in try #require(IPPrefix(text)) }
        #expect(try prefix("10.0.0.0/8").overlaps(prefix("10.255.0.0/16")))
        #expect(try prefix("10.255.0.0/16").overlaps(prefix("10.0.0.0/8")))
        #expect(try !prefix("10.0.0.0/9").overlaps(prefix("10.128.0.0/9")))
        #expect(try !prefix("0.0.0.0/0").overlaps(prefix("::/0")))
        #expect(try !prefix("::/0").contains(#require(IPAddress("0.0.0.0"))))
    }

    @Test("random prefixes print and read back the same")
    func roundTrip() {
        var random = SplitMix(11)
        for _ in 0..<2000 {
            let v4 = IPPrefix(
                IPAddress(family: .v4, value: UInt128(UInt32(truncatingIfNeeded: random.next()))),
                length: Int(random.next() % 33))
            let v6 = IPPrefix(
                IPAddress(family: .v6, value: UInt128(random.next()) << 64 | UInt128(random.next())),
                length: Int(random.next() % 129))
            #expect(IPPrefix(v4.description) == v4)
            #expect(IPPrefix(v6.description) == v6)
            #expect(v6.network.network == v6.network && v6.contains(v6.network.address))
        }
    }
}
