import CKernel
import Glibc

/// Registers of the nf_tables machine: one for the verdict, sixteen of four bytes.
enum NftRegister {
    static let verdict = UInt32(NFT_REG_VERDICT.rawValue)
    static func word(_ index: Int) -> UInt32 { UInt32(NFT_REG32_00.rawValue) + UInt32(index) }
    /// The first of the four of sixteen bytes, by which iptables knows its rules.
    static let first = UInt32(NFT_REG_1.rawValue)
}

/// The kernel's expressions (linux/netfilter/nf_tables.h), each put as one list element of a rule.
enum NftExpression {
    private static func expression(
        _ writer: inout AttributeWriter, _ name: String, _ data: (inout AttributeWriter) -> Void
    ) {
        writer.nest(Int(NFTA_LIST_ELEM.rawValue)) {
            $0.put(Int(NFTA_EXPR_NAME.rawValue), name)
            $0.nest(Int(NFTA_EXPR_DATA.rawValue), data)
        }
    }

    static func meta(_ writer: inout AttributeWriter, _ key: nft_meta_keys, _ register: UInt32) {
        expression(&writer, "meta") {
            $0.put(Int(NFTA_META_KEY.rawValue), bigEndian: UInt32(key.rawValue))
            $0.put(Int(NFTA_META_DREG.rawValue), bigEndian: register)
        }
    }

    static func compare(_ writer: inout AttributeWriter, _ register: UInt32, _ value: [UInt8], not: Bool = false) {
        expression(&writer, "cmp") {
            $0.put(Int(NFTA_CMP_SREG.rawValue), bigEndian: register)
            $0.put(Int(NFTA_CMP_OP.rawValue), bigEndian: UInt32((not ? NFT_CMP_NEQ : NFT_CMP_EQ).rawValue))
            $0.nest(Int(NFTA_CMP_DATA.rawValue)) { $0.put(Int(NFTA_DATA_VALUE.rawValue), bytes: value) }
        }
    }

    /// Only packets of one family go on.
    static func family(_ writer: inout AttributeWriter, _ family: AddressFamily) {
        meta(&writer, NFT_META_NFPROTO, NftRegister.word(0))
        compare(&writer, NftRegister.word(0), [UInt8(family == .v4 ? NFPROTO_IPV4 : NFPROTO_IPV6)])
    }

    static func address(
        _ writer: inout AttributeWriter, _ side: NftClause.Side, _ family: AddressFamily, _ register: UInt32,
        length: Int? = nil
    ) {
        let offset = family == .v4 ? (side == .source ? 12 : 16) : (side == .source ? 8 : 24)
        payload(&writer, NFT_PAYLOAD_NETWORK_HEADER, offset, length ?? family.bits / 8, register)
    }

    static func destinationPort(_ writer: inout AttributeWriter, _ register: UInt32) {
        payload(&writer, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, register)
    }

    /// The source of an Ethernet frame (IEEE 802.3: six bytes after the destination's six).
    static func sender(_ writer: inout AttributeWriter, _ register: UInt32) {
        payload(&writer, NFT_PAYLOAD_LL_HEADER, 6, 6, register)
    }

    private static func payload(
        _ writer: inout AttributeWriter, _ base: nft_payload_bases, _ offset: Int, _ length: Int, _ register: UInt32
    ) {
        expression(&writer, "payload") {
            $0.put(Int(NFTA_PAYLOAD_DREG.rawValue), bigEndian: register)
            $0.put(Int(NFTA_PAYLOAD_BASE.rawValue), bigEndian: UInt32(base.rawValue))
            $0.put(Int(NFTA_PAYLOAD_OFFSET.rawValue), bigEndian: UInt32(offset))
            $0.put(Int(NFTA_PAYLOAD_LEN.rawValue), bigEndian: UInt32(length))
        }
    }

    static func mask(_ writer: inout AttributeWriter, _ register: UInt32, _ mask: [UInt8]) {
        expression(&writer, "bitwise") {
            $0.put(Int(NFTA_BITWISE_SREG.rawValue), bigEndian: register)
            $0.put(Int(NFTA_BITWISE_DREG.rawValue), bigEndian: register)
            $0.put(Int(NFTA_BITWISE_LEN.rawValue), bigEndian: UInt32(mask.count))
            $0.nest(Int(NFTA_BITWISE_MASK.rawValue)) { $0.put(Int(NFTA_DATA_VALUE.rawValue), bytes: mask) }
            $0.nest(Int(NFTA_BITWISE_XOR.rawValue)) {
                $0.put(Int(NFTA_DATA_VALUE.rawValue), bytes: [UInt8](repeating: 0, count: mask.count))
            }
        }
    }

