import CKernel
import Glibc

// How iptables-nft (1.8.8 and later) writes a rule in nf_tables: what nf_tables has of its own as its own expressions,
// the rest as x_tables' extensions (linux/netfilter/nf_tables_compat.h). So `iptables` lists, saves and deletes it as its own.
extension IptablesRule {
    /// A message that puts the rule into a chain: at its end, or before the rule `handle` or, without one, at its beginning.
    func nftMessage(_ chain: IptablesChain, _ family: AddressFamily, _ place: NftPlace) throws(KernelError)
        -> NetlinkRequest
    {
        try NftMessage.make(
            "add to chain \(chain.name) of table \(chain.table.rawValue): \(words.joined(by: " "))", NFT_MSG_NEWRULE,
            NLM_F_CREATE | (place == .end ? NLM_F_APPEND : 0), room: 4096,
            family: family.netfilterNumber
        ) {
            $0.put(Int(NFTA_RULE_TABLE.rawValue), chain.table.rawValue)
            $0.put(Int(NFTA_RULE_CHAIN.rawValue), chain.name)
            if case .before(let handle) = place { $0.put(Int(NFTA_RULE_POSITION.rawValue), bigEndian: handle) }
            putExpressions(&$0, family)
            if let proto {
                $0.nest(Int(NFTA_RULE_COMPAT.rawValue)) {
                    $0.put(Int(NFTA_RULE_COMPAT_PROTO.rawValue), bigEndian: UInt32(proto.number))
                    $0.put(Int(NFTA_RULE_COMPAT_FLAGS.rawValue), bigEndian: UInt32(0))
                }
            }
        }
    }

    private func putExpressions(_ writer: inout AttributeWriter, _ family: AddressFamily) {
        writer.nest(Int(NFTA_RULE_EXPRESSIONS.rawValue)) {
            if let incoming { putLink(&$0, NFT_META_IIFNAME, incoming) }
            if let outgoing { putLink(&$0, NFT_META_OIFNAME, outgoing) }
            if let proto {
                NftExpression.meta(&$0, NFT_META_L4PROTO, NftRegister.first)
                NftExpression.compare(&$0, NftRegister.first, [proto.number])
            }
            if let source { putAddress(&$0, .source, source) }
            if let destination { putAddress(&$0, .destination, destination) }
            for match in matches { put(&$0, match) }
            NftExpression.counter(&$0)
            switch target {
            case .accept: NftExpression.verdict(&$0, NF_ACCEPT)
            case .drop: NftExpression.verdict(&$0, NF_DROP)
            case .comeBack: NftExpression.verdict(&$0, Int32(NFT_RETURN.rawValue))
            case .jump(let chain): NftExpression.verdict(&$0, Int32(NFT_JUMP.rawValue), chain)
            case .masquerade, .translateSource, .translateDestination, .setMark:
                if let target = targetExtension(family) { NftExpression.target(&$0, target) }
            }
        }
    }

    private func putLink(_ writer: inout AttributeWriter, _ key: nft_meta_keys, _ link: Condition<String>) {
        NftExpression.meta(&writer, key, NftRegister.first)
        NftExpression.compare(&writer, NftRegister.first, Array(link.value.utf8) + [0], not: link.not)
    }

    /// A length of whole bytes loads only these; any other masks the whole address.
    private func putAddress(_ writer: inout AttributeWriter, _ side: NftClause.Side, _ condition: Condition<IPPrefix>) {
        let prefix = condition.value
        let bytes = prefix.first.bytes
        guard prefix.length > 0 else { return }
        if prefix.length % 8 == 0 {
            let count = prefix.length / 8
            NftExpression.address(&writer, side, prefix.family, NftRegister.first, length: count)
            NftExpression.compare(&writer, NftRegister.first, Array(bytes.prefix(count)), not: condition.not)
            return
        }
        NftExpression.address(&writer, side, prefix.family, NftRegister.first)
        NftExpression.mask(&writer, NftRegister.first, prefix.mask.bytes)
        NftExpression.compare(&writer, NftRegister.first, bytes, not: condition.not)
    }

    private func put(_ writer: inout AttributeWriter, _ match: Match) {
        let first = NftRegister.first
        switch match {
        case .port(let range) where proto != .sctp:
            NftExpression.destinationPort(&writer, first)
            let bytes = { (port: UInt16) in [UInt8(port >> 8), UInt8(truncatingIfNeeded: port)] }
            if range.count == 1 {
                NftExpression.compare(&writer, first, bytes(range.lowerBound))
            } else {
                NftExpression.range(&writer, first, bytes(range.lowerBound), bytes(range.upperBound))
            }
        case .mark(let mark, let mask, let not):
            NftExpression.meta(&writer, NFT_META_MARK, first)
            if mask != .max { withUnsafeBytes(of: mask) { NftExpression.mask(&writer, first, Array($0)) } }
            withUnsafeBytes(of: mark) { NftExpression.compare(&writer, first, Array($0), not: not) }
        default: NftExpression.match(&writer, matchExtension(match))
        }
    }
}

/// Where a rule goes in its chain.
enum NftPlace: Equatable {
    case end
    case beginning
    case before(handle: UInt64)
}

extension AddressFamily {
    /// NFPROTO_IPV4 or NFPROTO_IPV6.
    var netfilterNumber: Int32 { self == .v4 ? Int32(NFPROTO_IPV4) : Int32(NFPROTO_IPV6) }
}
