/// A 48-bit Ethernet address, printed in lower case with colons.
public struct MACAddress: Hashable, Sendable, CustomStringConvertible {
    /// Six bytes.
    public let bytes: [UInt8]

    /// Nil unless there are six bytes.
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 6 else { return nil }
        self.bytes = Array(bytes)
    }

    /// "c2:11:22:33:44:55" or with dashes; nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(omittingEmptySubsequences: false) { $0 == ":" || $0 == "-" }
        guard parts.count == 6 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard part.utf8.count == 2, part.allSatisfy(\.isHexDigit), let byte = UInt8(part, radix: 16) else {
                return nil
            }
            bytes.append(byte)
        }
        self.bytes = bytes
    }

    /// A locally administered unicast address from the first six bytes of a digest: the same input, the same address.
    public init(derivedFrom digest: [UInt8]) {
        var bytes = Array(digest.prefix(6))
        bytes[0] = (bytes[0] & 0xfe) | 0x02
        self.bytes = bytes
    }

    public static let zero = MACAddress(unchecked: [0, 0, 0, 0, 0, 0])
    private init(unchecked: [UInt8]) { bytes = unchecked }

    public var isMulticast: Bool { bytes[0] & 1 == 1 }
    public var isZero: Bool { bytes.allSatisfy { $0 == 0 } }

    public var description: String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(by: ":")
    }
}
