import CKernel

/// The kind of packets that a table sees (man 8 nft, ADDRESS FAMILIES).
public enum NftFamily: String, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// IPv4 and IPv6.
    case inet
    /// Frames that pass a bridge.
    case bridge

    /// NFPROTO_*.
    var number: Int32 {
        switch self {
        case .inet: Int32(NFPROTO_INET)
        case .bridge: Int32(NFPROTO_BRIDGE)
        }
    }
    init?(number: UInt8) {
        guard let found = NftFamily.allCases.first(where: { $0.number == Int32(number) }) else { return nil }
        self = found
    }
    public var description: String { rawValue }
}