    /// The register lies between both, as bytes in network order.
    static func range(_ writer: inout AttributeWriter, _ register: UInt32, _ first: [UInt8], _ last: [UInt8]) {
        expression(&writer, "range") {
            $0.put(Int(NFTA_RANGE_SREG.rawValue), bigEndian: register)
            $0.put(Int(NFTA_RANGE_OP.rawValue), bigEndian: UInt32(NFT_RANGE_EQ.rawValue))
            $0.nest(Int(NFTA_RANGE_FROM_DATA.rawValue)) { $0.put(Int(NFTA_DATA_VALUE.rawValue), bytes: first) }
            $0.nest(Int(NFTA_RANGE_TO_DATA.rawValue)) { $0.put(Int(NFTA_DATA_VALUE.rawValue), bytes: last) }
        }
    }

    /// Counts the packets that come by it.
    static func counter(_ writer: inout AttributeWriter) {
        expression(&writer, "counter") {
            $0.put(Int(NFTA_COUNTER_BYTES.rawValue), bigEndian: UInt64(0))
            $0.put(Int(NFTA_COUNTER_PACKETS.rawValue), bigEndian: UInt64(0))
        }
    }

    /// A match of x_tables (linux/netfilter/nf_tables_compat.h).
    static func match(_ writer: inout AttributeWriter, _ match: IptablesExtension) {
        expression(&writer, "match") {
            $0.put(Int(NFTA_MATCH_NAME.rawValue), match.name)
            $0.put(Int(NFTA_MATCH_REV.rawValue), bigEndian: UInt32(match.revision))
            $0.put(Int(NFTA_MATCH_INFO.rawValue), bytes: match.data)
        }
    }

    /// A target of x_tables.
    static func target(_ writer: inout AttributeWriter, _ target: IptablesExtension) {
        expression(&writer, "target") {
            $0.put(Int(NFTA_TARGET_NAME.rawValue), target.name)
            $0.put(Int(NFTA_TARGET_REV.rawValue), bigEndian: UInt32(target.revision))
            $0.put(Int(NFTA_TARGET_INFO.rawValue), bytes: target.data)
        }
    }

    static func lookup(
        _ writer: inout AttributeWriter, _ register: UInt32, _ set: NftSet, into target: UInt32?, not: Bool = false
    ) {
        expression(&writer, "lookup") {
            $0.put(Int(NFTA_LOOKUP_SREG.rawValue), bigEndian: register)
            if let target { $0.put(Int(NFTA_LOOKUP_DREG.rawValue), bigEndian: target) }
            $0.put(Int(NFTA_LOOKUP_SET.rawValue), set.name)
            if not { $0.put(Int(NFTA_LOOKUP_FLAGS.rawValue), bigEndian: UInt32(NFT_LOOKUP_F_INV.rawValue)) }
        }
    }

    static func localDestination(_ writer: inout AttributeWriter, _ register: UInt32) {
        expression(&writer, "fib") {
            $0.put(Int(NFTA_FIB_DREG.rawValue), bigEndian: register)
            $0.put(Int(NFTA_FIB_RESULT.rawValue), bigEndian: UInt32(NFT_FIB_RESULT_ADDRTYPE.rawValue))
            $0.put(Int(NFTA_FIB_FLAGS.rawValue), bigEndian: UInt32(NFTA_FIB_F_DADDR.rawValue))
        }
        withUnsafeBytes(of: UInt32(RTN_LOCAL)) { compare(&writer, register, Array($0)) }
    }

    /// Any bit of `mask` is set.
    static func conntrack(_ writer: inout AttributeWriter, _ key: nft_ct_keys, mask bits: UInt32, _ register: UInt32) {
        expression(&writer, "ct") {
            $0.put(Int(NFTA_CT_KEY.rawValue), bigEndian: UInt32(key.rawValue))
            $0.put(Int(NFTA_CT_DREG.rawValue), bigEndian: register)
        }
        withUnsafeBytes(of: bits) { mask(&writer, register, Array($0)) }
        compare(&writer, register, [0, 0, 0, 0], not: true)
    }

