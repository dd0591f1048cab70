import CKernel
import Glibc

/// tcp, udp or sctp: the protocols whose ports can be published.
public enum TransportProtocol: String, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    case tcp
    case udp
    case sctp

    /// IPPROTO_*.
    public var number: UInt8 {
        switch self {
        case .tcp: UInt8(IPPROTO_TCP)
        case .udp: UInt8(IPPROTO_UDP)
        case .sctp: UInt8(IPPROTO_SCTP)
        }
    }
    public init?(number: UInt8) {
        guard let found = TransportProtocol.allCases.first(where: { $0.number == number }) else { return nil }
        self = found
    }
    public var description: String { rawValue }
}

/// A type of a set's key or data, as nft names it (man 8 nft, DATA TYPES).
public enum NftType: Hashable, Sendable {
    case ipv4
    case ipv6
    case proto
    case port
    case ifname
    case mac

    var name: String {
        switch self {
        case .ipv4: "ipv4_addr"
        case .ipv6: "ipv6_addr"
        case .proto: "inet_proto"
        case .port: "inet_service"
        case .ifname: "ifname"
        case .mac: "ether_addr"
        }
    }
    /// nft's own number for the type: the kernel keeps it, so that `nft list` can print the keys.
    var number: UInt32 {
        switch self {
        case .ipv4: 7
        case .ipv6: 8
        case .proto: 12
        case .port: 13
        case .ifname: 41
        case .mac: 9
        }
    }
    /// Bytes.
    var length: Int {
        switch self {
        case .ipv4: 4
        case .ipv6, .ifname: 16
        case .proto: 1
        case .port: 2
        case .mac: 6
        }
    }
    public static func address(_ family: AddressFamily) -> NftType { family == .v4 ? .ipv4 : .ipv6 }
}

/// A set or a map of our table (man 8 nft, SETS and MAPS).
public struct NftSet: Hashable, Sendable {
    public enum Data: Hashable, Sendable {
        case none
        case verdict
        case fields([NftType])
    }
    public let name: String
    public let key: [NftType]
    public let data: Data
    /// Keys are ranges (pipapo): one change costs milliseconds at a thousand elements, so only for true ranges.
    public let isInterval: Bool
    /// Of the table in which the set stands.
    public let family: NftFamily

    public init(
        _ name: String, _ key: [NftType], _ data: Data = .none, interval: Bool = false, family: NftFamily = .inet
    ) {
        self.family = family
        self.name = name
        self.key = key
        self.data = data
        isInterval = interval
    }

    /// `add map inet berth masq4 { type ipv4_addr : verdict; }`
    public func command(table: String) -> String {
        let join = { (types: [NftType]) in types.map(\.name).joined(by: " . ") }
        var text = "type " + join(key)
        switch data {
        case .none: break
        case .verdict: text += " : verdict"
        case .fields(let types): text += " : " + join(types)
        }
        if isInterval { text += "; flags interval" }
        return "add \(data == .none ? "set" : "map") \(family) \(table) \(name) { \(text); }"
    }

    private static func paddedLength(_ types: [NftType]) -> Int {
        types.count == 1 ? types[0].length : types.reduce(0) { $0 + ($1.length + 3) / 4 * 4 }
    }
    private static func number(_ types: [NftType]) -> UInt32 { types.reduce(0) { $0 << 6 | $1.number } }

    func message(table: String, id: UInt32) throws(KernelError) -> NetlinkRequest {
        try NftMessage.make("add set \(name)", NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL, family: family.number) {
            $0.put(Int(NFTA_SET_TABLE.rawValue), table)
            $0.put(Int(NFTA_SET_NAME.rawValue), name)
            var flags: UInt32 = 0
            if data != .none { flags |= UInt32(NFT_SET_MAP.rawValue) }
            if isInterval { flags |= UInt32(NFT_SET_INTERVAL.rawValue) }
            if isInterval, key.count > 1 { flags |= UInt32(NFT_SET_CONCAT.rawValue) }
            $0.put(Int(NFTA_SET_FLAGS.rawValue), bigEndian: flags)
            $0.put(Int(NFTA_SET_KEY_TYPE.rawValue), bigEndian: NftSet.number(key))
            $0.put(Int(NFTA_SET_KEY_LEN.rawValue), bigEndian: UInt32(NftSet.paddedLength(key)))
            switch data {
            case .none: break
            case .verdict:
                $0.put(Int(NFTA_SET_DATA_TYPE.rawValue), bigEndian: UInt32(NFT_DATA_VERDICT.rawValue))
                $0.put(Int(NFTA_SET_DATA_LEN.rawValue), bigEndian: UInt32(0))
            case .fields(let types):
                $0.put(Int(NFTA_SET_DATA_TYPE.rawValue), bigEndian: NftSet.number(types))
                $0.put(Int(NFTA_SET_DATA_LEN.rawValue), bigEndian: UInt32(NftSet.paddedLength(types)))
            }
            $0.put(Int(NFTA_SET_ID.rawValue), bigEndian: id)
            if isInterval, key.count > 1 {
                $0.nest(Int(NFTA_SET_DESC.rawValue)) {
                    $0.nest(Int(NFTA_SET_DESC_CONCAT.rawValue)) {
                        for type in key {
                            $0.nest(Int(NFTA_LIST_ELEM.rawValue)) {
                                $0.put(Int(NFTA_SET_FIELD_LEN.rawValue), bigEndian: UInt32(type.length))
                            }
                        }
                    }
                }
            }
            // nft's own notes on byte order (1 host, 2 network, 0 a concatenation), without which it prints numbers.
            let order = { (types: [NftType]) -> UInt8 in
                types.count > 1 ? 0 : types[0] == .ifname || types[0] == .proto ? 1 : 2
            }
            var notes: [UInt8] = [0, 4, order(key), 0, 0, 0]
            if case .fields(let types) = data { notes += [1, 4, order(types), 0, 0, 0] }
            $0.put(Int(NFTA_SET_USERDATA.rawValue), bytes: notes)
        }
    }
}
