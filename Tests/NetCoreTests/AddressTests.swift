import NetCore
import Testing

@Suite("IP addresses")
struct AddressTests {
    @Test(
        "IPv6 is printed as RFC 5952 section 4 says",
        arguments: [
            ("2001:0db8:0000:0000:0000:0000:0002:0001", "2001:db8::2:1"),
            // 4.2.2: one zero group alone is not shortened.
            ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),
            // 4.2.3: the longest run; the first of equals.
            ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
            // 4.3: lower case.
            ("2001:DB8:AAAA:BBBB:CCCC:DDDD:EEEE:AAAA", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:aaaa"),
            ("0:0:0:0:0:0:0:0", "::"), ("0:0:0:0:0:0:0:1", "::1"), ("1:0:0:0:0:0:0:0", "1::"),
            ("fe80:0:0:0:1:2:3:4", "fe80::1:2:3:4"), ("1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"),
            ("0:0:1:0:0:0:0:0", "0:0:1::"), ("::10.0.0.1", "::a00:1"), ("0:1:0:1:0:1:0:1", "0:1:0:1:0:1:0:1"),
        ])
    func canonicalText(_ written: String, _ printed: String) throws {
        let address = try #require(IPAddress(written))
        #expect(address.description == printed)
        #expect(IPAddress(printed) == address)
        #expect(address.family == .v6)
    }

    @Test(
        "IPv4 is read as four decimal numbers and nothing else",
        arguments: [
            ("0.0.0.0", UInt128(0)), ("10.88.0.2", 0x0a58_0002), ("255.255.255.255", 0xffff_ffff),
            ("1.2.3.4", 0x0102_0304),
        ])
    func v4(_ text: String, _ value: UInt128) throws {
        let address = try #require(IPAddress(text))
        #expect(address == IPAddress(family: .v4, value: value))
        #expect(address.description == text)
        #expect(address.bytes == (0..<4).map { UInt8(truncatingIfNeeded: value >> UInt128(24 - 8 * $0)) })
    }

    @Test(
        "what is no address reads as none",
        arguments: [
            "", " ", ".", ":", ":::", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.04", "0x1.2.3.4",
            "1.2.3.4 ",
            " 1.2.3.4", "1.2.3.4\n", "1.2.3.-4", "1.2.3.4/24", "1..2.3", "١.2.3.4", "1.2.3.４", "::1%lo", "fe80::1%eth0",
            "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::", "::1.2.3", "::1.2.3.256", "[::1]",
            "1.2.3.4\0",
            "::1\0junk", "1:2:3:4:5:6:7:", ":1:2:3:4:5:6:7", "localhost", "e\u{301}::",
            String(repeating: "1", count: 100_000),
            String(repeating: ":", count: 100_000),
        ])
    func hostileText(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test("an IPv4-mapped address is the IPv4 address that it stands for")
    func mapped() {
        #expect(IPAddress("::ffff:10.0.0.1") == IPAddress("10.0.0.1"))
        #expect(IPAddress("::ffff:a00:1") == IPAddress("10.0.0.1"))
        #expect(IPAddress("::fffe:10.0.0.1")?.family == .v6)
    }

    @Test("an address's bytes are read back as the address, and any other number of bytes is none")
    func bytes() throws {
        for text in ["10.88.0.2", "2001:db8::2:1", "::", "255.255.255.255"] {
            let address = try #require(IPAddress(text))
            #expect(IPAddress(bytes: address.bytes) == address)
            #expect(address.bytes.count == address.family.bits / 8)
        }
        for count in [0, 1, 3, 5, 6, 15, 17, 32] {
            #expect(IPAddress(bytes: [UInt8](repeating: 1, count: count)) == nil)
        }
    }

    @Test("random addresses print and read back the same")
    func roundTrip() {
        var random = SplitMix(7)
        for _ in 0..<5000 {
            // Sparse values have zero groups in every place.
            let mask = (0..<8).reduce(UInt128(0)) { mask, _ in mask << 16 | (random.next() & 3 == 0 ? 0xffff : 0) }
            let value = (UInt128(random.next()) << 64 | UInt128(random.next())) & mask
            guard value >> 32 != 0xffff else { continue }
            let address = IPAddress(family: .v6, value: value)
            #expect(IPAddress(address.description) == address)
            let small = IPAddress(family: .v4, value: UInt128(UInt32(truncatingIfNeeded: random.next())))
            #expect(IPAddress(small.description) == small)
        }
    }

    @Test("steps stop at a family's ends")
    func steps() {
        #expect(IPAddress("10.0.0.255")?.advanced(by: 1) == IPAddress("10.0.1.0"))
        #expect(IPAddress("255.255.255.255")?.advanced(by: 1) == nil)
        #expect(IPAddress("10.0.0.1")?.advanced(by: .max) == nil)
        #expect(IPAddress.last(.v6).advanced(by: 1) == nil)
        #expect(IPAddress("::ffff")?.advanced(by: 1) == IPAddress("::1:0"))
        #expect(IPAddress("0.0.0.0")?.predecessor == nil)
        #expect(IPAddress("::")?.predecessor == nil)
        #expect(IPAddress("10.1.0.0")?.predecessor == IPAddress("10.0.255.255"))
    }

    @Test("an IPv4 number keeps 32 bits, whatever it is made of")
    func masked() {
        #expect(IPAddress(family: .v4, value: .max) == IPAddress("255.255.255.255"))
        #expect(IPAddress(family: .v4, value: 1 << 32) == IPAddress("0.0.0.0"))
    }

    @Test("the special ranges are told apart at their edges")
    func ranges() throws {
        func of(_ text: String, _ property: KeyPath<IPAddress, Bool>) throws -> Bool {
            try #require(IPAddress(text))[keyPath: property]
        }
        for (text, isIt) in [
            ("126.255.255.255", false), ("127.0.0.0", true), ("127.255.255.255", true), ("128.0.0.0", false),
            ("::1", true), ("::2", false), ("::", false),
        ] {
            #expect(try of(text, \.isLoopback) == isIt, "\(text)")
        }
        for (text, isIt) in [
            ("223.255.255.255", false), ("224.0.0.0", true), ("239.255.255.255", true), ("240.0.0.0", false),
            ("ff00::", true), ("feff::", false),
        ] {
            #expect(try of(text, \.isMulticast) == isIt, "\(text)")
        }
        for (text, isIt) in [
            ("169.253.255.255", false), ("169.254.0.0", true), ("169.255.0.0", false), ("fe80::1", true),
            ("febf:ffff::", true), ("fec0::", false), ("fe7f::", false),
        ] {
            #expect(try of(text, \.isLinkLocal) == isIt, "\(text)")
        }
    }

    @Test("IPv4 sorts before IPv6, and each by number")
    func order() {
        let sorted = ["0.0.0.0", "10.0.0.9", "10.0.0.10", "255.255.255.255", "::", "::1", "2001:db8::"].compactMap {
            IPAddress($0)
        }
        #expect(sorted.shuffled().sorted() == sorted)
    }
}

/// A generator whose sequence every run repeats (Steele, Lea, Flood: SplitMix64).
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
