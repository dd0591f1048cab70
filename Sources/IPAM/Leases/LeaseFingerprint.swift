import NetCore

/// A number for a set of leases, each an address and its file's inode: the same for the same set in any order. A lease that
/// comes or goes changes it by itself alone, so that an operation keeps it up to date without listing anything.
struct LeaseFingerprint: Hashable {
    private(set) var value: UInt64 = 0

    /// Adds a lease, or takes it out again.
    mutating func toggle(_ address: IPAddress, inode: UInt64) {
        var hash = LeaseFingerprint.mixed(inode ^ UInt64(address.family.rawValue) << 56)
        hash = LeaseFingerprint.mixed(hash ^ UInt64(truncatingIfNeeded: address.value))
        value ^= LeaseFingerprint.mixed(hash ^ UInt64(truncatingIfNeeded: address.value >> 64))
    }

    /// 16 hexadecimal digits.
    var text: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    init() {}

    init?(text: some StringProtocol) {
        guard text.utf8.count == 16, let value = UInt64(text, radix: 16) else { return nil }
        self.value = value
    }

    /// The finaliser of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
    private static func mixed(_ number: UInt64) -> UInt64 {
        var number = number &+ 0x9e37_79b9_7f4a_7c15
        number = (number ^ number >> 30) &* 0xbf58_476d_1ce4_e5b9
        number = (number ^ number >> 27) &* 0x94d0_49bb_1331_11eb
        return number ^ number >> 31
    }
}