    /// [address .] protocol . destination port → looked up → the new address and, where the map has one, port.
    static func translate(_ writer: inout AttributeWriter, _ family: AddressFamily, _ map: NftSet) {
        let words = family.bits / 32
        var next = 0
        if map.key.count == 3 {
            self.family(&writer, family)
            address(&writer, .destination, family, NftRegister.word(0))
            next = words
        }
        meta(&writer, NFT_META_L4PROTO, NftRegister.word(next))
        destinationPort(&writer, NftRegister.word(next + 1))
        lookup(&writer, NftRegister.word(0), map, into: NftRegister.word(0))
        expression(&writer, "nat") {
            $0.put(Int(NFTA_NAT_TYPE.rawValue), bigEndian: UInt32(NFT_NAT_DNAT.rawValue))
            $0.put(Int(NFTA_NAT_FAMILY.rawValue), bigEndian: UInt32(family == .v4 ? NFPROTO_IPV4 : NFPROTO_IPV6))
            $0.put(Int(NFTA_NAT_REG_ADDR_MIN.rawValue), bigEndian: NftRegister.word(0))
            guard case .fields(let types) = map.data, types.count == 2 else { return }
            $0.put(Int(NFTA_NAT_REG_PROTO_MIN.rawValue), bigEndian: NftRegister.word(words))
        }
    }

    static func masquerade(_ writer: inout AttributeWriter, fullyRandom: Bool) {
        guard fullyRandom else {
            // libnl would drop an empty nest; the kernel takes an expression without data.
            writer.nest(Int(NFTA_LIST_ELEM.rawValue)) { $0.put(Int(NFTA_EXPR_NAME.rawValue), "masq") }
            return
        }
        expression(&writer, "masq") {
            $0.put(Int(NFTA_MASQ_FLAGS.rawValue), bigEndian: UInt32(1 << 4))  // NF_NAT_RANGE_PROTO_RANDOM_FULLY
        }
    }

    static func translateSource(_ writer: inout AttributeWriter, _ address: IPAddress) {
        expression(&writer, "immediate") {
            $0.put(Int(NFTA_IMMEDIATE_DREG.rawValue), bigEndian: NftRegister.word(0))
            $0.nest(Int(NFTA_IMMEDIATE_DATA.rawValue)) { $0.put(Int(NFTA_DATA_VALUE.rawValue), bytes: address.bytes) }
        }
        expression(&writer, "nat") {
            $0.put(Int(NFTA_NAT_TYPE.rawValue), bigEndian: UInt32(NFT_NAT_SNAT.rawValue))
            $0.put(
                Int(NFTA_NAT_FAMILY.rawValue), bigEndian: UInt32(address.family == .v4 ? NFPROTO_IPV4 : NFPROTO_IPV6))
            $0.put(Int(NFTA_NAT_REG_ADDR_MIN.rawValue), bigEndian: NftRegister.word(0))
        }
    }

    static func sendTo(_ writer: inout AttributeWriter, _ address: IPAddress, _ port: UInt16) {
        // Two of sixteen bytes, as nft takes them.
        let (first, second) = (NftRegister.word(0), NftRegister.word(4))
        for (register, bytes) in [(first, address.bytes), (second, NftField.port(port).bytes(padded: false))] {
            expression(&writer, "immediate") {
                $0.put(Int(NFTA_IMMEDIATE_DREG.rawValue), bigEndian: register)
                $0.nest(Int(NFTA_IMMEDIATE_DATA.rawValue)) { $0.put(Int(NFTA_DATA_VALUE.rawValue), bytes: bytes) }
            }
        }
        expression(&writer, "nat") {
            $0.put(Int(NFTA_NAT_TYPE.rawValue), bigEndian: UInt32(NFT_NAT_DNAT.rawValue))
            $0.put(
                Int(NFTA_NAT_FAMILY.rawValue), bigEndian: UInt32(address.family == .v4 ? NFPROTO_IPV4 : NFPROTO_IPV6))
            $0.put(Int(NFTA_NAT_REG_ADDR_MIN.rawValue), bigEndian: first)
            $0.put(Int(NFTA_NAT_REG_PROTO_MIN.rawValue), bigEndian: second)
        }
    }

    static func verdict(_ writer: inout AttributeWriter, _ code: Int32, _ chain: String? = nil) {
        expression(&writer, "immediate") {
            $0.put(Int(NFTA_IMMEDIATE_DREG.rawValue), bigEndian: NftRegister.verdict)
            $0.nest(Int(NFTA_IMMEDIATE_DATA.rawValue)) { NftMessage.putVerdict(&$0, code, chain) }
        }
    }
}
