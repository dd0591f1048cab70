/// An address with a prefix length: an interface's address (`10.88.0.2/16`, host bits set) or a network (`10.88.0.0/16`).
public struct IPPrefix: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let address: IPAddress
    /// 0...32 or 0...128.
    public let length: Int

    /// Traps when the length does not fit the family: text from outside goes through `init?(_:)`.
    public init(_ address: IPAddress, length: Int) {
        precondition((0...address.family.bits).contains(length))
        self.address = address
        self.length = length
    }

    /// "address/length" (RFC 4632, RFC 4291 2.3); nil for anything else, an address without a length too, and an
    /// IPv4-mapped one, whose length would count IPv6's bits.
    public init?(_ text: String) {
        guard let slash = text.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        let digits = text.utf8[text.utf8.index(after: slash)...]
        guard let address = IPAddress(String(text[..<slash])),
            (1...3).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
            let length = Int(String(digits) ?? ""), length <= address.family.bits,
            address.family == .v6 || !text.utf8.contains(UInt8(ascii: ":"))
        else { return nil }
        self.init(address, length: length)
    }

    /// A prefix of one address: /32 or /128.
    public init(host address: IPAddress) { self.init(address, length: address.family.bits) }

    public var family: AddressFamily { address.family }
    private var hostBits: Int { family.bits - length }
    private var hostMask: UInt128 { hostBits == 128 ? .max : (UInt128(1) << UInt128(hostBits)) - 1 }

    /// The prefix without host bits.
    public var network: IPPrefix {
        IPPrefix(IPAddress(family: family, value: address.value & ~hostMask), length: length)
    }
    public var isNetwork: Bool { address.value & hostMask == 0 }
    /// All host bits zero.
    public var first: IPAddress { network.address }
    /// All host bits one (IPv4's broadcast address).
    public var last: IPAddress { IPAddress(family: family, value: address.value | hostMask) }
    /// As an address of the family: 255.255.0.0 for /16.
    public var mask: IPAddress { IPAddress(family: family, value: ~hostMask) }

    public func contains(_ other: IPAddress) -> Bool {
        other.family == family && other.value & ~hostMask == address.value & ~hostMask
    }
    public func overlaps(_ other: IPPrefix) -> Bool { contains(other.first) || other.contains(first) }

    public static func < (left: IPPrefix, right: IPPrefix) -> Bool {
        (left.address, left.length) < (right.address, right.length)
    }
    public var description: String { "\(address)/\(length)" }
}
