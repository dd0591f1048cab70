import Glibc

/// IPv4 or IPv6.
public enum AddressFamily: UInt8, Hashable, Sendable, CaseIterable {
    case v4 = 4
    case v6 = 6

    /// AF_INET or AF_INET6, as netlink headers carry it.
    public var constant: UInt8 { self == .v4 ? UInt8(AF_INET) : UInt8(AF_INET6) }
    /// 32 or 128.
    public var bits: Int { self == .v4 ? 32 : 128 }
    public var other: AddressFamily { self == .v4 ? .v6 : .v4 }

    public init?(constant: UInt8) {
        switch Int32(constant) {
        case AF_INET: self = .v4
        case AF_INET6: self = .v6
        default: return nil
        }
    }
}

/// An IPv4 or IPv6 address; a number with a family, printed as RFC 5952 (IPv6) and dotted quads (IPv4).
public struct IPAddress: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let family: AddressFamily
    /// The address as a number; for IPv4 below 2^32.
    public let value: UInt128

    public init(family: AddressFamily, value: UInt128) {
        self.family = family
        self.value = family == .v4 ? value & 0xffff_ffff : value
    }

    /// Network byte order, 4 or 16 bytes; any other count gives nil.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        self.init(family: bytes.count == 4 ? .v4 : .v6, value: bytes.reduce(0) { $0 << 8 | UInt128($1) })
    }

    /// The address that `text` writes (inet_pton, man 3); nil for anything else. An IPv4-mapped IPv6 address
    /// (`::ffff:10.0.0.1`) is read as the IPv4 address that it stands for, as Go's net.IP does.
    public init?(_ text: String) {
        guard !text.utf8.contains(0) else { return nil }
        var v4 = in_addr()
        if inet_pton(AF_INET, text, &v4) == 1 {
            self.init(family: .v4, value: UInt128(UInt32(bigEndian: v4.s_addr)))
            return
        }
        var v6 = in6_addr()
        guard inet_pton(AF_INET6, text, &v6) == 1 else { return nil }
        let value = withUnsafeBytes(of: v6) { $0.reduce(UInt128(0)) { $0 << 8 | UInt128($1) } }
        if value >> 32 == 0xffff {
            self.init(family: .v4, value: value)
        } else {
            self.init(family: .v6, value: value)
        }
    }

    /// Network byte order: 4 or 16 bytes.
    public var bytes: [UInt8] {
        let count = family.bits / 8
        return [UInt8](unsafeUninitializedCapacity: count) { bytes, filled in
            for place in 0..<count {
                bytes[place] = UInt8(truncatingIfNeeded: value >> UInt128(8 * (count - 1 - place)))
            }
            filled = count
        }
    }

    public var isUnspecified: Bool { value == 0 }
    public var isLoopback: Bool { family == .v4 ? value >> 24 == 127 : value == 1 }
    public var isMulticast: Bool { family == .v4 ? value >> 28 == 0xe : value >> 120 == 0xff }
    public var isLinkLocal: Bool { family == .v4 ? value >> 16 == 0xa9fe : value >> 118 == 0x3fa }

    /// The highest address of the family.
    public static func last(_ family: AddressFamily) -> IPAddress {
        IPAddress(family: family, value: family == .v4 ? 0xffff_ffff : .max)
    }

    /// The address `count` further on; nil beyond the family's last.
    public func advanced(by count: UInt128) -> IPAddress? {
        let (sum, overflow) = value.addingReportingOverflow(count)
        guard !overflow, sum <= IPAddress.last(family).value else { return nil }
        return IPAddress(family: family, value: sum)
    }

    /// The address before; nil before the family's first.
    public var predecessor: IPAddress? { value == 0 ? nil : IPAddress(family: family, value: value - 1) }

    /// IPv4 sorts before IPv6.
    public static func < (left: IPAddress, right: IPAddress) -> Bool {
        (left.family.rawValue, left.value) < (right.family.rawValue, right.value)
    }

    public var description: String {
        if family == .v4 {
            let number = UInt32(truncatingIfNeeded: value)
            return "\(number >> 24).\(number >> 16 & 0xff).\(number >> 8 & 0xff).\(number & 0xff)"
        }
        // RFC 5952: the longest run of two or more zero groups becomes "::", the first of equals; no dotted quads.
        let groups = (0..<8).map { UInt16(truncatingIfNeeded: value >> UInt128(16 * (7 - $0))) }
        var best = 0..<0
        var start = 0
        for index in 0...8 where index == 8 || groups[index] != 0 {
            if index - start > best.count { best = start..<index }
            start = index + 1
        }
        let hex = { (part: ArraySlice<UInt16>) in part.map { String($0, radix: 16) }.joined(by: ":") }
        guard best.count > 1 else { return hex(groups[...]) }
        return hex(groups[..<best.lowerBound]) + "::" + hex(groups[best.upperBound...])
    }
}
